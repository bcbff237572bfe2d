"""A queue whose members are of two generations: the newcomer gets its part, and how both did is compared."""

from __future__ import annotations

import random

from micro.service.broker.broker import Limits, StoredEvent
from micro.service.broker.cursor import Cursor
from micro.service.broker.delivery import NOTHING_TOLD, Delivery
from micro.service.broker.inbox import Inbox
from micro.service.broker.turns import Membership
from micro.service.cost import MICROSECONDS, Cost, Handled
from micro.service.trial import Share, Trial

EVENT = StoredEvent(id="1", topic="work", publisher="ann", headers={}, body=b"", time=0.0)


class Queue:
    """A queue with one member of each generation, and events without end."""

    def __init__(self, weight: int) -> None:
        self.trial = Trial(2, weight)
        self.inbox = Inbox("work", "workers", Limits(), Cursor(0), now=0.0)
        self.parent = self.inbox.turns.join("parent", 64)
        self.newcomer = self.inbox.turns.join("newcomer", 64)
        self.inbox.turns.share(self.newcomer, Share(self.trial, "work workers", random.Random(1).random))
        self._sequence = 0

    def give(self) -> Delivery | None:
        """Hands out another event."""
        self._sequence += 1
        self.inbox.offer(self._sequence, EVENT)
        return self.inbox.next(0.0)

    def handle(self, count: int, *, failing: Membership | None = None) -> dict[str, int]:
        """Hands out so many events, of which a failing member handles none; returns who had how many."""
        had = {"parent": 0, "newcomer": 0}
        for _ in range(count):
            given = self.give()
            assert given is not None
            had[str(given.member.handle)] += 1
            if given.member is failing:
                self.inbox.negative(given.member, given.sequence, 60.0, "broken", 0.0)
            else:
                self.inbox.acknowledge(given.member, given.sequence)
        return had


def test_a_newcomer_gets_its_part_of_the_events() -> None:
    """It is never more, and hardly less."""
    had = Queue(500).handle(2_000)
    assert 90 <= had["newcomer"] <= 100


def test_events_that_are_not_handled_speak_against_a_newcomer() -> None:
    """Pairs of events are compared as pairs of calls are."""
    queue = Queue(500)
    queue.handle(1_000, failing=queue.newcomer)
    better, same, worse = queue.trial.answers.listed()
    assert (better, same) == (0, 0)
    assert worse >= 40


def test_what_handling_an_event_took_is_compared() -> None:
    """What each member says of the events it has; only those are compared that say so to their members."""
    queue = Queue(500)
    for _ in range(1_000):
        given = queue.give()
        assert given is not None
        is_newcomer = given.member is queue.newcomer
        assert given.event.is_compared == (queue.inbox.turns.half is not None)
        other = queue.parent if is_newcomer else queue.newcomer
        queue.inbox.told(other, given.sequence, Handled(60.0, None))  # which is not its event
        handled = Handled(0.5, Cost(9_000, MICROSECONDS)) if is_newcomer else Handled(0.1, Cost(8_000, MICROSECONDS))
        queue.inbox.told(given.member, given.sequence, handled)
        queue.inbox.acknowledge(given.member, given.sequence)
        queue.inbox.told(given.member, given.sequence, Handled(60.0, None))  # which is done
    better, same, worse = queue.trial.speed.listed()
    assert (better, same) == (0, 0)
    assert worse >= 40
    assert queue.trial.cost.listed() == [0, worse, 0]


def test_what_was_told_of_a_delivery_counts_for_no_other() -> None:
    """One that was given back and comes again is compared by what is said then."""
    queue = Queue(5_000)
    while (given := queue.give()) is not None and queue.inbox.turns.half is None:
        queue.inbox.acknowledge(given.member, given.sequence)
    assert given is not None
    queue.inbox.told(given.member, given.sequence, Handled(0.5, None))
    queue.inbox.negative(given.member, given.sequence, 0.0, "again", 0.0)
    assert queue.inbox.wanted_again() == [given.sequence]
    queue.inbox.recall([given.sequence], [(given.sequence, EVENT)], reached=given.sequence)
    again = queue.inbox.next(0.0)
    assert again is not None
    assert queue.inbox._unfinished[again.sequence].handled == NOTHING_TOLD


def test_a_member_that_is_to_have_nothing_gets_nothing() -> None:
    """The others take its turns, and where there are none the events wait."""
    queue = Queue(500)
    queue.inbox.turns.share(queue.newcomer, part=False)
    assert queue.handle(200) == {"parent": 200, "newcomer": 0}
    queue.inbox.turns.share(queue.parent, part=False)
    assert queue.give() is None
    queue.inbox.turns.share(queue.parent, part=True)
    assert queue.give() is not None


def test_no_event_waits_for_a_newcomer_without_room() -> None:
    """It counts as a failure of the newcomer, and its parent has the event."""
    queue = Queue(500)
    queue.newcomer.is_paused = True
    assert queue.handle(400)["parent"] == 400
    assert queue.trial.answers.worse >= 15


def test_an_event_that_is_refused_is_compared_when_it_is_taken() -> None:
    """Whoever refuses has no room; what was decided about the event stays."""
    queue = Queue(5_000)
    while (given := queue.give()) is not None and queue.inbox.turns.half is None:
        queue.inbox.acknowledge(given.member, given.sequence)
    assert given is not None
    half = queue.inbox.turns.half
    queue.inbox.refuse(given)
    queue.inbox.resume(given.member)
    again = queue.inbox.next(0.0)
    assert again is not None
    assert (again.member, again.sequence) == (given.member, given.sequence)
    assert queue.inbox.turns.half is half


def test_with_one_generation_members_take_turns_as_ever() -> None:
    """A newcomer that has become the active one is a member like any other."""
    queue = Queue(500)
    queue.inbox.turns.share(queue.newcomer, part=True)
    assert queue.handle(100) == {"parent": 50, "newcomer": 50}
