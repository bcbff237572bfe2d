"""What every ordeal is: operations of clients at random times, accidents among them, and an end at which all is well.

An ordeal says what happens; when, how often it is tried again, and that everything is mended before the end, stands
here once.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine
from typing import Any, ClassVar

from micro.errors import MicroError
from micro.testing.machine import WorldClient
from micro.testing.world import World

__all__ = ["Play", "Work"]

Work = Callable[[], Coroutine[Any, Any, None]]


class Play(ABC):
    """A scenario for `World.run`, in an order that chance gives.

    Args:
        operations: how many there are.
        accidents: which share of them are accidents.

    Attributes:
        done: how often each operation was done, by name; what failed counts as `failed`.
    """

    pause_seconds: ClassVar[float]
    """The mean time between two operations."""
    patience_seconds: ClassVar[float]
    """How long a client waits for an answer."""
    tries_max: ClassVar[int]
    """How often a client says the same again."""
    backoff_seconds: ClassVar[float]
    """The longest pause before the second try; each later one may be twice as long."""
    skew_seconds_max: ClassVar[float]
    """By how much a machine's calendar may be wrong."""

    def __init__(self, operations: int, *, accidents: float) -> None:
        self.operations = operations
        self.accidents = accidents
        self.done: dict[str, int] = {}
        self._clients: dict[str, WorldClient] = {}
        self._number = 0

    async def __call__(self, world: World) -> None:
        """Plays it."""
        for machine in world.machines.values():
            machine.clock.skew_seconds = world.random.uniform(-self.skew_seconds_max, self.skew_seconds_max)
        await self._begin(world)
        under_way = []
        for _ in range(self.operations):
            name, work = self._next(world)
            self._count(name)
            under_way.append(asyncio.ensure_future(work()))
            await world.sleep(world.random.expovariate(1 / self.pause_seconds))
        for task in under_way:
            await task
        await world.settle()
        await self._end(world)
        for client in self._clients.values():
            await client.close()

    @abstractmethod
    async def _begin(self, world: World) -> None:
        """Starts the services, and makes the clients."""

    @abstractmethod
    def _next(self, world: World) -> tuple[str, Work]:
        """Returns what happens next, and what it is called."""

    @abstractmethod
    async def _end(self, world: World) -> None:
        """Checks, after all was mended, that everything is as it was promised."""

    def _count(self, name: str) -> None:
        self.done[name] = self.done.get(name, 0) + 1

    async def _insist(self, world: World, operation: Work) -> None:
        """Tries until it works, or it has been tried enough."""
        for attempt in range(self.tries_max):
            try:
                async with asyncio.timeout(self.patience_seconds):
                    await operation()
                return
            except (MicroError, TimeoutError):
                await world.sleep(self.backoff_seconds * 2**attempt * world.random.random())
        self._count("failed")

    @staticmethod
    async def _down(world: World, name: str, begin: Callable[[], None], seconds: float) -> None:
        begin()
        await world.sleep(seconds)
        await world.start(name)

    @staticmethod
    async def _cut(world: World, begin: Callable[[], None], seconds: float) -> None:
        begin()
        await world.sleep(seconds)
        world.heal()

    @staticmethod
    def _move(world: World, name: str) -> None:
        world.move(name)
        world.crash(name)
