"""The real ports, on this machine."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
import uvloop

from micro.errors import EngineError
from micro.ports import Entry, Limits
from micro.system import Pipe, SystemDisk, SystemProcess, SystemProcesses

Loop = Callable[[Coroutine[Any, Any, Any]], Any]
ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin"}


@pytest.fixture(params=[asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Loop:
    """Returns what runs a coroutine on each of the loops that a node may have."""
    return request.param  # type: ignore[no-any-return]


async def spawn(*command: str, **options: Any) -> SystemProcess:
    return await SystemProcesses().spawn(command, directory=Path("/"), environment=ENVIRONMENT, **options)


async def output(process: SystemProcess, *, errors: bool = False) -> bytes:
    parts = []
    while part := await process.read(1000, errors=errors):
        parts.append(part)
    return b"".join(parts)


def test_output_and_errors_apart(run: Loop) -> None:
    """What a child says and what it complains of are two streams, if asked for."""

    async def work() -> tuple[int, bytes, bytes]:
        process = await spawn("sh", "-c", "echo out; echo err >&2; exit 3", errors_apart=True)
        return await process.wait(), await output(process), await output(process, errors=True)

    assert run(work()) == (3, b"out\n", b"err\n")


def test_input_is_there_to_read(run: Loop) -> None:
    """A child finds its input, however large, though nobody writes while it runs."""

    async def work() -> bytes:
        process = await spawn("wc", "-c", data=b"x" * 1_000_000)
        await process.wait()
        return (await output(process)).strip()

    assert run(work()) == b"1000000"


def test_no_input_is_the_end(run: Loop) -> None:
    """A child that reads without being given anything does not wait."""

    async def work() -> bytes:
        process = await spawn("cat")
        await process.wait()
        return await output(process)

    assert run(work()) == b""


def test_the_environment_is_exactly_what_was_said(run: Loop) -> None:
    """Nothing of the node's own environment reaches a child."""

    async def work() -> bytes:
        process = await spawn("/usr/bin/env")
        await process.wait()
        return await output(process)

    assert run(work()).split() == [b"PATH=/usr/local/bin:/usr/bin:/bin"]


def test_the_end_does_not_wait_for_the_output(run: Loop) -> None:
    """A child is gone when it is, even if something that it left behind holds its output open."""

    async def work() -> int:
        process = await spawn("sh", "-c", "setsid sleep 30 & exit 7")
        async with asyncio.timeout(10):
            code = await process.wait()
        process.close()
        return code

    assert run(work()) == 7


def test_a_signal_reaches_what_the_child_started(run: Loop) -> None:
    """All of a child's group ends with it."""

    async def work() -> tuple[int, bytes]:
        process = await spawn("sh", "-c", "sleep 60 & echo up; wait")
        await process.read(10)
        process.signal(signal.SIGKILL)
        return await process.wait(), await output(process)

    assert run(work()) == (-signal.SIGKILL, b"")


def test_what_a_child_leaves_in_its_group_ends_with_it(run: Loop) -> None:
    """A background process of a child that ends by itself does not stay."""

    async def work() -> bytes:
        process = await spawn("sh", "-c", "sleep 60 & exit 0")
        await process.wait()
        async with asyncio.timeout(10):
            return await output(process)

    assert run(work()) == b""


def test_a_signal_after_the_end_is_nothing(run: Loop) -> None:
    """The number of a child that is gone is not signalled: it may be another's."""

    async def work() -> None:
        process = await spawn("true")
        await process.wait()
        process.signal(signal.SIGKILL)

    run(work())


def test_a_limit_on_files_is_the_kernels(run: Loop, tmp_path: Path) -> None:
    """A child that writes a larger file than it may is ended."""

    async def work() -> int:
        script = f"exec head -c 100000 /dev/zero > {tmp_path}/zeros"
        process = await spawn("sh", "-c", script, limits=Limits(file_bytes=1000))
        return await process.wait()

    assert run(work()) == -signal.SIGXFSZ


def test_a_limit_on_memory_is_the_kernels(run: Loop) -> None:
    """A child gets no more memory than it may have."""

    async def work() -> int:
        code = "x = bytearray(400_000_000)"
        return await (await spawn(sys.executable, "-c", code, limits=Limits(memory_bytes=200_000_000))).wait()

    assert run(work()) != 0


def test_no_such_program(run: Loop) -> None:
    """A program that is not there is named."""

    async def work() -> None:
        await spawn("no-such-program")

    with pytest.raises(EngineError, match="no-such-program"):
        run(work())


@pytest.fixture
def disk() -> SystemDisk:
    return SystemDisk()


def test_what_a_folder_holds(disk: SystemDisk, tmp_path: Path) -> None:
    """Entries come by name, with what they are; a link is a link."""
    (tmp_path / "b").mkdir()
    (tmp_path / "a").write_text("123")
    (tmp_path / "a").chmod(0o755)
    (tmp_path / "c").symlink_to("a")
    os.mkfifo(tmp_path / "d")
    found = [(entry.name, entry.kind, entry.size, entry.executable) for entry in disk.entries(tmp_path)]

    assert found == [
        ("a", "file", 3, True),
        ("b", "folder", 0, False),
        ("c", "link", 0, False),
        ("d", "other", 0, False),
    ]
    assert isinstance(disk.entries(tmp_path)[0], Entry)


def test_a_folder_that_is_not_there_holds_nothing(disk: SystemDisk, tmp_path: Path) -> None:
    """A missing folder is an empty one."""
    assert disk.entries(tmp_path / "missing") == []


def test_a_file_is_created_once(disk: SystemDisk, tmp_path: Path) -> None:
    """What exists is not replaced, and a link is not followed."""
    disk.create(tmp_path / "a", b"1")
    (tmp_path / "b").symlink_to("c")

    for name in ("a", "b"):
        with pytest.raises(FileExistsError):
            disk.create(tmp_path / name, b"2")
    assert (tmp_path / "a").read_bytes() == b"1"
    assert not (tmp_path / "c").exists()


@pytest.mark.parametrize(("executable", "mode"), [(False, 0o400), (True, 0o500)])
def test_what_is_created_may_be_read_alone(disk: SystemDisk, tmp_path: Path, executable: bool, mode: int) -> None:
    """A created file is its owner's to read, and to run if said so."""
    disk.create(tmp_path / "a", b"", executable=executable)

    assert (tmp_path / "a").stat().st_mode & 0o777 == mode


def test_appending_tells_the_size(disk: SystemDisk, tmp_path: Path) -> None:
    """Each addition is told how large the file is now."""
    assert [disk.append(tmp_path / "a", b"123"), disk.append(tmp_path / "a", b"4")] == [3, 4]


@pytest.mark.parametrize(
    ("offset", "count", "part"),
    [(0, 3, b"012"), (8, 5, b"89"), (99, 5, b""), (-3, 9, b"789"), (-3, 2, b"78"), (-99, 2, b"01")],
)
def test_a_part_of_a_file(disk: SystemDisk, tmp_path: Path, offset: int, count: int, part: bytes) -> None:
    """Parts are counted from the beginning, or from the end."""
    (tmp_path / "a").write_bytes(b"0123456789")

    assert disk.read_part(tmp_path / "a", offset, count) == part


def test_a_part_of_nothing(disk: SystemDisk, tmp_path: Path) -> None:
    """A missing file has no bytes."""
    assert disk.read_part(tmp_path / "a", 0, 9) == b""


def test_removing_follows_no_link(disk: SystemDisk, tmp_path: Path) -> None:
    """A link goes, what it leads to stays."""
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "a").write_text("1")
    (tmp_path / "gone").mkdir()
    (tmp_path / "gone" / "inner").symlink_to(tmp_path / "kept")
    (tmp_path / "link").symlink_to(tmp_path / "kept")
    for name in ("gone", "link", "never"):
        disk.remove(tmp_path / name)

    assert [path.name for path in tmp_path.rglob("*")] == ["kept", "a"]


def test_folders_are_their_owners(disk: SystemDisk, tmp_path: Path) -> None:
    """A folder that we make is closed to others."""
    disk.make_folder(tmp_path / "a")
    disk.make_folder(tmp_path / "a")

    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o700


def test_moving_replaces_a_file(disk: SystemDisk, tmp_path: Path) -> None:
    """A moved file takes the place of one that was there."""
    (tmp_path / "a").write_text("new")
    (tmp_path / "b").write_text("old")
    disk.move(tmp_path / "a", tmp_path / "b")

    assert (tmp_path / "b").read_text() == "new"


def test_who_may_look_into_a_folder_is_told(tmp_path: Path) -> None:
    """A folder that others may enter is open until it is made private."""
    disk = SystemDisk()
    tmp_path.chmod(0o755)
    before = disk.access(tmp_path)
    disk.make_private(tmp_path)

    assert (before, disk.access(tmp_path)) == ("open", "private")


def test_a_lock_has_one_holder_at_a_time(tmp_path: Path) -> None:
    """Nobody else gets it before it is given back."""
    first, second = SystemDisk(), SystemDisk()
    give_back = first.lock(tmp_path / "lock")
    refused = second.lock(tmp_path / "lock")
    assert give_back is not None
    give_back()
    taken = second.lock(tmp_path / "lock")

    assert refused is None
    assert taken is not None
    taken()


def test_whoever_gives_a_start_up_leaves_no_child(run: Loop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A node that stops while a service of its is being started has nobody else to end it."""

    async def scenario() -> int:
        opening = asyncio.Event()

        async def never(descriptor: int, line_bytes_max: int) -> Pipe:
            os.close(descriptor)
            opening.set()
            await asyncio.sleep(3600)
            raise AssertionError(line_bytes_max)

        monkeypatch.setattr(Pipe, "open", never)
        starting = asyncio.ensure_future(spawn("sh", "-c", f"echo $$ > {tmp_path}/pid; sleep 60"))
        await opening.wait()
        while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text().strip():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        starting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await starting
        return int((tmp_path / "pid").read_text())

    pid = run(scenario())
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
