"""Puts load on an engine from a client process, and counts what comes of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from statistics import fmean, median

from benchmarks.peers.peer import Call, Flow
from benchmarks.process import processor_seconds

__all__ = ["Figures", "Window", "combined", "fan_out", "measure_call", "measure_flow"]

WARM_UP_SECONDS = 0.15
SAMPLES_MAX = 200_000
AHEAD_EVENTS_MAX = 256
"""A publisher is at most so many events ahead of its slowest subscriber."""

ARRIVAL_SECONDS_MAX = 5.0


@dataclass(frozen=True, slots=True)
class Figures:
    """One measurement.

    Attributes:
        per_second: calls answered, or items arrived.
        p50_seconds: the middle call's time with one caller, else 0.
        processor_seconds: of client and server together, for each.
    """

    per_second: float
    p50_seconds: float
    processor_seconds: float


def combined(passes: Sequence[Figures]) -> Figures:
    """Returns what several measurements of the same come to."""
    return Figures(
        fmean(found.per_second for found in passes),
        fmean(found.p50_seconds for found in passes),
        fmean(found.processor_seconds for found in passes),
    )


class _Gauge:
    """The processor time of this process and of the servers'."""

    def __init__(self, pids: tuple[int, ...]) -> None:
        self._pids = pids
        self._server = processor_seconds(pids)
        self._client = time.process_time()
        self._began = time.perf_counter()

    def figures(self, count: int, times: Sequence[float] = ()) -> Figures:
        elapsed = time.perf_counter() - self._began
        used = time.process_time() - self._client + processor_seconds(self._pids) - self._server
        if not count:
            raise RuntimeError("nothing was answered")
        return Figures(count / elapsed, median(times) if times else 0.0, used / count)


async def measure_call(call: Call, callers: int, seconds: float, pids: tuple[int, ...]) -> Figures:
    """Lets `callers` call, each as soon as it is answered, for a while."""
    await _call_for(call, callers, WARM_UP_SECONDS)
    gauge = _Gauge(pids)
    if callers == 1:
        times = await _time_each(call, seconds)
        return gauge.figures(len(times), times)
    return gauge.figures(await _call_for(call, callers, seconds))


async def _time_each(call: Call, seconds: float) -> list[float]:
    times: list[float] = []
    now = time.perf_counter()
    ends = now + seconds
    while now < ends and len(times) < SAMPLES_MAX:
        began = now
        await call()
        now = time.perf_counter()
        times.append(now - began)
    return times


async def _call_for(call: Call, callers: int, seconds: float) -> int:
    count = 0
    going = True

    async def caller() -> None:
        nonlocal count
        while going:
            await call()
            count += 1

    def stop() -> None:
        nonlocal going
        going = False

    asyncio.get_running_loop().call_later(seconds, stop)
    async with asyncio.TaskGroup() as group:
        for _ in range(callers):
            group.create_task(caller())
    return count


async def measure_flow(flow: Flow, seconds: float, pids: tuple[int, ...]) -> Figures:
    """Lets items flow for a while."""
    await flow(WARM_UP_SECONDS)
    gauge = _Gauge(pids)
    return gauge.figures(await flow(seconds))


class Window:
    """Keeps a publisher near its subscribers, the same way for every engine."""

    def __init__(self, subscribers: int) -> None:
        self.counts = [0] * subscribers
        self._goal = 0
        self._waiting: asyncio.Future[None] | None = None

    def arrived(self, subscriber: int) -> None:
        """A subscriber has one more event."""
        count = self.counts[subscriber] = self.counts[subscriber] + 1
        if count == self._goal:  # each passes it once, so the last one of them finds all there
            waiting = self._waiting
            if waiting is not None and not waiting.done() and min(self.counts) >= count:
                waiting.set_result(None)

    async def reached(self, goal: int) -> None:
        """Waits until every subscriber has `goal` events.

        Raises:
            TimeoutError: one does not get them.
        """
        if min(self.counts) >= goal:
            return
        self._goal = goal
        self._waiting = asyncio.get_running_loop().create_future()
        async with asyncio.timeout(ARRIVAL_SECONDS_MAX):
            await self._waiting


async def fan_out(publish: Callable[[], Awaitable[object]], window: Window, seconds: float) -> int:
    """Publishes for a while and returns how many deliveries there were, all subscribers together."""
    before = sum(window.counts)
    published = min(window.counts)
    ends = time.perf_counter() + seconds
    while time.perf_counter() < ends:
        for _ in range(AHEAD_EVENTS_MAX // 4):
            await publish()
        published += AHEAD_EVENTS_MAX // 4
        await window.reached(published - AHEAD_EVENTS_MAX)
    await window.reached(published)
    return sum(window.counts) - before
