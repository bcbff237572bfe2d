"""One connection of a program that says MUCP over HTTP: its requests go into the node, and answers come back.

It has the transport and the memory of bodies; `asking` has what the requests ask.
"""

from __future__ import annotations

import asyncio
from typing import cast

from micro.doors.api.refusal import Refused
from micro.doors.mucp.asking import Asking
from micro.doors.mucp.exchanges import Flow
from micro.doors.mucp.inside import Inside
from micro.errors import Fault, Unavailable
from micro.mucp.http.acceptor import Acceptor, Broken, Called, Event, Opened
from micro.mucp.http.writing import refusal

__all__ = ["Connection"]

OUTPUT_BYTES_MAX = 1_048_576
"""So much may wait to be written, behind the answer to an earlier call or since the client does not read. Above it no
more is read, messages of streams stay where they are, and further answers take of the room that bodies share."""


class Connection(asyncio.Protocol):
    """One connection."""

    def __init__(self, inside: Inside) -> None:
        self.acceptor = Acceptor(inside.heads, inside.familiar)
        self.is_stalled = False
        self._inside = inside
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._scheduled = self._held = False
        self._asking = Asking(inside, self)
        self._heard_at = self._stalled_at = self._loop.time()
        self._reserved = self._admitted = self._lingered = 0
        self._is_refused = False
        self._lingering_since: float | None = None

    # -- the transport's side ---------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        peer = transport.get_extra_info("peername")
        address = peer[0] if isinstance(peer, tuple) else ""
        self._asking.address = address
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
        self._asking.lost()

    def data_received(self, data: bytes) -> None:
        if self._lingering_since is not None:
            self._linger(len(data))
            return
        self._heard_at = self._loop.time()
        acceptor = self.acceptor
        events = acceptor.receive(data)
        if self._reserved or self._bodies_bytes():
            events = self._booked(events)
        for event in events:
            if type(event) is Called:
                self._asking.begin(event.exchange)
            elif isinstance(event, Broken):
                self._is_refused = True  # it is answered already
            else:
                self._asking.serve(event)
        if self.is_stalled or not acceptor.is_calm:
            self._flush()

    def _booked(self, events: list[Event]) -> list[Event]:
        """Books the memory of bodies, and returns what is served; calls for which there is none are refused first."""
        try:
            self._reserve()
        except Refused as refused:
            for event in events:
                if isinstance(event, Called | Opened):
                    self._asking.refuse(event.exchange, refused.fault)
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
            self._inside.turn.write_at_end(self._flush)

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
        if not self.is_stalled and self.acceptor.waiting_bytes <= OUTPUT_BYTES_MAX // 2:
            return  # the transport holds less than would have it say that it is stalled
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
        transport, acceptor = self._transport, self.acceptor
        if transport is None or transport.is_closing():
            return
        output = acceptor.output()
        if output:
            transport.write(output)
            if self._reserved or self._admitted:
                self._release()
        if acceptor.is_over and acceptor.is_idle:
            self._finish(transport)
            return
        if self.is_stalled or acceptor.waiting_bytes > OUTPUT_BYTES_MAX or acceptor.is_full:
            self.hold()
        if self._held:
            self.look()

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
        self._asking.stopping(fault)
        self.acceptor.stop()
        self._flush()
