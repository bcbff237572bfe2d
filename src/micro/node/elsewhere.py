"""What a node asks of its network: nothing is found, and nobody is linked, where it has none."""

from __future__ import annotations

from collections.abc import Container
from typing import Any

from micro.network.link import Link
from micro.node.outside import Outside
from micro.service.broker.directory import LogPlace

__all__ = ["Elsewhere"]


class Elsewhere:
    """The network as the rest of the node sees it, also before there is one.

    Args:
        own: the names of the node's own services, which nobody else can offer.

    Attributes:
        outside: what the node has to do with other nodes, None before that is opened and without a network.
    """

    def __init__(self, own: Container[str] = ()) -> None:
        self._own = own
        self.outside: Outside | None = None

    async def look(self, name: str) -> None:
        """Looks for a service in the network."""
        if self.outside is not None:
            await self.outside.strangers.look(name)

    async def use(self, name: str) -> None:
        """Does as `look`, for a call."""
        if self.outside is not None:
            await self.outside.strangers.use(name)

    async def offering(self, name: str) -> tuple[str, ...]:
        """Returns the strangers that offer a name which nobody vouches for yet; they are looked for if need be.

        Raises:
            Unavailable, TooManyRequests: as `micro.node.strangers.Strangers.look`.
        """
        if self.outside is None or name in self._own:
            return ()
        return await self.outside.strangers.offering(name)

    def unverified(self, service: str) -> tuple[str, ...]:
        """Returns the strangers in reach that offer a name which nobody vouches for yet; nobody is looked for."""
        return self.outside.strangers.unvouched(service) if self.outside is not None else ()

    async def pin(self, name: str) -> None:
        """Takes a name for what it means now."""
        if self.outside is not None:
            await self.outside.strangers.pin(name)

    async def search(self, text: str, limit: int) -> list[dict[str, Any]]:
        """Returns what fits words in the network."""
        return await self.outside.strangers.search(text, limit) if self.outside is not None else []

    def away(self, service: str) -> tuple[float, tuple[str, ...]] | None:
        """Returns how long strangers that had a service are away, and who is meant by its name; None for no such."""
        return self.outside.strangers.away(service) if self.outside is not None else None

    def sweep(self) -> None:
        """Lets go of services of strangers that nobody uses."""
        if self.outside is not None:
            self.outside.strangers.sweep()

    def links(self) -> dict[str, Link | None]:
        """Returns the links to neighbours, by node."""
        known = self.outside.peers.known if self.outside is not None else {}
        return {nid: peer.link for nid, peer in known.items()}

    def link(self, nid: str) -> Link | None:
        """Returns the link to another node, None without one."""
        return self.outside.link(nid) if self.outside is not None else None

    def log_link(self, place: LogPlace) -> Link | None:
        """Returns the link over which a log of another node, or its copy, is had; None without one."""
        return self.outside.logs.link(place) if self.outside is not None else None

    def lost(self, link: Link, reason: str) -> None:
        """Takes note that a link is gone."""
        if self.outside is not None:
            self.outside.lost(link, reason)

    def status(self) -> dict[str, Any]:
        """Returns the part of the node's status that is about other nodes."""
        return self.outside.status() if self.outside is not None else {"peers": 0}
