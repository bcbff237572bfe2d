"""The log of changes: catch up, or be told to start again."""

from __future__ import annotations

import pytest

from micro.service.registry.changes import ChangeLog, Changes
from micro.service.registry.instance import Instance

GREETER = Instance("greeter", "1.0.0", "1", "b1")


@pytest.fixture
def log() -> ChangeLog:
    """Ten changes, of which the last four are kept."""
    found = ChangeLog(changes_max=4)
    for _ in range(10):
        found.add("changed", GREETER, "hash")
    return found


def test_numbers_rise_by_one() -> None:
    """A watcher knows whether it missed one."""
    log = ChangeLog()

    assert [1, 2, 3] == [log.add("added", GREETER, "hash").number for _ in range(3)]


@pytest.mark.parametrize(("number", "expected"), [(6, [7, 8, 9, 10]), (8, [9, 10]), (10, [])])
def test_a_watcher_gets_what_came_after(log: ChangeLog, number: int, expected: list[int]) -> None:
    """In order and without gaps."""
    found = log.since(number)

    assert (found.number, [change.number for change in found.changes], found.resync) == (10, expected, False)


@pytest.mark.parametrize("number", [-1, 0, 5, 11])
def test_who_is_too_far_behind_must_resync(log: ChangeLog, number: int) -> None:
    """As must one that knows a future: the catalog has begun anew since."""
    assert log.since(number) == Changes(10, resync=True)


def test_a_watcher_may_take_small_bites(log: ChangeLog) -> None:
    """The number to go on from is that of the last change it got."""
    first = log.since(6, limit=3)
    second = log.since(first.number, limit=3)

    assert [change.number for change in (*first.changes, *second.changes)] == [7, 8, 9, 10]
