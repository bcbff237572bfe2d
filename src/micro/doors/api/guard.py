"""The guard: reads each request's bytes first, and hands only whole and unambiguous ones to uvicorn's parser.

       ┌───────────────────────────── answered ─────────────────────────────┐
       v                                                                    │
    WAITING ── first byte ──> HEAD ── empty line ──> BODY ── whole ──> ANSWERING
                               │                      │                     └─ 101 ─> WEBSOCKET: uvicorn's from here on
                               └──── a rule broken ───┴─> REFUSED: one fault is answered, then the connection ends

One request at a time is on its way through: what a client sends ahead waits here, in bounded memory, so that a refused
request is never answered before an earlier one, and the parser behind never sees two at once.
"""

from __future__ import annotations

import asyncio
from email.utils import formatdate
from enum import Enum
from typing import Any, cast

from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from micro.doors.api.body import Body, ChunkedBody, CountedBody
from micro.doors.api.cork import Cork
from micro.doors.api.head import Head, check_unfinished, read_head
from micro.doors.api.hosts import Hosts
from micro.doors.api.limits import Limits
from micro.doors.api.places import Places
from micro.doors.api.refusal import Refused, answer_bytes
from micro.doors.api.request import GUARD_KEY

__all__ = ["GuardedHttp", "Rules"]

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Rules:
    """What all guards of a door share.

    Attributes:
        limits: how much is too much.
        hosts: under which names the door may be asked; set once the port is known.
        places: who is here.
    """

    def __init__(self, limits: Limits, hosts: Hosts) -> None:
        self.limits = limits
        self.hosts = hosts
        self.places = Places(limits)
        self._dated = [(b"date", b"")]
        self._dated_until = 0.0

    def default_headers(self, now: float) -> list[tuple[bytes, bytes]]:
        """Returns the `Date` of an answer, made anew at most once a second; `now` is the loop's time."""
        if now >= self._dated_until:
            self._dated_until = now + 1.0
            self._dated = [(b"date", formatdate(usegmt=True).encode())]
        return self._dated


class State(Enum):
    """Where a connection is."""

    WAITING = "waiting"
    HEAD = "head"
    BODY = "body"
    ANSWERING = "answering"
    WEBSOCKET = "websocket"
    REFUSED = "refused"


class Gate(FlowControl):
    """Flow control that uvicorn cannot open again while the guard holds it shut."""

    def __init__(self, transport: asyncio.Transport) -> None:
        super().__init__(transport)
        self.held = False

    def hold(self) -> None:
        self.held = True
        self.pause_reading()

    def release(self) -> None:
        self.held = False
        self.resume_reading()

    def resume_reading(self) -> None:
        if not self.held:
            super().resume_reading()


class GuardedHttp(HttpToolsProtocol):
    """One connection."""

    def __init__(self, *, rules: Rules, **settings: Any) -> None:
        super().__init__(**settings)
        self._rules = rules
        self._limits = rules.limits
        self._state = State.WAITING
        self._data = bytearray()
        self._head: Head | None = None
        self._body: Body | None = None
        self._reserved = 0
        self._gate: Gate | None = None
        self._since = self._body_since = self._heard_at = self.loop.time()
        self._idle_seconds = rules.limits.header_seconds  # a new connection has to begin soon
        self._stalled_at: float | None = None
        self._lingered = 0
        self.task: asyncio.Task[Any] | None = None
        """The work on the request under way; it is cancelled when the client goes away."""
        self.caller = ""
        """Who is at the other end, where that is no address."""

    # -- the transport's side ---------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(Cork(cast(asyncio.Transport, transport), self.loop, self.caller))
        self.flow = self._gate = Gate(self.transport)
        try:
            self._rules.places.take(self, self.client[0] if self.client else "")
        except Refused as refused:
            self._refuse(refused)
            self.loop.call_later(self._limits.linger_seconds, self.end)  # without a place nobody looks at its clock

    def connection_lost(self, exc: BaseException | None) -> None:
        self._rules.places.leave(self)
        self._release()
        task, self.task = self.task, None
        if task is not None and self._state is State.ANSWERING:
            task.cancel()
        self._data.clear()
        super().connection_lost(cast("Exception | None", exc))

    def data_received(self, data: bytes) -> None:
        if self._state is State.REFUSED:
            self._linger(len(data))
            return
        if self._state is State.WAITING and not self._data and self._came_whole(data):
            return
        self._data += data
        if self._state is State.ANSWERING:
            if len(self._data) > self._limits.pipelined_bytes_max and self._gate is not None:
                self._gate.hold()
            return
        try:
            self._advance()
        except Refused as refused:
            self._refuse(refused)

    def pause_writing(self) -> None:
        self._stalled_at = self.loop.time()
        super().pause_writing()

    def resume_writing(self) -> None:
        self._stalled_at = None
        super().resume_writing()

    # -- one request ------------------------------------------------------------------------------------------------

    def _came_whole(self, data: bytes) -> bool:
        """Passes on a request that came at once and alone, which most do; returns whether it did."""
        end = data.find(b"\r\n\r\n") + 4
        if end < 4:
            return False
        try:
            head = read_head(data if end == len(data) else data[:end], self._rules.hosts, self._limits)
            if not head.plain or head.body_bytes != len(data) - end:
                return False
            self._reserve(head.body_bytes)
            self._heard_at = self.loop.time()
            self._hand_over(head, data)
        except Refused as refused:
            self._refuse(refused)
        return True

    def _advance(self) -> None:
        """Goes on with what is there: to the end of a head, to the end of a body, to the parser."""
        if not self._data:
            return
        self._heard_at = self.loop.time()
        if self._state is State.WAITING:
            self._state, self._since = State.HEAD, self._heard_at
        if self._state is State.HEAD:
            end = self._data.find(b"\r\n\r\n")
            if end < 0:
                check_unfinished(self._data, self._limits)
                return
            block = bytes(self._data[: end + 4])
            del self._data[: end + 4]
            head = self._head = read_head(block, self._rules.hosts, self._limits)
            if head.body_bytes == 0:
                self._pass_on(head, b"")
                return
            self._body = ChunkedBody(self._limits) if head.body_bytes is None else CountedBody(head.body_bytes)
            self._state, self._body_since = State.BODY, self._heard_at
            if head.waits and not self._data:
                self.transport.write(CONTINUE)
        assert self._body is not None
        assert self._head is not None
        whole = self._body.take(self._data)
        self._reserve(self._body.held)
        if whole:
            self._pass_on(self._head, self._body.whole())

    def _reserve(self, held: int) -> None:
        if held > self._limits.small_body_bytes_max and held > self._reserved:
            self._rules.places.reserve(held - self._reserved)
            self._reserved = held

    def _release(self) -> None:
        self._rules.places.release(self._reserved)
        self._reserved = 0

    def _pass_on(self, head: Head, body: bytes) -> None:
        if head.upgrades and self._data:
            raise Refused(400, "Upgrade: bytes follow before the WebSocket was accepted")
        self._head = self._body = None
        self._hand_over(head, head.rewritten(len(body)) + body)

    def _hand_over(self, head: Head, request: bytes) -> None:
        self._state = State.WEBSOCKET if head.upgrades else State.ANSWERING
        self.server_state.default_headers = self._rules.default_headers(self._heard_at)
        super().data_received(request)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        cast("dict[str, Any]", self.scope)[GUARD_KEY] = self

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self.task = None
        self._release()
        if self.transport.is_closing() or self._state is not State.ANSWERING:
            return
        self._state, self._since = State.WAITING, self.loop.time()
        self._idle_seconds = self._limits.idle_seconds
        if self._gate is not None:
            self._gate.release()
        if self._data:
            self.loop.call_soon(self.data_received, b"")

    # -- ends -------------------------------------------------------------------------------------------------------

    def _refuse(self, refused: Refused) -> None:
        """Answers with a fault and ends the connection, once the client had time to read it."""
        self._state, self._since = State.REFUSED, self.loop.time()
        self._data.clear()
        self._head = self._body = None
        self._release()
        if self.transport.is_closing():
            return
        self.transport.write(answer_bytes(refused))
        if self.transport.can_write_eof():
            self.transport.write_eof()

    def _linger(self, count: int) -> None:
        """Drops what a refused client still sends: ending with bytes unread would take the answer away from it."""
        self._lingered += count
        if self._lingered > self._limits.linger_bytes_max:
            self.transport.close()

    @property
    def gone(self) -> bool:
        return self.transport.is_closing()

    def end(self) -> None:
        self.transport.abort()

    def check(self, now: float) -> None:
        limits, waited = self._limits, now - self._since
        if self._state is State.WAITING and waited > self._idle_seconds:
            self.transport.close()
        elif self._state is State.HEAD and waited > limits.header_seconds:
            self._refuse(Refused(408, f"headers: they take at most {limits.header_seconds:g} s"))
        elif self._state is State.BODY:
            self._check_body(now)
        elif self._state is State.ANSWERING and self._stalled_at is not None:
            if now - self._stalled_at > limits.stall_seconds:
                self.transport.abort()
        elif self._state is State.REFUSED and waited > limits.linger_seconds:
            self.transport.abort()

    def _check_body(self, now: float) -> None:
        limits, took = self._limits, now - self._body_since
        held = self._body.held if self._body is not None else 0
        if now - self._heard_at > limits.body_idle_seconds:
            self._refuse(Refused(408, f"body: nothing came for {limits.body_idle_seconds:g} s"))
        elif took > limits.body_grace_seconds and held < took * limits.body_bytes_per_second_min:
            self._refuse(Refused(408, f"body: it comes at {limits.body_bytes_per_second_min} bytes a second at least"))
        elif now - self._since > limits.request_seconds:
            self._refuse(Refused(408, f"request: it takes at most {limits.request_seconds:g} s to arrive"))
