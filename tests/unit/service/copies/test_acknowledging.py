"""Publishers are told in the order of the log once their events are safe, or in time that they are not."""

from __future__ import annotations

import pytest

from micro.errors import Fault, TooLarge, TooManyRequests, Unavailable
from micro.service.copies import acknowledging
from micro.service.copies.acknowledging import COPIED_SECONDS, Waiting


class Told:
    """What publishers heard, in order."""

    def __init__(self, waiting: Waiting) -> None:
        self.heard: list[tuple[str, Fault | None]] = []
        self._waiting = waiting

    def add(self, name: str, target: int, *, milliseconds: int = 0, now: float = 0.0) -> None:
        self._waiting.add(target, milliseconds, lambda fault: self.heard.append((name, fault)), now)

    @property
    def well(self) -> list[str]:
        return [name for name, fault in self.heard if fault is None]

    @property
    def ill(self) -> list[str]:
        return [name for name, fault in self.heard if isinstance(fault, Unavailable)]


@pytest.fixture
def waiting() -> Waiting:
    return Waiting("orders")


def test_those_whose_events_are_safe_are_told(waiting: Waiting) -> None:
    """No more, and each once."""
    told = Told(waiting)
    for target in (1, 2, 2, 5):
        told.add(str(target), target)
    waiting.settle(2)
    waiting.settle(2)
    assert (told.well, len(waiting)) == (["1", "2", "2"], 1)
    waiting.settle(7)
    assert (told.well, len(waiting)) == (["1", "2", "2", "5"], 0)


def test_nobody_waits_longer_than_it_may(waiting: Waiting) -> None:
    """A publisher that waits a second is told before the second is over; what is safe later is not told twice."""
    told = Told(waiting)
    told.add("patient", 1)
    told.add("hasty", 2, milliseconds=1_000)
    waiting.tick(0.7, "why")
    assert told.heard == []
    waiting.tick(0.9, "nobody answers")
    assert (told.ill, waiting.late) == (["hasty"], 2)
    assert "kept here, and not yet copied: nobody answers" in str(told.heard[0][1])
    waiting.settle(2)
    waiting.tick(COPIED_SECONDS + 1, "why")
    assert (told.well, told.ill, len(waiting)) == (["patient"], ["hasty"], 0)


def test_all_are_told_where_there_is_no_hope(waiting: Waiting) -> None:
    """And nobody is left."""
    told = Told(waiting)
    told.add("one", 1)
    told.add("two", 2)
    waiting.fail("no network")
    assert (told.ill, len(waiting)) == (["one", "two"], 0)


def test_too_many_and_too_large_are_refused(waiting: Waiting, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the event is kept."""
    waiting.check(acknowledging.EVENT_BYTES_MAX)
    with pytest.raises(TooLarge):
        waiting.check(acknowledging.EVENT_BYTES_MAX + 1)
    monkeypatch.setattr(acknowledging, "WAITING_MAX", 2)
    told = Told(waiting)
    told.add("one", 1)
    waiting.check(1)
    told.add("two", 2)
    with pytest.raises(TooManyRequests):
        waiting.check(1)
