"""What every service tells about itself: whether it is well, its figures, its log, its last exchanges."""

from __future__ import annotations

import asyncio
import logging
import resource
import sys
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["Debug", "LogRing", "Stats", "Trace"]

LINES_MAX = 1_000
TRACES_MAX = 200
FOLLOWERS_MAX = 16
FOLLOWER_LINES_MAX = 256
LINE_CHARACTERS_MAX = 4_000


class Stats:
    """The figures of one endpoint.

    Attributes:
        requests: how many exchanges began.
        errors: of them, those that the service failed at.
        rejected: those it had a fault for that is their caller's: asked wrongly, not there, not allowed, too often.
        cancelled: those whose caller withdrew, or whose handler gave up.
        timed, seconds: how many were timed, which need not be all, and how long those took together.
        fuel: what a guest used.
    """

    __slots__ = ("cancelled", "errors", "fuel", "rejected", "requests", "seconds", "timed")

    def __init__(self) -> None:
        self.requests = self.errors = self.rejected = self.cancelled = self.timed = self.fuel = 0
        self.seconds = 0.0


@dataclass(frozen=True, slots=True)
class Trace:
    """One exchange that was served; `error` is "" where it was answered; `rejected`: it is its caller's."""

    endpoint: str
    caller: str
    seconds: float
    error: str
    rejected: bool
    time: float


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line of a service's log; `time` in seconds since 1970."""

    time: float
    level: str
    message: str


class LogRing(logging.Handler):
    """Keeps the last lines that a service logged, and hands new ones to followers."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: deque[LogLine] = deque(maxlen=LINES_MAX)
        self._followers: list[tuple[asyncio.AbstractEventLoop, asyncio.Queue[LogLine]]] = []

    def emit(self, record: logging.LogRecord) -> None:
        line = LogLine(record.created, record.levelname.lower(), record.getMessage()[:LINE_CHARACTERS_MAX])
        self.lines.append(line)
        for loop, queue in self._followers:
            loop.call_soon_threadsafe(_offer, queue, line)

    async def follow(self, count: int) -> AsyncIterator[LogLine]:
        """Yields the last `count` lines, then new ones as they come; a reader that is too slow misses some."""
        for line in list(self.lines)[-count:] if count > 0 else []:
            yield line
        queue: asyncio.Queue[LogLine] = asyncio.Queue(FOLLOWER_LINES_MAX)
        place = (asyncio.get_running_loop(), queue)
        if len(self._followers) >= FOLLOWERS_MAX:
            return
        self._followers.append(place)
        try:
            while True:
                yield await queue.get()
        finally:
            self._followers.remove(place)


def _offer(queue: asyncio.Queue[LogLine], line: LogLine) -> None:
    if not queue.full():
        queue.put_nowait(line)


class Debug:
    """The struct `Debug` that every service has.

    Args:
        name, version: of the service.
        now: seconds since 1970.
        stats: returns the figures of each endpoint.
        resident: returns how much memory this process has now, in bytes, 0 where the system does not tell.
    """

    def __init__(
        self,
        name: str,
        version: str,
        now: Callable[[], float],
        stats: Callable[[], Mapping[str, Stats]],
        *,
        resident: Callable[[], int],
    ) -> None:
        self._name = name
        self._version = version
        self._now = now
        self._stats = stats
        self._resident = resident
        self._started = now()
        self.log_ring = LogRing()
        self.traces: deque[Trace] = deque(maxlen=TRACES_MAX)

    def traced(self, endpoint: str, caller: str, seconds: float, error: str, /, *, rejected: bool = False) -> None:
        """Takes note of an exchange."""
        told = error[:LINE_CHARACTERS_MAX]
        self.traces.append(Trace(endpoint, caller, round(seconds, 9), told, rejected, self._now()))

    async def health(self) -> dict[str, str]:
        """Says that the service answers."""
        return {"status": "ok", "service": self._name, "version": self._version}

    async def stats(self) -> dict[str, Any]:
        """Returns figures since the start: seconds up, bytes of memory, what became of requests, by endpoint too."""
        endpoints = {
            name: {
                "requests": found.requests,
                "errors": found.errors,
                "rejected": found.rejected,
                "cancelled": found.cancelled,
                "mean_seconds": round(found.seconds / found.timed, 9) if found.timed else None,
                **({"fuel": found.fuel} if found.fuel else {}),
            }
            for name, found in self._stats().items()
            if found.requests
        }
        memory_bytes, memory_peak_bytes, cpu_seconds = used(self._resident)
        return {
            "started": self._started,
            "uptime_seconds": round(self._now() - self._started, 3),
            "memory_bytes": memory_bytes,
            "memory_peak_bytes": memory_peak_bytes,
            "cpu_seconds": cpu_seconds,
            "requests": sum(found["requests"] or 0 for found in endpoints.values()),
            "errors": sum(found["errors"] or 0 for found in endpoints.values()),
            "rejected": sum(found["rejected"] or 0 for found in endpoints.values()),
            "endpoints": endpoints,
        }

    async def log(self, count: int = 100, follow: bool = False) -> AsyncIterator[dict[str, Any]]:
        """Yields the last lines of the log.

        Args:
            count: how many.
            follow: go on with new lines as they come.
        """
        if not follow:
            for line in list(self.log_ring.lines)[-count:] if count > 0 else []:
                yield {"time": line.time, "level": line.level, "message": line.message}
            return
        async for line in self.log_ring.follow(count):
            yield {"time": line.time, "level": line.level, "message": line.message}

    async def trace(self, count: int = 50) -> dict[str, list[dict[str, Any]]]:
        """Returns the last exchanges that were traced: all that were not answered, and of those that were a part.

        Args:
            count: how many.
        """
        last = list(self.traces)[-count:] if count > 0 else []
        return {"traces": [asdict(trace) for trace in last]}


def used(resident: Callable[[], int]) -> tuple[int, int, float]:
    """Returns the memory that this process has, and the most it ever had, in bytes, and the processor's time it took.

    Where the system does not tell how much it has now, the first is the second.
    """
    usage = resource.getrusage(resource.RUSAGE_SELF)
    unit = 1 if sys.platform == "darwin" else 1024
    peak = usage.ru_maxrss * unit
    return resident() or peak, peak, round(usage.ru_utime + usage.ru_stime, 3)
