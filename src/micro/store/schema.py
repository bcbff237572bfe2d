"""Opening an SQLite database the one safe way, and bringing its schema up to date."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import apsw

from micro.errors import EngineError

if TYPE_CHECKING:
    from micro.ports import Disk

__all__ = ["Migration", "connect", "migrate"]

Migration = str | Callable[[apsw.Connection], object]
"""One step from a schema version to the next: SQL statements, or a function that executes them."""

SQLITE_VERSION_MIN = 3_051_003
"""Older ones can corrupt a database in WAL mode (fixed in 3.51.3)."""

SYNCHRONOUS = "FULL"
"""In WAL mode this fsyncs the log at every commit; anything less forgets acknowledged transactions at a power loss."""

BUSY_MILLISECONDS_MAX = 5_000
"""How long a statement waits for a lock that another process holds."""

WAL_FILE_BYTES_MAX = 64 * 1024 * 1024
"""A write-ahead log file that once grew beyond this is cut back when it starts over."""


def connect(disk: Disk, path: Path, *, read_only: bool = False) -> apsw.Connection:
    """Opens `path` with every pragma the house wants.

    Raises:
        EngineError: the library is too old, or the file cannot be opened or is no database.
    """
    if apsw.SQLITE_VERSION_NUMBER < SQLITE_VERSION_MIN:
        raise EngineError(f"SQLite {apsw.sqlite_lib_version()} can corrupt data; install apsw 3.51.3 or newer")
    connection = disk.database(path, read_only=read_only)
    try:
        connection.set_busy_timeout(BUSY_MILLISECONDS_MAX)
        for name, value in (("trusted_schema", "OFF"), ("cell_size_check", "ON"), ("mmap_size", 0)):
            connection.pragma(name, value)
        if not read_only:
            _prepare_writer(connection, path)
    except apsw.Error as error:
        connection.close()
        raise EngineError(
            f"cannot use the database {path}: {error}; put it back from your backup, or move it away with what lies "
            f"beside it ({path.name}-wal, {path.name}-shm), to begin without what it held"
        ) from error
    return connection


def _prepare_writer(connection: apsw.Connection, path: Path) -> None:
    if connection.pragma("journal_mode", "wal") != "wal":
        raise EngineError(f"the disk below {path.name} cannot keep a write-ahead log; use a local file system")
    connection.pragma("synchronous", SYNCHRONOUS)
    connection.pragma("foreign_keys", "ON")
    connection.pragma("wal_autocheckpoint", 0)  # the writer does it when nobody waits for a commit
    connection.pragma("journal_size_limit", WAL_FILE_BYTES_MAX)


def migrate(connection: apsw.Connection, name: str, migrations: Sequence[Migration]) -> None:
    """Applies the steps the database lacks, each in a transaction of its own; step i leads to `user_version` i + 1.

    Raises:
        EngineError: the database was written by a newer version of the program.
    """
    version = int(connection.pragma("user_version"))
    if version > len(migrations):
        raise EngineError(
            f"{name} has schema {version} and this program knows {len(migrations)}: it was written by a newer version; "
            "update micro-network, or use another home"
        )
    for number, step in enumerate(migrations[version:], start=version + 1):
        with connection:
            if isinstance(step, str):
                connection.execute(step)
            else:
                step(connection)
            connection.pragma("user_version", number)
