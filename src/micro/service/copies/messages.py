"""What the node of a log and the super nodes that keep copies of it say to each other.

Pure.

The messages are protobuf in its one spelling (`layout`), bounded as a whole and in each part. They travel to the
service `backbone`, where it is known who speaks: a log is named by its topic and its own name, never by its node.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from micro.errors import BadRequest, TooLarge
from micro.service.broker.broker import (
    EVENT_BYTES,
    HEADERS_CHARACTERS_MAX,
    HEADERS_MAX,
    ID_CHARACTERS_MAX,
    PUBLISHER_CHARACTERS_MAX,
    Limits,
    StoredEvent,
    check_event,
    event_bytes,
)
from micro.service.broker.cursor import Cursor
from micro.service.broker.dead import DEAD_CHARACTERS_MAX, DEAD_HEADERS, is_dead
from micro.service.broker.delivery import SEQUENCE_BITS, Numbered
from micro.service.copies.naming import LOG_DIGITS, REPLICAS_MAX, TOPIC_CHARACTERS_MAX, parts_of
from micro.service.registry.layout import Layout, Part
from micro.trust.keys import KEY_BYTES

__all__ = [
    "CURSORS",
    "CURSORS_MAX",
    "DROP",
    "EVENT_BYTES_MAX",
    "LEARNED",
    "LIST",
    "LISTED",
    "LISTED_MAX",
    "MICROSECONDS",
    "OPEN",
    "OPENED",
    "PIECE_BYTES",
    "PIECE_EVENTS_MAX",
    "READ",
    "READERS_MAX",
    "READ_PIECE",
    "STANDING",
    "STOOD",
    "UNHEARD_SECONDS",
    "WRITE",
    "WRITTEN",
    "cursor_fields",
    "cursors_from",
    "event_fields",
    "event_size",
    "events_from",
    "piece_of",
]

EVENT_BYTES_MAX: Final = 2_097_152
"""The body of an event that is copied has at most so many bytes."""

PIECE_EVENTS_MAX: Final = 1_024
PIECE_BYTES: Final = 1_048_576
"""A message brings so many events, and of so many bytes together, unless it brings one alone."""

READERS_MAX: Final = 1_024
"""So many nodes are named of which another holds than of all others."""

CURSORS_MAX: Final = 64
UNFINISHED_MAX: Final = 4_096
"""Of so many queues a message tells how far they have come, each with so many events that are open in between."""

REWINDS_MAX: Final = 1 << SEQUENCE_BITS
"""No queue went back more often."""

CURSORS_BYTES_MAX: Final = 1_048_576
CURSOR_NUMBERS_MAX: Final = 160_000
"""Of all queues together it tells so many; each takes at most six bytes."""

HEADERS_BYTES_MAX: Final = 6 * (HEADERS_CHARACTERS_MAX + DEAD_CHARACTERS_MAX) + 8 * (HEADERS_MAX + len(DEAD_HEADERS))
"""Headers as JSON: at the worst each character is escaped. A dead letter has some more."""

EVENT_FRAME_BYTES: Final = 64
"""What an event takes in a message beside its texts and bytes, at most."""

MICROSECONDS: Final = 1_000_000
"""Dates are told in so many of a second."""

AHEAD_SECONDS_MAX: Final = 86_400.0
"""The clock of a log's node may be so far ahead of the one here."""

UNHEARD_SECONDS: Final = 20.0
"""A super node serves a copy whose log's node has said nothing of it for so long, not before."""

_LIMITS: Final = Limits(body_bytes=EVENT_BYTES_MAX)
_LOG: Final[dict[str, Part]] = {
    "topic": Part(1, "text", bytes_max=TOPIC_CHARACTERS_MAX),
    "log": Part(2, "text", bytes_max=LOG_DIGITS),
}

OPEN: Final = Layout(
    "the opening of a copy",
    65_536,
    **_LOG,
    first=Part(3, "number"),
    kept_seconds=Part(4, "number"),
    generation=Part(5, "number"),
    copies=Part(6, "bytes", most=REPLICAS_MAX + 1, bytes_max=KEY_BYTES),
    everybody=Part(7, "flag"),
    others=Part(8, "bytes", most=READERS_MAX, bytes_max=KEY_BYTES),
)
"""A log: the first event that it keeps, for how long it keeps events, who has copies now and the number of that choice,
whether nodes may subscribe to it, and the nodes of which the contrary holds."""

OPENED: Final = Layout(
    "the answer of a copy",
    4 * ID_CHARACTERS_MAX + 4 * PUBLISHER_CHARACTERS_MAX + EVENT_FRAME_BYTES,
    last=Part(1, "number"),
    id=Part(2, "text", bytes_max=4 * ID_CHARACTERS_MAX),
    publisher=Part(3, "text", bytes_max=4 * PUBLISHER_CHARACTERS_MAX),
    time=Part(4, "number"),
    served=Part(5, "flag"),
)
"""The newest event of the copy, 0 where it has none, what that event is, and whether queues came further there."""

_EVENT = Layout(
    "the event",
    EVENT_BYTES_MAX + HEADERS_BYTES_MAX + 4_096,
    sequence=Part(1, "number"),
    publisher=Part(2, "text", bytes_max=4 * PUBLISHER_CHARACTERS_MAX),
    id=Part(3, "text", bytes_max=4 * ID_CHARACTERS_MAX),
    headers=Part(4, "bytes", bytes_max=HEADERS_BYTES_MAX),
    time=Part(5, "number"),
    body=Part(6, "bytes", bytes_max=EVENT_BYTES_MAX),
)

WRITE: Final = Layout(
    "the piece of a log",
    EVENT_BYTES_MAX + PIECE_BYTES,
    **_LOG,
    first=Part(3, "number"),
    events=Part(4, _EVENT, most=PIECE_EVENTS_MAX),
)
"""Events in the order of their log, and the first event that it still keeps."""

WRITTEN: Final = Layout("the receipt of a piece", 64, last=Part(1, "number"))
"""The newest event of the copy that is on disk."""

_CURSOR = Layout(
    "how far a queue has come",
    131_072,
    queue=Part(1, "text", bytes_max=128),
    handed_out=Part(2, "number"),
    unfinished=Part(3, "number", most=UNFINISHED_MAX),
    beyond=Part(4, "number", most=UNFINISHED_MAX),
    rewinds=Part(5, "number"),
)

CURSORS: Final = Layout(
    "how far queues have come", CURSORS_BYTES_MAX, **_LOG, cursors=Part(3, _CURSOR, most=CURSORS_MAX)
)
"""How far the queues of a log have come, told by the log's node."""

LEARNED: Final = Layout("how far queues came at a copy", CURSORS_BYTES_MAX, cursors=Part(1, _CURSOR, most=CURSORS_MAX))

DROP: Final = Layout("the end of a copy", 256, **_LOG)
"""A log of which no copy is wanted any more."""

LISTED_MAX: Final = 16
"""Of so many copies of a node's logs of one topic that node is told."""

LIST: Final = Layout("the question for copies", 128, topic=_LOG["topic"])
"""A topic, asked by the node whose logs they are: it may have lost them."""

_LISTED: Final = Layout(
    "the copy of a log",
    256,
    log=_LOG["log"],
    first=Part(3, "number"),
    last=Part(4, "number"),
    time=Part(5, "number"),
    generation=Part(6, "number"),
)

LISTED: Final = Layout("the copies of a topic", 8_192, copies=Part(1, _LISTED, most=LISTED_MAX))
"""The copies of the asker's logs: the first and the newest event of each, when that one was taken, and the number of
the last choice of super nodes."""

READ: Final = Layout("the question for events of a copy", 256, **_LOG, sequence=Part(3, "number"))
"""A log, and from which event on its node wants it back."""

READ_PIECE: Final = Layout(
    "the piece of a copy", EVENT_BYTES_MAX + PIECE_BYTES, events=Part(1, _EVENT, most=PIECE_EVENTS_MAX)
)
"""Events in the order of their log, the one that was asked for first; none where that one is not there."""

STANDING: Final = Layout("the question for another copy", 256, **_LOG, key=Part(3, "bytes", bytes_max=KEY_BYTES))
"""A log and the public key of its node, asked by another super node that has a copy."""

STOOD: Final = Layout(
    "how another copy stands", 64, generation=Part(1, "number"), last=Part(2, "number"), serving=Part(3, "flag")
)
"""The number of the choice of super nodes that it knows, 0 where it has no copy, its newest event, and its role."""


def event_fields(numbered: Numbered) -> dict[str, Any]:
    """Returns the fields of an event for `WRITE`."""
    sequence, event = numbered
    return {
        "sequence": sequence,
        "publisher": event.publisher,
        "id": event.id,
        "headers": msgspec.json.encode(dict(event.headers)),
        "time": round(event.time * MICROSECONDS),
        "body": event.body,
    }


def event_size(fields: Mapping[str, Any]) -> int:
    """Returns how many bytes the fields of an event take in a message, at most."""
    texts = len(fields["publisher"].encode()) + len(fields["id"].encode())
    return EVENT_FRAME_BYTES + texts + len(fields["headers"]) + len(fields["body"])


def piece_of(events: Iterable[Numbered]) -> list[dict[str, Any]]:
    """Returns the fields of events, as many of the first ones as fit into one message."""
    found: list[dict[str, Any]] = []
    size = 0
    for numbered in events:
        fields = event_fields(numbered)
        size += event_size(fields)
        if found and size > PIECE_BYTES:
            break
        found.append(fields)
    return found


def events_from(
    name: str, fields: Iterable[Mapping[str, Any]], now: float, ahead_seconds: float = AHEAD_SECONDS_MAX
) -> list[Numbered]:
    """Returns the events of a message for a copy, or of one for the log itself.

    Args:
        name: the copy.
        fields: the events.
        now: in seconds since 1970.
        ahead_seconds: no event was taken so much later.

    Raises:
        TooLarge: an event is larger than a broker takes it.
        BadRequest: their numbers have gaps or are none of a log, or an event is not as a broker takes it.
    """
    events: list[Numbered] = []
    for said in fields:
        sequence = said["sequence"]
        if not 0 < sequence < 1 << SEQUENCE_BITS:
            raise BadRequest(
                f"event {sequence} of {name}: the events of a log are numbered from 1 to 2^{SEQUENCE_BITS} - 1"
            )
        if events and sequence != events[-1][0] + 1:
            raise BadRequest(f"event {sequence} of {name} does not follow on the one before it")
        try:
            headers = msgspec.json.decode(said["headers"], type=dict[str, str])
        except msgspec.MsgspecError as error:
            raise BadRequest(f"the headers of event {sequence} of {name} cannot be read: {error}") from error
        time = said["time"] / MICROSECONDS
        if time > now + ahead_seconds:
            raise BadRequest(
                f"event {sequence} of {name} was taken {ahead_seconds:,.0f} s after now, or later; set its node's clock"
            )
        event = StoredEvent(said["id"], name, said["publisher"], headers, said["body"], time)
        _check(event)
        events.append((sequence, event))
    return events


def _check(event: StoredEvent) -> None:
    """Raises what the broker would where the event was published; to dead letters it adds headers itself."""
    if not is_dead(parts_of(event.topic)[0]):
        check_event(event.publisher, event.id, event.headers, event.body, _LIMITS)
        return
    check_event(event.publisher, event.id, {}, event.body, _LIMITS)
    count, size = len(event.headers), event_bytes(event.headers, b"") - EVENT_BYTES
    if count > HEADERS_MAX + len(DEAD_HEADERS) or size > HEADERS_CHARACTERS_MAX + DEAD_CHARACTERS_MAX:
        raise TooLarge(f"headers: {count} with {size:,} characters are more than the dead letter of an event has")


def cursor_fields(cursors: Mapping[str, Cursor]) -> list[dict[str, Any]]:
    """Returns the fields of cursors for `CURSORS` and `LEARNED`; those with too much in between are left out."""
    found: list[dict[str, Any]] = []
    left = CURSOR_NUMBERS_MAX
    for queue, cursor in sorted(cursors.items())[:CURSORS_MAX]:
        unfinished, beyond = [sequence for sequence, _, _ in cursor.unfinished], cursor.beyond
        count = len(unfinished) + len(beyond)
        if count <= left and max(len(unfinished), len(beyond)) <= UNFINISHED_MAX:
            left -= count
            place = {"queue": queue, "handed_out": cursor.handed_out, "rewinds": cursor.rewinds}
            found.append({**place, "unfinished": unfinished, "beyond": beyond})
    return found


def cursors_from(fields: Sequence[Mapping[str, Any]], last: int) -> dict[str, Cursor]:
    """Returns the cursors of a message, as far as a log that ends at `last` can have them."""
    found = {}
    for said in fields:
        unfinished = tuple((sequence, 0, "") for sequence in sorted(set(said["unfinished"])) if sequence <= last)
        beyond = tuple(sequence for sequence in sorted(set(said["beyond"])) if sequence <= last)
        rewinds = min(said["rewinds"], REWINDS_MAX)
        found[said["queue"]] = Cursor(min(said["handed_out"], last), unfinished, beyond, rewinds)
    return found
