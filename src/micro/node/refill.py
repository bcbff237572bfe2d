"""Looks for more providers of a service while some still serve, so that the next loss is not felt either.

Nobody waits for this, so it takes its time: a first pause of chance length, since all who used a provider lose it in
the same moment, and then longer and longer ones while there is nobody new to be met.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from micro.errors import MicroError
from micro.ports import Entropy

__all__ = ["NAMES_MAX", "PAUSE_SECONDS_MAX", "PAUSE_SECONDS_MIN", "Refill", "pause_seconds"]

NAMES_MAX: Final = 256
"""More providers are looked for of so many names at once; a further one is left as it is."""
PAUSE_SECONDS_MIN: Final = 2.0
PAUSE_SECONDS_MAX: Final = 300.0
"""The first and the longest pause before providers are looked for, on average."""

log = logging.getLogger("micro.network")


def pause_seconds(tried: int, chance: int) -> float:
    """Returns how long to wait after so many tries in vain, from half to one and a half of it by `chance`, a byte.

    Pure.
    """
    longest: float = min(PAUSE_SECONDS_MAX, PAUSE_SECONDS_MIN * 2 ** min(tried, 16))
    return longest * (0.5 + chance / 255)


class Refill:
    """Has `fill` called for each name that is short of providers, until it says that there are enough.

    Args:
        fill: meets more providers of a name; says whether that is done, or not wanted any more.
        entropy: spreads the pauses.
    """

    def __init__(self, fill: Callable[[str], Awaitable[bool]], entropy: Entropy) -> None:
        self._fill = fill
        self._entropy = entropy
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def want(self, name: str) -> None:
        """Takes note that a name is short of providers."""
        if name not in self._tasks and len(self._tasks) < NAMES_MAX:
            self._tasks[name] = asyncio.get_running_loop().create_task(self._run(name))

    def close(self) -> None:
        """Looks for nothing more."""
        for task in self._tasks.values():
            task.cancel()

    async def _run(self, name: str) -> None:
        try:
            tried = 0
            while True:
                await asyncio.sleep(pause_seconds(tried, self._entropy.random_bytes(1)[0]))
                tried += 1
                try:
                    if await self._fill(name):
                        return
                except (MicroError, TimeoutError) as error:
                    log.info("no more providers of %s were met: %s", name, error)
        finally:
            del self._tasks[name]
