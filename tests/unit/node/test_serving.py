"""When a super node looks whether it is to stand in for others, and what it does where its disk is full."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import pytest

from micro.errors import Unavailable
from micro.node.backbone import Backbone
from micro.node.serving import AGAIN_SECONDS, LOOKED_AT_MAX, Serving
from micro.service.copies.keeping import Copies
from micro.service.copies.messages import UNHEARD_SECONDS
from micro.service.registry.finder import Finder
from micro.service.registry.outbox import Living
from micro.trust.identity import nid_of, public_key_of
from tests.contract.town import TownClock
from tests.unit.network.clockwork import run
from tests.unit.node.street import NODE, FillingDisk, Street, copies_in
from tests.unit.service.registry.makings import key_of

LOGS = 15
"""Of each node, less than a super node keeps."""


class Nowhere(Finder):
    """Finds nobody, or is not answered; both take a second."""

    def __init__(self) -> None:
        self.asked: list[bytes] = []
        self.is_cut = False

    async def locate(self, keys: Sequence[bytes], holders: int) -> list[Living]:
        await asyncio.sleep(1.0)
        self.asked += keys
        if self.is_cut:
            raise Unavailable("no super node answers")
        return []


class Outskirts(Backbone):
    """What a super node knows of its network: a finder, and no other super nodes."""

    def __init__(self) -> None:
        self.finder: Nowhere = Nowhere()  # type: ignore[assignment]
        self.charting = None


class Place:
    """A super node with copies."""

    def __init__(self, copies: Copies, disk: FillingDisk, folder: Path) -> None:
        self.copies = copies
        self.disk = disk
        self.backbone = Outskirts()
        self.serving = Serving(nid_of(key_of(1).public), copies, TownClock())
        self._folder = folder

    def begin(self) -> None:
        self.serving.start(self.backbone, Street(self._folder))

    def opened(self, nid: str = NODE, log: int = 0, kept_seconds: int = 86_400) -> None:
        said = {"topic": "orders", "log": f"{log:08x}", "first": 1, "kept_seconds": kept_seconds, "generation": 1}
        self.copies.open(nid, {**said, "copies": (), "everybody": True, "others": ()})


Scenario = Callable[[Place], Awaitable[None]]


@pytest.fixture
def play(tmp_path: Path) -> Callable[[Scenario], None]:
    """Returns a function that plays a scenario at a super node."""

    def go(scenario: Scenario) -> None:
        async def whole() -> None:
            disk = FillingDisk()
            place = Place(await copies_in(tmp_path / "here", disk), disk, tmp_path)
            try:
                await scenario(place)
            finally:
                place.serving.stop()
                await place.copies.stop()

        run(whole())

    return go


def test_every_silent_log_is_looked_at(play: Callable[[Scenario], None]) -> None:
    """Those that were never looked at come first, however many there are and however long the others take."""

    async def scenario(place: Place) -> None:
        nids = [nid_of(key_of(number).public) for number in range(10, 17)]
        for nid in nids:
            for log in range(LOGS):
                place.opened(nid, log)
        assert LOOKED_AT_MAX > AGAIN_SECONDS  # so long takes a round of them that the first of them are due again
        place.backbone.finder.is_cut = True
        place.begin()
        await asyncio.sleep(UNHEARD_SECONDS + 2 * LOGS * len(nids))
        asked = place.backbone.finder.asked
        assert {nid: asked.count(public_key_of(nid)) >= LOGS for nid in nids} == dict.fromkeys(nids, True)

    play(scenario)


def test_a_full_disk_keeps_nothing_from_being_served_later(
    play: Callable[[Scenario], None], caplog: pytest.LogCaptureFixture
) -> None:
    """What cannot be written is not served, is said once, and is served once there is room."""

    async def scenario(place: Place) -> None:
        place.opened()
        place.disk.is_full = True
        place.begin()
        await asyncio.sleep(UNHEARD_SECONDS + 3 * AGAIN_SECONDS)
        [kept] = place.copies.all()
        assert (place.serving.serves(NODE, "orders"), kept.served) == (False, False)
        assert place.disk.refusals >= 2
        place.disk.is_full = False
        await asyncio.sleep(2 * AGAIN_SECONDS)
        assert (place.serving.serves(NODE, "orders"), kept.served) == (True, True)

    with caplog.at_level(logging.WARNING, "micro.copies"):
        play(scenario)
    assert ["No space left" in record.getMessage() for record in caplog.records] == [True]


def test_what_is_gone_is_forgotten(play: Callable[[Scenario], None]) -> None:
    """A copy that is let go of is neither served nor looked at, and nothing stays of its name."""

    async def scenario(place: Place) -> None:
        place.opened(kept_seconds=30)
        place.begin()
        await asyncio.sleep(UNHEARD_SECONDS + AGAIN_SECONDS)
        assert place.serving.serves(NODE, "orders")
        place.copies.sweep()
        assert place.copies.all() == []
        await asyncio.sleep(5.0)
        assert not place.serving.serves(NODE, "orders")
        assert (place.serving._served, place.serving._again) == ({}, {})

    play(scenario)
