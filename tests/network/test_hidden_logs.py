"""Logs of strangers between real processes that can reach nothing but the relay, as a person types it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.network.lab import Host, Lab, reason_not_to
from tests.network.places import until

REASON = reason_not_to()
pytestmark = [
    pytest.mark.skipif(bool(REASON), reason=REASON or "there are namespaces"),
    pytest.mark.asyncio(loop_scope="module"),
]

SETTLED_SECONDS = 90
"""A bound of waiting, no bar: the machine may be busy."""
SUBSCRIBE = ("--queue", "work", "--output", "plain", "--timeout", "60")


class Valley:
    """One super node and three hidden nodes."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.root = lab.host("super")
        self.hid, self.den, self.ann = (lab.hidden(name, [self.root]) for name in ("hid", "den", "ann"))
        self._join: tuple[str, ...] = ()

    async def build(self) -> Valley:
        await self.root.start("--super", "--owner-label", "root")
        await until(lambda: self._is_relayed(self.root), SETTLED_SECONDS)
        self._join = ("--join", (await self.root.ask("network", "Network.Ticket"))["ticket"])
        await asyncio.gather(*(self.start(host) for host in (self.ann, self.hid, self.den)))
        return self

    async def start(self, host: Host) -> None:
        await host.start(*self._join)
        await until(lambda: self._is_relayed(host), SETTLED_SECONDS)

    @staticmethod
    async def _is_relayed(host: Host) -> bool:
        return bool((await host.ask("node", "Node.Status"))["relay"]["through"])


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def valley() -> AsyncIterator[Valley]:
    lab = Lab()
    try:
        yield await Valley(lab).build()
    finally:
        await lab.close()


async def taken(host: Host, name: str, count: int) -> list[int]:
    """Returns the numbers of the next events that `micro subscribe` prints."""
    out = await host.micro("subscribe", name, "--count", str(count), *SUBSCRIBE)
    return [json.loads(line)["n"] for line in out.splitlines()]


async def left(host: Host) -> list[int]:
    found = (await host.json("node", "topics"))["topics"]
    return [q["waiting"] + q["in_flight"] + q["delayed"] for t in found if t["topic"] == "orders" for q in t["queues"]]


async def test_hidden_strangers_share_a_queue_and_outlive_kills(valley: Valley) -> None:
    """Found by its node, shared by two, and what waits is handed over after publisher and subscriber were killed."""
    hid, den, ann = valley.hid, valley.den, valley.ann
    await hid.micro("events", "export", "orders")
    nid = (await hid.json("status"))["nid"]
    for number in range(10):
        await hid.micro("publish", "orders", json.dumps({"n": number}), "--id", str(number))
    shares = await asyncio.gather(*(taken(host, f"orders@{nid}", 3) for host in (den, ann)))
    assert len({number for share in shares for number in share}) == 6
    await until(lambda: _are_left(hid, 4), SETTLED_SECONDS)

    await hid.kill()
    await den.kill()
    await asyncio.gather(valley.start(hid), valley.start(den))
    rest = await taken(den, f"orders@{nid}", 4)
    assert sorted([*rest, *(number for share in shares for number in share)]) == list(range(10))
    peers = (await hid.json("network", "peers"))["peers"]
    assert peers == []


async def test_a_pin_is_what_lets_a_stranger_in(valley: Valley) -> None:
    """A bare name is local until somebody types so; the owner of the log sees who subscribes."""
    hid, ann = valley.hid, valley.ann
    await hid.micro("events", "export", "news")
    nid = (await hid.json("status"))["nid"]
    await hid.micro("publish", "news", '{"n": 1}')
    quiet = await ann.micro("subscribe", "news", "--queue", "q", "--count", "1", "--timeout", "3", check=False)
    assert quiet == ""
    await until(lambda: _is_pinned(ann, nid), SETTLED_SECONDS)
    assert (await ann.json("network", "pins"))["pins"] == [{"name": "topic:news", "nodes": [nid]}]
    assert await taken(ann, "news", 1) == [1]
    here = (await ann.json("status"))["nid"]
    lines = (await hid.json("events", "subscribers", "news"))["subscribers"]
    assert [(line["nid"], line["announced"]) for line in lines] == [(here, True)]


async def _is_pinned(host: Host, nid: str) -> bool:
    return nid in await host.micro("network", "pin", "topic:news", check=False)


async def _are_left(host: Host, count: int) -> bool:
    return await left(host) == [count]
