"""Writing events: many at once, each numbered, none twice."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from hashlib import blake2b
from typing import Any

import apsw
import msgspec

from micro.errors import Conflict, Fault
from micro.service.broker.broker import StoredEvent
from micro.service.broker.delivery import SEQUENCE_BITS
from micro.service.broker.pieces import Piece, write_piece
from micro.service.broker.topic import Topic
from micro.store.database import Group

__all__ = ["Append", "Appends"]

ROWS_OF_STATEMENTS = (256, 64, 16, 4, 1)
"""How many rows one INSERT may take. Each statement executed lets go of the interpreter lock and has to win it back
from a busy loop, so that few big statements are several times faster than many small ones."""

PREFIXES_MAX = 4_096
"""How many publishers' hashes are remembered."""


class Append(msgspec.Struct, gc=True):
    """One event on its way into the log.

    Attributes:
        number: the topic's number in the database.
        topic: where it belongs.
        event: the event.
        size: what it is reckoned to cost in bytes.
        done: to be called when it is there, or cannot be.
    """

    number: int
    topic: Topic
    event: StoredEvent
    size: int
    done: Callable[[Fault | None], None]


class Appends(Group):
    """Puts events into the log; the result of each is its sequence, or 0 if the log has had it before.

    Args:
        finished: called on the loop with the appends of one transaction and their results.
    """

    def __init__(self, finished: Callable[[list[Append], Sequence[object]], None]) -> None:
        self._finished = finished
        self._tails: dict[int, tuple[int, int]] = {}
        self._prefixes: dict[tuple[int, str], bytes] = {}
        self._headers: Mapping[str, str] = {}
        self._encoded = b"{}"

    def apply(self, connection: apsw.Connection, items: list[Append]) -> list[int]:
        """Writes all in a few statements if all are new, else one after the other."""
        connection.execute("SAVEPOINT append")
        found = self._write(connection, items)
        if found is None:
            connection.execute("ROLLBACK TO append")
            self._tails.clear()
            found = [sequence for item in items for sequence in self._write(connection, [item]) or (0,)]
        connection.execute("RELEASE append")
        return found

    def restore(self, connection: apsw.Connection, piece: Piece) -> tuple[int, int]:
        """Writes events that were in the log before; returns its newest, and how many were new.

        Raises:
            Conflict: they do not follow on what is there, or one has the publisher and id of another.
        """
        self._tails.pop(piece.number, None)
        result = write_piece(connection, piece)
        if isinstance(result, Fault):
            raise result
        low, marks = piece.number << SEQUENCE_BITS, list[Any]()
        for sequence, event in piece.events[len(piece.events) - result[1] :]:
            marks += (low + sequence, event.time, self._mark(piece.number, event))
        if _insert(connection, "INSERT OR IGNORE INTO seen", 3, marks) < result[1]:
            raise Conflict(f"two events of {piece.topic.name} have one publisher and one id")
        return result

    def forget(self) -> None:
        """The database may not end where this thought it would."""
        self._tails.clear()

    def finish(self, items: list[Append], results: Sequence[object]) -> None:
        """Hands the results on."""
        self._finished(items, results)

    def _write(self, connection: apsw.Connection, items: Sequence[Append]) -> list[int] | None:
        """Returns the sequences, or None, with only some marks written, if an event had been there before."""
        marks: list[Any] = []
        rows: list[Any] = []
        sequences = []
        tails: dict[int, tuple[int, int]] = {}
        for item in items:
            number, event = item.number, item.event
            last, total = tails.get(number) or self._tail(connection, item)
            last, total = tails[number] = last + 1, total + item.size
            sequences.append(last)
            key = number << SEQUENCE_BITS | last
            marks += (key, event.time, self._mark(number, event))
            rows += (key, event.time, total, event.publisher, event.id, self._encode(event.headers), event.body)
        if _insert(connection, "INSERT OR IGNORE INTO seen", 3, marks) < len(items):
            return None
        _insert(connection, "INSERT INTO log", 7, rows)
        self._tails.update(tails)
        return sequences

    def _tail(self, connection: apsw.Connection, item: Append) -> tuple[int, int]:
        """Returns the newest sequence and the running total of bytes of a topic, which may be a new one."""
        tail = self._tails.get(item.number)
        if tail is None:
            connection.execute("INSERT OR IGNORE INTO topics VALUES (?, ?, 0, 0)", (item.number, item.topic.name))
            low = item.number << SEQUENCE_BITS
            ends = "SELECT key - ?, total FROM log WHERE key > ? AND key < ? ORDER BY key DESC LIMIT 1"
            tail = connection.execute(ends, (low, low, low + (1 << SEQUENCE_BITS))).fetchone()
            if tail is None:
                kept = "SELECT last, trimmed FROM topics WHERE number = ?"
                tail = connection.execute(kept, (item.number,)).fetchone()
            assert tail is not None
            self._tails[item.number] = tail
        return tail

    def _mark(self, number: int, event: StoredEvent) -> bytes:
        """Returns what tells an event from all others: a hash of topic and publisher, and its id.

        The id comes last, so that ids which rise with time, as UUIDv7 do, are neighbours in the index.
        """
        prefix = self._prefixes.get((number, event.publisher))
        if prefix is None:
            if len(self._prefixes) >= PREFIXES_MAX:
                self._prefixes.clear()
            prefix = blake2b(f"{number} {event.publisher}".encode(), digest_size=16, person=b"micro-event-v1").digest()
            self._prefixes[number, event.publisher] = prefix
        return prefix + event.id.encode()

    def _encode(self, headers: Mapping[str, str]) -> bytes:
        if headers is not self._headers:  # a publisher's headers are often the same object
            self._headers, self._encoded = headers, msgspec.json.encode(dict(headers))
        return self._encoded


def _insert(connection: apsw.Connection, statement: str, width: int, values: list[Any]) -> int:
    """Inserts rows of `width` values with as few statements as possible; returns how many were inserted."""
    inserted = start = 0
    remaining = len(values) // width
    for count in ROWS_OF_STATEMENTS:
        while remaining >= count:
            connection.execute(_statement(statement, width, count), values[start : start + count * width])
            inserted += connection.changes()
            start += count * width
            remaining -= count
    return inserted


@cache
def _statement(start: str, width: int, count: int) -> str:
    row = "(" + ", ".join("?" * width) + ")"
    return f"{start} VALUES " + ", ".join([row] * count)
