"""The database: many writes in one transaction, one bad write alone, and no answer before the commit."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import apsw
import pytest

from micro.errors import Conflict, EngineError, Fault, InternalError, NotFound, TooManyRequests, Unavailable
from micro.store import database as module
from micro.store import schema, writer
from micro.store.database import Database, Group
from micro.system import SystemDisk

TABLE = "CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE) STRICT"
INSERT = "INSERT INTO notes (text) VALUES (?)"
COUNT = "SELECT count(*) FROM notes"


@pytest.fixture(params=["threaded", "inline"])
async def database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    database = Database(SystemDisk(), tmp_path / "notes.db", [TABLE], threaded=request.param == "threaded")
    database.open()
    yield database
    await database.close()


def other(database: Database) -> apsw.Connection:
    return apsw.Connection(str(database.path))


class Notes(Group):
    """Inserts texts, and keeps what it was asked."""

    def __init__(self) -> None:
        self.runs: list[list[str]] = []
        self.forgotten = 0
        self.finished: list[tuple[str, object]] = []

    def apply(self, connection: apsw.Connection, items: list[str]) -> list[object]:
        self.runs.append(items)
        connection.executemany(INSERT, [(item,) for item in items])
        return [item.upper() for item in items]

    def forget(self) -> None:
        self.forgotten += 1

    def finish(self, items: list[str], results: Sequence[object]) -> None:
        self.finished += zip(items, results, strict=True)


# --------------------------------------------------------------------------------------------------------- writing


async def test_a_write_returns_rows(database: Database) -> None:
    """RETURNING works, and the reader sees the row."""
    assert await database.write(INSERT + " RETURNING id", ("a",)) == [(1,)]
    assert database.read("SELECT * FROM notes") == [(1, "a")]


async def test_a_function_writes(database: Database) -> None:
    """It gets the connection and its parameters, and its result is handed on."""

    def double(connection: apsw.Connection, text: str) -> int:
        connection.execute(INSERT, (text,))
        connection.execute(INSERT, (text * 2,))
        return connection.changes()

    assert await database.write(double, ("a",)) == 1
    assert database.read(COUNT) == [(2,)]


async def test_an_answer_comes_after_the_commit(database: Database) -> None:
    """Whoever is told can see it from another connection."""
    seen: list[Any] = []

    def done(result: Any, fault: Fault | None) -> None:
        with other(database) as connection:
            seen.append(connection.execute(COUNT).fetchone())

    for number in range(5):
        database.submit(INSERT, (str(number),), done)
    await database.write(INSERT, ("last",))

    assert seen == [(6,)] * 5


async def test_answers_come_in_order(database: Database) -> None:
    """First submitted, first answered."""
    told: list[int] = []
    for number in range(3_000):
        database.submit(INSERT, (str(number),), lambda result, fault, number=number: told.append(number))
    await database.write(INSERT, ("last",))

    assert told == list(range(3_000))


async def test_a_failed_write_fails_alone(database: Database) -> None:
    """Its neighbours in the transaction are committed."""
    told: list[type | None] = []
    for text in ("a", "b", "a", "c"):
        database.submit(INSERT, (text,), lambda result, fault: told.append(type(fault) if fault else None))
    await database.write(COUNT)

    assert told == [None, None, Conflict, None]
    assert database.read("SELECT text FROM notes ORDER BY id") == [("a",), ("b",), ("c",)]


async def test_a_fault_of_a_function_reaches_its_writer(database: Database) -> None:
    """And leaves no trace of what it did before."""

    def refuse(connection: apsw.Connection) -> None:
        connection.execute(INSERT, ("half",))
        raise NotFound("there is none")

    with pytest.raises(NotFound, match="there is none"):
        await database.write(refuse)

    assert database.read(COUNT) == [(0,)]


async def test_a_mistake_of_a_function_is_an_internal_error(database: Database) -> None:
    """It names the exception."""

    def fail(connection: apsw.Connection) -> None:
        raise ValueError("mine")

    with pytest.raises(InternalError, match="ValueError: mine"):
        await database.write(fail)


async def test_a_group_gets_its_items_together(database: Database) -> None:
    """One call for all that were submitted side by side, and one answer."""
    notes = Notes()
    for text in ("a", "b", "c"):
        database.submit(notes, text)
    await database.write(COUNT)

    assert notes.runs == [["a", "b", "c"]]
    assert notes.finished == [("a", "A"), ("b", "B"), ("c", "C")]


async def test_the_pieces_of_a_burst_share_a_transaction(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As many as the last time are waited for, since whoever sends many sends them in pieces."""
    monkeypatch.setattr(module, "HOLD_SECONDS", 60.0)
    database, notes = Database(SystemDisk(), tmp_path / "notes.db", [TABLE]), Notes()
    database.open()
    for text in "abcd":
        database.submit(notes, text)
    await database.write(COUNT)
    for pieces in ("ef", "gh"):
        for text in pieces:
            database.submit(notes, text)
        await asyncio.sleep(0.05)
    await database.write(COUNT)
    await database.close()

    assert notes.runs == [list("abcd"), list("efgh")]


async def test_a_lone_write_is_no_piece_of_a_burst(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It waits for nobody, however many there were before."""
    monkeypatch.setattr(module, "HOLD_SECONDS", 60.0)
    database, notes = Database(SystemDisk(), tmp_path / "notes.db", [TABLE]), Notes()
    database.open()
    for text in range(16):
        database.submit(notes, str(text))
    await database.write(COUNT)
    async with asyncio.timeout(30):
        assert await database.write(COUNT) == [(16,)]
    await database.close()


async def test_fewer_writes_than_before_are_not_held_for_ever(database: Database) -> None:
    """Where no more comes, what waits is written."""
    for text in "abcd":
        database.submit(INSERT, (text,))
    await database.write(COUNT)

    assert [await database.write(COUNT) for _ in range(8)] == [[(4,)]] * 8


async def test_a_bad_item_of_a_group_fails_alone(database: Database) -> None:
    """The group is told to forget, and asked again item by item."""
    notes = Notes()
    for text in ("a", "a", "b"):
        database.submit(notes, text)
    await database.write(COUNT)

    assert [type(result) for _, result in notes.finished] == [str, Conflict, str]
    assert notes.forgotten >= 1
    assert database.read("SELECT text FROM notes ORDER BY id") == [("a",), ("b",)]


async def test_a_callback_that_fails_harms_no_other(database: Database) -> None:
    """It is reported; those after it are told."""
    reported: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: reported.append(context["exception"]))
    database.submit(INSERT, ("a",), lambda result, fault: 1 / 0)
    await database.write("SELECT 1")

    assert isinstance(reported[0], ZeroDivisionError)


async def test_too_many_waiting_writes_are_refused(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """The queue is bounded."""
    monkeypatch.setattr(module, "ENTRIES_WAITING_MAX", 2)
    told: list[Fault | None] = []
    for text in ("a", "b", "c"):
        database.submit(INSERT, (text,), lambda result, fault: told.append(fault))

    assert len(told) == 1
    assert isinstance(told[0], TooManyRequests)


async def test_the_caller_of_a_write_may_go_away(database: Database) -> None:
    """A cancelled write is done all the same, and nothing breaks."""
    task = asyncio.ensure_future(database.write(INSERT, ("a",)))
    await asyncio.sleep(0)
    task.cancel()
    await database.write(INSERT, ("b",))

    assert database.read(COUNT) == [(2,)]


# ----------------------------------------------------------------------------------------------------- life


async def test_closing_commits_and_answers_what_was_submitted(database: Database) -> None:
    """Nobody is left waiting."""
    told: list[Any] = []
    database.submit(INSERT, ("a",), lambda result, fault: told.append(fault))
    await database.close()

    assert told == [None]
    with other(database) as connection:
        assert connection.execute(COUNT).fetchone() == (1,)


async def test_a_closed_database_says_so(database: Database) -> None:
    """Reading and writing are refused."""
    await database.close()
    with pytest.raises(Unavailable, match="closed"):
        await database.write(INSERT, ("a",))
    with pytest.raises(Unavailable, match="closed"):
        database.read(COUNT)


async def test_a_database_opens_again(database: Database) -> None:
    """With what was in it."""
    await database.write(INSERT, ("a",))
    await database.close()
    database.open()

    assert database.read(COUNT) == [(1,)]


async def test_an_idle_writer_leaves_no_thread_and_no_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a pause the write-ahead log is in the database and the thread has ended; the next write starts another."""
    monkeypatch.setattr(module, "IDLE_SECONDS", 0.01)
    database = Database(SystemDisk(), tmp_path / "notes.db", [TABLE])
    database.open()
    before = threading.active_count()
    await database.write(INSERT, ("a",))
    for _ in range(1_000):
        if threading.active_count() == before:
            break
        await asyncio.sleep(0.005)
    threads, copied = threading.active_count(), (tmp_path / "notes.db").stat().st_size
    await database.write(INSERT, ("b",))
    read = database.read(COUNT)
    await database.close()

    assert threads == before
    assert copied > 4_096
    assert read == [(2,)]


async def test_a_long_query_runs_beside_the_loop(database: Database) -> None:
    """`scan` gives the same rows."""
    await database.write(INSERT, ("a",))

    assert await database.scan("SELECT text FROM notes") == [("a",)]


async def test_reading_stops_when_it_is_enough(database: Database) -> None:
    """The row that is enough is the last one."""
    for text in "abc":
        await database.write(INSERT, (text,))

    rows = database.read("SELECT text FROM notes ORDER BY id", enough=lambda row: row == ("b",))

    assert rows == [("a",), ("b",)]


# --------------------------------------------------------------------------------------------------------- safety


async def test_a_commit_is_synced(database: Database) -> None:
    """The pragmas that keep what was acknowledged, as SQLite reports them."""

    def pragmas(connection: apsw.Connection) -> list[Any]:
        names = ("journal_mode", "synchronous", "foreign_keys", "trusted_schema", "cell_size_check", "mmap_size")
        return [connection.pragma(name) for name in (*names, "wal_autocheckpoint", "journal_size_limit")]

    assert await database.write(pragmas) == ["wal", 2, 1, 0, 1, 0, 0, schema.WAL_FILE_BYTES_MAX]


async def test_the_log_does_not_grow_for_ever(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """A writer that is never idle copies it into the database as it goes, and begins it anew."""
    monkeypatch.setattr(writer, "WAL_BYTES_MAX", 100_000)
    for number in range(400):
        await database.write(INSERT, (f"{number}" * 500,))
    size = database.path.with_name("notes.db-wal").stat().st_size

    assert size < 400_000


async def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    """An older program keeps its hands off, and says what to do."""
    newer = Database(SystemDisk(), tmp_path / "notes.db", [TABLE, "CREATE TABLE more (a INTEGER) STRICT"])
    newer.open()
    await newer.close()

    with pytest.raises(EngineError, match="newer version"):
        Database(SystemDisk(), tmp_path / "notes.db", [TABLE]).open()


async def test_an_older_schema_is_brought_up_to_date(tmp_path: Path) -> None:
    """Only the steps that lack are done, and what was there stays."""
    older = Database(SystemDisk(), tmp_path / "notes.db", [TABLE])
    older.open()
    await older.write(INSERT, ("a",))
    await older.close()
    newer = Database(SystemDisk(), tmp_path / "notes.db", [TABLE, "ALTER TABLE notes ADD COLUMN more TEXT"])
    newer.open()
    rows = newer.read("SELECT text, more FROM notes")
    await newer.close()

    assert rows == [("a", None)]


async def test_a_step_that_fails_is_undone(tmp_path: Path) -> None:
    """The database stays at the version before it."""
    broken = Database(SystemDisk(), tmp_path / "notes.db", [TABLE, "CREATE TABLE more (a INTEGER); SELECT nonsense"])
    with pytest.raises(EngineError, match=r"notes\.db"):
        broken.open()
    good = Database(SystemDisk(), tmp_path / "notes.db", [TABLE, "CREATE TABLE more (a INTEGER) STRICT"])
    good.open()
    await good.close()


async def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    """The message names the file and what to do."""
    (tmp_path / "notes.db").write_bytes(b"these are not the bytes of a database" * 100)

    with pytest.raises(EngineError, match=r"notes\.db"):
        Database(SystemDisk(), tmp_path / "notes.db", [TABLE]).open()


async def test_a_library_that_corrupts_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite before 3.51.3 may not write here."""
    monkeypatch.setattr(schema, "SQLITE_VERSION_MIN", apsw.SQLITE_VERSION_NUMBER + 1)

    with pytest.raises(EngineError, match="corrupt"):
        Database(SystemDisk(), tmp_path / "notes.db", [TABLE]).open()
