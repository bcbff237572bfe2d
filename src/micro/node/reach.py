"""Reaches super nodes over visits, and this node itself over a pipe inside the process."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable

from micro.errors import MicroError, Unavailable
from micro.mucp import headers as names
from micro.mucp.codec import BYTES
from micro.mucp.message import Form
from micro.network.link import Link
from micro.network.visits import Visits
from micro.service.registry.backbone import SERVICE
from micro.service.stream import RawStream
from micro.trust.identity import short
from micro.trust.ticket import Ticket

__all__ = ["NodeReach"]


class NodeReach:
    """The `Reach` of a node.

    Args:
        nid: this node.
        visits: links to others.
        inside: makes a link to this node itself, as another node would have it.
    """

    def __init__(self, nid: str, visits: Visits, inside: Callable[[], Awaitable[Link]]) -> None:
        self._nid = nid
        self._visits = visits
        self._inside = inside
        self._own: Link | None = None

    async def link(self, ticket: Ticket) -> Link:
        """Returns a link to a node.

        Raises:
            Fault, HandshakeFailed: it cannot be reached.
        """
        if ticket.nid != self._nid:
            return await self._visits.visit(ticket)
        if self._own is None or self._own.closed is not None:
            self._own = await self._inside()
        return self._own

    async def prove(self, ticket: Ticket) -> str:
        """Reaches another node where it says it is, whatever links there are, and returns where it was reached.

        Raises:
            Fault, HandshakeFailed: it cannot be reached.
        """
        return await self._visits.prove(ticket)

    async def call(self, ticket: Ticket, endpoint: str, body: bytes, *, timeout_seconds: float) -> bytes:
        """Calls an endpoint and returns the answer's body.

        A node that is not where it was, and visits this one, is asked over the link on which it came.
        """
        try:
            async with asyncio.timeout(timeout_seconds):
                link = await self.link(ticket)
        except (MicroError, TimeoutError) as error:
            guest = self._visits.guest(ticket.nid)
            if guest is None:
                if isinstance(error, MicroError):
                    raise
                text = f"{short(ticket.nid)} could not be reached within {timeout_seconds:g} s"
                raise Unavailable(text) from None
            link = guest
        future = link.future()
        milliseconds = math.ceil(timeout_seconds * 1000)
        number = link.call(future, link.session.begin(Form.CALL, _headers(endpoint), milliseconds), body)
        timer = link.expire(number, timeout_seconds)
        try:
            return (await future).body  # type: ignore[no-any-return]
        except asyncio.CancelledError:
            link.cancel(number)
            raise
        finally:
            timer.cancel()
            link.done(number)

    async def open(self, ticket: Ticket, endpoint: str, body: bytes) -> RawStream:
        """Opens a stream."""
        link = await self.link(ticket)
        stream = RawStream(link)
        stream.exchange = link.open(Form.STREAM, link.session.begin(Form.STREAM, _headers(endpoint), 0), body, stream)
        return stream

    def close(self) -> None:
        """Ends the link to this node itself."""
        if self._own is not None:
            self._own.close("the node is stopping")


def _headers(endpoint: str) -> dict[str, str]:
    return {names.SERVICE: SERVICE, names.ENDPOINT: endpoint, names.CONTENT_TYPE: BYTES}
