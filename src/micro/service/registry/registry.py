"""Who offers what, where: the protocol every registry engine answers.

Pure.

The embedded engine is `embedded.py`: a catalog in memory. An engine for many machines keeps the same six verbs over its
own store, and a catalog of what it saw as its cache.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Protocol

from micro.service.registry.changes import Changes
from micro.service.registry.description import Description
from micro.service.registry.instance import Instance
from micro.service.registry.search import Match
from micro.service.registry.view import View

__all__ = ["LEASE_SECONDS", "RENEW_SECONDS", "Registry"]

LEASE_SECONDS = 90.0
"""How long an instance is believed alive without a sign of life, unless said otherwise."""

RENEW_SECONDS = 30.0
"""How often it gives one."""


class Registry(Protocol):
    """Six verbs. All raise `micro.errors.Fault`s, and `Unavailable` while the engine cannot answer."""

    async def register(
        self, instance: Instance, description: Mapping[str, Any] | Description, lease_seconds: float = LEASE_SECONDS
    ) -> bool:
        """Makes an instance known for `lease_seconds`; doing it again renews the lease or replaces the record.

        Returns False if a newer record of the same instance, or its withdrawal, is known already.
        """

    async def deregister(self, instance: Instance) -> bool:
        """Withdraws an instance; False if it was not known."""

    async def lookup(self, name: str) -> View | None:
        """Returns what is known of a service now, or None if no instance of it is."""

    async def list(self, limit: int = 100, offset: int = 0) -> Sequence[View]:
        """Returns services in the order of their names, at most `catalog.LIST_MAX` at once."""

    async def search(self, query: str, limit: int = 20) -> Sequence[Match]:
        """Returns the services that fit the words of `query`, best first; the last word may be unfinished."""

    def watch(self, number: int | None = None) -> AsyncIterator[Changes]:
        """Yields what changes after change `number` (None: from now on), until the caller stops.

        Where `Changes.resync` is true the history does not reach back: read the list, then go on.
        """
