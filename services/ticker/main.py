"""Ticks: a stream of messages at a steady pace."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from micro import Service, errors

INTERVAL_SECONDS_MIN = 0.01
INTERVAL_SECONDS_MAX = 3600.0
COUNT_MAX = 1_000_000

service = Service(
    "ticker",
    version="1.0.0",
    description="Ticks: a stream of messages at a steady pace.",
    metadata={"tags": "demo, stream, time"},
)


@dataclass
class Tick:
    """One tick.

    Attributes:
        number: counted from 1.
        time: when it was sent, in ISO 8601.
    """

    number: int
    time: str


@service.endpoint(idempotent=True, readonly=True, examples=[{"interval_seconds": 0.5, "count": 5}, {}])
async def watch(interval_seconds: float = 1.0, count: int = 0) -> AsyncIterator[Tick]:
    """Tick at a steady pace; the first tick comes at once.

    Wishes:
        tick every second

    Wishes (es):
        un tic cada segundo

    Wishes (de):
        ticke jede Sekunde

    Args:
        interval_seconds: the time from one tick to the next, 0.01 to 3600.
        count: how many ticks, 0 for as long as you listen.

    Yields:
        The ticks.
    """
    if not INTERVAL_SECONDS_MIN <= interval_seconds <= INTERVAL_SECONDS_MAX:
        raise errors.BadRequest(
            f"interval_seconds: expected {INTERVAL_SECONDS_MIN:g} to {INTERVAL_SECONDS_MAX:g}, got {interval_seconds:g}"
        )
    if not 0 <= count <= COUNT_MAX:
        raise errors.BadRequest(f"count: expected 0 to {COUNT_MAX}, got {count}")
    async for number in pace(interval_seconds, count):
        yield Tick(number, datetime.now(UTC).isoformat(timespec="milliseconds"))


@service.endpoint(idempotent=True, examples=[{"start": 10}])
async def countdown(start: int = 10, interval_seconds: float = 1.0) -> AsyncIterator[int]:
    """Count down to zero.

    Wishes:
        count down from 10
        count backwards to zero

    Wishes (es):
        haz una cuenta atrás desde 10

    Wishes (de):
        ein Countdown von 10 bis null

    Args:
        start: the first number, at most 1000000.
        interval_seconds: the time from one number to the next, 0.01 to 3600.

    Yields:
        The numbers.
    """
    if not 0 <= start < COUNT_MAX:
        raise errors.BadRequest(f"start: expected 0 to {COUNT_MAX - 1}, got {start}")
    async for tick in watch(interval_seconds, start + 1):
        yield start + 1 - tick.number


async def pace(
    interval_seconds: float,
    count: int,
    *,
    now: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> AsyncIterator[int]:
    """Yields 1, 2, 3 and so on, each at its time.

    The times are counted from the start, so that the pace does not drift. Whoever listens too slowly gets the next
    number at once, and then waits again for the pace: ticks that are long past are not made up for.
    """
    due, number = now(), 0
    while count == 0 or number < count:
        number += 1
        yield number
        due = due + interval_seconds if now() < due + 2 * interval_seconds else now()
        if number != count:
            await sleep(max(0.0, due - now()))


if __name__ == "__main__":
    service.run()
