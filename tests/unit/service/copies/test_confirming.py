"""The copies of a log are told that an event is done once what follows from it is safe, and not before."""

from __future__ import annotations

from micro.service.broker.cursor import Cursor
from micro.service.copies.confirming import Confirming, Extent


class Logs:
    """A log with one queue, and others with copies."""

    def __init__(self, **extents: tuple[int, int]) -> None:
        self.done = 0
        self.extents = {topic: Extent(*extent) for topic, extent in extents.items()}
        self.confirming = Confirming(lambda: {"work": Cursor(self.done)}, lambda: self.extents)

    def told(self) -> int:
        """Returns up to which event the copies are told that the queue has come."""
        cursor = self.confirming.cursors().get("work")
        return cursor.handed_out if cursor is not None else -1

    def complete(self, *topics: str) -> None:
        """The next event is done, and one follows from it in each of these logs."""
        self.done += 1
        for topic in topics:
            extent = self.extents[topic]
            self.extents[topic] = Extent(extent.last + 1, extent.safe)
        self.confirming.follow(topics)

    def copy(self, topic: str) -> None:
        """Enough copies have all of a log."""
        self.extents[topic] = Extent(self.extents[topic].last, self.extents[topic].last)


def test_an_event_is_done_once_its_outputs_are_safe() -> None:
    """And whatever was done without any is told at once."""
    logs = Logs(bills=(5, 5))
    assert logs.told() == 0
    logs.done = 3
    assert logs.told() == 3
    logs.complete("bills")
    assert [logs.told(), logs.told()] == [3, 3]
    logs.copy("bills")
    assert logs.told() == 4


def test_those_before_it_wait_for_no_more_than_theirs() -> None:
    """While outputs keep coming what was done is told nevertheless, as far as it is safe."""
    logs = Logs(bills=(0, 0), letters=(0, 0))
    logs.told()
    logs.complete("bills")
    assert logs.told() == 0
    logs.complete("bills", "letters")
    logs.extents["bills"] = Extent(2, 1)
    assert logs.told() == 1
    logs.copy("bills")
    assert logs.told() == 1
    logs.copy("letters")
    assert logs.told() == 2


def test_a_log_of_which_nothing_follows_is_not_waited_for() -> None:
    """However late its copies are."""
    logs = Logs(bills=(0, 0), other=(0, 0))
    logs.told()
    logs.extents["other"] = Extent(9, 0)
    logs.complete("bills")
    logs.copy("bills")
    assert logs.told() == 1


def test_what_was_done_before_the_start_waits_for_all() -> None:
    """Nobody remembers where its outputs went."""
    logs = Logs(bills=(5, 0), other=(2, 2))
    logs.done = 3
    assert logs.told() == -1
    logs.complete("other")
    assert logs.told() == -1
    logs.copy("bills")
    assert logs.told() == 3
    logs.copy("other")
    assert logs.told() == 4


def test_a_log_without_copies_is_as_safe_as_it_is_to_be() -> None:
    """One whose outputs were waited for may have none any more."""
    logs = Logs(bills=(0, 0))
    logs.told()
    logs.complete("bills")
    assert logs.told() == 0
    del logs.extents["bills"]
    assert logs.told() == 1
