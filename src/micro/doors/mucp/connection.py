"""One connection of a program that says MUCP over HTTP: its requests go into the node, and answers come back.

What came in one read is asked for in one turn of the loop, without a task; only the first request of somebody for whom
there is no link into the node yet waits for one.
"""

from __future__ import annotations

import asyncio
import math
from typing import Any, cast

from micro.doors.api.refusal import Refused
from micro.doors.mucp.exchanges import Flow, Pending
from micro.doors.mucp.inside import Inside
from micro.errors import Fault, LinkClosed, MicroError, TooManyRequests, Unauthorized, Unavailable
from micro.mucp.http.acceptor import Acceptor, Broken, Called, Closed, Event, Exchange, Item, Opened
from micro.mucp.http.writing import refusal
from micro.mucp.message import Form
from micro.network.link import Link

__all__ = ["Connection"]

OPENING_SECONDS = 0.1
"""How long a stream whose endpoint takes no messages waits for the one that holds its parameters."""

OUTPUT_BYTES_MAX = 1_048_576
"""So much may wait to be written, behind the answer to an earlier call or since the client does not read. Above it no
more is read, messages of streams stay where they are, and further answers take of the room that bodies share."""


class Connection(asyncio.Protocol):
    """One connection."""

    def __init__(self, inside: Inside) -> None:
        self.acceptor = Acceptor(inside.heads)
        self.is_stalled = False
        self._inside = inside
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._address = ""
        self._scheduled = self._held = False
        self._waiting: dict[Exchange, asyncio.TimerHandle] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._heard_at = self._stalled_at = self._loop.time()
        self._reserved = self._admitted = self._lingered = 0
        self._is_refused = False
        self._lingering_since: float | None = None

    # -- the transport's side ---------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        peer = transport.get_extra_info("peername")
        address = peer[0] if isinstance(peer, tuple) else ""
        self._address = address
        try:
            self._inside.places.take(self, address)
        except Refused as refused:
            self._transport.write(refusal(refused.fault))
            self._is_refused = True
            self.acceptor.stop()
            self._finish(self._transport)
            self._loop.call_later(self._inside.limits.linger_seconds, self.end)  # nobody else looks after it

    def connection_lost(self, exc: BaseException | None) -> None:
        self._inside.places.leave(self)
        self._inside.places.release(self._reserved + self._admitted)
        self._reserved = self._admitted = 0
        for task in self._tasks:
            task.cancel()
        for timer in self._waiting.values():
            timer.cancel()
        for exchange in self.acceptor.exchanges():
            if exchange.owner is not None:
                exchange.owner.withdraw()

    def data_received(self, data: bytes) -> None:
        if self._lingering_since is not None:
            self._linger(len(data))
            return
        self._heard_at = self._loop.time()
        self._scheduled = True  # what is answered at once is written below
        for event in self._booked(self.acceptor.receive(data)):
            self._serve(event)
        self._flush()

    def _booked(self, events: list[Event]) -> list[Event]:
        """Books the memory of bodies, and returns what is served; calls for which there is none are refused first."""
        try:
            self._reserve()
        except Refused as refused:
            for event in events:
                if isinstance(event, Called | Opened):
                    self._refuse(event.exchange, refused.fault)
            events = [event for event in events if not isinstance(event, Called | Opened)]
            try:
                self._reserve()
            except Refused:
                self._give_up(refused.fault)
        return events

    def _reserve(self) -> None:
        count = self._bodies_bytes() - self._reserved
        if count > 0:
            self._inside.places.reserve(count)
            self._reserved += count
        else:
            self._release()

    def _bodies_bytes(self) -> int:
        """Returns how much of bodies has come that is not answered yet."""
        held = self.acceptor.held_bytes + self.acceptor.asked_bytes
        return held if held > self._inside.limits.small_body_bytes_max else 0

    def _release(self) -> None:
        """Gives back the memory of what is answered and written."""
        count = self._reserved - self._bodies_bytes()
        if count > 0:
            self._inside.places.release(count)
            self._reserved -= count
        if self._admitted and self.has_room:
            self._inside.places.release(self._admitted)
            self._admitted = 0

    def pause_writing(self) -> None:
        self.is_stalled = True
        self._stalled_at = self._loop.time()
        self.hold()

    def resume_writing(self) -> None:
        self.is_stalled = False
        self._release()
        self.look()

    # -- what exchanges ask -----------------------------------------------------------------------------------------

    def say(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._flush)

    def hold(self) -> None:
        if not self._held and self._transport is not None:
            self._held = True
            self._transport.pause_reading()

    @property
    def has_room(self) -> bool:
        return not self.is_stalled and self.acceptor.waiting_bytes <= OUTPUT_BYTES_MAX

    def admit(self, count: int) -> None:
        """Takes the memory for an answer, which there is while little waits before it.

        Raises:
            Unavailable: so much waits on all connections that there is none.
        """
        assert self._transport is not None
        if self.acceptor.waiting_bytes + self._transport.get_write_buffer_size() <= OUTPUT_BYTES_MAX:
            return
        try:
            self._inside.places.reserve(count)
        except Refused:
            told = "it was served, but there is no room for its answer behind those before it; use more connections"
            raise Unavailable(told, id="mucp") from None
        self._admitted += count

    def look(self) -> None:
        """Reads again where nothing is in the way."""
        if not self._held or not self.has_room:
            return
        flows = [each.owner for each in self.acceptor.exchanges() if isinstance(each.owner, Flow)]
        for flow in flows:
            flow.resume()
        if not self.acceptor.is_full and all(flow.has_room for flow in flows):
            self._held = False
            if self._transport is not None and not self._transport.is_closing():
                self._transport.resume_reading()

    def _flush(self) -> None:
        self._scheduled = False
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        output = self.acceptor.output()
        if output:
            transport.write(output)
            if self._reserved or self._admitted:
                self._release()
        if self.acceptor.is_over and self.acceptor.is_idle:
            self._finish(transport)
            return
        if self.acceptor.is_full or not self.has_room:
            self.hold()
        if self._held:
            self.look()

    # -- requests ---------------------------------------------------------------------------------------------------

    def _serve(self, event: Event) -> None:
        match event:
            case Called(exchange):
                self._begin(exchange)
            case Opened(exchange):
                self._open(exchange)
            case Item(exchange, body):
                self._item(exchange, body)
            case Closed(exchange, fault):
                self._close(exchange, fault)
            case Broken():
                self._is_refused = True  # it is answered already

    def _begin(self, exchange: Exchange) -> None:
        try:
            link = self._inside.link(exchange.head, self._address)
            if link is not None:
                self._ask(link, exchange)
                return
            if len(self._tasks) >= self._inside.limits.connections_address_max:
                raise TooManyRequests("too many requests wait for the node; try again in a moment")
        except Fault as fault:
            self._refuse(exchange, fault)
            return
        task = self._loop.create_task(self._dialled(exchange))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _dialled(self, exchange: Exchange) -> None:
        try:
            self._ask(await self._inside.dialled(exchange.head, self._address), exchange)
        except Fault as fault:
            self._refuse(exchange, fault)
        except MicroError as error:
            self._refuse(exchange, Unavailable(f"the node cannot be reached: {error}"))

    def _ask(self, link: Link, exchange: Exchange) -> None:
        assert exchange.wrapped is not None
        head, body = exchange.head, exchange.wrapped.body
        prefix = self._inside.prefix(link, exchange)
        try:
            if head.form is Form.STREAM:
                flow = Flow(self, exchange, link)
                pending, exchange.owner = exchange.owner, flow
                flow.exchange = link.open(Form.STREAM, prefix, body, flow)
                self.acceptor.passed_on(exchange)
                exchange.wrapped = exchange.wrapped._replace(body=b"")
                self._expire(exchange, flow)
                for each in pending or ():
                    flow.item(each)
                if exchange.is_closed:
                    flow.close(None)
                return
            owner = exchange.owner = Pending(self, exchange, link)
            owner.begin(prefix, body, head.timeout_milliseconds)
        except LinkClosed as closed:
            raise Unavailable(f"the node cannot be reached: {closed}") from closed

    def _expire(self, exchange: Exchange, flow: Flow) -> None:
        """Has a stream end with the token that it was opened with."""
        seconds = self._inside.seconds_left(exchange.head, self._address)
        if math.isfinite(seconds):
            expired = Unauthorized("the token has expired; get a new one", id="mucp")
            flow.expiry = self._loop.call_later(seconds, flow.expire, expired)

    def _refuse(self, exchange: Exchange, fault: Fault) -> None:
        exchange.owner = None
        fault.id = fault.id or f"{exchange.head.service}.{exchange.endpoint}"
        self.acceptor.fail(exchange, fault)
        self.say()

    # -- streams ----------------------------------------------------------------------------------------------------

    def _open(self, exchange: Exchange) -> None:
        """Opens a stream; where its endpoint takes no messages the first one may hold its parameters.

        go-micro's servers throw the body of the opening away, and the clients that it generates send it again.
        """
        assert exchange.wrapped is not None
        exchange.owner = Early()
        target = self._inside.target(exchange)
        if target is None or not target.stream:
            self._begin(exchange)
        elif target.takes_stream:
            if not target.wants_parameters:
                exchange.wrapped = exchange.wrapped._replace(body=b"")
            self._begin(exchange)
        else:
            self._waiting[exchange] = self._loop.call_later(OPENING_SECONDS, self._opened_late, exchange)

    def _opened_late(self, exchange: Exchange) -> None:
        if self._waiting.pop(exchange, None) is not None:
            self._begin(exchange)
            self.say()

    def _item(self, exchange: Exchange, body: bytes) -> None:
        timer = self._waiting.pop(exchange, None)
        if timer is not None:
            timer.cancel()
            assert exchange.wrapped is not None
            exchange.wrapped = exchange.wrapped._replace(body=body)
            self._begin(exchange)
            return
        owner: Any = exchange.owner
        if owner is not None:
            owner.item(body)

    def _close(self, exchange: Exchange, fault: Fault | None) -> None:
        timer = self._waiting.pop(exchange, None)
        if timer is not None:
            timer.cancel()
            self._begin(exchange)
        owner: Any = exchange.owner
        if owner is not None:
            owner.close(fault)

    # -- refusals ---------------------------------------------------------------------------------------------------

    def _give_up(self, fault: Fault) -> None:
        self.acceptor.give_up(fault)
        self._is_refused = True

    def _finish(self, transport: asyncio.Transport) -> None:
        """Ends the connection; where the client was refused, once it had time to read why.

        Ending with bytes unread would take the answer away from it.
        """
        if self._is_refused and transport.can_write_eof():
            transport.write_eof()
            self._lingering_since = self._loop.time()
        else:
            transport.close()

    def _linger(self, count: int) -> None:
        self._lingered += count
        if self._lingered > self._inside.limits.linger_bytes_max and self._transport is not None:
            self._transport.close()

    # -- ends -------------------------------------------------------------------------------------------------------

    @property
    def gone(self) -> bool:
        return self._transport is None or self._transport.is_closing()

    def end(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def check(self, now: float) -> None:
        """Ends it where nothing comes of what has begun, nobody reads, or nobody asks for long."""
        limits, acceptor = self._inside.limits, self.acceptor
        if self._lingering_since is not None:
            if now - self._lingering_since > limits.linger_seconds:
                self.end()
            return
        if self.is_stalled:
            if now - self._stalled_at > limits.stall_seconds:
                self.end()
            return
        silent = now - self._heard_at
        if acceptor.is_reading and silent > limits.body_idle_seconds:
            self._give_up(Fault.make(408, f"request: nothing of it came for {limits.body_idle_seconds:g} s"))
            self._flush()
        elif acceptor.is_idle and silent > limits.idle_seconds:
            assert self._transport is not None
            self._transport.close()

    def stopping(self, fault: Fault) -> None:
        """Ends streams with a fault; calls under way are answered."""
        for exchange in self.acceptor.exchanges():
            if isinstance(exchange.owner, Flow):
                exchange.owner.withdraw()
                self._refuse(exchange, fault)
        self.acceptor.stop()
        self._flush()


class Early(list[bytes]):
    """What is said on a stream before it is open inside the node."""

    has_room = True

    def item(self, body: bytes) -> None:
        self.append(body)

    def close(self, fault: Fault | None) -> None:
        """The end is known from the exchange."""

    def withdraw(self) -> None:
        self.clear()
