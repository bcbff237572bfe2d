"""The real ports: this machine's clock, randomness, disk and processes."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import resource
import signal as signals
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from micro.child import Child, launch
from micro.errors import EngineError
from micro.handing import Channel, opened
from micro.ports import NOTHING, Access, Entry, Handed, Limits

if TYPE_CHECKING:
    import apsw

__all__ = ["SystemClock", "SystemDisk", "SystemEntropy", "SystemProcesses", "resident_bytes"]

STATM = Path("/proc/self/statm")


def resident_bytes() -> int:
    """Returns how much memory this process has now, 0 on a system that does not tell."""
    if sys.platform != "linux":
        return 0
    return int(STATM.read_text().split()[1]) * resource.getpagesize()


class SystemClock:
    """`micro.ports.Clock` of the operating system."""

    def now(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()


class SystemEntropy:
    """`micro.ports.Entropy` of the operating system."""

    def random_bytes(self, count: int) -> bytes:
        return os.urandom(count)


class SystemDisk:
    """`micro.ports.Disk` on a real file system."""

    def database(self, path: Path, *, read_only: bool = False) -> apsw.Connection:
        import apsw  # a service process that keeps nothing does not pay for it

        flags = apsw.SQLITE_OPEN_READONLY if read_only else apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE
        if not read_only:  # SQLite gives the files beside it the mode of this one
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        try:
            return apsw.Connection(str(path), flags=flags)
        except apsw.Error as error:
            raise EngineError(f"cannot open the database {path.name}: {error}") from error

    def read(self, path: Path) -> bytes | None:
        try:
            return path.read_bytes()
        except FileNotFoundError:
            return None

    def write(self, path: Path, data: bytes, *, mode: int = 0o600) -> None:
        fresh = path.with_name(f".{path.name}.{os.getpid()}.new")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def make_folder(self, path: Path) -> None:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)

    def access(self, path: Path) -> Access:
        found = path.stat()
        if found.st_uid != os.getuid():
            return "foreign"
        return "open" if stat.S_IMODE(found.st_mode) & 0o077 else "private"

    def make_private(self, path: Path) -> None:
        path.chmod(0o700)

    def lock(self, path: Path) -> Callable[[], None] | None:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            return None
        return partial(os.close, descriptor)

    def entries(self, path: Path) -> list[Entry]:
        try:
            with os.scandir(path) as found:
                return sorted((_entry(one) for one in found), key=lambda entry: entry.name)
        except FileNotFoundError:
            return []

    def create(self, path: Path, data: bytes, *, executable: bool = False) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        with os.fdopen(os.open(path, flags, 0o500 if executable else 0o400), "wb") as file:
            file.write(data)

    def append(self, path: Path, data: bytes) -> int:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "ab", buffering=0) as file:
            file.write(data)
            return file.tell()

    def read_part(self, path: Path, offset: int, count: int) -> bytes:
        try:
            with path.open("rb") as file:
                end = file.seek(0, os.SEEK_END)
                file.seek(min(offset, end) if offset >= 0 else max(0, end + offset))
                return file.read(count)
        except FileNotFoundError:
            return b""

    def move(self, path: Path, target: Path) -> None:
        path.replace(target)

    def link(self, path: Path, target: Path) -> None:
        target.hardlink_to(path)

    def remove(self, path: Path) -> None:
        try:
            if path.is_symlink() or not path.is_dir():
                path.unlink()
            else:
                import shutil  # slow to load, and most processes remove nothing

                shutil.rmtree(path)
        except FileNotFoundError:
            pass


def _entry(found: os.DirEntry[str]) -> Entry:
    try:
        status = found.stat(follow_symlinks=False)
    except FileNotFoundError:  # gone since the folder was listed
        return Entry(found.name, "other", size=0, modified=0.0, executable=False)
    kinds: dict[int, Literal["file", "folder", "link", "other"]]
    kinds = {stat.S_IFREG: "file", stat.S_IFDIR: "folder", stat.S_IFLNK: "link"}
    kind = kinds.get(stat.S_IFMT(status.st_mode), "other")
    size = status.st_size if kind == "file" else 0
    runs = kind == "file" and bool(status.st_mode & stat.S_IXUSR)
    return Entry(found.name, kind, size=size, modified=status.st_mtime, executable=runs)


class SystemProcess:
    """A child in a process group of its own."""

    def __init__(
        self,
        child: Child,
        output: Pipe,
        errors: Pipe | None,
        proxies: int = 0,
        channel: Channel | None = None,
    ) -> None:
        self._child = child
        self._output = output
        self._errors = errors
        self._proxies = proxies
        self._channel = channel
        self._gone = False

    @property
    def pid(self) -> int:
        found = self._child.pid
        for _ in range(self._proxies):
            children = _children(found)
            if not children:
                return self._child.pid
            found = children[0]
        return found

    @property
    def overran(self) -> bool:
        return False  # it is in no group of its own that would be counted

    async def wait(self) -> int:
        code = await self._child.wait()
        self._proxies = 0  # what it started for us is gone with it, and its number may be anybody's
        self.signal(signals.SIGKILL)  # what it started and left behind
        self._gone = True  # from here on the number may be somebody else's
        return code

    async def read(self, count: int, *, errors: bool = False) -> bytes:
        pipe = self._errors if errors else self._output
        if pipe is None:
            raise ValueError("standard error is part of the output: spawn with errors_apart=True")
        return await pipe.reader.read(count)

    async def read_line(self) -> bytes:
        try:
            return await self._output.reader.readline()
        except ValueError:  # a line over the limit: hand on that it was there
            return b"[line too long, cut]\n"

    def close(self) -> None:
        for pipe in (self._output, self._errors):
            if pipe is not None:
                pipe.close()
        if self._channel is not None:
            self._channel.close()

    def hand(self, name: str, path: Path) -> None:
        if self._channel is None:
            raise EngineError("this process was started without a channel for sockets")
        self._channel.hand(name, path)

    def signal(self, number: int) -> None:
        if self._gone:
            return
        groups = set()
        for pid in _descendants(self._child.pid) if self._proxies else ():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                if number == signals.SIGKILL:  # a proxy that is gone ends nobody any more
                    os.kill(pid, number)
                else:
                    groups.add(os.getpgid(pid))
        for group in groups - {self._child.pid} or {self._child.pid}:
            with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS: EPERM for a group of zombies
                os.killpg(group, number)


def _descendants(parent: int) -> list[int]:
    """Returns the processes that a process started, and those that they did."""
    found, looked = [parent], 0
    while looked < len(found):
        found += _children(found[looked])
        looked += 1
    return found[1:]


def _children(parent: int) -> list[int]:
    found: list[int] = []
    with contextlib.suppress(OSError):  # it may end at any moment, and what it had started then is not its own
        for children in Path(f"/proc/{parent}/task").glob("*/children"):
            with contextlib.suppress(OSError):  # so may any of its threads
                found += [int(child) for child in children.read_text().split()]
    return found


class Pipe:
    """The reading end of a child's output, closed with the last reference to it.

    asyncio's own pipes are not used: with them `wait` waits for whoever holds the output open, not for the child.
    """

    def __init__(self, reader: asyncio.StreamReader, transport: asyncio.ReadTransport) -> None:
        self.reader = reader
        self._transport = transport

    def close(self) -> None:
        """Stops reading."""
        with contextlib.suppress(RuntimeError):  # the loop is closed already, and the transport with it
            self._transport.close()

    def __del__(self) -> None:
        self.close()

    @staticmethod
    async def open(descriptor: int, line_bytes_max: int) -> Pipe:
        """Reads from `descriptor`, which belongs to the pipe from here on."""
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(limit=line_bytes_max)
        file = os.fdopen(descriptor, "rb", buffering=0)
        transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), file)
        return Pipe(reader, transport)


class SystemProcesses:
    """`micro.ports.Processes` of the operating system."""

    async def spawn(
        self,
        command: Sequence[str],
        *,
        directory: Path,
        environment: Mapping[str, str],
        line_bytes_max: int = 65_536,
        data: bytes = b"",
        errors_apart: bool = False,
        limits: Limits | None = None,
        handed: Mapping[str, Handed] = NOTHING,
        proxies: int = 0,
    ) -> SystemProcess:
        with contextlib.ExitStack() as ours:
            output, output_end = _pipe(ours)
            errors, errors_end = _pipe(ours) if errors_apart else (None, output_end)
            try:
                given = {name: opened(ours, what) for name, what in handed.items()}
                numbers = {name: number for name, (number, _) in given.items()}
                child = launch(
                    [str(numbers.get(word, word)) for word in command],
                    directory=directory,
                    environment=environment,
                    limits=limits or Limits(),
                    files=(_input(ours, data), output_end, errors_end),
                    handed=tuple(numbers.values()),
                )
            except (OSError, ValueError, subprocess.SubprocessError) as error:
                raise EngineError(f"cannot start {command[0]!r}: {error}") from error
            try:
                pipes = [await Pipe.open(os.dup(end), line_bytes_max) for end in (output, errors) if end is not None]
            except BaseException:  # who gives up here, as a node that stops does, would never know of the child
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(child.pid, signals.SIGKILL)
                await child.wait()
                raise
        channel = next((channel for _, channel in given.values() if channel is not None), None)
        return SystemProcess(child, pipes[0], pipes[1] if errors_apart else None, proxies, channel)


def _pipe(stack: contextlib.ExitStack) -> tuple[int, int]:
    """Returns the reading and the writing end of a pipe, both closed by `stack`."""
    ends = os.pipe()
    for end in ends:
        stack.callback(os.close, end)
    return ends


def _input(stack: contextlib.ExitStack, data: bytes) -> int:
    """Returns what a child reads `data` from."""
    return opened(stack, data)[0] if data else subprocess.DEVNULL
