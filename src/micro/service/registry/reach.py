"""How the registry's parts reach super nodes: two verbs over whatever carries them."""

from __future__ import annotations

from typing import Protocol

from micro.service.stream import RawStream
from micro.trust.ticket import Ticket

__all__ = ["Reach"]


class Reach(Protocol):
    """Calls and streams of the service `backbone` at a node, this one included."""

    async def call(self, ticket: Ticket, endpoint: str, body: bytes, *, timeout_seconds: float) -> bytes:
        """Calls an endpoint and returns the answer's body.

        Raises:
            Fault: it failed, or nobody answered in time.
            LinkClosed, HandshakeFailed: the node cannot be reached.
        """

    async def open(self, ticket: Ticket, endpoint: str, body: bytes) -> RawStream:
        """Opens a stream.

        Raises:
            Fault, LinkClosed, HandshakeFailed: the node cannot be reached.
        """
