"""Real nodes that know each other only through super nodes."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from micro.errors import ConfigError, Conflict, Forbidden, NotFound, Unauthorized, Unavailable
from micro.node.front import Client
from micro.node.node import Node
from micro.service.registry import backbone as said
from micro.service.registry.record import read_record
from micro.trust.identity import public_key_of
from micro.trust.ticket import Ticket
from tests.network.places import StartNode, client_of, run, until


async def network(start_node: StartNode, supers: int) -> list[Node]:
    """Returns the super nodes of a new network, each an owner of its own."""
    found: list[Node] = []
    for number in range(supers):
        join = found[0].ticket().encode() if found else ""
        found.append(await start_node(network=True, super_node=True, owner_label=f"owner-{number}", join=join))
    await until(lambda: all(node.status()["backbone"]["super_nodes"] == supers for node in found))
    return found


async def records(asker: Node, ticket: Ticket, name: str) -> list[str]:
    """Returns the nodes whose records of a name the super node of a ticket shows."""
    assert asker.backbone is not None
    body = said.FIND.encode({"name": name})
    found = await asker.backbone._reach.call(ticket, "Backbone.Find", body, timeout_seconds=5)
    return sorted(read_record(sealed).record.nid for sealed in said.FOUND.decode(found)["records"])


async def shows(node: Node, name: str, nids: list[str]) -> bool:
    return await records(node, node.ticket(), name) == nids


async def finds(node: Node, name: str, nids: list[str]) -> bool:
    """Says whether a node finds just these nodes under a name, asked anew."""
    assert node.backbone is not None
    assert node.backbone.finder is not None
    node.backbone.finder.forget(name)
    return [offer.nid for offer in await node.backbone.finder.find(name)] == nids


async def test_strangers_find_each_other(start_node: StartNode, greeter_folder: Path) -> None:
    """Two nodes that were never linked: what one runs the other finds, with where it is, until it stops."""
    supers = await network(start_node, 3)
    provider = await start_node(network=True, join=supers[1].ticket().encode())
    await run(provider, greeter_folder)
    seeker = await start_node(network=True, join=supers[2].ticket().encode())
    assert seeker.backbone is not None
    assert seeker.backbone.finder is not None

    await until(lambda: finds(seeker, "greeter", [provider.nid]))
    offer = (await seeker.backbone.find("greeter"))[0]
    assert offer.ticket.addresses == provider.ticket().addresses
    assert [found.name for found in await seeker.backbone.finder.search("greeters say hello")] == ["greeter"]
    assert [o.nid for o in await seeker.backbone.find(f"greeter@{provider.nid}")] == [provider.nid]
    assert await seeker.backbone.find(f"greeter@{seeker.nid}") == ()
    assert seeker.catalog.lookup("greeter") is None  # nobody is followed

    await provider.stop()
    await until(lambda: finds(seeker, "greeter", []))


async def test_every_holder_has_what_a_node_serves(start_node: StartNode, greeter_folder: Path) -> None:
    """Its home hands it on; a node that leaves the network is withdrawn everywhere."""
    supers = await network(start_node, 3)
    node = await start_node(network=True)
    await run(node, greeter_folder)
    async with client_of(node) as owner:
        await owner.call("network", "Network.Join", {"ticket": supers[2].ticket().encode()})
        for each in supers:
            await until(lambda each=each: shows(each, "greeter", [node.nid]))  # type: ignore[misc]
        assert node.ticket().network == supers[0].nid

        assert (await owner.call("network", "Network.Leave"))["network"] == supers[0].nid
        for each in supers:
            await until(lambda each=each: shows(each, "greeter", []))  # type: ignore[misc]
        assert node.ticket().network is None


async def test_a_node_takes_another_home_when_its_own_is_gone(start_node: StartNode, greeter_folder: Path) -> None:
    """And says everything again there, so that it is still found."""
    supers = await network(start_node, 3)
    node = await start_node(network=True, join=supers[0].ticket().encode())
    await run(node, greeter_folder)
    seeker = await start_node(network=True, join=supers[0].ticket().encode())
    await until(lambda: finds(seeker, "greeter", [node.nid]))
    home = next(each for each in supers if each.nid == node.status()["backbone"]["home"])

    await home.stop()

    others = [each for each in supers if each is not home]
    await until(lambda: node.status()["backbone"]["home"] in [each.nid for each in others])
    for each in others:
        await until(lambda each=each: shows(each, "greeter", [node.nid]))  # type: ignore[misc]
    assert await finds(seeker, "greeter", [node.nid])


async def test_a_network_and_its_members_come_back_after_a_restart(start_node: StartNode, greeter_folder: Path) -> None:
    """The keeper, a super node and a node remember where they belong; the sequence goes on."""
    supers = await network(start_node, 2)
    node = await start_node(network=True, join=supers[0].ticket().encode())
    await run(node, greeter_folder)
    await until(lambda: shows(supers[0], "greeter", [node.nid]))
    before = supers[0].status()["backbone"]
    for each in (node, *supers):
        await each.stop()

    again = [
        await start_node(str(each.home.path), network=True, super_node=True, owner_label=f"owner-{number}")
        for number, each in enumerate(supers)
    ]
    node = await start_node(str(node.home.path), network=True)

    await until(lambda: shows(again[0], "greeter", [node.nid]))
    await until(lambda: shows(again[1], "greeter", [node.nid]))
    after = again[0].status()["backbone"]
    assert (after["network"], after["super_nodes"]) == (before["network"], 2)
    assert after["map_version"] >= before["map_version"]


async def test_an_unowned_name_is_pinned_to_whoever_offered_it_first(
    start_node: StartNode, greeter_folder: Path
) -> None:
    """A second node of that name is not taken, not after a restart either, until the pin is taken away."""
    supers = await network(start_node, 1)
    join = supers[0].ticket().encode()
    first, second, seeker = [await start_node(network=True, join=join) for _ in range(3)]
    assert seeker.backbone is not None
    await run(first, greeter_folder)
    await until(lambda: finds(seeker, "greeter", [first.nid]))
    assert [offer.nid for offer in await seeker.backbone.find("greeter")] == [first.nid]

    await run(second, greeter_folder)
    await until(lambda: finds(seeker, "greeter", sorted([first.nid, second.nid])))
    assert [offer.nid for offer in await seeker.backbone.find("greeter")] == [first.nid]

    await first.stop()
    await seeker.stop()
    seeker = await start_node(str(seeker.home.path), network=True)
    assert seeker.backbone is not None
    await until(lambda: finds(seeker, "greeter", [second.nid]))
    with pytest.raises(Unavailable, match="unpin"):
        await seeker.backbone.find("greeter")
    async with client_of(seeker) as owner:
        assert (await owner.call("network", "Network.Pins"))["pins"] == [{"name": "greeter", "nodes": [first.nid]}]
        await owner.call("network", "Network.Unpin", {"name": "greeter"})
        with pytest.raises(NotFound):
            await owner.call("network", "Network.Unpin", {"name": "greeter"})
    assert [offer.nid for offer in await seeker.backbone.find("greeter")] == [second.nid]


async def test_only_super_nodes_store(start_node: StartNode) -> None:
    """And a node is at home only where its shard is; a node that is no super node holds nothing."""
    supers = await network(start_node, 1)
    node = await start_node(network=True, join=supers[0].ticket().encode())
    assert node.backbone is not None
    assert supers[0].backbone is not None
    reach = node.backbone._reach

    with pytest.raises(Forbidden, match="no super node"):
        await reach.call(supers[0].ticket(), "Backbone.Store", said.STORE.encode({}), timeout_seconds=5)
    with pytest.raises(Unavailable, match="no super node"):
        await supers[0].backbone._reach.call(
            node.ticket(), "Backbone.Find", said.FIND.encode({"name": "greeter"}), timeout_seconds=5
        )
    with pytest.raises(Forbidden, match="keeper"):
        await supers[0].backbone._reach.call(node.ticket(), "Backbone.Join", said.JOIN.encode({}), timeout_seconds=5)
    with pytest.raises(Unauthorized):
        async with client_of(node) as owner:
            await owner.call("backbone", "Backbone.Map", b"")
    assert said.MAP_ANSWER.decode(
        await supers[0].backbone._reach.call(
            node.ticket(), "Backbone.Map", said.MAP_REQUEST.encode({}), timeout_seconds=5
        )
    )["current"]


async def test_a_node_joins_with_addresses_of_its_own(start_node: StartNode) -> None:
    """Also one to which the keeper has a link already, over which it would answer whatever it says."""
    [keeper] = await network(start_node, 1)
    liar = await start_node(network=True, join=keeper.ticket().encode())
    assert keeper.peers is not None
    assert liar.backbone is not None
    await keeper.peers.visits.visit(liar.ticket())
    wish = said.JOIN.encode({"addresses": ["9.9.9.9:1"]})

    with pytest.raises((Forbidden, Unavailable)):
        await liar.backbone._reach.call(keeper.ticket(), "Backbone.Join", wish, timeout_seconds=10.0)

    wish = said.JOIN.encode({"addresses": liar.ticket().addresses})
    await liar.backbone._reach.call(keeper.ticket(), "Backbone.Join", wish, timeout_seconds=10.0)
    assert keeper.backbone is not None
    assert keeper.backbone.status()["super_nodes"] == 2


async def test_another_network_is_not_joined_by_the_way(start_node: StartNode) -> None:
    """A node is in one network; a ticket without one leads into none."""
    one, other = (await network(start_node, 1))[0], (await network(start_node, 1))[0]
    node, lone = await start_node(network=True, join=one.ticket().encode()), await start_node(network=True)

    async with client_of(node) as owner:
        with pytest.raises(Conflict):
            await owner.call("network", "Network.Join", {"ticket": other.ticket().encode()})
    async with client_of(lone) as owner:
        with pytest.raises(NotFound):
            await owner.call("network", "Network.Leave")
    with pytest.raises(ConfigError, match="names no network"):
        await start_node(network=True, join=lone.ticket().encode())


@asynccontextmanager
async def super_process(home: Path, ticket: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """Starts `micro server --super` as a process of its own, which serves then, and kills it at the end."""
    # A folder's name may end with what a label may not.
    options = ["--super", "--no-api", "--network-host", "127.0.0.1", "--owner-label", f"{home.name}.owner"]
    environment = {**os.environ, "MICRO_HOME": str(home), "PYTHONFAULTHANDLER": "1"}
    with (home / "out").open("ab") as out:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "micro", "server", *options, *(["--join", ticket] if ticket else [])),
            env=environment,
            stdout=out,
            stderr=out,
        )
    try:
        await _serves(process, home)
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _serves(process: asyncio.subprocess.Process, home: Path) -> None:
    """Waits until a node that was started as a process serves; where it never does, all that it printed is told."""

    async def ended_or_asked() -> bool:
        return process.returncode is not None or bool(await ticket_of(home, seconds_max=1.0))

    try:
        await until(ended_or_asked)
    except AssertionError:
        process.send_signal(signal.SIGABRT)  # prints where each of its threads is
        await process.wait()
    assert process.returncode is None, f"it ended with {process.returncode}: {(home / 'out').read_text()}"


async def ticket_of(home: Path, seconds_max: float = 60.0) -> str:
    """Returns the ticket of a node, once it runs."""
    found: list[str] = []

    async def ask() -> bool:
        async with Client(home=str(home)) as client:
            found.append((await client.call("network", "Network.Ticket"))["ticket"])
        return True

    await until(ask, seconds_max)
    return found[0]


async def _has(asker: Node, place: Ticket, nid: str) -> bool:
    return await records(asker, place, "greeter") == [nid]


async def test_a_killed_super_node_takes_nothing_with_it(start_node: StartNode, greeter_folder: Path) -> None:
    """Three processes, one of which, the node's own home, is killed with -9: the node is still found by a stranger."""
    async with AsyncExitStack() as stack:
        homes = [
            Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="micro-", ignore_cleanup_errors=True)))
            for _ in range(3)
        ]
        processes, tickets = [], [""]
        for home in homes:
            processes.append(await stack.enter_async_context(super_process(home, tickets[-1] and tickets[1])))
            tickets.append(await ticket_of(home))
        provider, seeker = [await start_node(network=True, join=tickets[1]) for _ in range(2)]
        await until(lambda: provider.status()["backbone"]["super_nodes"] == 3)
        await run(provider, greeter_folder)
        places = [Ticket.decode(ticket) for ticket in tickets[1:]]
        for place in places:
            await until(lambda place=place: _has(seeker, place, provider.nid))  # type: ignore[misc]

        nids = [place.nid for place in places]
        killed = nids.index(provider.status()["backbone"]["home"])
        processes[killed].send_signal(signal.SIGKILL)
        await processes[killed].wait()

        assert await finds(seeker, "greeter", [provider.nid])
        await until(lambda: provider.status()["backbone"]["home"] in [n for n in nids if n != nids[killed]])
        assert await finds(seeker, "greeter", [provider.nid])


async def test_a_super_node_that_was_killed_goes_out_of_the_map_and_comes_back(start_node: StartNode) -> None:
    """A process of its own, killed with -9: the others' maps lose it, and have it again when it runs again."""
    keeper = await start_node(network=True, super_node=True, super_away_seconds=5.0)
    ticket = keeper.ticket().encode()
    other = await start_node(network=True, super_node=True, join=ticket)

    def are(count: int) -> bool:
        return all(node.status()["backbone"]["super_nodes"] == count for node in (keeper, other))

    with tempfile.TemporaryDirectory(prefix="micro-", ignore_cleanup_errors=True) as folder:
        async with super_process(Path(folder), ticket) as process:
            await until(lambda: are(3))
            process.send_signal(signal.SIGKILL)
            await process.wait()
        await until(lambda: are(2))
        async with super_process(Path(folder), ticket):
            await until(lambda: are(3))


async def test_a_super_node_needs_the_network(start_node: StartNode) -> None:
    """It says so instead of being none."""
    with pytest.raises(ConfigError, match="need the network"):
        await start_node(network=False, super_node=True)


async def test_an_owner_that_is_none_is_told_with_its_setting(start_node: StartNode) -> None:
    """And with what a label is."""
    with pytest.raises(ConfigError, match=r"owner_label.*the first and the last are a letter or a digit"):
        await start_node(network=True, super_node=True, owner_label="ann_")


async def typed(node: Node, *words: str) -> tuple[int, str]:
    """Types a command at a node, and returns its exit code and output."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "micro", "network", *words),
        env={**os.environ, "MICRO_HOME": str(node.home.path)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, output.decode()


async def test_a_network_is_joined_and_left_by_typing(start_node: StartNode) -> None:
    """As the page says; what cannot be done is refused with the command that helps."""
    keeper, node = (await network(start_node, 1))[0], await start_node(network=True)
    assert node.backbone is not None

    code, told = await typed(node, "join", keeper.ticket().encode(), "--output", "json")
    assert (code, keeper.nid in told) == (0, True)
    other = (await network(start_node, 1))[0]
    code, told = await typed(node, "join", other.ticket().encode())
    assert (code, "micro network leave\n" in told.partition("next: ")[2]) == (1, True)
    code, told = await typed(node, "connect", "rubbish")
    assert (code, "micro network ticket" in told.partition("next: ")[2]) == (1, True)
    node.backbone.pinned.use("bank", [keeper.nid])
    code, told = await typed(node, "pins", "--output", "json")
    assert (code, "bank" in told, keeper.nid in told) == (0, True, True)
    assert (await typed(node, "unpin", "bank"))[0] == 0
    assert (await typed(node, "unpin", "bank"))[0] == 4
    assert (await typed(node, "leave"))[0] == 0
    assert node.ticket().network is None
    code, told = await typed(node, "leave")
    assert (code, "micro network join" in told) == (4, True)


async def test_a_founder_ends_its_network_only_by_force(start_node: StartNode) -> None:
    """As long as others are in it; who is alone may go."""
    [founder] = await network(start_node, 1)
    node = await start_node(network=True, join=founder.ticket().encode())
    assert founder.backbone is not None
    holder = founder.backbone.holder
    assert holder is not None
    await until(lambda: public_key_of(node.nid) in [key for key, _ in holder.presences.believed()])
    code, told = await typed(founder, "leave")
    assert (code != 0, "micro network leave --force" in told) == (True, True)
    async with client_of(founder) as owner:
        with pytest.raises(Conflict):
            await owner.call("network", "Network.Leave")
    assert founder.ticket().network == founder.nid
    assert (await typed(founder, "leave", "--force"))[0] == 0
    assert founder.ticket().network is None

    [alone] = await network(start_node, 1)
    assert (await typed(alone, "leave"))[0] == 0
