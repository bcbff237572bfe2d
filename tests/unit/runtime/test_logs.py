"""What services write, kept and followed."""

from __future__ import annotations

import asyncio
import errno
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from micro.runtime.logs import OLD_LOGS_MAX, LogLine, Logs
from micro.system import SystemClock, SystemDisk


@pytest.fixture
async def logs(tmp_path: Path) -> AsyncIterator[Logs]:
    opened = Logs(SystemDisk(), SystemClock(), tmp_path, log_bytes_max=2000)
    yield opened
    await opened.close()


async def lines(logs: Logs, count: int = 1000) -> list[str]:
    return [entry.line for entry in await logs.tail("a", count)]


async def test_a_line_becomes_json(logs: Logs, tmp_path: Path) -> None:
    """Each line is one object with when, where, what and who."""
    await logs.write("a", "err", 'it said "é"\t', "a-1-ff")
    await logs.flush()
    found = json.loads((tmp_path / "a.log").read_text())

    assert {**found, "time": 0} == {"time": 0, "stream": "err", "line": 'it said "é"\t', "instance": "a-1-ff"}
    assert abs(found["time"] - SystemClock().now()) < 60


async def test_the_last_lines_written_or_not(logs: Logs) -> None:
    """The tail joins what is on the disk and what is still on its way."""
    for number in range(5):
        logs.note("a", str(number))
    await logs.flush()
    for number in range(5, 8):
        logs.note("a", str(number))

    assert await lines(logs, 5) == ["3", "4", "5", "6", "7"]


@pytest.mark.parametrize("count", [0, -1])
async def test_no_lines_wanted(logs: Logs, count: int) -> None:
    """Nothing is what comes of asking for nothing."""
    logs.note("a", "1")

    assert await lines(logs, count) == []


async def test_files_are_put_aside_and_bounded(logs: Logs, tmp_path: Path) -> None:
    """A full file is put aside, the oldest goes, and the tail reads across them."""
    for number in range(200):
        logs.note("a", f"{number:03} " + "x" * 100)
        if number % 5 == 4:
            await logs.flush()
    files = [entry.name for entry in SystemDisk().entries(tmp_path)]

    assert set(files) <= {"a.log", *(f"a.log.{number}" for number in range(1, OLD_LOGS_MAX + 1))}
    assert len(files) >= OLD_LOGS_MAX
    found = [int(line[:3]) for line in await lines(logs)]
    assert found == list(range(200 - len(found), 200))
    assert len(found) > 30


async def test_lines_are_there_by_themselves(logs: Logs, tmp_path: Path) -> None:
    """Nobody has to ask for a line to be written."""
    logs.note("a", "1")
    async with asyncio.timeout(10):
        while not (tmp_path / "a.log").exists():  # noqa: ASYNC110 - a file cannot set an event
            await asyncio.sleep(0.01)


async def take(logs: Logs, count: int, before: int = 10) -> list[str]:
    found = []
    async for entry in logs.follow("a", before):
        found.append(entry.line)
        if len(found) == count:
            return found
    raise AssertionError("it ended")


async def test_following_goes_on_across_files(logs: Logs) -> None:
    """Who follows sees each line once, whatever happens to the files."""
    logs.note("a", "first")
    following = asyncio.ensure_future(take(logs, 101))
    await asyncio.sleep(0.01)
    for number in range(100):
        logs.note("a", f"{number:03} " + "x" * 100)
        if number % 7 == 0:
            await logs.flush()

    found = await following
    assert [found[0], *(int(line[:3]) for line in found[1:])] == ["first", *range(100)]


async def test_a_slow_follower_learns_what_he_missed(logs: Logs, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines are not piled up for one who does not take them."""
    monkeypatch.setattr("micro.runtime.logs.FOLLOWED_LINES_MAX", 3)
    following = logs.follow("a", 0)
    first = asyncio.ensure_future(anext(following))  # type: ignore[arg-type]
    await asyncio.sleep(0.01)
    for number in range(10):
        logs.note("a", str(number))
    found = [(await first).line, *[(await anext(following)).line for _ in range(3)]]

    assert found == ["7 lines were too many to follow", "7", "8", "9"]


class FullDisk(SystemDisk):
    """A disk that takes nothing while it is full."""

    full = False

    def append(self, path: Path, data: bytes) -> int:
        if self.full:
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().append(path, data)


async def test_a_full_disk_loses_lines_and_nothing_else(tmp_path: Path) -> None:
    """The writer goes on, and the log says how much is missing when there is room again."""
    disk = FullDisk()
    logs = Logs(disk, SystemClock(), tmp_path)
    await logs.write("a", "out", "1")
    await logs.flush()
    disk.full = True
    for number in (2, 3):
        await logs.write("a", "out", str(number))
        await logs.flush()
    disk.full = False
    await logs.write("a", "out", "4")
    await logs.flush()

    assert await lines(logs) == ["1", "2 lines were lost: the disk took none", "4"]
    await logs.close()


async def test_a_flood_waits(logs: Logs, monkeypatch: pytest.MonkeyPatch) -> None:
    """A service that writes faster than the disk is held, not remembered."""
    monkeypatch.setattr("micro.runtime.logs.PENDING_LINES_MAX", 3)
    monkeypatch.setattr("micro.runtime.logs.FLUSH_SECONDS", 3600.0)
    for number in range(3):
        await logs.write("a", "out", str(number))
    held = asyncio.ensure_future(logs.write("a", "out", "3"))
    await asyncio.wait([held], timeout=0.05)

    assert not held.done()
    await logs.flush()
    await held
    assert await lines(logs) == ["0", "1", "2", "3"]


async def test_a_half_written_line_is_passed_over(logs: Logs, tmp_path: Path) -> None:
    """What a crash tore does not hide what came before and after."""
    logs.note("a", "1")
    await logs.flush()
    with (tmp_path / "a.log").open("ab") as file:
        file.write(b'{"time":1,"stre\n[]\n{"time":"x"}\n')
    logs.note("a", "2")
    await logs.flush()

    assert await lines(logs) == ["1", "2"]


async def test_a_log_moves_to_another_name(logs: Logs, tmp_path: Path) -> None:
    """When a service turns out to be called otherwise, its lines come along."""
    logs.note("b", "old of b")
    logs.note("a", "1")
    await logs.rename("a", "b")

    assert [entry.line for entry in await logs.tail("b")] == ["old of b", "1"]
    assert not (tmp_path / "a.log").exists()


@pytest.mark.parametrize("text", [b"", b"[]", b"{}", b"null", b'{"time":null,"stream":1,"line":1,"instance":1}'])
def test_a_line_that_is_none(text: bytes) -> None:
    """Only what we wrote is read."""
    assert LogLine.parse(text) is None
