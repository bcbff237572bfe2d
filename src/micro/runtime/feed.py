"""Carries the progress of a work from whoever does it to whoever looks on, who may be slow, late or gone."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable

from micro.errors import Fault
from micro.runtime.generation import Progress

__all__ = ["Feed"]

PROGRESS_MAX = 256
"""How many lines may wait; then the oldest is dropped, for the newest says more."""


class Feed:
    """One work's progress.

    Args:
        noted: is told of every line, also where nobody looks on, and of the fault with which it ended.
    """

    def __init__(self, noted: Callable[[Progress], None] = lambda progress: None) -> None:
        self._noted = noted
        self._waiting: deque[Progress] = deque(maxlen=PROGRESS_MAX)
        self._fault: Fault | None = None
        self._ended = False
        self._filled = asyncio.Event()

    def put(self, progress: Progress) -> None:
        """Adds a line."""
        self._noted(progress)
        self._waiting.append(progress)
        self._filled.set()

    def report(self, step: str, detail: str) -> None:
        """Adds a step as it begins, as a `Report` does."""
        self.put(Progress(step, detail))

    def end(self, fault: Fault | None = None) -> None:
        """Says that there is no more; a fault is what the onlooker gets instead of a last line."""
        if fault is not None:
            self._noted(Progress("failed", str(fault), done=True))
        self._fault = fault
        self._ended = True
        self._filled.set()

    async def lines(self) -> AsyncIterator[Progress]:
        """Yields each line, and raises the fault with which it ended."""
        while True:
            await self._filled.wait()
            self._filled.clear()
            while self._waiting:
                yield self._waiting.popleft()
            if self._ended:
                if self._fault is not None:
                    raise self._fault
                return
