"""Pieces of a log: events under the numbers that they have had, written behind what is there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import apsw
import msgspec

from micro.errors import Conflict, Fault
from micro.service.broker.broker import event_bytes
from micro.service.broker.delivery import SEQUENCE_BITS, Numbered
from micro.service.broker.topic import Topic

__all__ = ["Piece", "Told", "write_piece"]

Told = Callable[[int, Fault | None], None]


class Piece(msgspec.Struct, gc=True):
    """Some events on their way into a log.

    Attributes:
        number: the log's number in the database.
        topic: the log.
        events: in the order of the log, without a gap.
        done: to be called with the newest event that is on disk, or with a fault.
    """

    number: int
    topic: Topic
    events: Sequence[Numbered]
    done: Told


def write_piece(connection: apsw.Connection, piece: Piece) -> tuple[int, int] | Fault:
    """Writes what is new of a piece; returns the newest sequence and how many were new, or why it does not follow.

    What is there already is compared: a number alone does not say that it is the same event.
    """
    low = piece.number << SEQUENCE_BITS
    ends = "SELECT key - ?, total FROM log WHERE key > ? AND key < ? ORDER BY key DESC LIMIT 1"
    tail = connection.execute(ends, (low, low, low + (1 << SEQUENCE_BITS))).fetchone()
    if tail is None:
        connection.execute("INSERT OR IGNORE INTO topics VALUES (?, ?, 0, 0)", (piece.number, piece.topic.name))
        kept = "SELECT last, trimmed FROM topics WHERE number = ?"
        tail = connection.execute(kept, (piece.number,)).fetchone()
    assert tail is not None
    last, total = tail
    other = _other(connection, piece, last)
    if other is not None:
        return other
    rows: list[tuple[Any, ...]] = []
    for sequence, event in piece.events:
        if sequence <= last:
            continue
        if last and sequence != last + 1:
            return Conflict(f"event {sequence} does not follow on {last}, the newest of {piece.topic.name} here")
        last, total = sequence, total + event_bytes(event.headers, event.body)
        assert 0 < sequence < 1 << SEQUENCE_BITS, sequence  # or it were another log's row; see `events_from`
        headers = msgspec.json.encode(dict(event.headers))
        rows.append((low + sequence, event.time, total, event.publisher, event.id, headers, event.body))
    connection.executemany("INSERT INTO log VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
    return last, len(rows)


def _other(connection: apsw.Connection, piece: Piece, last: int) -> Conflict | None:
    """Says which event of a piece is not the one that a log, up to `last`, has under its number; None where all are.

    Those that the log has let go of are passed over, but not the newest of those that it had: then nothing says that
    they are of the same log.
    """
    known = [each for each in piece.events if each[0] <= last]
    if not known:
        return None
    low, name = piece.number << SEQUENCE_BITS, piece.topic.name
    rows = connection.execute(
        "SELECT key - ?, time, publisher, id FROM log WHERE key >= ? AND key <= ?",
        (low, low + known[0][0], low + known[-1][0]),
    )
    kept = {sequence: what for sequence, *what in rows}
    for sequence, event in known:
        if kept.get(sequence, [event.time, event.publisher, event.id]) != [event.time, event.publisher, event.id]:
            return Conflict(f"event {sequence} of {name} is another one here, {kept[sequence][2]} and not {event.id}")
    if known[-1][0] not in kept:
        return Conflict(f"event {known[-1][0]} of {name} is not kept here any more, and cannot be compared")
    return None
