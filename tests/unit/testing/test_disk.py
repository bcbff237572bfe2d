"""The disk in memory: what was synced is there after a power loss, and what was not may be."""

from __future__ import annotations

import random
from pathlib import Path

import apsw
import pytest

from micro.store.schema import connect
from micro.testing.disk import MemoryDisk

PATH = Path("/world/a/notes.db")


@pytest.fixture
def disk() -> MemoryDisk:
    return MemoryDisk(random.Random(1))


def opened(disk: MemoryDisk, synchronous: str) -> apsw.Connection:
    connection = connect(disk, PATH)
    connection.pragma("synchronous", synchronous)
    connection.execute("CREATE TABLE IF NOT EXISTS notes (number INTEGER)")
    return connection


def kept_after_power_loss(seed: int, synchronous: str) -> int:
    """Returns how many of twenty committed rows are there when the power comes back."""
    disk = MemoryDisk(random.Random(seed))
    connection = opened(disk, synchronous)
    for number in range(20):
        connection.execute("INSERT INTO notes VALUES (?)", (number,))
    disk.lose_power()
    again = connect(disk, PATH)
    try:
        return int(again.execute("SELECT count(*) FROM notes").fetchall()[0][0])
    except apsw.SQLError:  # the table itself is not there
        return 0
    finally:
        again.close()
        disk.close()


def test_what_was_synced_is_kept() -> None:
    """With FULL every commit is there, whatever chance does."""
    assert {kept_after_power_loss(seed, "FULL") for seed in range(20)} == {20}


def test_what_was_not_synced_may_be_lost() -> None:
    """With OFF some are missing at least once: the disk does forget."""
    assert min(kept_after_power_loss(seed, "OFF") for seed in range(20)) < 20


def test_a_process_that_ends_loses_nothing(disk: MemoryDisk) -> None:
    """What was written is with the system, synced or not."""
    connection = opened(disk, "OFF")
    connection.execute("INSERT INTO notes VALUES (1)")
    disk.lose_process()

    assert connect(disk, PATH).execute("SELECT number FROM notes").fetchall() == [(1,)]


def test_a_connection_from_before_reaches_nothing(disk: MemoryDisk) -> None:
    """Whoever had a file open when the process ended cannot change it any more."""
    before = opened(disk, "FULL")
    disk.lose_process()
    before.execute("INSERT INTO notes VALUES (1)")
    before.close()

    assert connect(disk, PATH).execute("SELECT number FROM notes").fetchall() == []


def test_files_are_replaced_durably_and_appended_to_without_promise(disk: MemoryDisk) -> None:
    """A written file is there after every power loss; an appended line may not be."""
    found = set()
    for _ in range(20):
        disk.write(PATH, b"whole")
        disk.append(PATH.with_name("log"), b"line")
        disk.lose_power()
        found.add((disk.read(PATH), disk.read(PATH.with_name("log")) in (None, b"")))
        disk.remove(PATH.with_name("log"))

    assert found == {(b"whole", True), (b"whole", False)}


def test_folders_and_files_are_listed(disk: MemoryDisk) -> None:
    """A folder's names come sorted, with what they are."""
    disk.make_folder(Path("/world/a/logs"))
    disk.write(Path("/world/a/token"), b"secret")
    disk.create(Path("/world/a/run"), b"#!", executable=True)
    disk.move(Path("/world/a/token"), Path("/world/a/key"))

    found = [(entry.name, entry.kind, entry.size, entry.executable) for entry in disk.entries(Path("/world/a"))]
    assert found == [("key", "file", 6, False), ("logs", "folder", 0, False), ("run", "file", 2, True)]


def test_a_step_that_is_refused_is_not_done(disk: MemoryDisk) -> None:
    """The power may go before any write: SQLite is told, and the row is not there."""
    connection = opened(disk, "FULL")

    def refuse(kind: str, name: str) -> None:
        raise OSError("no power")

    disk.before_step = refuse
    with pytest.raises(apsw.IOError):
        connection.execute("INSERT INTO notes VALUES (1)")
    disk.before_step = lambda kind, name: None
    disk.lose_power()

    assert connect(disk, PATH).execute("SELECT number FROM notes").fetchall() == []
