"""The embedded registry: a catalog in this process, on its clock.

Nothing runs in the background. A lease that ended is noticed by whoever asks next, and a watcher sleeps no longer than
until the next lease ends.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, TypeVar

from micro.errors import TooManyRequests
from micro.ports import Clock
from micro.service.registry.catalog import Catalog
from micro.service.registry.changes import Changes
from micro.service.registry.description import Description
from micro.service.registry.instance import Instance
from micro.service.registry.registry import LEASE_SECONDS
from micro.service.registry.search import Match
from micro.service.registry.view import View

__all__ = ["EmbeddedRegistry"]

WATCHERS_MAX = 1024

Count = TypeVar("Count", bool, int)


class EmbeddedRegistry:
    """A registry engine over one `Catalog`.

    Args:
        clock: the node's clock; leases run on its monotonic reading.
        catalog: the catalog to serve, a new one by default.
    """

    def __init__(self, clock: Clock, catalog: Catalog | None = None) -> None:
        self._clock = clock
        self._catalog = catalog or Catalog()
        self._watchers: list[asyncio.Event] = []

    async def register(
        self, instance: Instance, description: Mapping[str, Any] | Description, lease_seconds: float = LEASE_SECONDS
    ) -> bool:
        """Makes an instance known, or renews it."""
        return self._noticed(self.catalog.register(instance, description, lease_seconds, self._clock.monotonic()))

    async def deregister(self, instance: Instance) -> bool:
        """Withdraws an instance."""
        return self._noticed(self.catalog.deregister(instance, self._clock.monotonic()))

    def renew_node(self, nid: str, lease_seconds: float = LEASE_SECONDS) -> int:
        """Renews all leases of a node, for a sign of life on its link, and returns how many."""
        return self.catalog.renew_node(nid, lease_seconds, self._clock.monotonic())

    def drop_node(self, nid: str) -> int:
        """Removes all instances of a node whose link is gone, and returns how many."""
        return self._noticed(len(self.catalog.drop_node(nid)))

    def describe(self, name: str) -> dict[str, Any]:
        """Returns the description object of a service; `last_seen` is in Unix seconds."""
        return self.catalog.describe(name, self._clock.monotonic(), self._clock.now())

    async def lookup(self, name: str) -> View | None:
        """Returns what is known of a service."""
        return self.catalog.lookup(name)

    async def list(self, limit: int = 100, offset: int = 0) -> Sequence[View]:
        """Returns services in the order of their names."""
        return self.catalog.list(limit, offset)

    async def search(self, query: str, limit: int = 20) -> Sequence[Match]:
        """Returns the services that fit best."""
        return self.catalog.search(query, limit)

    async def watch(self, number: int | None = None) -> AsyncIterator[Changes]:
        """Yields changes as they happen."""
        if len(self._watchers) >= WATCHERS_MAX:
            raise TooManyRequests(f"{WATCHERS_MAX} callers watch the registry already; try again later")
        seen = self.catalog.number if number is None else number
        wake = asyncio.Event()
        self._watchers.append(wake)
        try:
            while True:
                wake.clear()
                changes = self.catalog.changes_since(seen)
                if changes.resync or changes.changes:
                    seen = changes.number
                    yield changes
                else:
                    await self._sleep(wake)
        finally:
            self._watchers.remove(wake)

    @property
    def catalog(self) -> Catalog:
        """The catalog, with every lease that ended taken out: whoever reads it sees only the living."""
        due = self._catalog.next_expiry()
        if due is not None:
            now = self._clock.monotonic()
            if due <= now:
                self._noticed(len(self._catalog.expire(now)))
        return self._catalog

    async def _sleep(self, wake: asyncio.Event) -> None:
        """Waits for a change, but not beyond the end of the next lease."""
        due = self._catalog.next_expiry()
        seconds = None if due is None else max(0.0, due - self._clock.monotonic())
        try:
            async with asyncio.timeout(seconds):
                await wake.wait()
        except TimeoutError:
            pass

    def _noticed(self, result: Count) -> Count:
        """Wakes the watchers if something changed."""
        if result:
            for wake in self._watchers:
                wake.set()
        return result
