"""What the services here have done, as they tell it: callers that skip the node are counted too."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from micro.errors import Fault, LinkClosed
from micro.network.link import Link
from micro.service.once import call_once
from micro.service.registry.catalog import Catalog
from micro.service.registry.instance import Instance

__all__ = ["Figure", "Figures"]

COLLECT_SECONDS_MAX = 2.0
"""A service that does not answer for so long is asked again next time."""
SERVICES_MAX = 200
"""Figures of further services are not collected: a page of figures has an end."""


class _Endpoint(msgspec.Struct):
    requests: int = 0
    errors: int = 0
    rejected: int = 0


class _Stats(msgspec.Struct):
    memory_bytes: int = 0
    endpoints: dict[str, _Endpoint] = {}


@dataclass(frozen=True, slots=True)
class Figure:
    """What one endpoint of one instance has done since the instance started; see `micro.service.debug.Stats`."""

    service: str
    instance: str
    endpoint: str
    requests: int
    errors: int
    rejected: int


class Figures:
    """Asks every instance of this node for its `Debug.Stats` now and then."""

    def __init__(self, catalog: Catalog, nid: str, link_of: Callable[[str], Link | None]) -> None:
        self._catalog = catalog
        self._nid = nid
        self._link_of = link_of
        self._known: dict[str, tuple[str, _Stats]] = {}

    async def collect(self) -> None:
        """Asks all; who does not answer keeps the figures of the last time, who is gone loses them."""
        instances = self._catalog.holding(self._nid)[:SERVICES_MAX]
        answers = await asyncio.gather(*(self._ask(instance) for instance in instances))
        old = self._known
        self._known = {}
        for instance, found in zip(instances, answers, strict=True):
            kept = (instance.service, found) if found is not None else old.get(instance.id)
            if kept is not None:
                self._known[instance.id] = kept

    async def _ask(self, instance: Instance) -> _Stats | None:
        link = self._link_of(instance.id)
        if link is None or link.closed is not None:
            return None
        try:
            async with asyncio.timeout(COLLECT_SECONDS_MAX):
                return msgspec.json.decode(await call_once(link, instance.service, "Debug.Stats", {}), type=_Stats)
        except (Fault, LinkClosed, TimeoutError, msgspec.MsgspecError):
            return None

    def all(self) -> list[Figure]:
        """Returns the figures of the last collection."""
        return [
            Figure(service, instance, endpoint, found.requests, found.errors, found.rejected)
            for instance, (service, stats) in self._known.items()
            for endpoint, found in stats.endpoints.items()
        ]
