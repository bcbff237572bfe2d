"""Completing an event: the mark that it is done and the events that follow from it, all in one transaction.

A queue's cursor is saved now and then; a completion must be on disk at once, and with its outputs. So it leaves a mark
beside the cursor, which is taken away when a cursor that covers it is saved. After a crash marks and cursor are read
together: what is marked was done.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import apsw
import msgspec

from micro.errors import Conflict, Fault
from micro.service.broker.append import Append, Appends
from micro.service.broker.cursor import Cursor
from micro.store.database import Group

__all__ = ["Completion", "Completions", "clear_marks", "with_marks"]


class Completion(msgspec.Struct, gc=True):
    """One event that is done, on its way to the disk with what follows from it.

    Attributes:
        number: the number of its topic in the database.
        queue: whose event it is; "" where it is none of ours, and leaves no mark.
        sequence: the event.
        outputs: what follows from it.
        done: to be called when all is there, or cannot be.
    """

    number: int
    queue: str
    sequence: int
    outputs: list[Append]
    done: Callable[[Fault | None], None]


class Completions(Group):
    """Marks events as done and publishes their outputs; the result of each is its outputs' sequences, or a fault.

    Args:
        appends: what writes the outputs.
        finished: called on the loop with the completions of one transaction and their results.
    """

    def __init__(
        self, appends: Appends, finished: Callable[[list[Completion], Sequence[list[int] | Fault]], None]
    ) -> None:
        self._appends = appends
        self._finished = finished

    def apply(self, connection: apsw.Connection, items: list[Completion]) -> list[object]:
        """Writes all; one whose event has a mark already publishes nothing."""
        fresh = [_mark(connection, item) for item in items]
        outputs = [output for item, is_fresh in zip(items, fresh, strict=True) if is_fresh for output in item.outputs]
        written = iter(self._appends.apply(connection, outputs) if outputs else ())
        return [
            [next(written) for _ in item.outputs] if is_fresh else Conflict("the event was completed already")
            for item, is_fresh in zip(items, fresh, strict=True)
        ]

    def forget(self) -> None:
        """The database may not end where it was thought to."""
        self._appends.forget()

    def finish(self, items: list[Completion], results: Sequence[Any]) -> None:
        """Hands the results on."""
        self._finished(items, results)


def _mark(connection: apsw.Connection, item: Completion) -> bool:
    if not item.queue:
        return True
    connection.execute("INSERT OR IGNORE INTO done VALUES (?, ?, ?)", (item.number, item.queue, item.sequence))
    return connection.changes() == 1


def clear_marks(connection: apsw.Connection, number: int, queue: str, cursor: Cursor) -> None:
    """Takes away the marks that a saved cursor covers."""
    place = (number, queue)
    if connection.execute("SELECT 1 FROM done WHERE topic = ? AND queue = ? LIMIT 1", place).fetchone() is None:
        return
    unfinished = msgspec.json.encode([sequence for sequence, _, _ in cursor.unfinished]).decode()
    connection.execute(
        "DELETE FROM done WHERE topic = ? AND queue = ? AND sequence <= ? "
        "AND sequence NOT IN (SELECT value FROM json_each(?))",
        (*place, cursor.handed_out, unfinished),
    )


def with_marks(cursor: Cursor, marks: Sequence[int]) -> Cursor:
    """Returns a saved cursor as the marks that were left beside it correct it."""
    if not marks:
        return cursor
    done = set(marks)
    unfinished = tuple(entry for entry in cursor.unfinished if entry[0] not in done)
    beyond = sorted(sequence for sequence in done.union(cursor.beyond) if sequence > cursor.handed_out)
    return Cursor(cursor.handed_out, unfinished, tuple(beyond), cursor.rewinds)
