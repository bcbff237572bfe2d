"""Who serves what comes over a link."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from micro.mucp.event import Hello, Opened, Published

if TYPE_CHECKING:
    from micro.network.link import Link

__all__ = ["Serving"]


class Serving(Protocol):
    """Whoever serves what comes over a link."""

    def greeted(self, link: Link, hello: Hello) -> None:
        """The peer said who it is; raise a `Fault` to refuse it."""

    def opened(self, link: Link, event: Opened) -> None:
        """The peer opened an exchange; answer with `link.reply` or `link.fail`, now or later."""

    def published(self, link: Link, event: Published) -> None:
        """The peer published events, and wants no answer."""

    def withdrawn(self, link: Link, number: int) -> None:
        """The peer no longer waits for its call `number`."""

    def going(self, link: Link, reason: str) -> None:
        """The peer takes no new exchanges."""

    def lost(self, link: Link, reason: str) -> None:
        """The link is gone. Called once."""
