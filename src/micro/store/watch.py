"""Telling watchers what changed, without ever waiting for one of them."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from micro.errors import TooManyRequests

__all__ = ["Change", "Watch", "Watchers"]

CHANGES_WAITING_MAX = 1_024
"""Changes that wait for one watcher; further ones are counted, and the watcher is told how many it missed."""

WATCHERS_MAX = 256
"""Watchers of one store."""


@dataclass(frozen=True)
class Change:
    """One thing that changed.

    Attributes:
        kind: `write`, `delete`, `expire`, or `lagged`: so many changes were missed that everything should be read anew.
        key: the key, or the path of a setting.
        scope: whose it is.
        table: where it is.
        missed: with `lagged`, how many changes.
    """

    kind: Literal["write", "delete", "expire", "lagged"]
    key: str = ""
    scope: str = ""
    table: str = ""
    missed: int = 0


class Watch:
    """An async iterator of changes, from its beginning until `close`."""

    def __init__(self, watchers: Watchers, wants: Callable[[Change], bool]) -> None:
        self.wants = wants
        self._watchers = watchers
        self._changes: deque[Change] = deque()
        self._missed = 0
        self._waiter: asyncio.Future[None] | None = None
        self._is_closed = False

    def __aiter__(self) -> Watch:
        return self

    async def __anext__(self) -> Change:
        while not (self._changes or self._missed):
            if self._is_closed:
                raise StopAsyncIteration
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        if self._changes:
            return self._changes.popleft()
        missed, self._missed = self._missed, 0
        return Change("lagged", missed=missed)

    def close(self) -> None:
        """Ends the iteration; what waits is still given out."""
        self._is_closed = True
        self._watchers.remove(self)
        self._wake()

    def put(self, change: Change) -> None:
        """Takes a change; once one was missed the rest are, until the watcher has heard so."""
        if self._missed or len(self._changes) >= CHANGES_WAITING_MAX:
            self._missed += 1
        else:
            self._changes.append(change)
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class Watchers:
    """Who watches."""

    def __init__(self) -> None:
        self._watches: dict[Watch, None] = {}

    def __len__(self) -> int:
        return len(self._watches)

    def add(self, wants: Callable[[Change], bool]) -> Watch:
        """Returns a new watch of the changes for which `wants` is true.

        Raises:
            TooManyRequests: there are as many watchers as there may be.
        """
        if len(self._watches) >= WATCHERS_MAX:
            raise TooManyRequests(f"{WATCHERS_MAX} watchers are the limit of one store; close one of them")
        watch = Watch(self, wants)
        self._watches[watch] = None
        return watch

    def remove(self, watch: Watch) -> None:
        """Forgets a watch."""
        self._watches.pop(watch, None)

    def tell(self, change: Change) -> None:
        """Hands a change to all who want it."""
        for watch in list(self._watches):
            if watch.wants(change):
                watch.put(change)

    def close(self) -> None:
        """Ends all watches."""
        for watch in list(self._watches):
            watch.close()
