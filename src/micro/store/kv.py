"""The key-value store of one service: tables of keys and values that may expire, each in somebody's scope."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import apsw
import msgspec

from micro.errors import BadRequest, TooLarge
from micro.store.condition import Condition, Room
from micro.store.database import Database, Row
from micro.store.keys import key_bytes, key_range, place_of
from micro.store.watch import Change, Watch, Watchers

if TYPE_CHECKING:
    from micro.ports import Clock, Disk

__all__ = ["KeyValue", "KeyValueLimits", "Record", "Room", "Usage"]

VALUE_BYTES_MAX = 1024 * 1024
METADATA_BYTES_MAX = 4_096
TABLE_DEFAULT = "main"
LIST_RECORDS_MAX = 1_000
LIST_BYTES_MAX = 4 * 1024 * 1024
"""Values returned by one `list`; it ends after the record that reaches this."""
OFFSET_MAX = 1_000_000
OFFSET_ON_LOOP_MAX = 1_000
"""Skipping more records than this is left to a thread."""
RECORD_BYTES = 128
"""What a record is reckoned to cost beside its key, value and metadata."""
SWEEP_RECORDS_MAX = 1_000
"""Expired records removed in one transaction."""
SWEEP_WITH_WRITE_RECORDS = 8

MIGRATIONS = (
    """
    CREATE TABLE records (
        number INTEGER PRIMARY KEY,
        scope TEXT NOT NULL,
        place TEXT NOT NULL,
        key BLOB NOT NULL,          -- UTF-8, as bytes, so that prefixes are ranges
        size INTEGER NOT NULL,
        changed REAL NOT NULL,
        expires REAL,
        metadata BLOB NOT NULL,     -- a JSON object
        value BLOB NOT NULL,
        UNIQUE (scope, place, key)
    ) STRICT;
    CREATE INDEX records_by_expiry ON records (expires) WHERE expires IS NOT NULL;
    CREATE TABLE usage (
        scope TEXT PRIMARY KEY,
        records INTEGER NOT NULL,
        bytes INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE total (records INTEGER NOT NULL, bytes INTEGER NOT NULL) STRICT; -- one row
    INSERT INTO total VALUES (0, 0);
    CREATE TRIGGER count_insert AFTER INSERT ON records BEGIN
        INSERT INTO usage VALUES (new.scope, 1, new.size)
            ON CONFLICT DO UPDATE SET records = records + 1, bytes = bytes + new.size;
        UPDATE total SET records = records + 1, bytes = bytes + new.size;
    END;
    CREATE TRIGGER count_update AFTER UPDATE ON records BEGIN
        UPDATE usage SET bytes = bytes + new.size - old.size WHERE scope = new.scope;
        UPDATE total SET bytes = bytes + new.size - old.size;
    END;
    CREATE TRIGGER count_delete AFTER DELETE ON records BEGIN
        UPDATE usage SET records = records - 1, bytes = bytes - old.size WHERE scope = old.scope;
        DELETE FROM usage WHERE scope = old.scope AND records = 0;
        UPDATE total SET records = records - 1, bytes = bytes - old.size;
    END;
    """,
    """
    ALTER TABLE records ADD COLUMN version INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE total ADD COLUMN version INTEGER NOT NULL DEFAULT 0; -- of the newest write; none is given out twice
    UPDATE records SET version = number;
    UPDATE total SET version = (SELECT coalesce(max(number), 0) FROM records);
    """,
)

_LIVE = "SELECT key, value, metadata, changed, expires, version FROM records WHERE scope = ? AND place = ? "
_READ = _LIVE + "AND key = ? AND (expires IS NULL OR expires > ?)"
_RANGE = _LIVE + "AND key >= ? AND key < ? AND (expires IS NULL OR expires > ?) ORDER BY key "
_LISTS = {"ascending": _RANGE + "LIMIT ? OFFSET ?", "descending": _RANGE + "DESC LIMIT ? OFFSET ?"}
_WRITE = """
    INSERT INTO records (scope, place, key, size, changed, expires, metadata, value, version)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (scope, place, key) DO UPDATE SET
        size = excluded.size, changed = excluded.changed, expires = excluded.expires,
        metadata = excluded.metadata, value = excluded.value, version = excluded.version
"""
_DELETE = "DELETE FROM records WHERE scope = ? AND place = ? AND key = ? RETURNING expires IS NULL OR expires > ?"
_SWEEP = """
    DELETE FROM records WHERE number IN (SELECT number FROM records WHERE expires <= ? ORDER BY expires LIMIT ?)
    RETURNING scope, place, key
"""


Rows = list[Row]


class KeyValueLimits(msgspec.Struct, frozen=True):
    """Quotas: of one scope, and of the whole store of a service."""

    scope_records: int = 100_000
    scope_bytes: int = 256 * 1024 * 1024
    total_records: int = 1_000_000
    total_bytes: int = 1024 * 1024 * 1024


class Record(msgspec.Struct, frozen=True):
    """One entry.

    Attributes:
        key, value: what it is.
        metadata: what was noted beside it.
        changed, expires: when, in seconds since 1970; None for never.
        version: which write it is of; a later one of any key has a greater number, and no two have the same.
    """

    key: str
    value: bytes
    metadata: dict[str, str]
    changed: float
    expires: float | None = None
    version: int = 0


class Usage(msgspec.Struct, frozen=True):
    """How much of a quota is used."""

    records: int
    bytes: int


class KeyValue:
    """A service's store.

    A scope is one caller's part of it, or "" for what all share: who may use which is not decided here. A write is on
    disk when it returns. Expired records are invisible at once, and removed in passing.

    Args:
        disk: where the file is.
        path: the file.
        clock: for expiry.
        limits: the quotas.
        threaded: False does without threads, for the simulated world.
    """

    def __init__(
        self,
        disk: Disk,
        path: Path,
        clock: Clock,
        *,
        limits: KeyValueLimits | None = None,
        threaded: bool = True,
    ) -> None:
        self._clock = clock
        self._limits = limits if limits is not None else KeyValueLimits()
        self._database = Database(disk, path, MIGRATIONS, threaded=threaded)
        self.watchers = Watchers()

    def open(self) -> None:
        """Opens the file; raises `EngineError` if it is damaged or newer than this program."""
        self._database.open()

    async def close(self) -> None:
        """Ends all watches, writes what is under way, and closes the file."""
        self.watchers.close()
        await self._database.close()

    async def read(self, scope: str, key: str, *, table: str = TABLE_DEFAULT) -> Record | None:
        """Returns a record, or None where there is none or it has expired.

        Raises:
            Fault: the key or the table is no good, or the disk failed.
        """
        place = place_of(scope, table)
        rows = self._database.read(_READ, (*place, key_bytes(key), self._clock.now()))
        return _record(rows[0]) if rows else None

    async def write(
        self,
        scope: str,
        key: str,
        value: bytes,
        *,
        table: str = TABLE_DEFAULT,
        expires: float | None = None,
        metadata: Mapping[str, str] | None = None,
        if_version: int | None = None,
        room: Room | None = None,
    ) -> int:
        """Sets a record and returns its version.

        Args:
            scope: whose it is.
            key: 1 to 512 bytes of UTF-8.
            value: at most 1 MiB.
            table: where it is.
            expires: when it is to be forgotten, in seconds since 1970.
            metadata: small notes, 4,096 bytes as JSON.
            if_version: only where the record has this version; 0 where there must be none.
            room: for a new key, how many there may be.

        Raises:
            Conflict: it has another version, so that somebody else was faster.
            TooManyRequests: there is no room for a new key.
            TooLarge: a size or a quota is exceeded; the detail names it.
            Fault: the key or the table is no good, or the disk failed.
        """
        notes = msgspec.json.encode(dict(metadata or {}))
        if len(value) > VALUE_BYTES_MAX:
            raise TooLarge(f"value: {len(value):,} bytes exceed the limit of {VALUE_BYTES_MAX:,}; split it")
        if len(notes) > METADATA_BYTES_MAX:
            raise TooLarge(f"metadata: {len(notes):,} bytes exceed the limit of {METADATA_BYTES_MAX:,}")
        place, name = place_of(scope, table), key_bytes(key)
        row = (
            *place,
            name,
            RECORD_BYTES + len(name) + len(value) + len(notes),
            self._clock.now(),
            expires,
            notes,
            value,
        )
        condition = Condition(key, if_version, room)
        version, expired = await self._database.write(_write, (row, self._limits, condition))
        self._tell_expired(expired)
        self.watchers.tell(Change("write", key, scope, table))
        return int(version)

    async def delete(self, scope: str, key: str, *, table: str = TABLE_DEFAULT, if_version: int | None = None) -> bool:
        """Removes a record, if it has the version that is asked for; returns whether there was one.

        Raises:
            Conflict: it has another version.
        """
        place = (*place_of(scope, table), key_bytes(key), self._clock.now())
        found = await self._database.write(_delete, (place, Condition(key, if_version, None)))
        if not found or not found[0][0]:
            return False
        self.watchers.tell(Change("delete", key, scope, table))
        return True

    async def list(
        self,
        scope: str,
        *,
        table: str = TABLE_DEFAULT,
        prefix: str = "",
        limit: int = 100,
        offset: int = 0,
        order: Literal["ascending", "descending"] = "ascending",
    ) -> list[Record]:
        """Returns the records whose keys begin with `prefix`, by key, after leaving out `offset` of them.

        There may be fewer than `limit` (at most 1,000) if their values exceed 4 MiB together: ask again from there.

        Raises:
            BadRequest: an argument is out of its range.
        """
        if not 1 <= limit <= LIST_RECORDS_MAX:
            raise BadRequest(f"limit: expected 1 to {LIST_RECORDS_MAX:,}, got {limit}")
        if not 0 <= offset <= OFFSET_MAX:
            raise BadRequest(f"offset: expected 0 to {OFFSET_MAX:,}, got {offset}")
        if order not in _LISTS:
            raise BadRequest(f"order: expected ascending or descending, got {str(order)[:32]!r}")
        first, end = key_range(prefix)
        parameters = (*place_of(scope, table), first, end, self._clock.now(), limit, offset)
        budget = _Budget(LIST_BYTES_MAX)
        if offset > OFFSET_ON_LOOP_MAX:
            rows = await self._database.scan(_LISTS[order], parameters, enough=budget)
        else:
            rows = self._database.read(_LISTS[order], parameters, enough=budget)
        return [_record(row) for row in rows]

    def watch(self, scope: str, *, table: str = TABLE_DEFAULT, prefix: str = "") -> Watch:
        """Returns an iterator of the changes from now on of keys that begin with `prefix`.

        Raises:
            TooManyRequests: there are too many watchers.
        """
        place_of(scope, table)
        return self.watchers.add(
            lambda change: change.scope == scope and change.table == table and change.key.startswith(prefix)
        )

    async def sweep(self) -> int:
        """Removes expired records, a share of them; returns how many. To be called now and then, until it returns 0."""
        expired = await self._database.write(_SWEEP, (self._clock.now(), SWEEP_RECORDS_MAX))
        self._tell_expired(expired)
        return len(expired)

    def usage(self, scope: str) -> Usage:
        """Returns how much a scope holds, expired records included until they are removed."""
        rows = self._database.read("SELECT records, bytes FROM usage WHERE scope = ?", (scope,))
        return Usage(*rows[0]) if rows else Usage(0, 0)

    def _tell_expired(self, rows: Rows) -> None:
        for scope, table, key in rows:
            self.watchers.tell(Change("expire", key.decode(), scope, table))


class _Budget:
    """Counts the bytes of the values that are read, and says when they are enough."""

    def __init__(self, size: int) -> None:
        self._left = size

    def __call__(self, row: Row) -> bool:
        self._left -= len(row[1])
        return self._left <= 0


def _write(
    connection: apsw.Connection, row: tuple[Any, ...], limits: KeyValueLimits, condition: Condition
) -> tuple[int, list[Row]]:
    """Removes a few expired records, checks condition and quotas, and writes; returns the version and what expired."""
    scope, place, key, size, now = row[:5]
    condition.check(connection, (scope, place, key, now))
    expired = connection.execute(_SWEEP, (now, SWEEP_WITH_WRITE_RECORDS)).fetchall()
    old = connection.execute(
        "SELECT size FROM records WHERE scope = ? AND place = ? AND key = ?", (scope, place, key)
    ).fetchone()
    more, bytes_more = (0, size - old[0]) if old else (1, size)
    mine = connection.execute("SELECT records, bytes FROM usage WHERE scope = ?", (scope,)).fetchone() or (0, 0)
    total = connection.execute("SELECT records, bytes, version FROM total").fetchone() or (0, 0, 0)
    _check_quota("this scope", mine, more, bytes_more, limits.scope_records, limits.scope_bytes)
    _check_quota("the service's store", total, more, bytes_more, limits.total_records, limits.total_bytes)
    version = int(total[2]) + 1
    connection.execute("UPDATE total SET version = ?", (version,))
    connection.execute(_WRITE, (*row, version))
    return version, expired


def _delete(connection: apsw.Connection, place: tuple[Any, ...], condition: Condition) -> list[Row]:
    condition.check(connection, place)
    return connection.execute(_DELETE, place).fetchall()


def _check_quota(whose: str, used: Any, more: int, bytes_more: int, records_max: int, bytes_max: int) -> None:
    if more and used[0] >= records_max:
        raise TooLarge(f"{whose} holds {used[0]:,} records, its limit; delete some")
    if bytes_more > 0 and used[1] + bytes_more > bytes_max:
        raise TooLarge(f"{whose} holds {used[1]:,} bytes, and {bytes_more:,} more exceed its limit of {bytes_max:,}")


def _record(row: Row) -> Record:
    key, value, metadata, changed, expires, version = row
    return Record(key.decode(), value, msgspec.json.decode(metadata, type=dict[str, str]), changed, expires, version)
