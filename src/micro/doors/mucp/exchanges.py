"""Calls, events and streams that came in over HTTP, as owners of exchanges on a link into the node."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Protocol

import msgspec

from micro.doors.mucp.entry import Entry
from micro.errors import Cancelled, Fault
from micro.mucp import headers as names
from micro.mucp.exchange import Exchange as LinkExchange
from micro.mucp.headers import Headers
from micro.mucp.http.acceptor import Acceptor, Exchange
from micro.network.link import Link, Owner

__all__ = ["Flow", "Pending", "Writer"]


class Writer(Protocol):
    """The connection that an answer goes to."""

    acceptor: Acceptor

    @property
    def has_room(self) -> bool:
        """Whether its client reads, and little waits to be written."""

    def admit(self, count: int) -> None:
        """Takes the memory for an answer; raises a fault where there is none."""

    def say(self) -> None:
        """Has what the acceptor has to say written at the end of this turn."""

    def hold(self) -> None:
        """Reads no more until there is room again."""

    def look(self) -> None:
        """Looks whether there is room to read again."""


class Pending(msgspec.Struct, Owner, eq=False):
    """A call or an event that waits for its answer; a struct, since one is made for every call.

    Attributes:
        writer: the connection that the answer goes to.
        exchange: what was asked there.
        link: where it is asked for inside the node.
        entry: what is noted of it, None for an event.
        number: its number on the link.
        timer: its deadline.
    """

    writer: Writer
    exchange: Exchange
    link: Link
    entry: Entry | None = None
    number: int = 0
    timer: asyncio.TimerHandle | None = None

    def begin(self, prefix: bytes, body: bytes, milliseconds: int) -> None:
        """Sends it.

        Raises:
            Fault: it is too large.
            LinkClosed: the link is gone, and nothing was sent.
        """
        self.number = self.link.call(self, prefix, body)
        if milliseconds:
            self.timer = self.link.expire(self.number, milliseconds / 1000)

    def replied(self, body: bytes, headers: Headers | None) -> None:
        self._done()
        kind = headers.get(names.CONTENT_TYPE, "") if headers else ""
        try:
            self.writer.admit(len(body))
        except Fault as fault:
            self.writer.acceptor.fail(self.exchange, fault)
        else:
            self.writer.acceptor.answer(self.exchange, body, kind)
        self.writer.say()
        if self.entry is not None:
            self.entry.ended(None, len(body))

    def failed(self, fault: Fault, *, refused: bool) -> None:
        self._done()
        if self.entry is not None:
            self.entry.ended(fault)
        fault.id = fault.id or f"{self.exchange.head.service}.{self.exchange.endpoint}"
        self.writer.acceptor.fail(self.exchange, fault)
        self.writer.say()

    def _done(self) -> None:
        if self.timer is not None:
            self.timer.cancel()
            self.link.done(self.number)
        self.exchange.owner = None

    def withdraw(self) -> None:
        """Nobody waits for the answer any more."""
        self._done()
        self.link.cancel(self.number)
        if self.entry is not None:
            self.entry.ended(Cancelled("the client went away"))


class Flow(Owner):
    """A stream: items go both ways while there is room on both sides."""

    __slots__ = (
        "_end",
        "_exchange",
        "_is_waiting",
        "_link",
        "_unsaid",
        "_unsent",
        "_writer",
        "entry",
        "exchange",
        "expiry",
        "is_ending",
    )

    def __init__(self, writer: Writer, exchange: Exchange, link: Link) -> None:
        self._writer = writer
        self._exchange = exchange
        self._link = link
        self.exchange: LinkExchange | None = None
        self.expiry: asyncio.TimerHandle | None = None
        self.entry: Entry | None = None
        self.is_ending = self._is_waiting = False
        self._unsent: deque[bytes] = deque()
        self._unsaid: deque[bytes] = deque()
        self._end: Callable[[], None] | None = None

    @property
    def has_room(self) -> bool:
        """Whether all that was said on either side is passed on."""
        return not self._unsent and not self._unsaid

    # -- from the client --------------------------------------------------------------------------------------------

    def item(self, body: bytes) -> None:
        """Sends a message on, or keeps it until there is credit; what the client sends meanwhile is not read."""
        self._unsent.append(body)
        self.push()
        if self._unsent:
            self._writer.hold()

    def close(self, fault: Fault | None) -> None:
        """The client says no more: it has ended, or failed."""
        if fault is not None:
            self.withdraw()
            self._writer.acceptor.fail(self._exchange, Cancelled("the client ended the stream with a fault"))
            return
        self.is_ending = True
        self.push()

    def push(self) -> None:
        """Sends what waits, as far as there is credit."""
        exchange, link = self.exchange, self._link
        if exchange is None or exchange.self_ended or link.closed is not None:
            self._unsent.clear()
            return
        while self._unsent and exchange.send_window > 0 and not link.full:
            try:
                link.session.send(exchange, self._unsent[0])
            except Fault as fault:
                self._fail(fault)
                return
            self._unsent.popleft()
        if self._unsent and link.full and not self._is_waiting:
            self._is_waiting = True
            link.once_drained(self._drained)
        if not self._unsent:
            if self.is_ending:
                link.session.end(exchange)
            self._writer.look()
        link.schedule()

    def _drained(self) -> None:
        self._is_waiting = False
        self.push()

    def withdraw(self) -> None:
        """Nobody is there any more."""
        self._over(Cancelled("the client went away"))
        if self.exchange is not None:
            self._link.cancel(self.exchange.number)

    def expire(self, fault: Fault) -> None:
        """Ends it on both sides, because the right to it has ended."""
        self._fail(fault)
        if self.exchange is not None:
            self._link.cancel(self.exchange.number)

    def _over(self, fault: Fault | None) -> None:
        if self.entry is not None:
            self.entry.ended(fault)
        self._exchange.owner = self._end = None
        self._unsaid.clear()
        if self.expiry is not None:
            self.expiry.cancel()

    # -- from the service -------------------------------------------------------------------------------------------

    def received(self, body: bytes) -> None:
        self._unsaid.append(body)
        self.resume()
        if self._unsaid:
            self._writer.hold()

    def resume(self) -> None:
        """Says what waits as far as the client reads, and gives back the credit of it.

        What waits is kept as it came: what HTTP puts around each message may be a thousand times as long.
        """
        if not self._unsaid or not self._writer.has_room:
            return
        assert self.exchange is not None
        while self._unsaid and self._writer.has_room:
            body = self._unsaid.popleft()
            self._writer.acceptor.item(self._exchange, body)
            if self.entry is not None:
                self.entry.answer_bytes += len(body)
            self._link.session.consumed(self.exchange, len(body))
        self._writer.say()
        self._link.schedule()
        if not self._unsaid and self._end is not None:
            self._end()

    def _finish(self, end: Callable[[], None]) -> None:
        """Ends it for the client, behind what is still to be said."""
        self._end = end
        if not self._unsaid:
            end()

    def credited(self, count: int) -> None:
        self.push()

    def ended(self) -> None:
        self._finish(self._say_end)

    def failed(self, fault: Fault, *, refused: bool) -> None:
        self._finish(partial(self._fail, fault))

    def cancelled(self) -> None:
        self._finish(partial(self._fail, Cancelled("the service withdrew from the stream")))

    def _say_end(self) -> None:
        self._over(None)
        self._writer.acceptor.end(self._exchange)
        self._writer.say()

    def _fail(self, fault: Fault) -> None:
        self._over(fault)
        fault.id = fault.id or f"{self._exchange.head.service}.{self._exchange.endpoint}"
        self._writer.acceptor.fail(self._exchange, fault)
        self._writer.say()
