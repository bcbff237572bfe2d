"""What a client does with the links it dialled: it serves nothing on them, and forgets one that ends."""

from __future__ import annotations

from collections.abc import Callable

from micro.errors import NotFound
from micro.mucp.event import Hello, Opened, Published
from micro.network.link import Link

__all__ = ["ClientLinks"]


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
