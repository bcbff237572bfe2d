"""Strangers that are followed: what each says of the services it is followed for comes into the catalog.

At most `FOLLOWED_MAX` at once; the one longest unused gives way. One whose link or watch ends is followed no longer.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from micro.errors import MicroError
from micro.mucp.limits import NETWORK
from micro.network.link import Link
from micro.network.vigil import Vigil
from micro.node.following import Following
from micro.ports import Clock
from micro.service.registry.catalog import Catalog
from micro.trust.identity import short

__all__ = ["Followed", "Stranger"]

FOLLOWED_MAX: Final = 128
"""So many strangers are followed."""

log = logging.getLogger("micro.network")


@dataclass(slots=True)
class Stranger:
    """A node whose services are followed over a visit.

    Attributes:
        following: what it says.
        services: for which it is followed.
        used: when one of them was last asked for, on the monotonic clock.
        checked: those of them whose description was found to be what was announced; no other one is in the catalog.
        ready: set once it has said all that it has, or will say no more, also where another one has taken its place.
        task: the watch.
    """

    following: Following
    services: dict[str, None]
    used: float
    checked: dict[str, None] = field(default_factory=dict)
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None


class Followed:
    """The strangers of one node.

    Args:
        catalog: where their services go.
        clock: the time.
        is_neighbour: says whether a node is linked as a neighbour, whose services stay in the catalog.
        changed: told when the catalog changed.
        short: told of a stranger that has fewer of its services than before, or is followed no longer.
    """

    def __init__(
        self,
        catalog: Catalog,
        clock: Clock,
        *,
        is_neighbour: Callable[[str], bool],
        changed: Callable[[], None],
        short: Callable[[Stranger], None],
    ) -> None:
        self._catalog = catalog
        self._clock = clock
        self._is_neighbour = is_neighbour
        self._changed = changed
        self._short = short
        self._strangers: dict[str, Stranger] = {}

    def __iter__(self) -> Iterator[tuple[str, Stranger]]:
        return iter(tuple(self._strangers.items()))

    def get(self, nid: str) -> Stranger | None:
        """Returns a stranger that is followed, or None."""
        return self._strangers.get(nid)

    def follow(self, nid: str, link: Link, service: str) -> Stranger:
        """Follows a node for one service more, over this link; returns it, perhaps before it is ready."""
        stranger, now = self._strangers.get(nid), self._clock.monotonic()
        if stranger is not None and stranger.following.link is link and service in stranger.services:
            stranger.used = now
            return stranger
        services = {**(stranger.services if stranger is not None else {}), service: None}
        if stranger is not None:
            self._stop(stranger)
        elif len(self._strangers) >= FOLLOWED_MAX:
            self.forget(min(self._strangers, key=lambda other: self._strangers[other].used))
        link.watch.vigil = Vigil(NETWORK, asyncio.get_running_loop().time())  # calls go there
        checked = stranger.checked if stranger is not None and stranger.following.link is link else {}
        unchecked = [name for name in services if name not in checked]
        following = Following(self._catalog, self._clock, nid, link, unchecked=unchecked)
        stranger = self._strangers[nid] = Stranger(following, services, now, dict(checked))
        following.heard = lambda word: self._heard(stranger, word)
        stranger.task = asyncio.get_running_loop().create_task(self._watch(nid, stranger))
        return stranger

    def forget(self, nid: str) -> None:
        """Follows a stranger no longer; what it had leaves the catalog."""
        stranger = self._strangers.pop(nid)
        self._stop(stranger)
        if not self._is_neighbour(nid) and self._catalog.drop_node(nid):
            self._changed()

    def _heard(self, stranger: Stranger, word: str) -> None:
        if word == "ready":
            stranger.ready.set()
        if word == "removed":
            self._short(stranger)
        if word != "beat":
            self._changed()

    async def _watch(self, nid: str, stranger: Stranger) -> None:
        try:
            await stranger.following.watch(tuple(stranger.services))
        except MicroError as error:
            log.info("%s is not followed any more: %s", short(nid), error)
        stranger.ready.set()
        if self._strangers.get(nid) is stranger:
            self.forget(nid)
            self._short(stranger)

    @staticmethod
    def _stop(stranger: Stranger) -> None:
        stranger.ready.set()  # whoever waits for it looks who is followed now
        if stranger.task is not None and stranger.task is not asyncio.current_task():
            stranger.task.cancel()
