"""How a client dials, and what it does with its links: it serves nothing on them, and forgets one that ends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from micro.errors import NotFound
from micro.mucp.event import Hello, Opened, Published
from micro.network.link import Link, Serving

__all__ = ["ClientLinks", "Dialer"]


class Dialer(Protocol):
    """How a client reaches its node, and instances that the node names."""

    async def dial(self, address: str | None, serving: Serving, *, instance: str = "") -> Link:
        """Returns a greeted link to `address`, or to the node for None.

        Raises:
            NoNode: no node answers.
            LinkClosed: the address does not answer.
            Unauthorized: the node does not take our token.
        """


class ClientLinks:
    """Serves the client's side of its links: nothing can be opened towards it, and a lost link is forgotten."""

    def __init__(self, forget: Callable[[Link], None]) -> None:
        self._forget = forget

    def greeted(self, link: Link, hello: Hello) -> None:
        """A client trusts whom it dialled."""

    def opened(self, link: Link, event: Opened) -> None:
        link.fail(event.number, NotFound("this side is a client and serves nothing"), refused=True)

    def published(self, link: Link, event: Published) -> None:
        """A client keeps no topics: nobody gets these events."""

    def withdrawn(self, link: Link, number: int) -> None:
        """Nothing is served, so nothing can be withdrawn."""

    def going(self, link: Link, reason: str) -> None:
        self._forget(link)

    def lost(self, link: Link, reason: str) -> None:
        self._forget(link)
