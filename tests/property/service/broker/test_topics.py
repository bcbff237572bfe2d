"""The broker's machine under any order of events: nothing is lost, nothing comes twice without a reason."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from micro.errors import TooManyRequests
from micro.service.broker.cursor import Cursor
from micro.service.broker.inbox import Inbox
from tests.property.service.broker.model import Person, World

QUEUES = st.sampled_from(["a", "b"])
INDEX = st.integers(0, 1_000)


class Machine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.world = World()

    def person(self, index: int) -> Person | None:
        return self.world.people[index % len(self.world.people)] if self.world.people else None

    def holder(self, index: int) -> tuple[Person, int] | None:
        held = [(person, sequence) for person in self.world.people for sequence in person.held]
        return held[index % len(held)] if held else None

    @rule(publisher=st.sampled_from("pq"), id=st.integers(0, 60), size=st.sampled_from([10, 3_000]))
    def publish(self, publisher: str, id: int, size: int) -> None:
        self.world.publish(publisher, str(id), size)

    @rule(count=st.integers(1, 12), id=st.integers(100, 10_000))
    def publish_many(self, count: int, id: int) -> None:
        for number in range(count):
            self.world.publish("m", f"{id}.{number}")

    @rule(queue=st.none() | QUEUES)
    def subscribe(self, queue: str | None) -> None:
        try:
            self.world.subscribe(queue)
        except TooManyRequests:
            assert len(self.world.people) == self.world.limits.members

    @rule(index=INDEX)
    def leave(self, index: int) -> None:
        person = self.person(index)
        if person is not None:
            self.world.leave(person)

    @rule(index=INDEX)
    def acknowledge(self, index: int) -> None:
        found = self.holder(index)
        if found is not None:
            self.world.acknowledge(*found)

    @rule(index=INDEX, sequence=st.integers(0, 100))
    def acknowledge_anything(self, index: int, sequence: int) -> None:
        """A member may say anything; it ends only what it was given."""
        person = self.person(index)
        if person is not None and person.queue is not None and sequence not in person.got:
            world, done = self.world, set(self.world.done[person.queue])
            touched = {n for other in world.people if other.queue == person.queue for n in other.got}
            if sequence not in touched and sequence > world.newest[person.queue]:
                world.acknowledge(person, sequence)
                assert world.done[person.queue] == done

    @rule(index=INDEX, delay=st.sampled_from([0.0, 5.0, 1e9, -1.0]))
    def negative(self, index: int, delay: float) -> None:
        found = self.holder(index)
        if found is not None:
            self.world.negative(*found, delay)

    @rule(index=INDEX, credit=st.sampled_from([0, 1, 5, 100]))
    def resume(self, index: int, credit: int) -> None:
        person = self.person(index)
        if person is not None:
            self.world.resume(person, credit)

    @rule(queue=QUEUES, back=st.integers(0, 40))
    def replay(self, queue: str, back: int) -> None:
        self.world.replay(queue, max(1, self.world.last + 1 - back))

    @rule(seconds=st.sampled_from([0.1, 6.0, 11.0, 200.0]))
    def pass_time(self, seconds: float) -> None:
        self.world.pass_time(seconds)

    @rule()
    def save(self) -> None:
        self.world.save()

    @rule()
    def trim(self) -> None:
        self.world.trim()

    @precondition(lambda self: self.world.saved)
    @rule()
    def crash(self) -> None:
        self.world.start()

    @invariant()
    def nothing_is_lost(self) -> None:
        """An event the log keeps is finished by a queue, or the queue still knows that it is not."""
        for queue, inbox in self.world.inboxes.items():
            unfinished = {sequence for sequence, _, _ in inbox.cursor().unfinished}
            for sequence in range(self.world.first, inbox.handed_out + 1):
                assert (sequence in self.world.done[queue]) != (sequence in unfinished), (queue, sequence)

    @invariant()
    def bounds_hold(self) -> None:
        """No member holds, and no inbox remembers, more than it may."""
        limits = self.world.limits
        for inbox in self.world.inboxes.values():
            assert all(len(member.held) <= limits.in_flight for member in inbox.turns.members)
            assert len(inbox.cursor().unfinished) <= limits.unfinished
            assert len(inbox._ahead) <= 2 * limits.buffered_messages
            assert len(inbox._recalled) <= limits.buffered_messages
            assert inbox._bytes == sum(256 + len(event.body) for _, event in [*inbox._ahead, *inbox._recalled])

    @invariant()
    def the_dead_had_their_attempts(self) -> None:
        """Nothing goes to the dead-letter topic before its last attempt."""
        for queue, dead in self.world.dead.items():
            assert all(attempts == self.world.limits.attempts for _, attempts in dead), queue

    def teardown(self) -> None:
        """Whatever happened, members with credit that acknowledge everything bring every queue to its end."""
        world = self.world
        for person in list(world.people):
            world.leave(person)
        helpers = [world.subscribe(queue) for queue in list(world.inboxes)]
        for _ in range(200):
            world.pass_time(4_000.0)
            for person in helpers:
                world.resume(person, 100)
                while person.held:
                    world.acknowledge(person, person.held[0])
        for inbox in world.inboxes.values():
            assert inbox.floor == world.last, (inbox.queue, inbox.cursor())


TestTopics = Machine.TestCase


def forget_what_was_held(inbox: Inbox, member: Any, now: float) -> None:
    inbox.turns.leave(member)
    for sequence in list(member.held):
        inbox._release(inbox._unfinished.pop(sequence))


def save_the_place_only(inbox: Inbox) -> Cursor:
    return Cursor(inbox.handed_out)


def drop_what_is_refused(inbox: Inbox, delivery: Any) -> None:
    delivery.member.is_paused = True
    inbox._release(inbox._unfinished[delivery.sequence])
    del inbox._unfinished[delivery.sequence]


def take_any_event(inbox: Inbox, sequence: int, event: Any) -> None:
    inbox.tail = sequence
    if inbox.turns:
        inbox._position = sequence
        inbox._ahead.append((sequence, event))
        inbox._bytes += 256 + len(event.body)


def try_for_ever(inbox: Inbox, entry: Any, when: float = 0.0, now: float = 0.0) -> None:
    inbox._again.append(entry.sequence)


def go_back_as_if_nothing_were_under_way(inbox: Inbox, sequence: int) -> int:
    if sequence <= inbox.handed_out:
        inbox._position = sequence - 1
        inbox._ahead.clear()
        inbox._recalled.clear()
        inbox._again.clear()
        inbox._unfinished.clear()
        inbox._bytes = 0
    return 0


@pytest.mark.parametrize(
    ("method", "mutant"),
    [
        ("leave", forget_what_was_held),
        ("cursor", save_the_place_only),
        ("refuse", drop_what_is_refused),
        ("offer", take_any_event),
        ("_retry", try_for_ever),
        ("rewind", go_back_as_if_nothing_were_under_way),
    ],
)
def test_a_planted_bug_is_found(monkeypatch: pytest.MonkeyPatch, method: str, mutant: Callable[..., Any]) -> None:
    """The campaign can fail: each of these mistakes makes it fail."""
    monkeypatch.setattr(Inbox, method, mutant)
    quick = settings(max_examples=300, database=None, phases=[Phase.generate], print_blob=False)

    with pytest.raises((AssertionError, KeyError)):
        run_state_machine_as_test(Machine, settings=quick)
