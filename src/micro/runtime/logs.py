"""What services write, kept a line each in bounded files, for reading later and for following now.

Lines go to memory at once and to the disk a moment later, in another thread, so a slow disk holds up nobody but the
service that writes too much. A full disk loses lines, and says how many, but no service.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass
from pathlib import Path

from micro.ports import Clock, Disk

__all__ = ["LogLine", "Logs"]

LOG_BYTES_MAX = 4_000_000
"""Size at which a service's file is put aside."""

OLD_LOGS_MAX = 3
"""How many files put aside are kept: greeter.log.1 is the youngest."""

PENDING_LINES_MAX = 2_000
"""How many lines of one service may wait for the disk; then its writer waits."""

FLUSH_SECONDS = 0.1
FOLLOWED_LINES_MAX = 10_000
"""How many lines may wait for one who follows; what he misses then is counted."""

TAIL_LINES_MAX = 10_000
WINDOWS_BYTES = (65_536, 1_048_576, 16_777_216)
"""How much of a file's end is read, until there are enough lines in it."""

LOGGED_CHARACTERS_MAX = 10_000


@dataclass(frozen=True)
class LogLine:
    """One line.

    Attributes:
        time: seconds since 1970.
        stream: `out` or `err` of the service, or `node` for what its node says about it.
        line: the text.
        instance: who wrote it.
    """

    time: float
    stream: str
    line: str
    instance: str = ""

    def to_json(self) -> str:
        """Returns it as one line of JSON."""
        return json.dumps(asdict(self), separators=(",", ":"))

    @staticmethod
    def parse(text: bytes) -> LogLine | None:
        """Reads a line of a file; None for one that a crash or a stranger's hand left half."""
        try:
            found = json.loads(text)
            return LogLine(float(found["time"]), str(found["stream"]), str(found["line"]), str(found["instance"]))
        except (ValueError, TypeError, KeyError, RecursionError):
            return None


class Logs:
    """The folder `logs/` of a node's home: `<service>.log`, and older ones beside it."""

    def __init__(self, disk: Disk, clock: Clock, folder: Path, *, log_bytes_max: int = LOG_BYTES_MAX) -> None:
        self._disk = disk
        self._clock = clock
        self._folder = folder
        self._log_bytes_max = log_bytes_max
        self._pending: dict[str, list[LogLine]] = {}
        self._lost: dict[str, int] = {}
        self._followers: dict[str, list[_Follower]] = {}
        self._room = asyncio.Event()
        self._writing = asyncio.Lock()
        self._flusher: asyncio.Task[None] | None = None
        self._closed = False

    async def write(self, service: str, stream: str, line: str, instance: str = "") -> None:
        """Takes a line of a service, and waits while too many of them wait for the disk."""
        while len(self._pending.get(service, ())) >= PENDING_LINES_MAX and not self._closed:
            self._room.clear()
            await self._room.wait()
        self.note(service, line, stream=stream, instance=instance)

    def note(self, service: str, line: str, *, stream: str = "node", instance: str = "") -> None:
        """Takes a line without ever waiting."""
        entry = LogLine(round(self._clock.now(), 3), stream, line[:LOGGED_CHARACTERS_MAX], instance)
        for follower in self._followers.get(service, ()):
            follower.put(entry)
        self._pending.setdefault(service, []).append(entry)
        if self._flusher is None and not self._closed:
            self._flusher = asyncio.ensure_future(self._flush_soon())

    async def tail(self, service: str, lines: int = 100) -> list[LogLine]:
        """Returns the last lines of a service, oldest first."""
        async with self._writing:
            return self._tail(service, lines)

    async def follow(self, service: str, lines: int = 10) -> AsyncIterator[LogLine]:
        """Yields the last lines of a service and then each one as it comes, until whoever iterates stops."""
        follower = _Follower(self._clock)
        async with self._writing:
            for entry in self._tail(service, lines):
                follower.put(entry)
            self._followers.setdefault(service, []).append(follower)
        try:
            while True:
                for entry in await follower.take():
                    yield entry
        finally:
            self._followers[service].remove(follower)
            if not self._followers[service]:
                del self._followers[service]

    async def rename(self, service: str, name: str) -> None:
        """Adds a service's lines to those of another name, under which they are found from now on."""
        await self.flush()
        async with self._writing:
            lines = self._tail(service, TAIL_LINES_MAX)
            self._append(name, lines)
            self._disk.remove(self._path(service))
            for number in range(1, OLD_LOGS_MAX + 1):
                self._disk.remove(self._path(service, number))

    async def flush(self) -> None:
        """Writes what waits."""
        async with self._writing:
            for service in list(self._pending):
                lines = self._pending.pop(service)
                await asyncio.to_thread(self._append, service, lines)
            self._room.set()

    async def close(self) -> None:
        """Writes what waits, and takes no more."""
        self._closed = True
        if self._flusher is not None:
            self._flusher.cancel()
        await self.flush()

    async def _flush_soon(self) -> None:
        while self._pending:
            await asyncio.sleep(FLUSH_SECONDS)
            await self.flush()
        self._flusher = None

    def _append(self, service: str, lines: list[LogLine]) -> None:
        lost = self._lost.pop(service, 0)
        said = [LogLine(lines[0].time, "node", f"{lost} lines were lost: the disk took none")] if lost and lines else []
        data = "".join(f"{entry.to_json()}\n" for entry in (*said, *lines)).encode()
        try:
            self._disk.make_folder(self._folder)
            if self._disk.append(self._path(service), data) > self._log_bytes_max:
                self._rotate(service)
        except OSError:
            self._lost[service] = lost + len(lines)

    def _rotate(self, service: str) -> None:
        self._disk.remove(self._path(service, OLD_LOGS_MAX))
        for number in range(OLD_LOGS_MAX - 1, -1, -1):
            older = self._path(service, number)
            if self._disk.read_part(older, 0, 1):
                self._disk.move(older, self._path(service, number + 1))

    def _tail(self, service: str, lines: int) -> list[LogLine]:
        """Returns the last lines: from memory, then from the disk backwards. Takes no turn of the loop."""
        wanted = max(0, min(lines, TAIL_LINES_MAX))
        found = deque(self._pending.get(service, ())[-wanted:] if wanted else ())
        for number in range(OLD_LOGS_MAX + 1):
            missing = wanted - len(found)
            if missing > 0:
                found.extendleft(reversed(self._last(self._path(service, number), missing)))
        return list(found)

    def _last(self, path: Path, wanted: int) -> list[LogLine]:
        """Returns the last lines of a file, reading no more of its end than it must."""
        entries: list[LogLine] = []
        for window in WINDOWS_BYTES:
            data = self._disk.read_part(path, -window, window)
            whole = len(data) < window
            texts = data.split(b"\n")[0 if whole else 1 :]  # the first line of a part is not whole
            entries = [entry for entry in map(LogLine.parse, texts) if entry]
            if whole or len(entries) >= wanted:
                break
        return entries[-wanted:]

    def _path(self, service: str, number: int = 0) -> Path:
        return self._folder / (f"{service}.log.{number}" if number else f"{service}.log")


class _Follower:
    """What waits for one who follows."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lines: deque[LogLine] = deque()
        self._missed = 0
        self._filled = asyncio.Event()

    def put(self, entry: LogLine) -> None:
        if len(self._lines) >= FOLLOWED_LINES_MAX:
            self._lines.popleft()
            self._missed += 1
        self._lines.append(entry)
        self._filled.set()

    async def take(self) -> list[LogLine]:
        await self._filled.wait()
        self._filled.clear()
        lines = list(self._lines)
        self._lines.clear()
        if self._missed:
            lines.insert(0, LogLine(lines[0].time, "node", f"{self._missed} lines were too many to follow"))
            self._missed = 0
        return lines
