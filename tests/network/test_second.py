"""The second path: real nodes find their network and each other over OpenDHT on loopback, while super nodes fail."""

from __future__ import annotations

import importlib.util
import signal
import socket
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from micro.errors import BadRequest, ConfigError, Unavailable
from micro.node.front import Client
from micro.node.node import Node
from micro.service.registry.commons.commons import Commons, place_of
from micro.service.registry.commons.seeker import Seeker
from micro.service.registry.commons.value import Wanted
from micro.service.registry.holder import Holder
from micro.service.registry.shards import Found, Shards
from micro.trust.identity import public_key_of
from tests.network.places import StartNode, client_of, run, until
from tests.network.test_backbone import super_process, ticket_of, typed

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("opendht") is None, reason="OpenDHT has no package for this system"
)


async def network(start_node: StartNode, supers: int) -> list[Node]:
    """Returns the super nodes of a new network, each with a second path; the later ones know it from the first."""
    found: list[Node] = []
    for number in range(supers):
        join = found[0].ticket().encode() if found else ""
        label = f"owner-{number}"
        found.append(await start_node(network=True, super_node=True, owner_label=label, join=join, dht=True))
    await until(lambda: all(node.status()["backbone"]["super_nodes"] == supers for node in found))
    return found


async def offers(node: Node, name: str = "greeter") -> list[str]:
    """Returns who offers a name, asked anew; none while nobody answers."""
    assert node.backbone is not None
    node.backbone.doubt(name)
    try:
        return [offer.nid for offer in await node.backbone.offers(name)]
    except Unavailable:
        return []


def commons_of(node: Node) -> Commons:
    """Returns a node's place in the commons."""
    assert node._outside is not None
    assert node._outside.second is not None
    assert node._outside.second._commons is not None
    return node._outside.second._commons


async def in_commons(asker: Node, name: str = "greeter") -> list[str]:
    """Returns the nodes that offer a name by the commons alone."""
    seeker = Seeker(commons_of(asker), asker.status()["backbone"]["network"], asker.ports.clock)
    records = [signed.record for signed in await seeker.records(Wanted(name)) if not signed.record.withdrawn]
    placed = await seeker.whereabouts([record.key for record in records])
    return sorted(found.ticket().nid for found in placed)


async def stands(asker: Node, provider: Node) -> bool:
    """Says whether a node finds what another one runs in the commons."""
    return await in_commons(asker) == [provider.nid]


@pytest.fixture
async def attacker(start_node: StartNode) -> AsyncIterator[Commons]:
    """Returns somebody who takes part in the commons and keeps no rule; `bootstrap` leads him to others."""
    from micro.service.registry.commons.opendht import OpenDhtCommons

    found = OpenDhtCommons(host="127.0.0.1")
    yield found
    await found.stop()


async def test_what_strangers_run_is_called_while_all_super_nodes_are_dead(
    start_node: StartNode, greeter_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two processes, the whole backbone, are killed with -9; the name was never asked for before."""
    monkeypatch.setenv("MICRO_DHT", "true")
    async with AsyncExitStack() as stack:
        processes, tickets = [], [""]
        for _ in range(2):
            folder = tempfile.TemporaryDirectory(prefix="micro-", ignore_cleanup_errors=True)
            home = Path(stack.enter_context(folder))
            processes.append(await stack.enter_async_context(super_process(home, tickets[-1])))
            tickets.append(await ticket_of(home))
        provider, seeker = [await start_node(network=True, join=tickets[1], dht=True) for _ in range(2)]
        await run(provider, greeter_folder)
        await until(lambda: provider.status()["backbone"]["super_nodes"] == 2)
        await until(lambda: stands(seeker, provider))
        for process in processes:
            process.send_signal(signal.SIGKILL)
            await process.wait()

        async with client_of(seeker) as client:
            assert await client.call("greeter", "Say.Hello", {"name": "Ann"}, timeout_seconds=60) == "Hello Ann"
            assert (await client.call("greeter", "Say.Who"))["nid"] == seeker.nid


async def test_what_the_backbone_keeps_silent_about_is_found(
    start_node: StartNode, greeter_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Super nodes that answer, and show neither the record nor where its node is."""
    [super_node] = await network(start_node, 1)
    join = super_node.ticket().encode()
    provider = await start_node(network=True, join=join, dht=True)
    seeker = await start_node(network=True, join=join, dht=True)
    plain = await start_node(network=True, join=join)
    await run(provider, greeter_folder)
    await until(lambda: stands(seeker, provider))

    monkeypatch.setattr(Shards, "find", lambda self, name, **_: Found((), 0))
    monkeypatch.setattr(Holder, "present", lambda self, keys, now: [])

    assert await offers(plain) == []
    assert await offers(seeker) == [provider.nid]
    async with client_of(seeker) as client:
        assert await client.call("greeter", "Say.Hello", {"name": "Ann"}) == "Hello Ann"


async def test_a_network_is_joined_by_its_id_alone(start_node: StartNode, greeter_folder: Path) -> None:
    """Of its super nodes nothing is known, of the commons one node; typed, and as a setting."""
    supers = await network(start_node, 2)
    nid = supers[0].nid
    address = f"127.0.0.1:{supers[0].status()['dht']['port']}"
    provider = await start_node(network=True, join=supers[1].ticket().encode(), dht=True)
    await run(provider, greeter_folder)
    await until(lambda: provider.status()["dht"]["values"] > 0)

    node = await start_node(network=True, dht=True, dht_bootstrap=address)

    async def joined() -> bool:
        return (await typed(node, "join", nid))[0] == 0

    await until(joined)
    assert node.ticket().network == nid
    await until(lambda: node.status()["backbone"]["home"] in [each.nid for each in supers])
    async with client_of(node) as client:
        assert await client.call("greeter", "Say.Hello") == "Hello world"

    set_so = await start_node(network=True, dht=True, dht_bootstrap=address, join=nid)
    await until(lambda: set_so.status()["backbone"].get("home"))


async def test_an_id_leads_nowhere_without_a_second_path(start_node: StartNode) -> None:
    """It says what to set; a network that nobody knows is not joined."""
    [keeper] = await network(start_node, 1)
    plain = await start_node(network=True)
    lone = await start_node(network=True, dht=True)
    async with client_of(plain) as owner:
        with pytest.raises(BadRequest, match="set dht"):
            await owner.call("network", "Network.Join", {"ticket": keeper.nid})
    async with client_of(lone) as owner:
        with pytest.raises(Unavailable, match="no map"):
            await owner.call("network", "Network.Join", {"ticket": keeper.nid}, timeout_seconds=60)
    assert lone.ticket().network is None


async def status_of(home: Path) -> dict[str, Any]:
    """Returns the status of a node that runs as a process of its own."""
    async with Client(home=str(home)) as client:
        found: dict[str, Any] = await client.call("node", "Node.Status")
        return found


async def test_a_node_finds_super_nodes_that_moved(start_node: StartNode, monkeypatch: pytest.MonkeyPatch) -> None:
    """All that it remembers of the backbone is out of date; the commons, at the port it had, shows the newer map."""
    monkeypatch.setenv("MICRO_DHT", "true")
    with tempfile.TemporaryDirectory(prefix="micro-", ignore_cleanup_errors=True) as folder:
        home = Path(folder)
        async with super_process(home, "") as process:
            ticket = await ticket_of(home)
            before = await status_of(home)
            node = await start_node(network=True, join=ticket, dht=True)
            await until(lambda: node.status()["backbone"]["home"] == before["nid"])
            path = node.home.path / "network.json"
            await until(lambda: f"127.0.0.1:{before['dht']['port']}" in path.read_text())
            version = node.status()["backbone"]["map_version"]
            await node.stop()
            process.send_signal(signal.SIGKILL)
            await process.wait()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
            free.bind(("127.0.0.1", 0))
            monkeypatch.setenv("MICRO_NETWORK_PORT", str(free.getsockname()[1]))
        async with super_process(home, ""):
            assert await ticket_of(home) != ticket
            assert (await status_of(home))["dht"]["port"] == before["dht"]["port"]
            node = await start_node(str(node.home.path), network=True, dht=True)
            await until(lambda: node.status()["backbone"]["home"] == before["nid"])
            await until(lambda: node.status()["backbone"]["map_version"] > version)


async def test_what_nobody_signed_or_somebody_took_back_is_not_found(
    start_node: StartNode, greeter_folder: Path, attacker: Commons
) -> None:
    """Junk and forgeries at a place change nothing, and a withdrawal outweighs the record that is put back."""
    [super_node] = await network(start_node, 1)
    join = super_node.ticket().encode()
    provider = await start_node(network=True, join=join, dht=True)
    seeker = await start_node(network=True, join=join, dht=True)
    await run(provider, greeter_folder)
    await until(lambda: stands(seeker, provider))
    place = place_of(super_node.nid, "name", "greeter")
    attacker.bootstrap([f"127.0.0.1:{super_node.status()['dht']['port']}"])
    [genuine] = (await commons_of(seeker).find(place)).values
    forged = genuine[:80] + bytes([genuine[80] ^ 1]) + genuine[81:]

    await until(lambda: attacker.put(place, forged))
    await until(lambda: _has(seeker, place, forged))
    assert await in_commons(seeker) == [provider.nid]

    await until(lambda: attacker.put(place, genuine))
    async with client_of(provider) as owner:
        await owner.call("runtime", "Runtime.Kill", {"name": "greeter"})
    assert super_node.backbone is not None
    await until(lambda: _shown(super_node, provider) == 0)
    late = await start_node(network=True, join=join, dht=True)  # it has never heard of either
    await until(lambda: _has(late, place, genuine))
    assert await offers(late) == []
    assert await offers(late, f"greeter@{provider.nid}") == []


async def _has(node: Node, place: bytes, value: bytes) -> bool:
    return value in (await commons_of(node).find(place)).values


def _shown(super_node: Node, provider: Node) -> int:
    """Returns how many records of a node a super node shows."""
    assert super_node.backbone is not None
    assert super_node.backbone._office._super is not None
    return len(super_node.backbone._office._super.holder.shards.of_node(public_key_of(provider.nid)))


async def test_a_wrong_address_of_the_commons_is_said(start_node: StartNode) -> None:
    """With the form that is expected; and nothing runs without the network."""
    with pytest.raises(ConfigError, match=r"dht_bootstrap.*ip:port"):
        await start_node(network=True, dht=True, dht_bootstrap="example")
    with pytest.raises(ConfigError, match="need the network"):
        await start_node(network=False, dht=True)
