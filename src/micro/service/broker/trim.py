"""Shortening a topic's log, a stride at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import apsw

from micro.service.broker.actions import Drop

__all__ = ["TRIM_ROWS_MAX", "Trimmed", "trim"]

TRIM_ROWS_MAX = 2_048
"""Events taken away in one transaction, so that no publisher waits long for it."""


@dataclass(frozen=True)
class Trimmed:
    """How a log is after a stride: its first sequence, its bytes, and whether there is more to take away."""

    first: int
    bytes: int
    is_more: bool


class _Rows:
    """The rows of one topic in `log` or `seen`, by key: without gaps, and with columns that rise with the key."""

    def __init__(self, connection: apsw.Connection, low: int, high: int) -> None:
        self.connection = connection
        self.low = low
        self.high = high
        self.first, self.last = self._ends()

    def _ends(self) -> tuple[int, int]:
        first = self._one(self.FIRST, self.low, self.high)
        return (self.low + 1, self.low) if first is None else (first, self._one(self.LAST, self.low, self.high))

    FIRST = LAST = TIME = TOTAL = DELETE = ""

    def _one(self, statement: str, *parameters: int) -> Any:
        found = self.connection.execute(statement, parameters).fetchone()
        return None if found is None else found[0]

    def value(self, statement: str, key: int) -> Any:
        """Returns a column of the row at `key`."""
        return self._one(statement, key, self.high)

    def boundary(self, statement: str, value: float) -> int:
        """Returns the first key whose column exceeds `value`, found by halving; the last key + 1 if none does."""
        first, end = self.first, self.last + 1
        while first < end:
            middle = (first + end) // 2
            if self.value(statement, middle) <= value:
                first = middle + 1
            else:
                end = middle
        return first

    def delete(self, end: int) -> None:
        """Removes the rows before `end`."""
        self.connection.execute(self.DELETE, (self.first, end))


class _Log(_Rows):
    FIRST = "SELECT min(key) FROM log WHERE key > ? AND key < ?"
    LAST = "SELECT max(key) FROM log WHERE key > ? AND key < ?"
    TIME = "SELECT time FROM log WHERE key >= ? AND key < ? ORDER BY key LIMIT 1"
    TOTAL = "SELECT total FROM log WHERE key >= ? AND key < ? ORDER BY key LIMIT 1"
    DELETE = "DELETE FROM log WHERE key >= ? AND key < ?"


class _Seen(_Rows):
    FIRST = "SELECT min(key) FROM seen WHERE key > ? AND key < ?"
    LAST = "SELECT max(key) FROM seen WHERE key > ? AND key < ?"
    TIME = "SELECT time FROM seen WHERE key >= ? AND key < ? ORDER BY key LIMIT 1"
    DELETE = "DELETE FROM seen WHERE key >= ? AND key < ?"


def trim(connection: apsw.Connection, low: int, high: int, drop: Drop, ids_kept: int) -> Trimmed:
    """Takes away what `drop` says, and ids beyond `ids_kept` or too old; on the writer's thread.

    Args:
        connection: in a transaction.
        low: the key before the topic's first possible one.
        high: the key after its last possible one.
        drop: what may go.
        ids_kept: how many ids are remembered, at least those of the kept events.
    """
    log = _Log(connection, low, high)
    kept: Any = connection.execute(
        "SELECT coalesce(max(last), 0), coalesce(max(trimmed), 0) FROM topics WHERE name = ?", (drop.topic.name,)
    ).fetchone()
    newest, trimmed = kept
    if log.first > log.last:
        _trim_ids(_Seen(connection, low, high), low + newest + 1, drop, ids_kept)
        return Trimmed(newest + 1, 0, is_more=False)
    total = log.value(log.TOTAL, log.last)
    by_limits = log.last - drop.messages + 1
    if total - trimmed > drop.bytes:  # what follows the first whose total is this near to the end is small enough
        by_limits = max(by_limits, log.boundary(log.TOTAL, total - drop.bytes - 1) + 1)
    wanted = max(log.first, min(by_limits, low + drop.needed), log.boundary(log.TIME, drop.before))
    end = min(wanted, log.first + TRIM_ROWS_MAX)
    if end > log.first:
        trimmed = log.value(log.TOTAL, end - 1)
        log.delete(end)
        values = (log.last - low, trimmed, drop.topic.name)
        connection.execute("UPDATE topics SET last = ?, trimmed = ? WHERE name = ?", values)
    _trim_ids(_Seen(connection, low, high), end, drop, ids_kept)
    return Trimmed(end - low, total - trimmed, is_more=end < wanted)


def _trim_ids(seen: _Seen, end: int, drop: Drop, ids_kept: int) -> None:
    old = max(seen.last - ids_kept + 1, seen.boundary(seen.TIME, drop.before))
    old = min(old, end, seen.first + 2 * TRIM_ROWS_MAX)
    if old > seen.first:
        seen.delete(old)
