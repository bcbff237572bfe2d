"""Keeps an atlas up to date: whoever hears of a newer map asks for it there.

A map of ten thousand super nodes takes a second to work out, so it is done in slices between which the loop runs.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from typing import Final

from micro.errors import MicroError, TooLarge
from micro.service.registry.atlas import Atlas, Chart
from micro.service.registry.backbone import MAP_ANSWER, MAP_REQUEST
from micro.service.registry.reach import Reach
from micro.trust.identity import short
from micro.trust.ticket import Ticket

__all__ = ["Charting", "in_slices"]

MAP_TIMEOUT_SECONDS: Final = 5.0

log = logging.getLogger("micro.backbone")


async def in_slices(work: Iterator[object]) -> None:
    """Does work that is cut into slices, and lets everybody else have a turn between two."""
    for _ in work:
        await asyncio.sleep(0)


class Charting:
    """Follows the maps of one network.

    Args:
        atlas: where they are kept.
        reach: how nodes are asked.
        on_change: told when the newest map, or the one before, changed, with the chart that was current before.
    """

    def __init__(self, atlas: Atlas, reach: Reach, *, on_change: Callable[[Chart | None], None]) -> None:
        self.atlas = atlas
        self._reach = reach
        self._on_change = on_change
        self._lock = asyncio.Lock()
        self._learning: asyncio.Task[None] | None = None

    def heard(self, version: int, ticket: Ticket) -> None:
        """Takes note that a node knows a map of this number; a newer one is asked for."""
        if version > self.atlas.version and (self._learning is None or self._learning.done()):
            self._learning = asyncio.get_running_loop().create_task(self._learn(ticket))

    async def _learn(self, ticket: Ticket) -> None:
        try:
            await self.learn(ticket)
        except MicroError as error:
            log.info("the map of %s was not taken: %s", short(ticket.nid), error)

    async def learn(self, ticket: Ticket) -> bool:
        """Asks a node for the maps it knows, and returns whether one was newer.

        Raises:
            Fault, LinkClosed, HandshakeFailed: it does not answer, or with something else than a map.
        """
        request = MAP_REQUEST.encode({"version": self.atlas.version})
        body = await self._reach.call(ticket, "Backbone.Map", request, timeout_seconds=MAP_TIMEOUT_SECONDS)
        answer = MAP_ANSWER.decode(body)
        newer = False
        for sealed in (answer["current"], answer["previous"]):
            newer |= bool(sealed) and await self.take(sealed)
        return newer

    async def take(self, sealed: bytes) -> bool:
        """Takes a map in, and returns whether it is the newest now.

        Raises:
            BadRequest, TooLarge: it is no map of this network.
        """
        async with self._lock:
            before, charts = self.atlas.current, self.atlas.charts()
            await in_slices(self.atlas.taking(sealed))
            newer = self.atlas.current is not before
        if newer:
            log.info("the shard map is number %d, with %d super nodes", self.atlas.version, self.count)
        if self.atlas.charts() != charts:  # the one before says too who holds what
            self._on_change(before)
        return newer

    @property
    def count(self) -> int:
        """How many super nodes the newest map has."""
        return len(self.atlas.current.ring.members) if self.atlas.current is not None else 0

    def answer(self, body: bytes) -> bytes:
        """Returns the answer to somebody who asks for the maps.

        Raises:
            BadRequest: the request is none.
        """
        version = MAP_REQUEST.decode(body)["version"]
        charts = self.atlas.charts()
        if not charts or version >= charts[0].version:
            return MAP_ANSWER.encode({})
        wanted = {"current": charts[0].signed.sealed}
        if len(charts) > 1 and version < charts[1].version:
            wanted["previous"] = charts[1].signed.sealed
        try:
            return MAP_ANSWER.encode(wanted)
        except TooLarge:
            return MAP_ANSWER.encode({"current": wanted["current"]})

    def close(self) -> None:
        """Stops asking."""
        if self._learning is not None:
            self._learning.cancel()
