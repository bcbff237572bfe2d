"""The one writer of a database: many operations in one transaction, and what happens when the disk fails."""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import apsw

from micro.errors import Conflict, EngineError, Fault, InternalError, Unavailable
from micro.store.schema import Migration, connect, migrate

if TYPE_CHECKING:
    from micro.ports import Disk

__all__ = ["Done", "Entry", "Group", "Operation", "Writer"]

WAL_BYTES_MAX = 4 * 1024 * 1024
"""A write-ahead log longer than this is copied into the database even while the writer is busy.

Measured: 4 MiB gives the throughput of 16 MiB and half its 99th percentile, because each copy holds up fewer commits.
"""

DISK_ERRORS = (
    apsw.IOError,
    apsw.FullError,
    apsw.CorruptError,
    apsw.NotADBError,
    apsw.CantOpenError,
    apsw.ReadOnlyError,
    apsw.NoMemError,
)
"""Errors that say something about the disk and nothing about the statement."""


class Group(ABC):
    """An operation that does many items at once: the hot path.

    Neighbouring submissions to the same group reach `apply` as one list, on the writer's thread.
    """

    @abstractmethod
    def apply(self, connection: apsw.Connection, items: list[Any]) -> Sequence[object]:
        """Does all items and returns one result for each. It may be called again for the same ones after `forget`."""

    @abstractmethod
    def forget(self) -> None:
        """A transaction was rolled back: whatever `apply` remembered outside the database may be wrong."""

    @abstractmethod
    def finish(self, items: list[Any], results: Sequence[object]) -> None:
        """Called on the loop once the commit has returned; a result that is a `Fault` says that this item failed."""


Done = Callable[[Any, Fault | None], None]
Operation = str | Callable[..., object] | Group
Entry = tuple[Operation, Any, Done | None]


class Writer:
    """Owns the only connection that writes. Its methods are called from one thread at a time."""

    def __init__(self, disk: Disk, path: Path, migrations: Sequence[Migration]) -> None:
        self._disk = disk
        self._path = path
        self._migrations = migrations
        self._connection: apsw.Connection | None = None
        self._wal_pages = 0
        self._page_bytes = 4096

    @property
    def connection(self) -> apsw.Connection:
        """The open connection; opening it again first if the disk had failed."""
        if self._connection is None:
            self._open(verify=True)
        assert self._connection is not None
        return self._connection

    def open(self) -> None:
        """Opens and migrates the database, or raises `EngineError`."""
        self._open(verify=False)

    def _open(self, *, verify: bool) -> None:
        connection = connect(self._disk, self._path)
        try:
            if verify:
                _verify(connection, self._path)
            migrate(connection, self._path.name, self._migrations)
            self._page_bytes = int(connection.pragma("page_size"))
        except apsw.Error as error:
            _abandon(connection)
            raise EngineError(f"{self._path.name} cannot be opened: {error}; check the disk") from error
        except BaseException:
            _abandon(connection)
            raise
        connection.set_wal_hook(self._on_wal)
        self._connection = connection

    def _on_wal(self, _connection: apsw.Connection, _schema: str, pages: int) -> int:
        self._wal_pages = pages
        return apsw.SQLITE_OK

    def commit(self, entries: Sequence[Entry]) -> list[object]:
        """Does all entries in one transaction and returns, once it is on disk, a result for each.

        An entry that fails alone has a `Fault` in its place and leaves no trace. If the transaction itself fails, every
        result is the same `Unavailable`, and the database is opened anew and verified before the next one.
        """
        try:
            connection = self.connection
            try:
                return self._transaction(connection, entries, self._together)
            except DISK_ERRORS:
                raise
            except Exception:  # noqa: BLE001 - whatever it was, one entry is to blame: find out which
                return self._transaction(connection, entries, self._one_by_one)
        except (apsw.Error, EngineError) as error:
            self.fail()
            detail = f"outcome unknown: {self._path.name} could not be written ({error}); check the disk, then retry"
            return [Unavailable(detail)] * len(entries)

    def _transaction(
        self,
        connection: apsw.Connection,
        entries: Sequence[Entry],
        run: Callable[[apsw.Connection, Sequence[Entry]], list[object]],
    ) -> list[object]:
        connection.execute("BEGIN IMMEDIATE")
        try:
            results = run(connection, entries)
            connection.execute("COMMIT")
        except BaseException:
            _forget(entries)
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        return results

    def _together(self, connection: apsw.Connection, entries: Sequence[Entry]) -> list[object]:
        results: list[object] = []
        for operation, run in groupby(entries, itemgetter(0)):
            if isinstance(operation, Group):
                items = [entry[1] for entry in run]
                found = operation.apply(connection, items)
                assert len(found) == len(items), "a group answers each of its items"
                results.extend(found)
            else:
                results.extend(_execute(connection, operation, entry[1]) for entry in run)
        return results

    def _one_by_one(self, connection: apsw.Connection, entries: Sequence[Entry]) -> list[object]:
        results: list[object] = []
        for operation, parameters, _ in entries:
            connection.execute("SAVEPOINT entry")
            try:
                if isinstance(operation, Group):
                    results.extend(operation.apply(connection, [parameters]))
                else:
                    results.append(_execute(connection, operation, parameters))
            except DISK_ERRORS:
                raise
            except Exception as error:  # noqa: BLE001 - whatever an entry raises becomes its fault
                _forget(entries)
                connection.execute("ROLLBACK TO entry")
                results.append(_fault(error))
            connection.execute("RELEASE entry")
        return results

    def checkpoint(self, *, is_idle: bool = False) -> None:
        """Copies the write-ahead log into the database, when idle or when the log is long; waits for no reader."""
        bytes_max = 0 if is_idle else WAL_BYTES_MAX
        if self._connection is None or self._wal_pages * self._page_bytes <= bytes_max:
            return
        try:
            self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
            self._wal_pages = 0
        except apsw.BusyError:
            pass  # the next one does it
        except apsw.Error:
            self.fail()

    def fail(self) -> None:
        """Gives up the connection.

        After a failed fsync the system may have dropped what it had not written, so the handle is never trusted again.
        """
        if self._connection is not None:
            _abandon(self._connection)
            self._connection = None
        self._wal_pages = 0

    def close(self) -> None:
        """Copies the write-ahead log into the database and closes it."""
        self.checkpoint(is_idle=True)
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _verify(connection: apsw.Connection, path: Path) -> None:
    found = connection.execute("PRAGMA quick_check(1)").fetchone()
    if found != ("ok",):
        raise EngineError(f"{path.name} is damaged ({found}); restore it from a backup")


def _execute(connection: apsw.Connection, operation: str | Callable[..., object], parameters: Any) -> object:
    if isinstance(operation, str):
        return connection.execute(operation, parameters).fetchall()
    return operation(connection, *parameters)


def _forget(entries: Sequence[Entry]) -> None:
    for operation in {id(entry[0]): entry[0] for entry in entries}.values():
        if isinstance(operation, Group):
            operation.forget()


def _fault(error: Exception) -> Fault:
    if isinstance(error, Fault):
        return error
    if isinstance(error, apsw.ConstraintError):
        return Conflict(f"the change breaks a rule of the database: {error}")
    return InternalError(f"the change could not be made: {type(error).__name__}: {error}")


def _abandon(connection: apsw.Connection) -> None:
    """Closes without copying the write-ahead log: what it holds is to be read and verified first."""
    with contextlib.suppress(apsw.Error):
        connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
    with contextlib.suppress(apsw.Error):
        connection.close(force=True)
