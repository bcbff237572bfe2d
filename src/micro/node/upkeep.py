"""What a node does again and again while it runs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

__all__ = ["TICK_SECONDS", "Upkeep"]

TICK_SECONDS = 0.1
"""How often a node looks at what has become due."""


class Upkeep:
    """Two rounds, a short one of what costs nothing and a long one of what may wait.

    Args:
        tick: is called in every short round; must not wait.
        chores: are awaited one after the other in every long round.
        renew_seconds: the time between two long rounds.
    """

    def __init__(
        self, tick: Callable[[], None], chores: Sequence[Callable[[], Awaitable[None]]], renew_seconds: float
    ) -> None:
        self._tick = tick
        self._chores = chores
        self._renew_seconds = renew_seconds
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begins both rounds, in the loop that runs."""
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self._short()), loop.create_task(self._long())]

    def stop(self) -> None:
        """Ends both."""
        for task in self._tasks:
            task.cancel()

    async def _short(self) -> None:
        while True:
            await asyncio.sleep(TICK_SECONDS)
            self._tick()

    async def _long(self) -> None:
        while True:
            await asyncio.sleep(self._renew_seconds)
            for chore in self._chores:
                await chore()
