"""Measures calls of a service from this machine, in turn with a bare echo, so that the machine's mood cancels out.

Some callers call as fast as they are answered, for a while; then the same number talk to a socket that gives back every
message at once, which is as fast as anything can be here. Both are measured in several rounds, and the medians told.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

from micro.doors.cli.echo import HEADER_BYTES, EchoClient
from micro.errors import EngineError

__all__ = ["Figures", "Row", "bare_echo", "compare", "measure"]

SAMPLES_MAX = 1_000_000
"""So many times of single calls are kept in one measurement; the count goes on without them."""

WARM_UP_CALLS = 50
START_TRIES_MAX = 200
START_EVERY_SECONDS = 0.05

Call = Callable[[], Awaitable[Any]]


@dataclass(frozen=True)
class Figures:
    """One measurement.

    Attributes:
        calls_per_second: how many were answered.
        p50_seconds, p99_seconds: how long the middle one took, and the slowest of each hundred.
    """

    calls_per_second: float
    p50_seconds: float
    p99_seconds: float


@dataclass(frozen=True)
class Row:
    """What one number of callers comes to: the medians of the rounds.

    Attributes:
        callers: how many called at once.
        service: the service.
        echo: the bare echo.
        share: the median of the rounds' ratios: calls of the service for one of the echo.
    """

    callers: int
    service: Figures
    echo: Figures
    share: float

    def to_dict(self) -> dict[str, Any]:
        """Returns it as an object."""
        return asdict(self)


async def measure(call: Call, callers: int, seconds: float) -> Figures:
    """Calls from `callers` tasks for a while.

    Raises:
        Fault: a call failed.
    """
    times: list[float] = []
    count = 0
    ends = perf_counter() + seconds

    async def caller() -> None:
        nonlocal count
        while (began := perf_counter()) < ends:
            await call()
            count += 1
            if len(times) < SAMPLES_MAX:
                times.append(perf_counter() - began)

    began = perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(callers):
            group.create_task(caller())
    elapsed = perf_counter() - began
    times.sort()
    middle, slow = (times[min(len(times) - 1, len(times) * part // 100)] for part in (50, 99))
    return Figures(count / elapsed, middle, slow)


async def compare(
    call: Call, echo: Call, *, callers: Sequence[int], seconds: float, rounds: int, progress: Callable[[str], None]
) -> list[Row]:
    """Measures both in turn, for each number of callers.

    Args:
        call: calls the service once.
        echo: asks the bare echo once.
        callers: how many call at once, one row each.
        seconds: how long each measurement takes.
        rounds: how often both are measured.
        progress: is told what is measured now.

    Raises:
        Fault: a call failed.
    """
    for _ in range(WARM_UP_CALLS):
        await call()
        await echo()
    rows = []
    for count in callers:
        pairs = []
        for number in range(rounds):
            progress(f"{count} callers, round {number + 1} of {rounds}")
            bare = await measure(echo, count, seconds)
            pairs.append((await measure(call, count, seconds), bare))
        share = median(ours.calls_per_second / bare.calls_per_second for ours, bare in pairs)
        rows.append(Row(count, _middle([ours for ours, _ in pairs]), _middle([bare for _, bare in pairs]), share))
    return rows


def _middle(found: Sequence[Figures]) -> Figures:
    return Figures(
        median(figures.calls_per_second for figures in found),
        median(figures.p50_seconds for figures in found),
        median(figures.p99_seconds for figures in found),
    )


@asynccontextmanager
async def child(module: str, *words: str) -> AsyncIterator[subprocess.Popen[bytes]]:
    """Runs a module of ours in a process of its own, and ends it with the block."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    # Not by the loop: uvloop runs Python between fork and exec, where another thread may hold its locks.
    process = await asyncio.to_thread(subprocess.Popen, [sys.executable, "-m", module, *words], env=environment)
    try:
        yield process
    finally:
        process.terminate()
        await asyncio.to_thread(process.wait)


@asynccontextmanager
async def bare_echo(body_bytes: int) -> AsyncIterator[Call]:
    """Starts a bare echo in another process, and gives a function that asks it once with so many bytes.

    Raises:
        EngineError: it does not start.
    """
    with tempfile.TemporaryDirectory(prefix="micro-bench-") as folder:
        place = str(Path(folder) / "echo.sock")
        async with child("micro.doors.cli.echo", place) as process:
            client = await _dial(place, process)
            message = (body_bytes).to_bytes(HEADER_BYTES, "big") + bytes(body_bytes)

            def ask() -> Awaitable[bytes]:
                return client.ask(message)

            try:
                yield ask
            finally:
                client.close()


async def _dial(place: str, process: subprocess.Popen[bytes]) -> EchoClient:
    loop = asyncio.get_running_loop()
    for _ in range(START_TRIES_MAX):
        if process.poll() is not None:
            break
        try:
            _, client = await loop.create_unix_connection(EchoClient, place)
        except OSError:
            await asyncio.sleep(START_EVERY_SECONDS)
        else:
            return client
    raise EngineError("the bare echo does not start; is there room for sockets in the temporary folder?")
