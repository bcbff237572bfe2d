"""Wishes that come shortly after each other, met together: a change that costs everybody is made once for all of them.

The first waits `GATHER_SECONDS` for others. Whoever comes less than `APART_SECONDS` after that waits for the rest of
this time: so of however many that come within a second there are at most two changes, and one alone hardly waits.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Generic, TypeVar

from micro.errors import MicroError, TooManyRequests

__all__ = ["APART_SECONDS", "GATHER_SECONDS", "WISHES_MAX", "Gathering"]

GATHER_SECONDS: Final = 0.2
"""So long one that comes alone waits for others."""

APART_SECONDS: Final = 1.0
"""So far apart wishes begin to be gathered, at least."""

WISHES_MAX: Final = 1_024
"""So many wait at once."""

Wish = TypeVar("Wish")


class Gathering(Generic[Wish]):
    """Wishes of one kind.

    Args:
        meet: meets several, and returns for each the reason why it is not met, or None; what it raises holds for all.
    """

    def __init__(self, meet: Callable[[Sequence[Wish]], Awaitable[Sequence[MicroError | None]]]) -> None:
        self._meet = meet
        self._waiting: list[tuple[Wish, asyncio.Future[None]]] = []
        self._task: asyncio.Task[None] | None = None
        self._began = float("-inf")

    async def wish(self, wish: Wish) -> None:
        """Waits until a wish is met.

        Raises:
            MicroError: it is not met.
            TooManyRequests: too many wait.
        """
        if len(self._waiting) >= WISHES_MAX:
            raise TooManyRequests(f"{WISHES_MAX} such wishes wait already; ask again in {APART_SECONDS:g} s")
        loop = asyncio.get_running_loop()
        met: asyncio.Future[None] = loop.create_future()
        self._waiting.append((wish, met))
        if self._task is None or self._task.done():
            self._task = loop.create_task(self._run())
        await met

    def stop(self) -> None:
        """Meets no more; whoever waits is left alone."""
        if self._task is not None:
            self._task.cancel()
        for _, met in self._waiting:
            met.cancel()
        self._waiting.clear()

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            now = loop.time()
            pause = max(GATHER_SECONDS, self._began + APART_SECONDS - now)
            self._began = max(now, self._began + APART_SECONDS)
            await asyncio.sleep(pause)
            gathered, self._waiting = self._waiting, []
            try:
                await self._meet_all(gathered)
            finally:
                for _, met in gathered:
                    met.cancel()  # where it is not known yet what became of it: nobody is to wait for ever

    async def _meet_all(self, gathered: Sequence[tuple[Wish, asyncio.Future[None]]]) -> None:
        reasons: Sequence[MicroError | None] = ()
        try:
            reasons = await self._meet([wish for wish, _ in gathered])
        except MicroError as error:
            reasons = [error] * len(gathered)
        for (_, met), reason in zip(gathered, reasons, strict=True):
            with contextlib.suppress(asyncio.InvalidStateError):  # whoever wished has gone
                if reason is None:
                    met.set_result(None)
                else:
                    met.set_exception(reason)
