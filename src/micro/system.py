"""The real ports: this machine's clock, randomness, disk and processes."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal as signals
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from micro.errors import EngineError

if TYPE_CHECKING:
    import apsw

__all__ = ["SystemClock", "SystemDisk", "SystemEntropy", "SystemProcesses"]

PR_SET_PDEATHSIG = 1
"""prctl(2): the signal a child gets when its parent ends."""


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


class SystemProcess:
    """A child in a process group of its own."""

    def __init__(self, child: asyncio.subprocess.Process) -> None:
        self._child = child

    @property
    def pid(self) -> int:
        return self._child.pid

    async def wait(self) -> int:
        return await self._child.wait()

    async def read_line(self) -> bytes:
        assert self._child.stdout is not None
        try:
            return await self._child.stdout.readline()
        except ValueError:  # a line over the limit: hand on what came so far, cut
            return b"[line too long, cut]\n"

    def signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._child.pid, number)


def _die_with_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signals.SIGKILL)


class SystemProcesses:
    """`micro.ports.Processes` of the operating system."""

    async def spawn(
        self, command: Sequence[str], *, directory: Path, environment: Mapping[str, str], line_bytes_max: int = 65_536
    ) -> SystemProcess:
        child = await asyncio.create_subprocess_exec(
            *command,
            cwd=directory,
            env=dict(environment),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=_die_with_parent,
            limit=line_bytes_max,
        )
        return SystemProcess(child)
