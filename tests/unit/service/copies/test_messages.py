"""What a broker takes fits into the messages between a log's node and its copies, whatever characters it is of."""

from __future__ import annotations

import pytest

from micro.service.broker.broker import (
    HEADERS_CHARACTERS_MAX,
    HEADERS_MAX,
    ID_CHARACTERS_MAX,
    PUBLISHER_CHARACTERS_MAX,
    Limits,
    StoredEvent,
    check_event,
)
from micro.service.broker.cursor import Cursor
from micro.service.broker.dead import dead_letter
from micro.service.broker.delivery import ERROR_CHARACTERS_MAX, SEQUENCE_BITS, Unfinished
from micro.service.copies import messages as said

CHARACTERS = ["x", "ä", "\U0001f600", "\x01", '"']
NAMES = {"topic": "t" * 48, "log": "0123abcd"}
LAST = (1 << SEQUENCE_BITS) - 1


def largest(character: str) -> StoredEvent:
    """Returns an event that is as large as a broker takes one, of this character."""
    share = HEADERS_CHARACTERS_MAX // HEADERS_MAX
    headers = {f"{n:02}": character * (share - 2) for n in range(HEADERS_MAX)}
    event = StoredEvent(
        character * ID_CHARACTERS_MAX,
        NAMES["topic"],
        character * PUBLISHER_CHARACTERS_MAX,
        headers,
        b"b" * said.EVENT_BYTES_MAX,
        1.0,
    )
    check_event(event.publisher, event.id, event.headers, event.body, Limits())
    return event


@pytest.mark.parametrize("character", CHARACTERS)
def test_the_largest_event_fits(character: str) -> None:
    """And so does its dead letter; both take no more room than was reckoned."""
    event = largest(character)
    letter = dead_letter(event, "q" * 128, Unfinished(LAST, 1 << 40, character * ERROR_CHARACTERS_MAX), 1.0)
    for each in (event, letter):
        fields = said.event_fields((LAST, each))
        body = said.WRITE.encode({**NAMES, "first": LAST, "events": [fields]})
        assert said.WRITE.decode(body)["events"] == (fields,)
        assert len(said.WRITE.encode({"events": [fields]})) <= said.event_size(fields)


@pytest.mark.parametrize("character", CHARACTERS)
def test_the_largest_answer_fits(character: str) -> None:
    """A copy tells its newest event, whatever its names are."""
    event = largest(character)
    fields = {"last": LAST, "served": True, "id": event.id, "publisher": event.publisher, "time": 2**63 - 1}
    assert said.OPENED.decode(said.OPENED.encode(fields)) == fields


def test_the_most_cursors_fit() -> None:
    """What is too much for one message is left out, and the rest is told."""
    many = tuple(range(LAST - said.UNFINISHED_MAX, LAST))
    cursor = Cursor(LAST, tuple((sequence, 16, "error") for sequence in many), many)
    cursors = {f"{number:03}".ljust(128, "q"): cursor for number in range(said.CURSORS_MAX)}
    fields = said.cursor_fields({**cursors, "~": Cursor(4)})
    assert said.CURSORS.decode(said.CURSORS.encode({**NAMES, "cursors": fields}))["cursors"]
    assert 15 < len(said.cursor_fields(cursors)) < said.CURSORS_MAX
    assert [each["queue"] for each in said.cursor_fields({"a": cursor, "b": Cursor(4)})] == ["a", "b"]
