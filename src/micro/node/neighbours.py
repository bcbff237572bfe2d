"""What a link to a neighbour brings: its services into the catalog, and which logs it keeps for others."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from functools import partial

from micro.errors import Fault, LinkClosed
from micro.network.link import Link
from micro.node.following import Following
from micro.node.logs import NeighbourLogs
from micro.ports import Clock
from micro.service.registry.catalog import Catalog

__all__ = ["Neighbours"]

TOPICS_MAX = 256
AWAY_MAX = 64
"""Neighbours whose services are remembered while they are away."""
RETRY_SECONDS = 1.0

log = logging.getLogger("micro.network")


class _Neighbour:
    """One neighbour while its link lives."""

    def __init__(self, nid: str, link: Link, following: Following) -> None:
        self.nid = nid
        self.link = link
        self.following = following
        self.task: asyncio.Task[None] | None = None


class Neighbours:
    """Follows the registries of neighbours."""

    def __init__(
        self,
        catalog: Catalog,
        logs: NeighbourLogs,
        *,
        nid: str,
        clock: Clock,
        changed: Callable[[], None],
    ) -> None:
        self._catalog = catalog
        self._logs = logs
        self._nid = nid
        self._clock = clock
        self._changed = changed
        self._known: dict[str, _Neighbour] = {}
        self._away: dict[str, frozenset[str]] = {}

    def had(self, service: str) -> bool:
        """Says whether a neighbour that is away now had a service of this name."""
        return any(service in services for services in self._away.values())

    def up(self, nid: str, link: Link) -> None:
        """Takes a neighbour in whose link is new."""
        self._away.pop(nid, None)
        self.down(nid, "another link took its place")
        following = Following(self._catalog, self._clock, nid, link, self._heard)
        following.told_logs = partial(self._logs.hear, nid)
        found = self._known[nid] = _Neighbour(nid, link, following)
        found.task = asyncio.get_running_loop().create_task(self._follow(found))

    def down(self, nid: str, reason: str) -> None:
        """Forgets the services of a neighbour that is gone; its events wait."""
        found = self._known.pop(nid, None)
        if found is None:
            return
        if found.task is not None:
            found.task.cancel()
        self._logs.lose(nid)
        self._away[nid] = frozenset(instance.service for instance in self._catalog.holding(nid))
        if len(self._away) > AWAY_MAX:
            del self._away[next(iter(self._away))]
        if self._catalog.drop_node(nid):
            self._changed()

    async def _follow(self, found: _Neighbour) -> None:
        while found.link.closed is None:
            try:
                await found.following.watch()
            except (Fault, LinkClosed) as error:
                log.info("the registry of %s cannot be followed: %s", found.nid, error)
            if found.link.closed is None:
                await asyncio.sleep(RETRY_SECONDS)

    def _heard(self, word: str) -> None:
        if word not in ("beat", "logs"):
            self._changed()
