"""Starts processes to be measured, waits until they are ready, and counts what they use."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

__all__ = ["READY", "own_bytes", "processor_seconds", "program", "proportional_bytes", "python", "until"]

READY = "ready"
"""What a server of ours prints once it can be called."""

START_SECONDS_MAX = 30.0
STOP_SECONDS_MAX = 5.0
RETRY_SECONDS = 0.01
_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


@asynccontextmanager
async def program(
    *words: str, environment: dict[str, str] | None = None, log: Path | None = None
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Runs a program, with its output in `log` or, without one, in a pipe; ends it with the block."""
    with open(log or os.devnull, "ab") as file:  # noqa: ASYNC230 - before anything is measured
        process = await asyncio.create_subprocess_exec(
            *words,
            env={**os.environ, **(environment or {})},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE if log is None else file,
            stderr=None if log is None else file,
        )
    try:
        yield process
    finally:
        await _end(process)


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    process.terminate()
    try:
        await asyncio.wait_for(process.wait(), STOP_SECONDS_MAX)
    except TimeoutError:
        with suppress(ProcessLookupError):  # it ended just now
            process.kill()
        await process.wait()


@asynccontextmanager
async def python(*words: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """Runs `python -m` with some words, and waits until it prints that it is ready."""
    async with program(sys.executable, "-m", *words) as process:
        assert process.stdout is not None
        async with asyncio.timeout(START_SECONDS_MAX):
            line = (await process.stdout.readline()).decode().strip()
        if line != READY:
            raise RuntimeError(f"{words[0]} does not start: it says {line!r}")
        yield process


async def until(condition: Callable[[], Awaitable[bool]], *, seconds: float = START_SECONDS_MAX) -> None:
    """Waits until a condition holds.

    Raises:
        TimeoutError: it does not.
    """
    async with asyncio.timeout(seconds):
        while not await condition():  # noqa: ASYNC110 - it is in another process
            await asyncio.sleep(RETRY_SECONDS)


def processor_seconds(pids: tuple[int, ...]) -> float:
    """Returns the processor time that processes have used so far, all their threads together."""
    ticks = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / _TICKS_PER_SECOND


def proportional_bytes(pid: int) -> int:
    """Returns a process's PSS: its own memory, and its share of what it has in common with others."""
    return _rolled_up(pid, "Pss:")


def own_bytes(pid: int) -> int:
    """Returns what a process has of memory that is no file: its PSS without programs, whose share others change."""
    return _rolled_up(pid, "Pss_Anon:")


def _rolled_up(pid: int, name: str) -> int:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1]) * 1024
    raise RuntimeError("this system tells no PSS")
