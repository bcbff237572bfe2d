"""A subscriber whose upstreams cannot be opened now: they are tried again, all together and no more often than said."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from micro.mucp import headers as names
from micro.mucp.limits import Limits
from micro.mucp.message import Form
from micro.network.link import Link
from micro.node.logs import NeighbourLogs
from micro.service.broker.directory import LogPlace
from micro.service.broker.embedded import EmbeddedBroker
from micro.service.events import RELINK_SECONDS, Copying, EventDesk
from micro.service.gate import Gate
from micro.service.router import Facts
from micro.system import SystemDisk
from micro.trust.policy import Caller
from tests.contract.town import TownClock, TownEntropy
from tests.unit.network.clockwork import Diary, linked, loop, run, settle

PLACES = [LogPlace(f"b5ua{number}", f"b5ua{number}") for number in range(3)]
ROUNDS = 8


class Directory(NeighbourLogs):
    """Knows the same logs all the time, and notes when it was asked."""

    def __init__(self) -> None:
        super().__init__(lambda nid, topic: True, lambda: None)
        self.asked: list[float] = []

    def find(self, name: str) -> Sequence[LogPlace]:
        self.asked.append(loop().time())
        return PLACES


class Everybody(Gate):
    """Lets everybody."""

    number = 1

    def known(self, caller: Caller) -> Caller:
        return caller

    def may_subscribe(self, caller: Caller, topic: str) -> None:
        return None

    def may_hear(self, nid: str, topic: str) -> bool:
        return True


class Nothing(Copying):
    """Nothing is copied."""


def desk_at(folder: Path, directory: Directory, upstream: Link) -> EventDesk:
    return EventDesk(
        EmbeddedBroker(SystemDisk(), folder / "broker.db", TownClock(), threaded=False),
        directory,
        nid="b5uahere",
        gate=Everybody(),
        clock=TownClock(),
        entropy=TownEntropy("desk"),
        link_to=lambda place: upstream,
        copying=Nothing(),
    )


def test_a_subscriber_waits_for_one_try_at_a_time(tmp_path: Path) -> None:
    """Of several logs that cannot be asked now each is asked once a round, and one that has left is forgotten."""

    async def scenario() -> None:
        near, here, _, served = await linked()
        full, *_ = await linked(limits=Limits(exchanges=0))
        directory = Directory()
        desk = desk_at(tmp_path, directory, full)
        await desk.broker.start()
        here.facts = Facts(Caller(owner=True))
        near.open(Form.SUBSCRIBE, near.session.begin(Form.SUBSCRIBE, {names.TOPIC: "orders"}, 0), b"", Diary())
        await settle()
        [event] = served.heard
        start = loop().time()
        desk.subscribe(here, event)
        await asyncio.sleep((ROUNDS + 0.5) * RELINK_SECONDS)
        assert [round((at - start) / RELINK_SECONDS) for at in directory.asked] == list(range(ROUNDS + 1))
        assert event.exchange.owner is not None
        event.exchange.owner.cancelled()
        await asyncio.sleep(2 * RELINK_SECONDS)
        assert len(directory.asked) == ROUNDS + 1
        await desk.broker.stop()

    run(scenario())
