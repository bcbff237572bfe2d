"""The broker's database: events, the ids they were known by, and how far each queue has come."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import apsw
import msgspec

from micro.errors import Fault, TooManyRequests
from micro.service.broker.actions import Drop
from micro.service.broker.append import Append, Appends
from micro.service.broker.broker import EVENT_BYTES, Limits, StoredEvent
from micro.service.broker.complete import Completion, Completions, clear_marks, with_marks
from micro.service.broker.cursor import Cursor
from micro.service.broker.delivery import SEQUENCE_BITS, Numbered
from micro.service.broker.inbox import Inbox
from micro.service.broker.pieces import Piece
from micro.service.broker.topic import Topic
from micro.service.broker.trim import trim
from micro.store.database import Database, Row

__all__ = ["MIGRATIONS", "Log"]

Done = Callable[[Fault | None], None]

MIGRATIONS = (
    """
    CREATE TABLE topics (
        number INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        last INTEGER NOT NULL,      -- the newest sequence when the log was last shortened
        trimmed INTEGER NOT NULL    -- the running total of bytes at the last event taken away
    ) STRICT;
    CREATE TABLE log (
        key INTEGER PRIMARY KEY,    -- topic number and sequence
        time REAL NOT NULL,
        total INTEGER NOT NULL,     -- bytes of this event and all before it
        publisher TEXT NOT NULL,
        id TEXT NOT NULL,
        headers BLOB NOT NULL,      -- a JSON object
        body BLOB NOT NULL
    ) STRICT;
    CREATE TABLE seen (
        key INTEGER PRIMARY KEY,    -- as in log
        time REAL NOT NULL,
        mark BLOB NOT NULL UNIQUE   -- topic, publisher and id
    ) STRICT;
    CREATE TABLE cursors (
        topic INTEGER NOT NULL,
        queue TEXT NOT NULL,
        state BLOB NOT NULL,
        PRIMARY KEY (topic, queue)
    ) STRICT, WITHOUT ROWID;
    """,
    """
    CREATE TABLE done (             -- events that were completed since their queue's cursor was saved
        topic INTEGER NOT NULL,
        queue TEXT NOT NULL,
        sequence INTEGER NOT NULL,
        PRIMARY KEY (topic, queue, sequence)
    ) STRICT, WITHOUT ROWID;
    """,
)

_AFTER = """
    SELECT key, time, publisher, id, headers, body FROM log WHERE key > ? AND key < ? ORDER BY key LIMIT ?
"""
_THESE = """
    SELECT key, time, publisher, id, headers, body FROM log
    WHERE key IN (SELECT value FROM json_each(?)) ORDER BY key
"""


class Log:
    """Reads and writes `broker.db`. Reading is for the loop: every query is indexed, and bounded in rows and bytes."""

    def __init__(self, database: Database, appends: Appends, completions: Completions, limits: Limits) -> None:
        self._database = database
        self._appends = appends
        self._completions = completions
        self._limits = limits
        self._numbers: dict[str, int] = {}
        self._number = 0
        self._headers: tuple[bytes, dict[str, str]] = (b"{}", {})

    def __contains__(self, name: str) -> bool:
        """Says whether there is a topic of this name."""
        return name in self._numbers

    @property
    def names(self) -> list[str]:
        """All topics, by name."""
        return sorted(self._numbers)

    def open(self) -> None:
        """Reads which topics there are, and nothing of what they hold."""
        self._numbers = dict(self._database.read("SELECT name, number FROM topics"))
        self._number = max(self._numbers.values(), default=0)

    def topic(self, name: str) -> tuple[Topic, dict[str, Cursor]]:
        """Returns a topic's bounds and its queues' cursors; a new name becomes a topic.

        Raises:
            TooManyRequests: there are as many topics as there may be.
        """
        number = self._numbers.get(name)
        if number is None:
            if len(self._numbers) >= self._limits.topics:
                raise TooManyRequests(
                    f"there are {self._limits.topics:,} topics, which is the limit; use an existing one"
                )
            self._number += 1
            self._numbers[name] = self._number
            return Topic(name), {}
        low, high = _range(number)
        first = self._database.read("SELECT min(key) FROM log WHERE key > ? AND key < ?", (low, high))[0][0]
        last = self._database.read("SELECT max(key), total FROM log WHERE key > ? AND key < ?", (low, high))[0]
        kept = self._database.read("SELECT last, trimmed FROM topics WHERE number = ?", (number,))
        saved = self._database.read("SELECT queue, state FROM cursors WHERE topic = ?", (number,))
        cursors = {queue: msgspec.json.decode(state, type=Cursor) for queue, state in saved}
        newest, trimmed = kept[0] if kept else (0, 0)
        if first is not None:
            topic = Topic(name, first=first - low, last=last[0] - low, size=last[1] - trimmed)
        else:
            topic = Topic(name, first=newest + 1, last=newest)
        return topic, self._marked(number, topic, cursors)

    def _marked(self, number: int, topic: Topic, cursors: dict[str, Cursor]) -> dict[str, Cursor]:
        """Returns the cursors as the marks of completed events correct them."""
        marks: dict[str, list[int]] = {}
        for queue, sequence in self._database.read("SELECT queue, sequence FROM done WHERE topic = ?", (number,)):
            marks.setdefault(queue, []).append(sequence)
        start = Cursor(topic.first - 1)
        return cursors | {queue: with_marks(cursors.get(queue, start), found) for queue, found in marks.items()}

    def number(self, name: str) -> int:
        """Returns the number of a topic in the database."""
        return self._numbers[name]

    def append(self, topic: Topic, event: StoredEvent, size: int, done: Done) -> None:
        """Has an event written."""
        self._database.submit(self._appends, Append(self._numbers[topic.name], topic, event, size, done))

    def complete(
        self, inbox: Inbox | None, sequence: int, outputs: Sequence[tuple[Topic, StoredEvent, int]], done: Done
    ) -> None:
        """Has an event of a queue of ours marked as done, and its outputs, with their sizes, written with that."""
        appends = [
            Append(self._numbers[topic.name], topic, event, size, _answered_together) for topic, event, size in outputs
        ]
        number, queue = (self._numbers[inbox.topic], inbox.queue) if inbox is not None else (0, "")
        completion = Completion(number, queue, sequence, appends, done)
        self._database.submit(self._completions, completion)

    def restore(self, topic: Topic, events: Sequence[Numbered], done: Callable[[Any, Fault | None], None]) -> None:
        """Has events written that were in the log before; the result is that of `Appends.restore`."""
        piece = Piece(self._numbers[topic.name], topic, events, _answered_elsewhere)
        self._database.submit(self._appends.restore, (piece,), done)

    def after(self, name: str, sequence: int, *, count: int, size: int) -> list[Numbered]:
        """Returns the events after a sequence: at most `count`, and no more once they exceed `size` bytes."""
        low, high = _range(self._numbers[name])
        rows = self._database.read(_AFTER, (low + sequence, high, count), enough=_Budget(size))
        return [self._event(name, low, row) for row in rows]

    def since(self, topic: Topic, time: float) -> int:
        """Returns the sequence of the earliest event taken at a date or later, as far as dates rise."""
        low, _ = _range(self._numbers[topic.name])
        first, after = topic.first, topic.last + 1
        while first < after:
            middle = (first + after) // 2
            rows = self._database.read("SELECT time FROM log WHERE key = ?", (low + middle,))
            if rows and rows[0][0] >= time:
                after = middle
            else:
                first = middle + 1
        return first

    def these(self, name: str, sequences: Sequence[int], *, size: int) -> tuple[list[Numbered], int]:
        """Returns those of the events that are still kept, in order, and the last sequence that was looked for.

        That is not the last of `sequences` where the events exceed `size` bytes.
        """
        low, _ = _range(self._numbers[name])
        keys = msgspec.json.encode([low + sequence for sequence in sequences]).decode()
        budget = _Budget(size)
        found = [self._event(name, low, row) for row in self._database.read(_THESE, (keys,), enough=budget)]
        return found, found[-1][0] if budget.is_spent else sequences[-1]

    def _event(self, name: str, low: int, row: Row) -> Numbered:
        key, time, publisher, id, headers, body = row
        if headers != self._headers[0]:  # the same headers become the same object, which costs less further on
            self._headers = headers, msgspec.json.decode(headers, type=dict[str, str])
        return key - low, StoredEvent(id, name, publisher, self._headers[1], body, time)

    def save(self, inbox: Inbox, done: Callable[[Any, Fault | None], None]) -> None:
        """Has a queue's cursor written."""
        arguments = (self._numbers[inbox.topic], inbox.topic, inbox.queue, inbox.cursor())
        self._database.submit(_save, arguments, done)

    def rewind(self, inbox: Inbox, done: Callable[[Any, Fault | None], None]) -> None:
        """Has the cursor written of a queue that went back; no mark of before counts any more."""
        self._database.submit(_rewind, (self._numbers[inbox.topic], inbox.topic, inbox.queue, inbox.cursor()), done)

    def trim(self, drop: Drop, done: Callable[[Any, Fault | None], None]) -> None:
        """Has a log shortened by a stride; the result is a `Trimmed`."""
        self._database.submit(trim, (*_range(self._numbers[drop.topic.name]), drop, self._limits.ids_kept), done)

    def forget_queue(self, inbox: Inbox, done: Callable[[Any, Fault | None], None] | None = None) -> None:
        """Has a queue's cursor removed."""
        found = self._numbers[inbox.topic], inbox.queue
        self._database.submit("DELETE FROM done WHERE topic = ? AND queue = ?", found)
        self._database.submit("DELETE FROM cursors WHERE topic = ? AND queue = ?", found, done)

    def forget_topic(self, name: str) -> None:
        """Has an empty topic removed. Its number is not used again before the next start."""
        number = self._numbers.pop(name)
        self._database.submit(_forget, (self._appends, number))

    def bytes(self) -> int:
        """Returns how much of the database file is in use."""
        pages = self._database.read("PRAGMA page_count")[0][0] - self._database.read("PRAGMA freelist_count")[0][0]
        return int(pages * self._database.read("PRAGMA page_size")[0][0])


def _range(number: int) -> tuple[int, int]:
    """Returns the keys between which a topic's rows lie."""
    return number << SEQUENCE_BITS, (number + 1) << SEQUENCE_BITS


class _Budget:
    """Counts the bytes of the rows that are read, and says when they are enough."""

    def __init__(self, size: int) -> None:
        self._left = size

    @property
    def is_spent(self) -> bool:
        return self._left <= 0

    def __call__(self, row: Row) -> bool:
        self._left -= EVENT_BYTES + len(row[5])
        return self._left <= 0


def _answered_together(fault: Fault | None) -> None:
    """Outputs have no publisher who waits: their completion is answered."""


def _answered_elsewhere(last: int, fault: Fault | None) -> None:
    """Who has a log restored is told by the database."""


def _save(connection: apsw.Connection, number: int, name: str, queue: str, cursor: Cursor) -> None:
    connection.execute("INSERT OR IGNORE INTO topics VALUES (?, ?, 0, 0)", (number, name))
    state = msgspec.json.encode(cursor)
    connection.execute("INSERT OR REPLACE INTO cursors VALUES (?, ?, ?)", (number, queue, state))
    clear_marks(connection, number, queue, cursor)


def _rewind(connection: apsw.Connection, number: int, name: str, queue: str, cursor: Cursor) -> None:
    connection.execute("DELETE FROM done WHERE topic = ? AND queue = ?", (number, queue))
    _save(connection, number, name, queue, cursor)


def _forget(connection: apsw.Connection, appends: Appends, number: int) -> None:
    appends.forget()
    low, high = _range(number)
    connection.execute("DELETE FROM log WHERE key > ? AND key < ?", (low, high))
    connection.execute("DELETE FROM seen WHERE key > ? AND key < ?", (low, high))
    connection.execute("DELETE FROM cursors WHERE topic = ?", (number,))
    connection.execute("DELETE FROM done WHERE topic = ?", (number,))
    connection.execute("DELETE FROM topics WHERE number = ?", (number,))
