"""An SQLite database whose writes are acknowledged after one fsync shared by many (group commit)."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Sequence
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import apsw

from micro.errors import EngineError, Fault, TooManyRequests, Unavailable
from micro.store.schema import Migration, connect
from micro.store.writer import Done, Entry, Group, Operation, Writer

if TYPE_CHECKING:
    from micro.ports import Disk

__all__ = ["Database", "Done", "Group", "Migration", "Operation", "Row"]

Row = tuple[Any, ...]

ENTRIES_WAITING_MAX = 65_536
"""Writes that wait for a commit; more are refused, because a queue without end is memory without end."""

BATCH_ENTRIES_MAX = 1_024
"""Writes that share one transaction."""

HOLD_SECONDS = 0.0005
"""A transaction is held back so long while fewer writes wait than the last one had: whoever writes many at a time sends
them in pieces, and one fsync for all of them is cheaper than one for the first piece and another for the rest."""

HOLDS_MAX = 4
"""So often a transaction is held back at most, and only while each time brought more."""

PIECES_MAX = 8
"""Fewer writes than such a part of the last transaction are no piece of a burst, and are not held back."""

IDLE_SECONDS = 1.0
"""A writer with nothing to do for this long copies the write-ahead log into the database, and then ends its thread."""


class Database:
    """One file, one writer, readers beside it.

    Writes are submitted on the event loop and answered there, in order, only after their COMMIT has returned, which
    with `synchronous=FULL` is after the fsync. While one transaction is being written the next one gathers, so that
    the more is written at once the fewer fsyncs each write costs. Reads see every write that was answered.

    With `threaded=False` nothing but the loop's own thread is used: a transaction is written at the end of the loop's
    turn. The simulated world runs so.

    Args:
        disk: where databases are opened.
        path: the file.
        migrations: the steps from an empty database to the present schema (see `micro.store.schema.migrate`).
    """

    def __init__(self, disk: Disk, path: Path, migrations: Sequence[Migration], *, threaded: bool = True) -> None:
        self._disk = disk
        self._path = path
        self._threaded = threaded
        self._writer = Writer(disk, path, migrations)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_open = False
        self._waiting: deque[Entry] = deque()
        self._last = 0  # how many writes the last transaction had, or half of those before
        self._wanted = 1  # so many have to wait before the thread is woken
        self._roused = False
        self._lock = threading.Lock()
        self._work = threading.Event()
        self._thread: threading.Thread | None = None
        self._unanswered = 0
        self._answered: asyncio.Future[None] | None = None
        self._reader: apsw.Connection | None = None
        self._scanner: apsw.Connection | None = None
        self._scanning = asyncio.Lock()

    @property
    def path(self) -> Path:
        """The database's file."""
        return self._path

    def open(self) -> None:
        """Opens or creates the file and brings its schema up to date. Needs a running event loop.

        Raises:
            EngineError: the file is no database, is damaged, or was written by a newer version.
        """
        self._loop = asyncio.get_running_loop()
        self._writer.open()
        if self._threaded:
            self._reader = connect(self._disk, self._path, read_only=True)
        self._is_open = True

    async def close(self) -> None:
        """Commits what was submitted, answers it, and closes the file."""
        if not self._is_open or self._loop is None:
            return
        self._is_open = False
        if self._unanswered:
            self._answered = self._loop.create_future()
            await self._answered
        for connection in (self._reader, self._scanner):
            if connection is not None:
                connection.close()
        self._reader = self._scanner = None
        if self._threaded:
            await self._loop.run_in_executor(None, self._end)
        else:
            self._writer.close()

    def _end(self) -> None:
        with self._lock:
            thread = self._thread
        self._work.set()
        if thread is not None:
            thread.join()
        self._writer.close()

    def submit(self, operation: Operation, parameters: Any, done: Done | None = None) -> None:
        """Has a write done in the next transaction.

        Args:
            operation: an SQL statement with `parameters` as its bindings, a function that is called as
                `operation(connection, *parameters)` on the writer's thread, or a `Group`, for which `parameters` is one
                item. A function may be called twice for one write, the first call having been rolled back.
            parameters: see `operation`.
            done: called on the loop as `done(result, None)` after the commit, or as `done(None, fault)`; the result of
                a statement is its rows. It must not raise. A group is told by its `finish` instead.
        """
        entry = (operation, parameters, done)
        if not self._is_open or self._loop is None:
            self._refuse(entry, Unavailable(f"{self._path.name} is closed; start the node again"))
        elif self._unanswered >= ENTRIES_WAITING_MAX:
            waiting = f"{ENTRIES_WAITING_MAX:,} writes already wait for {self._path.name}"
            self._refuse(entry, TooManyRequests(f"{waiting}: the disk is slower than the writers; try again later"))
        else:
            self._unanswered += 1
            self._waiting.append(entry)
            if not self._roused:
                self._roused = True
                self._loop.call_soon(self._rouse)

    async def write(self, operation: str | Callable[..., object], parameters: Sequence[Any] = ()) -> Any:
        """Does `submit` and waits; returns the result or raises the fault."""
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

        def done(result: Any, fault: Fault | None) -> None:
            if future.cancelled():
                return
            if fault is None:
                future.set_result(result)
            else:
                future.set_exception(fault)

        self.submit(operation, tuple(parameters), done)
        return await future

    def read(
        self, statement: str, parameters: Sequence[Any] = (), *, enough: Callable[[Row], bool] | None = None
    ) -> list[Row]:
        """Returns the rows of a query at once, on the calling thread: only for queries that are indexed and bounded.

        Args:
            statement: the query.
            parameters: its bindings.
            enough: called with each row; the one for which it returns True is the last that is read.

        Raises:
            Unavailable: the database is closed, or the disk failed.
        """
        return self._fetch(self._reader, statement, parameters, enough)

    async def scan(
        self, statement: str, parameters: Sequence[Any] = (), *, enough: Callable[[Row], bool] | None = None
    ) -> list[Row]:
        """Does `read` for a query that may take long: on a thread of its own, one at a time."""
        if not self._threaded:
            return self.read(statement, parameters, enough=enough)
        async with self._scanning:
            if self._scanner is None and self._is_open:
                self._scanner = connect(self._disk, self._path, read_only=True)
            return await asyncio.to_thread(self._fetch, self._scanner, statement, parameters, enough)

    def _fetch(
        self,
        connection: apsw.Connection | None,
        statement: str,
        parameters: Sequence[Any],
        enough: Callable[[Row], bool] | None = None,
    ) -> list[Row]:
        if not self._is_open:
            raise Unavailable(f"{self._path.name} is closed; start the node again")
        try:
            if connection is None:  # without threads the writer's own connection serves, between two transactions
                connection = self._writer.connection
            cursor = connection.execute(statement, parameters)
            if enough is None:
                return cursor.fetchall()
            rows = []
            for row in cursor:
                rows.append(row)
                if enough(row):
                    cursor.close(force=True)
                    break
            return rows
        except (apsw.Error, EngineError) as error:
            raise Unavailable(f"{self._path.name} could not be read: {error}; check the disk") from error

    def _rouse(self) -> None:
        self._roused = False
        if not self._threaded:
            while batch := self._take():
                self._answer(batch, self._writer.commit(batch))
            self._writer.checkpoint()
            return
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name=f"writes {self._path.name}", daemon=True)
                self._thread.start()
        if len(self._waiting) >= self._wanted:
            self._work.set()

    def _take(self) -> list[Entry]:
        waiting = self._waiting
        return [waiting.popleft() for _ in range(min(len(waiting), BATCH_ENTRIES_MAX))]

    def _gather(self) -> list[Entry]:
        """Takes what waits once that is as much as the last time, or no more seems to come."""
        self._wanted = self._last
        for _ in range(HOLDS_MAX):
            self._work.clear()
            waiting = len(self._waiting)
            is_piece = self._last // PIECES_MAX < waiting < self._wanted
            if not is_piece or self._work.wait(HOLD_SECONDS) or len(self._waiting) == waiting:
                break
        self._wanted = 1
        batch = self._take()
        if batch:
            self._last = max(len(batch), self._last // 2)
        return batch

    def _run(self) -> None:
        """The writer's thread. Appending to the deque and taking from it are atomic, so they need no lock."""
        assert self._loop is not None
        while True:
            idle = not self._work.wait(IDLE_SECONDS)
            self._work.clear()
            while batch := self._gather():
                results = self._writer.commit(batch)
                try:
                    self._loop.call_soon_threadsafe(self._answer, batch, results)
                except RuntimeError:  # the loop was closed without closing the database: nobody is left to tell
                    return
                self._writer.checkpoint()
            if idle:
                self._writer.checkpoint(is_idle=True)
            with self._lock:
                if (idle or not self._is_open) and not self._waiting:
                    self._thread = None
                    return

    def _answer(self, batch: list[Entry], results: Sequence[object]) -> None:
        """On the loop: tells every submitter of a batch how it went."""
        self._unanswered -= len(batch)
        start = 0
        for operation, run in groupby(batch, itemgetter(0)):
            entries = list(run)
            found = results[start : start + len(entries)]
            start += len(entries)
            try:
                _tell(operation, entries, found)
            except Exception as error:  # noqa: BLE001 - one submitter's mistake is not another's
                assert self._loop is not None
                message = f"a callback of a write to {self._path.name} failed"
                self._loop.call_exception_handler({"message": message, "exception": error})
        if self._answered is not None and not self._unanswered and not self._answered.done():
            self._answered.set_result(None)

    def _refuse(self, entry: Entry, fault: Fault) -> None:
        _tell(entry[0], [entry], [fault])


def _tell(operation: Operation, entries: Sequence[Entry], results: Sequence[object]) -> None:
    if isinstance(operation, Group):
        operation.finish([entry[1] for entry in entries], results)
        return
    for (_, _, done), result in zip(entries, results, strict=True):
        if done is None:
            continue
        if isinstance(result, Fault):
            done(None, result)
        else:
            done(result, None)
