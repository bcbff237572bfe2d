"""Lets those who want the same thing have it one after the other, and lets who ends it interrupt who is at it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from micro.errors import TooManyRequests

__all__ = ["Turns"]

WAITING_MAX = 16
"""How many may wait for one thing."""


@dataclass
class _Turn:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    tasks: set[asyncio.Task[object]] = field(default_factory=set)
    waiting: int = 0


class Turns:
    """A lock for each name, gone when nobody wants it."""

    def __init__(self) -> None:
        self._turns: dict[str, _Turn] = {}

    def taken(self, name: str) -> bool:
        """Whether somebody is at `name`, or waits for it."""
        return name in self._turns

    def interrupt(self, name: str) -> None:
        """Cancels the tasks of those who are at `name` or wait for it, once each, unless their turn is firm."""
        turn = self._turns.get(name)
        while turn is not None and turn.tasks:
            turn.tasks.pop().cancel()

    @contextlib.asynccontextmanager
    async def take(self, name: str, *, firm: bool = False) -> AsyncIterator[None]:
        """Waits until nobody else is at `name`.

        Args:
            firm: whether this turn cannot be interrupted: who ends something must come to the end himself.

        Raises:
            TooManyRequests: `WAITING_MAX` are waiting already.
        """
        turn = self._turns.setdefault(name, _Turn())
        if turn.waiting > WAITING_MAX:
            raise TooManyRequests(f"{WAITING_MAX} others wait to change {name}: try again when they are done")
        task = asyncio.current_task()
        turn.waiting += 1
        if task is not None and not firm:
            turn.tasks.add(task)
        try:
            async with turn.lock:
                yield
        finally:
            if task is not None:
                turn.tasks.discard(task)
            turn.waiting -= 1
            if not turn.waiting:
                del self._turns[name]
