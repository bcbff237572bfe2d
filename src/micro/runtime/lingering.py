"""Instances that were replaced while something was open on them: each ends when that has, however long it takes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from micro.runtime.generation import Generation
from micro.runtime.instance import Instance, Launcher

__all__ = ["LINGERING_MAX", "Lingering"]

LINGERING_MAX = 7
"""So many of one service linger, beside the one that serves; the oldest is ended for a further one."""


class Lingering:
    """Those of one service.

    Args:
        launcher: started them.
        tell: told what becomes of one.
    """

    def __init__(self, launcher: Launcher, tell: Callable[[str, Instance, str], None]) -> None:
        self._launcher = launcher
        self._tell = tell
        self._waiting: dict[asyncio.Task[None], Generation | None] = {}

    def take(self, instance: Instance, generation: Generation | None) -> None:
        """Lets an instance finish; it gets nothing new any more."""
        while len(self._waiting) >= LINGERING_MAX:
            oldest = next(iter(self._waiting))
            del self._waiting[oldest]
            oldest.cancel()
        task = asyncio.ensure_future(self._outlast(instance))
        self._waiting[task] = generation
        task.add_done_callback(lambda task: self._waiting.pop(task, None))

    def generations(self) -> list[Generation]:
        """Returns what they run, whose files are needed."""
        return [generation for generation in self._waiting.values() if generation is not None]

    async def end(self) -> None:
        """Ends all of them."""
        tasks = list(self._waiting)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _outlast(self, instance: Instance) -> None:
        reason = "something was open on it still"
        ending = asyncio.ensure_future(instance.wait())
        idle = asyncio.ensure_future(self._launcher.drain(instance, None))
        try:
            await asyncio.wait((ending, idle), return_when=asyncio.FIRST_COMPLETED)
            reason = "what was open on it is finished" if idle.done() else "it ended by itself"
        finally:
            for each in (ending, idle):
                each.cancel()
            await self._launcher.stop(instance)
            self._tell("ended", instance, f"the replaced instance is gone: {reason}")
