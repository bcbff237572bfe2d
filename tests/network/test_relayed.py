"""Nodes that can reach nothing but a relay: real processes, each in a network namespace of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.network.lab import Lab, reason_not_to

REASON = reason_not_to()
pytestmark = pytest.mark.skipif(bool(REASON), reason=REASON or "there are namespaces")


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


async def _reached_by_ticket(ann: object, bob: object) -> None:
    """Connects once the ticket names the relay: a node is at its relay a moment after its start."""

    async def connected() -> str:
        ticket = await ann.micro("network", "ticket", "--output", "plain")  # type: ignore[attr-defined]
        return str(await bob.micro("network", "connect", ticket, check=False))  # type: ignore[attr-defined]

    await _until(connected, bool)


async def _until(attempt: object, wanted: object) -> None:
    async with asyncio.timeout(60):
        while not wanted(await attempt()):  # type: ignore[operator]  # noqa: ASYNC110 - it does not tell
            await asyncio.sleep(0.2)
