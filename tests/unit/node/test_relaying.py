"""Leaving a relay that is gone: for another one, also for one that was gone before and is back."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import pytest

from micro.network.relays import Relays
from micro.network.transport.transport import Transport
from micro.node.config import NodeConfig
from micro.node.relaying import SILENT_SECONDS, Relaying

ONE, TWO, THREE = (f"http://10.0.0.{number}:3340" for number in (1, 2, 3))


class Endpoint:
    """An endpoint that is at the first of the relays it is to use, as iroh is once it has looked at them."""

    def __init__(self) -> None:
        self.relay: str | None = None
        self.relay_troubles = 0
        self.alive = {ONE, TWO, THREE}
        self.asked: list[str] = []

    async def is_relay_alive(self, url: str, *, timeout_seconds: float) -> bool:
        del timeout_seconds
        self.asked.append(url)
        return url in self.alive

    async def use_relays(self, urls: Sequence[str]) -> None:
        if self.relay not in urls:
            self.relay = urls[0] if urls else None


@pytest.fixture
def endpoint() -> Endpoint:
    return Endpoint()


@pytest.fixture
async def relaying(endpoint: Endpoint, tmp_path: Path) -> Relaying:
    config = NodeConfig(home=str(tmp_path))
    found = Relaying(config, cast(Transport, endpoint), cast(Any, None), Relays(), None)
    await found.network([ONE, TWO, THREE], None)
    return found


async def test_a_relay_that_is_gone_is_left_for_another(relaying: Relaying, endpoint: Endpoint) -> None:
    """And not before it was asked."""
    assert not await relaying.watch(0.0, doubted=True)
    endpoint.alive.remove(ONE)

    assert await relaying.watch(3.0, doubted=True)
    assert endpoint.relay == TWO


async def test_one_that_is_back_is_better_than_none(relaying: Relaying, endpoint: Endpoint) -> None:
    """Where all others were gone not long ago, those are asked again before the node stays at a dead one."""
    for now, gone in ((0.0, ONE), (3.0, TWO)):
        endpoint.alive.remove(gone)
        assert await relaying.watch(now, doubted=True)
    endpoint.alive = {TWO}

    assert await relaying.watch(6.0, doubted=True)
    assert endpoint.relay == TWO


async def test_where_all_are_gone_it_stays(relaying: Relaying, endpoint: Endpoint) -> None:
    """There is nothing better; what was left is used again after a while, unasked."""
    for now in (0.0, 3.0):
        endpoint.alive.discard(endpoint.relay or "")
        assert await relaying.watch(now, doubted=True)
    endpoint.alive.clear()

    assert not await relaying.watch(6.0, doubted=True)
    assert endpoint.relay == THREE

    endpoint.alive = {ONE}
    assert await relaying.watch(SILENT_SECONDS + 6.0, doubted=True)
    assert endpoint.relay == ONE


async def test_an_only_relay_is_not_asked(endpoint: Endpoint, tmp_path: Path) -> None:
    """Whatever it answers, there is no other one."""
    alone = Relaying(NodeConfig(home=str(tmp_path)), cast(Transport, endpoint), cast(Any, None), Relays(), None)
    await alone.network([ONE], None)

    assert not await alone.watch(0.0, doubted=True)
    assert endpoint.asked == []
