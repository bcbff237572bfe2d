"""Who serves what comes over a link."""

from __future__ import annotations

from typing import Any, Protocol

from micro.mucp.event import Hello, Opened, Published

__all__ = ["Serving"]


class Serving(Protocol):
    """Whoever serves what comes over a link; `link` is a `micro.network.link.Link`, which stands on this."""

    def greeted(self, link: Any, hello: Hello) -> None:
        """The peer said who it is; raise a `Fault` to refuse it."""

    def opened(self, link: Any, event: Opened) -> None:
        """The peer opened an exchange; answer with `link.reply` or `link.fail`, now or later."""

    def published(self, link: Any, event: Published) -> None:
        """The peer published events, and wants no answer."""

    def withdrawn(self, link: Any, number: int) -> None:
        """The peer no longer waits for its call `number`."""

    def going(self, link: Any, reason: str) -> None:
        """The peer takes no new exchanges."""

    def lost(self, link: Any, reason: str) -> None:
        """The link is gone. Called once."""
