"""A queue that came further elsewhere: what is done here or there is done, and nothing else is."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from micro.service.broker.broker import Limits, StoredEvent
from micro.service.broker.cursor import Cursor
from micro.service.broker.inbox import Inbox

LAST = 12


@st.composite
def cursors(draw: st.DrawFn) -> Cursor:
    """Returns how far a queue may have come in a log of twelve events."""
    handed_out = draw(st.integers(0, LAST))
    unfinished = draw(st.sets(st.integers(1, LAST), max_size=5))
    beyond = draw(st.sets(st.integers(1, LAST), max_size=3))
    return Cursor(
        handed_out,
        tuple((number, 1, "") for number in sorted(unfinished) if number <= handed_out),
        tuple(number for number in sorted(beyond) if number > handed_out),
    )


def done(cursor: Cursor) -> set[int]:
    return set(cursor.done_of(range(1, LAST + 1)))


@given(here=cursors(), there=cursors(), read=st.integers(0, LAST), has_member=st.booleans())
def test_what_is_done_is_done_anywhere(here: Cursor, there: Cursor, read: int, has_member: bool) -> None:
    """Also where events are in flight or were read ahead; and the rest is delivered, each once."""
    inbox = Inbox("orders", "work", Limits(), here, now=0.0)
    inbox.tail = LAST
    if has_member:
        inbox.turns.join("early", 256)
        if (after := inbox.wanted_after()) is not None:
            inbox.load([numbered(number) for number in range(after + 1, LAST + 1)][: read + 1])
        for _ in range(read // 2):
            inbox.next(0.0)

    inbox.surpass(there)

    assert done(inbox.cursor()) == done(here) | done(there)
    inbox.turns.join("member", 256)
    came = sorted(delivered(inbox) | set(inbox._flight))
    assert came == sorted(set(range(1, LAST + 1)) - done(here) - done(there))


@given(here=cursors(), there=cursors(), first=st.integers(1, LAST), has_member=st.booleans())
def test_a_queue_that_went_back_there_goes_back_here(here: Cursor, there: Cursor, first: int, has_member: bool) -> None:
    """What is done is what is done there, as far as the log is kept here; and the rest is delivered, each once."""
    inbox = Inbox("orders", "work", Limits(), here, now=0.0)
    inbox.tail = LAST
    if has_member:
        inbox.turns.join("early", 256)
        inbox.next(0.0)

    inbox.go_back(first, 3)
    inbox.surpass(there)

    kept = set(range(first, LAST + 1))
    assert (done(inbox.cursor()) & kept, inbox.cursor().rewinds) == (done(there) & kept, 3)
    inbox.turns.join("member", 256)
    came = (delivered(inbox) | set(inbox._flight)) & kept
    assert came == kept - done(there)


def numbered(number: int) -> tuple[int, StoredEvent]:
    return number, StoredEvent(str(number), "orders", "me", {}, b"", 0.0)


def delivered(inbox: Inbox) -> set[int]:
    """Returns the events that come, until no more do."""
    found: list[int] = []
    for _ in range(100):
        if wanted := inbox.wanted_again():
            inbox.recall(wanted, [numbered(number) for number in wanted], reached=wanted[-1])
        if (after := inbox.wanted_after()) is not None:
            inbox.load([numbered(number) for number in range(after + 1, LAST + 1)])
        while (delivery := inbox.next(0.0)) is not None:
            found.append(delivery.sequence)
    assert len(found) == len(set(found))
    return set(found)
