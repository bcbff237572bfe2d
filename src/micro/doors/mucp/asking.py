"""What the requests of one connection ask of the node, and what is noted of them once they are over.

What came in one read is asked for in one turn of the loop, without a task; only the first request of somebody for whom
there is no link into the node yet waits for one.
"""

from __future__ import annotations

import asyncio
import math
from typing import Any

from msgspec.structs import replace

from micro.doors.mucp.exchanges import Flow, Pending, Writer
from micro.doors.mucp.inside import Inside, Standing
from micro.errors import Fault, LinkClosed, MicroError, TooManyRequests, Unauthorized, Unavailable
from micro.mucp.http.acceptor import Called, Closed, Event, Exchange, Item, Opened
from micro.mucp.message import Form
from micro.network.link import Link
from micro.trust.policy import Caller

__all__ = ["Asking"]

OPENING_SECONDS = 0.1
"""How long a stream whose endpoint takes no messages waits for the one that holds its parameters."""


class Asking:
    """The requests of one connection.

    Args:
        inside: the node.
        writer: the connection.
    """

    def __init__(self, inside: Inside, writer: Writer) -> None:
        self.address = ""
        """Whence the connection comes."""
        self._inside = inside
        self._writer = writer
        self._loop = asyncio.get_running_loop()
        self._clock = self._loop.time
        self._standing: Standing | None = None
        """What the last call led to; nearly all that come over one connection are alike."""
        self._waiting: dict[Exchange, asyncio.TimerHandle] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def serve(self, event: Event) -> None:
        """Serves what came."""
        match event:
            case Called(exchange):
                self.begin(exchange)
            case Opened(exchange):
                self._open(exchange)
            case Item(exchange, body):
                self._item(exchange, body)
            case Closed(exchange, fault):
                self._close(exchange, fault)

    def refuse(self, exchange: Exchange, fault: Fault) -> None:
        """Answers a request with a fault."""
        exchange.owner = None
        fault.id = fault.id or f"{exchange.head.service}.{exchange.endpoint}"
        self._writer.acceptor.fail(exchange, fault)
        self._writer.say()

    def stopping(self, fault: Fault) -> None:
        """Ends streams with a fault; calls under way are answered."""
        for exchange in self._writer.acceptor.exchanges():
            if isinstance(exchange.owner, Flow):
                exchange.owner.withdraw()
                self.refuse(exchange, fault)

    def lost(self) -> None:
        """Withdraws what is under way: nobody is there any more."""
        for task in self._tasks:
            task.cancel()
        for timer in self._waiting.values():
            timer.cancel()
        for exchange in self._writer.acceptor.exchanges():
            if exchange.owner is not None:
                exchange.owner.withdraw()

    # -- requests ---------------------------------------------------------------------------------------------------

    def begin(self, exchange: Exchange) -> None:
        """Serves a call or an event, or a stream whose opening has said enough."""
        standing = self._standing
        try:
            if standing is not None and standing.head is exchange.head and standing.link.closed is None:
                self._ask_again(standing, exchange)
                return
            caller = self._inside.caller(exchange.head, self.address)
            link = self._inside.link(caller)
            if link is not None:
                self._standing = self._inside.standing(link, exchange, caller)
                self._ask(link, exchange, caller)
                return
            if len(self._tasks) >= self._inside.limits.connections_address_max:
                raise TooManyRequests("too many requests wait for the node; try again in a moment")
        except Fault as fault:
            self.refuse(exchange, fault)
            return
        task = self._loop.create_task(self._dialled(exchange, caller))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _dialled(self, exchange: Exchange, caller: Caller) -> None:
        try:
            self._ask(await self._inside.dialled(caller), exchange, caller)
        except Fault as fault:
            self.refuse(exchange, fault)
        except MicroError as error:
            self.refuse(exchange, Unavailable(f"the node cannot be reached: {error}"))

    def _ask(self, link: Link, exchange: Exchange, caller: Caller) -> None:
        assert exchange.wrapped is not None
        head, body = exchange.head, exchange.wrapped.body
        prefix = self._inside.prefix(link, exchange)
        try:
            if head.form is Form.STREAM:
                self._ask_stream(link, exchange, caller, prefix)
                return
            owner = exchange.owner = Pending(self._writer, exchange, link)
            if head.form is Form.CALL:
                owner.entry = self._inside.entry(exchange, caller, self._clock)
            owner.begin(prefix, body, head.timeout_milliseconds)
        except LinkClosed as closed:
            raise Unavailable(f"the node cannot be reached: {closed}") from closed

    def _ask_again(self, standing: Standing, exchange: Exchange) -> None:
        """Does as `_ask` for a call with the same head as the one before it."""
        assert exchange.wrapped is not None
        link, body = standing.link, exchange.wrapped.body
        entry = self._inside.entry_of(standing.path, exchange, standing.caller, self._clock)
        owner = exchange.owner = Pending(self._writer, exchange, link, entry)
        try:
            owner.begin(standing.prefix, body, standing.head.timeout_milliseconds)
        except LinkClosed as closed:
            raise Unavailable(f"the node cannot be reached: {closed}") from closed

    def _ask_stream(self, link: Link, exchange: Exchange, caller: Caller, prefix: bytes) -> None:
        assert exchange.wrapped is not None
        flow = Flow(self._writer, exchange, link)
        flow.entry = self._inside.entry(exchange, caller, self._clock)
        pending, exchange.owner = exchange.owner, flow
        flow.exchange = link.open(Form.STREAM, prefix, exchange.wrapped.body, flow)
        self._writer.acceptor.passed_on(exchange)
        exchange.wrapped = replace(exchange.wrapped, body=b"")
        seconds = self._inside.access.seconds_left(exchange.head, caller)
        if math.isfinite(seconds):  # it ends with the token that it was opened with
            expired = Unauthorized("the token has expired; get a new one", id="mucp")
            flow.expiry = self._loop.call_later(seconds, flow.expire, expired)
        for each in pending or ():
            flow.item(each)
        if exchange.is_closed:
            flow.close(None)

    # -- streams ----------------------------------------------------------------------------------------------------

    def _open(self, exchange: Exchange) -> None:
        """Opens a stream; where its endpoint takes no messages the first one may hold its parameters.

        go-micro's servers throw the body of the opening away, and the clients that it generates send it again.
        """
        assert exchange.wrapped is not None
        exchange.owner = Early()
        target = self._inside.target(exchange)
        if target is None or not target.stream:
            self.begin(exchange)
        elif target.takes_stream:
            if not target.wants_parameters:
                exchange.wrapped = replace(exchange.wrapped, body=b"")
            self.begin(exchange)
        else:
            self._waiting[exchange] = self._loop.call_later(OPENING_SECONDS, self._opened_late, exchange)

    def _opened_late(self, exchange: Exchange) -> None:
        if self._waiting.pop(exchange, None) is not None:
            self.begin(exchange)
            self._writer.say()

    def _item(self, exchange: Exchange, body: bytes) -> None:
        timer = self._waiting.pop(exchange, None)
        if timer is not None:
            timer.cancel()
            assert exchange.wrapped is not None
            exchange.wrapped = replace(exchange.wrapped, body=body)
            self.begin(exchange)
            return
        owner: Any = exchange.owner
        if owner is not None:
            owner.item(body)

    def _close(self, exchange: Exchange, fault: Fault | None) -> None:
        timer = self._waiting.pop(exchange, None)
        if timer is not None:
            timer.cancel()
            self.begin(exchange)
        owner: Any = exchange.owner
        if owner is not None:
            owner.close(fault)


class Early(list[bytes]):
    """What is said on a stream before it is open inside the node."""

    has_room = True

    def item(self, body: bytes) -> None:
        self.append(body)

    def close(self, fault: Fault | None) -> None:
        """The end is known from the exchange."""

    def withdraw(self) -> None:
        self.clear()
