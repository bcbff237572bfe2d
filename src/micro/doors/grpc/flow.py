"""A stream between a link of the node and a gRPC server: each side is read as fast as the other takes it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable

from micro.errors import Fault
from micro.mucp.exchange import Exchange
from micro.network.link import Link, Owner

__all__ = ["Flow"]


class Flow(Owner):
    """One stream.

    Attributes:
        on_over: what is done when the caller has withdrawn.

    Args:
        link, exchange: where the caller is.
        opening: what the stream was opened with, its parameters.
        nothing: the message that has no fields, None where a stream of none needs no message.
    """

    __slots__ = ("_exchange", "_has_ended", "_link", "_nothing", "_opening", "_room", "_said", "_unsaid", "on_over")

    def __init__(self, link: Link, exchange: Exchange, opening: bytes, nothing: bytes | None) -> None:
        self._link = link
        self._exchange = exchange
        self._opening = opening
        self._nothing = nothing
        self._unsaid: deque[bytes] = deque()
        self._has_ended = False
        self._said, self._room = asyncio.Event(), asyncio.Event()
        self.on_over: Callable[[], object] = lambda: None

    # -- from the caller --------------------------------------------------------------------------------------------

    async def requests(self) -> AsyncIterator[bytes]:
        """Yields what the caller says, each once the server took what came before.

        Parameters are the first message. Where nothing at all is said there is the message without fields, for which a
        method that only sends waits.
        """
        is_silent = not self._opening
        if not is_silent:
            yield self._opening
        while True:
            while self._unsaid:
                body = self._unsaid.popleft()
                is_silent = False
                yield body
                self._link.session.consumed(self._exchange, len(body))
                self._link.schedule()
            if self._has_ended:
                break
            self._said.clear()
            await self._said.wait()
        if is_silent and self._nothing is not None:
            yield self._nothing

    def received(self, body: bytes) -> None:
        self._unsaid.append(body)
        self._said.set()

    def ended(self) -> None:
        self._has_ended = True
        self._said.set()

    def cancelled(self) -> None:
        self.on_over()

    def failed(self, fault: Fault, *, refused: bool) -> None:
        self.on_over()

    # -- from the server --------------------------------------------------------------------------------------------

    async def carry(self, messages: AsyncIterator[bytes]) -> None:
        """Passes on what the server says to its end, as far as there is credit."""
        link, exchange = self._link, self._exchange
        async for message in messages:
            while exchange.send_window <= 0 and link.closed is None:
                self._room.clear()
                await self._room.wait()
            await link.drained()
            if link.closed is not None:
                return
            link.session.send(exchange, message)
            link.schedule()
        link.session.end(exchange)
        link.schedule()

    def credited(self, count: int) -> None:
        self._room.set()
