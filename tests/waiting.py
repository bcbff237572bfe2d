"""Waiting for what does not tell when it happens: another process, a file, a node that hears of something."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from inspect import isawaitable

__all__ = ["until"]

PAUSE_SECONDS = 0.01


async def until(
    condition: Callable[[], object | Awaitable[object]], seconds_max: float = 60.0, *, what: str = "it holds"
) -> None:
    """Waits until a condition holds; one that raises does not hold yet, and its error is told if it never does."""
    missed: Exception | None = None
    try:
        async with asyncio.timeout(seconds_max):
            while True:
                try:
                    found = condition()
                    if await found if isawaitable(found) else found:
                        return
                    missed = None
                except Exception as error:  # noqa: BLE001 - it does not hold yet
                    missed = error
                await asyncio.sleep(PAUSE_SECONDS)
    except TimeoutError:
        raise AssertionError(f"waited in vain until {what}") from missed
