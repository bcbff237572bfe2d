"""A stream as both sides use it: messages out while there is credit, messages in as they are consumed."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Self

from micro.errors import Cancelled, Fault, LinkClosed
from micro.mucp.exchange import Exchange
from micro.mucp.headers import Headers
from micro.network.link import Link
from micro.network.owner import Owner

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["RawStream"]

FLUSH_MESSAGES = 64
"""How many messages may gather before they are written, so that a busy producer keeps the other side busy too."""


class RawStream(Owner):
    """One side of a stream of messages in bytes.

    Iterate it for what comes in; `send` and `end` for what goes out. Leaving its context, or `cancel`, withdraws.
    """

    __slots__ = (
        "_arrived",
        "_credit",
        "_failure",
        "_finished",
        "_incoming",
        "_unwritten",
        "exchange",
        "headers",
        "link",
        "on_cancel",
        "on_failure",
    )

    def __init__(self, link: Link) -> None:
        self.link = link
        self.exchange: Exchange = Exchange(0, 0, local=True)
        self.headers: Headers | None = None
        self.on_cancel: asyncio.Task[None] | None = None
        self.on_failure: Callable[[Fault], object] | None = None
        self._incoming: deque[bytes] = deque()
        self._arrived: asyncio.Future[None] | None = None
        self._credit: asyncio.Future[None] | None = None
        self._failure: Fault | None = None
        self._finished = False
        self._unwritten = 0

    # -- what the link tells ----------------------------------------------------------------------------------------

    def received(self, body: bytes) -> None:
        self._incoming.append(body)
        if self._arrived is not None:
            self._wake_reader()

    def ended(self) -> None:
        self._finished = True
        self._wake_reader()
        if self.exchange.local:  # the answerer's END is the end of the exchange
            self._wake_writer()

    def failed(self, fault: Fault, *, refused: bool) -> None:
        fault.refused = refused
        self._failure = self._failure or fault
        if self.on_failure is not None:
            self.on_failure(fault)
        self._wake_reader()
        self._wake_writer()

    def noted(self, headers: Headers) -> None:
        self.headers = headers

    def credited(self, count: int) -> None:
        self._wake_writer()

    def cancelled(self) -> None:
        self.failed(Cancelled("the other side withdrew from the stream"), refused=False)
        if self.on_cancel is not None:
            self.on_cancel.cancel()

    def _wake_reader(self) -> None:
        future, self._arrived = self._arrived, None
        if future is not None and not future.done():
            future.set_result(None)

    def _wake_writer(self) -> None:
        future, self._credit = self._credit, None
        if future is not None and not future.done():
            future.set_result(None)

    # -- what the user does -----------------------------------------------------------------------------------------

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self.messages()

    async def messages(self) -> AsyncIterator[bytes]:
        """Yields the messages that come in, until the other side ends.

        Raises:
            Fault: the stream failed; messages that came before it are yielded first.
        """
        incoming, session, exchange = self._incoming, self.link.session, self.exchange
        while True:
            while incoming:
                body = incoming.popleft()
                session.consumed(exchange, len(body))
                yield body
            if session.output:
                self.link.schedule()  # credit
            if self._failure is not None:
                raise self._failure
            if self._finished:
                return
            self._arrived = asyncio.get_running_loop().create_future()
            await self._arrived

    async def send(self, body: bytes) -> None:
        """Sends a message, waiting while the other side gives no credit or the pipe is full.

        Raises:
            Fault: the stream failed, or the other side has ended it.
        """
        while not self.send_now(body):
            await self.writable()

    def send_now(self, body: bytes) -> bool:
        """Sends a message if that is possible at once; returns whether it was."""
        exchange, link = self.exchange, self.link
        if exchange.self_ended or self._failure is not None or (self._finished and exchange.local):
            raise self._why_not()
        if exchange.send_window <= 0 or link.full:
            return False
        link.session.send(exchange, body)
        self._unwritten += 1
        if self._unwritten >= FLUSH_MESSAGES:
            self._unwritten = 0
            link.flush()
        else:
            link.schedule()
        return True

    async def writable(self) -> None:
        """Waits until `send_now` may succeed, or the stream is over."""
        self.link.flush()
        self._unwritten = 0
        if self.link.full:
            await self.link.drained()
        elif self.exchange.send_window <= 0 and self._failure is None and not self.exchange.self_ended:
            self._credit = asyncio.get_running_loop().create_future()
            await self._credit

    def _why_not(self) -> Fault | LinkClosed:
        if self._failure is not None:
            return self._failure
        if self._finished:
            return Cancelled("the other side has ended the stream")
        return Cancelled("this side has ended the stream already")

    async def end(self) -> None:
        """Says that no more is sent; what comes in goes on."""
        if not self.exchange.self_ended and self._failure is None:
            self.link.session.end(self.exchange)
            self.link.schedule()

    def cancel(self) -> None:
        """Withdraws from the stream in both directions."""
        self.link.cancel(self.exchange.number)
        self.failed(Cancelled("the stream was cancelled"), refused=False)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.exchange.number in self.link.session.exchanges:
            self.cancel()
