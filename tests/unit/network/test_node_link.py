"""Links to other nodes: a stranger's is read no faster than he may send."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from micro.mucp.event import Opened
from micro.mucp.message import Form
from micro.network.link import Link
from micro.network.metering import BURST_SECONDS, Meters, Rates
from micro.network.node_link import NodeLink
from micro.network.transport.memory import pair
from micro.service.router import Facts
from micro.trust.policy import Caller
from tests.unit.network.clockwork import run

RATE = 1_048_576
BODY = b"x" * RATE
CALLS = 12


class Answering:
    """Answers every call with nothing."""

    def opened(self, link: Link, event: Opened) -> None:
        link.reply(event.number, b"")

    def __getattr__(self, name: str) -> Any:
        return lambda *_: None


@pytest.mark.parametrize("is_metered", [True, False])
def test_more_than_a_share_of_bytes_waits_and_is_not_lost(is_metered: bool) -> None:
    """After a burst it comes at the rate; without a meter nothing waits."""

    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        serving: Any = Answering()
        near, far = Link(serving, dialed=True), NodeLink(serving, dialed=False)
        far.facts = Facts(Caller())
        far.facts.meter = Meters(Rates(bytes_per_second=RATE), loop.time).of("ann") if is_metered else None
        left, right = pair()
        right.start(far)
        left.start(near)
        await near.greeted()
        began = loop.time()
        for _ in range(CALLS):
            future = near.future()
            prefix = near.session.begin(Form.CALL, {"Micro-Service": "a", "Micro-Endpoint": "A.B"}, 0)
            near.call(future, prefix, BODY)
            await future
        seconds = loop.time() - began
        owed = CALLS - BURST_SECONDS
        assert (owed - 0.2 < seconds < owed + 1.0) if is_metered else seconds < 0.1
        near.close("done")
        far.close("done")

    run(scenario())
