"""The inbox of a queue: late answers, expiry, dead letters that could not be written, and what is saved."""

from __future__ import annotations

import pytest

from micro.service.broker.broker import Limits, StoredEvent
from micro.service.broker.cursor import Cursor
from micro.service.broker.delivery import BURIAL_PAUSE_SECONDS, ERROR_CHARACTERS_MAX
from micro.service.broker.inbox import Inbox
from micro.service.broker.topic import Topic
from micro.service.broker.turns import Membership

LIMITS = Limits(attempts=2, acknowledge_seconds=10.0, delay_seconds=100.0, buffered_messages=4)


def event(number: int) -> StoredEvent:
    return StoredEvent(str(number), "t", "me", {}, b"", 0.0)


def inbox_with(count: int, cursor: Cursor | None = None) -> tuple[Inbox, Membership]:
    """Returns an inbox that was offered `count` events, and its member."""
    inbox = Inbox("t", "q", LIMITS, cursor or Cursor(0), now=0.0)
    member = inbox.turns.join("somebody", 100)
    for number in range(1, count + 1):
        inbox.offer(number, event(number))
    return inbox, member


def recall(inbox: Inbox) -> list[int]:
    """Reads what is to be read once more, all of it there; returns what it was."""
    wanted = inbox.wanted_again()
    inbox.recall(wanted, [(number, event(number)) for number in wanted], reached=max(wanted, default=0))
    return wanted


def test_an_answer_that_comes_late_counts_while_nobody_else_has_the_event() -> None:
    """It was handled; there is no need to do it again."""
    inbox, member = inbox_with(1)
    inbox.next(0.0)
    inbox.tick(11.0)

    assert inbox.acknowledge(member, 1)
    assert recall(inbox) == []
    assert inbox.floor == 1


def test_an_answer_that_comes_late_does_not_count_once_another_has_the_event() -> None:
    """Then that one's answer counts."""
    inbox, late = inbox_with(1)
    inbox.next(0.0)
    inbox.tick(11.0)
    late.is_paused = True
    inbox.turns.join("another", 100)
    recall(inbox)
    inbox.next(11.0)

    assert not inbox.acknowledge(late, 1)
    assert inbox.in_flight == 1


def test_an_answer_after_the_event_was_read_again_leaves_nothing_to_deliver() -> None:
    """Though its body is in memory already."""
    inbox, member = inbox_with(1)
    inbox.next(0.0)
    inbox.tick(11.0)
    recall(inbox)
    inbox.acknowledge(member, 1)

    assert inbox.next(11.0) is None
    assert inbox.room_bytes == LIMITS.buffered_bytes


def test_what_was_never_delivered_cannot_be_acknowledged() -> None:
    """A guess ends nothing."""
    inbox, member = inbox_with(2)

    assert not inbox.acknowledge(member, 1)
    assert not inbox.negative(member, 1, 0.0, "", 0.0)
    assert inbox.handed_out == 0


@pytest.mark.parametrize(("delay", "due"), [(50.0, 50.0), (1e9, 100.0), (0.0, 0.0), (-5.0, 0.0)])
def test_a_delay_is_bounded(delay: float, due: float) -> None:
    """Nothing is put off for longer than the limit, or into the past."""
    inbox, member = inbox_with(1)
    inbox.next(0.0)
    inbox.negative(member, 1, delay, "", 0.0)
    inbox.tick(due - 0.1)
    early = recall(inbox)
    inbox.tick(due)

    assert early + recall(inbox) == [1]
    assert bool(early) == (due == 0.0)


def test_the_reason_is_kept_short_and_clean() -> None:
    """It will stand in a header."""
    inbox, member = inbox_with(1)
    inbox.next(0.0)
    inbox.negative(member, 1, 0.0, "bad\r\nthing" + "x" * 1_000, 0.0)
    error = inbox.cursor().unfinished[0][2]

    assert error.startswith("bad thingx")
    assert len(error) == ERROR_CHARACTERS_MAX


def test_a_dead_letter_that_could_not_be_written_is_tried_again() -> None:
    """After a pause, and not as a delivery."""
    inbox, member = inbox_with(1)
    for _ in range(2):
        inbox.next(0.0)
        inbox.negative(member, 1, 0.0, "", 0.0)
        recall(inbox)
    first = inbox.dying()
    inbox.buried(1, now=0.0, is_buried=False)
    inbox.tick(BURIAL_PAUSE_SECONDS - 0.1)
    early = inbox.dying()
    inbox.tick(BURIAL_PAUSE_SECONDS)
    second = inbox.dying()
    inbox.buried(1, now=2.0)

    assert first is not None
    assert early is None
    assert second is first
    assert inbox.next(2.0) is None
    assert inbox.floor == 1


def test_a_saved_inbox_goes_on_where_it_was() -> None:
    """Attempts and reasons are known; what had its last attempt is dying."""
    inbox, _ = inbox_with(0, Cursor(5, ((2, 1, "no"), (4, 2, "never"))))
    dying = inbox.dying()

    assert recall(inbox) == [2]
    delivery = inbox.next(0.0)
    assert delivery is not None
    assert delivery.event.attempt == 2
    assert dying is not None
    assert (dying.sequence, dying.error) == (4, "never")
    assert inbox.floor == 1


def test_events_that_left_the_log_unread_have_expired() -> None:
    """They are counted, once."""
    inbox, _ = inbox_with(0)
    inbox.tail = 10
    assert inbox.wanted_after() == 0
    inbox.load([(8, event(8)), (9, event(9))])

    assert inbox.take_expired() == 7
    assert inbox.take_expired() == 0
    assert inbox.handed_out == 7


def test_an_empty_log_expires_all_that_was_expected() -> None:
    """The inbox does not ask for it again and again."""
    inbox, _ = inbox_with(0)
    inbox.tail = 10
    inbox.load([])

    assert inbox.take_expired() == 10
    assert inbox.wanted_after() is None


def test_what_has_to_be_delivered_again_and_left_the_log_has_expired() -> None:
    """Only what was looked for; the rest is asked for again."""
    inbox, _ = inbox_with(0, Cursor(9, ((2, 1, ""), (4, 1, ""), (6, 1, ""), (8, 1, ""))))
    wanted = inbox.wanted_again()
    inbox.recall(wanted, [(4, event(4))], reached=4)

    assert wanted == [2, 4, 6, 8]
    assert inbox.take_expired() == 1
    assert inbox.wanted_again() == [6, 8]


def test_memory_is_bounded_in_bytes() -> None:
    """An inbox that holds enough neither takes nor reads more, and goes on once it has handed some out."""
    inbox = Inbox("t", "q", Limits(buffered_bytes=1_000), Cursor(0), now=0.0)
    inbox.turns.join("somebody", 100)
    for number in (1, 2, 3):
        inbox.offer(number, StoredEvent(str(number), "t", "me", {}, b"x" * 400, 0.0))
    full = inbox.room_bytes, inbox.wanted_after()
    inbox.next(0.0)

    assert full == (1_000 - 2 * 656, None)
    assert (inbox.room_bytes, inbox.wanted_after()) == (1_000 - 656, 2)


def test_an_inbox_nobody_is_at_holds_nothing_in_memory() -> None:
    """What it had read is read again when somebody comes."""
    inbox, member = inbox_with(4)
    inbox.next(0.0)
    inbox.leave(member, 3.0)

    assert inbox.room_bytes == LIMITS.buffered_bytes
    assert inbox.away_since == 3.0
    assert inbox.cursor() == Cursor(1, ((1, 1, "the subscriber went away"),))
    inbox.turns.join("another", 100)
    assert recall(inbox) == [1]
    assert inbox.wanted_after() == 1


def test_an_inbox_nobody_is_at_is_not_offered_anything() -> None:
    """It only knows that there is more."""
    inbox, member = inbox_with(0)
    inbox.leave(member, 0.0)
    inbox.offer(1, event(1))

    assert inbox.room_bytes == LIMITS.buffered_bytes
    assert inbox.tail == 1


def test_trimming_takes_only_what_is_neither_in_memory_nor_in_flight() -> None:
    """What a member has can still be acknowledged."""
    inbox, member = inbox_with(3)
    inbox.next(0.0)
    inbox.trimmed(3)

    assert inbox.take_expired() == 0
    assert inbox.acknowledge(member, 1)


def test_trimming_expires_what_an_absent_queue_had_not_finished() -> None:
    """Unfinished and unread alike."""
    inbox, member = inbox_with(2)
    inbox.next(0.0)
    inbox.leave(member, 0.0)
    inbox.trimmed(6)

    assert inbox.take_expired() == 5
    assert inbox.cursor() == Cursor(5)


def test_a_refusal_by_a_member_that_just_left_changes_nothing() -> None:
    """The event is on its way to others already."""
    inbox, member = inbox_with(1)
    delivery = inbox.next(0.0)
    assert delivery is not None
    inbox.leave(member, 0.0)
    inbox.refuse(delivery)
    inbox.turns.join("another", 100)

    assert recall(inbox) == [1]
    assert inbox.handed_out == 1


def test_what_was_given_back_is_reported_as_waiting() -> None:
    """Read again or not yet, and once only where the queue went back to before it; not what is done."""
    inbox, member = inbox_with(3)
    topic = Topic("t", last=3)
    topic.inboxes["q"] = inbox
    assert [inbox.next(0.0) is not None for _ in range(3)] == [True] * 3
    assert topic.report().queues[0].waiting == 0
    inbox.tick(11.0)
    assert topic.report().queues[0].waiting == 3
    recall(inbox)
    assert topic.report().queues[0].waiting == 3
    inbox.acknowledge(member, 1)
    assert topic.report().queues[0].waiting == 2
    inbox.next(12.0)
    assert (topic.report().queues[0].waiting, topic.report().queues[0].in_flight) == (1, 1)
    inbox.rewind(3)
    assert topic.report().queues[0].waiting == 1
