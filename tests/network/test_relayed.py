"""Nodes that can reach nothing but a relay: real processes, each in a network namespace of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.network.lab import Lab, reason_not_to

REASON = reason_not_to()
pytestmark = pytest.mark.skipif(bool(REASON), reason=REASON or "there are namespaces")


MET_SECONDS = 30.0
"""A bound of waiting: iroh alone needs longer to give up a relay."""


@pytest.fixture
async def lab() -> AsyncIterator[Lab]:
    """A lab that is taken down in the end."""
    found = Lab()
    yield found
    await found.close()


async def test_two_hidden_nodes_reach_each_other_through_a_relay(lab: Lab, greeter_folder: Path) -> None:
    """Calls, streams and events cross it; when the relay is killed and comes back, so does the link."""
    relay = lab.host("relay")
    ann, bob = lab.hidden("ann", [relay]), lab.hidden("bob", [relay])
    url = f"http://{relay.address}:3340"
    await relay.start("--relay")
    await asyncio.gather(ann.start("--relays", url), bob.start("--relays", url))
    await ann.micro("run", str(greeter_folder))

    await _reached_by_ticket(ann, bob)
    assert await bob.micro("call", "greeter", "Say.Hello", '{"name": "Ann"}', "--output", "plain") == "Hello Ann"
    counted = await bob.micro("stream", "greeter", "Say.Count", '{"to": 3}', "--output", "plain")
    assert counted.split() == ["0", "1", "2"]
    [node] = [node for node in (await bob.json("network", "nodes"))["nodes"] if node["state"] == "linked"]
    assert node["over"] == f"relayed {url}"
    hops = (await bob.json("network", "trace", "greeter"))["hops"]
    assert [hop["over"] for hop in hops] == ["socket", f"relayed {url}", "socket"]

    await relay.kill()
    await _until(lambda: bob.micro("call", "greeter", "Say.Hello", "--timeout", "2", check=False), lambda out: not out)
    await relay.start("--relay")
    await _until(
        lambda: bob.micro("call", "greeter", "Say.Hello", "--timeout", "5", "--output", "plain", check=False),
        lambda out: out == "Hello world",
    )


async def test_two_hidden_nodes_find_each_other_by_name(lab: Lab, greeter_folder: Path) -> None:
    """All they were told is a ticket of the network's only super node; its map names the relay that they are at."""
    hub = lab.host("hub")
    ann, bob = lab.hidden("ann", [hub]), lab.hidden("bob", [hub])
    await hub.start("--super")
    ticket = await hub.micro("network", "ticket", "--output", "plain")
    await asyncio.gather(ann.start("--join", ticket), bob.start("--join", ticket))
    await ann.micro("run", str(greeter_folder))

    async def called() -> str:
        await bob.micro("network", "pin", "greeter", check=False)
        return await bob.micro("call", "greeter", "Say.Hello", '{"name": "Ann"}', "--output", "plain", check=False)

    await _until(called, lambda out: out == "Hello Ann")
    url = f"http://{hub.address}:3340"
    assert (await bob.json("status"))["relay"]["through"] == url
    hops = (await bob.json("network", "trace", "greeter"))["hops"]
    assert [hop["over"] for hop in hops] == ["socket", f"relayed {url}", "socket"]


async def test_hidden_nodes_meet_at_another_relay_when_theirs_dies(lab: Lab, greeter_folder: Path) -> None:
    """Neither iroh, nor the lease of where a node was, is waited for: the nodes see that their relay is gone."""
    supers = [lab.host(f"super-{number}") for number in range(3)]
    ann, bob = lab.hidden("ann", supers), lab.hidden("bob", supers)
    await supers[0].start("--super", "--owner-label", "owner-0")
    join = ("--join", await supers[0].micro("network", "ticket", "--output", "plain"))
    for number in (1, 2):
        await supers[number].start("--super", "--owner-label", f"owner-{number}", *join)
    await asyncio.gather(ann.start(*join), bob.start(*join))
    await ann.micro("run", str(greeter_folder))

    async def called() -> str:
        await bob.micro("network", "pin", "greeter", check=False)
        return await bob.micro("call", "greeter", "Say.Hello", "--timeout", "2", "--output", "plain", check=False)

    async def relay() -> str:
        return str((await ann.json("status"))["relay"]["through"])

    await _until(called, lambda out: out == "Hello world")
    await _until(relay, bool)
    url = await relay()
    await next(host for host in supers if f"//{host.address}:" in url).kill()
    await _until(called, lambda out: out == "Hello world", seconds=MET_SECONDS)
    assert await relay() not in ("", url)


async def test_a_node_that_moved_is_found_within_its_lease(lab: Lab, greeter_folder: Path) -> None:
    """Killed, and back at another port: its new presence is newer than the one that still counts."""
    hub, ann, bob = lab.host("hub"), lab.host("ann"), lab.host("bob")
    await hub.start("--super")
    ticket = await hub.micro("network", "ticket", "--output", "plain")
    await asyncio.gather(ann.start("--join", ticket, "--network-port", "4101"), bob.start("--join", ticket))
    nid = (await ann.json("status"))["nid"]
    await ann.micro("run", str(greeter_folder))

    async def called() -> str:
        await bob.micro("network", "pin", "greeter", check=False)
        return await bob.micro("call", "greeter", "Say.Hello", "--timeout", "5", "--output", "plain", check=False)

    await _until(called, lambda out: out == "Hello world")
    await ann.kill()
    await ann.start("--network-port", "4202")
    await _until(called, lambda out: out == "Hello world", seconds=90)
    [node] = [node for node in (await bob.json("network", "nodes"))["nodes"] if node["nid"] == nid]
    assert node["over"] == f"direct {ann.address}:4202"


async def test_a_neighbour_hears_of_a_new_address(lab: Lab) -> None:
    """The machine gets another one in place of its own, as in another network; the neighbour remembers the new one."""
    ann, bob = lab.host("ann"), lab.host("bob")
    await asyncio.gather(ann.start("--network-host", "0.0.0.0"), bob.start("--network-host", "0.0.0.0"))
    await bob.micro("network", "connect", await ann.micro("network", "ticket", "--output", "plain"))
    ann.renumber("10.77.0.201")

    async def known() -> list[str]:
        [peer] = [peer for peer in (await bob.json("network", "peers"))["peers"] if peer["nid"] == nid]
        return [address.rpartition(":")[0] for address in peer["addresses"]]

    nid = (await ann.json("status"))["nid"]
    await _until(known, lambda addresses: "10.77.0.201" in addresses)


async def _reached_by_ticket(ann: object, bob: object) -> None:
    """Connects once the ticket names the relay: a node is at its relay a moment after its start."""

    async def connected() -> str:
        ticket = await ann.micro("network", "ticket", "--output", "plain")  # type: ignore[attr-defined]
        return str(await bob.micro("network", "connect", ticket, check=False))  # type: ignore[attr-defined]

    await _until(connected, bool)


async def _until(attempt: object, wanted: object, *, seconds: float = 60.0) -> None:
    async with asyncio.timeout(seconds):
        while not wanted(await attempt()):  # type: ignore[operator]  # noqa: ASYNC110 - it does not tell
            await asyncio.sleep(0.2)
