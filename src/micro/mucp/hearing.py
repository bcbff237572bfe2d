"""The listening half of a session: frames in, events out, each rule of the protocol checked.

Pure.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from micro.errors import Fault, RemoteProtocolError, TooManyRequests, Unavailable
from micro.mucp import headers as header_codec
from micro.mucp.event import (
    Acknowledged,
    Block,
    Broken,
    Cancelled,
    Credited,
    Delivered,
    Ended,
    Event,
    Failed,
    GoneAway,
    Greeted,
    Hello,
    Noted,
    Opened,
    Received,
    Refused,
    Replied,
)
from micro.mucp.exchange import Exchange
from micro.mucp.frame import FRAME_HEADER, FrameReader, Kind
from micro.mucp.headers import Headers
from micro.mucp.limits import BLOCKS_MAX, EXTRA_FRAME_BYTES, VERSION, Limits
from micro.mucp.message import ACK, CREDIT, EVENT_PREFIX, NACK, OPEN_PREFIX, Form

__all__ = ["Hearing"]

HELLO_BYTES_MAX = 4_096
DEFINED_BYTES_MAX = 1_048_576
"""How much memory a peer's header blocks may take on one link."""
ACKNOWLEDGED_MAX = 4_096
PING_BYTES = 8

_pack = FRAME_HEADER.pack
_END = int(Kind.END)
_CALL, _PUBLISH = int(Form.CALL), int(Form.PUBLISH)
_OPEN_PREFIX_BYTES = OPEN_PREFIX.size
_unpack_open = OPEN_PREFIX.unpack_from


class Hearing:
    """The half of a session that takes bytes in; `micro.mucp.session.Session` is the whole.

    Attributes:
        output: bytes to be written, in order; whoever writes them empties the list.
        peer: the peer's HELLO, None until it came.
        calls: the owners of calls that wait for their answer, by exchange number.
        serving: the numbers of the peer's calls that this side has still to answer.
        exchanges: streams and subscriptions that are open, of both sides.
    """

    __slots__ = (
        "_blocks",
        "_blocks_sent",
        "_defined_bytes",
        "_handlers",
        "_next",
        "_parity",
        "_peer_bytes",
        "_reader",
        "_reply_headers",
        "broken",
        "buffer",
        "bulky",
        "calls",
        "exchanges",
        "going",
        "limits",
        "output",
        "peer",
        "serving",
    )

    def __init__(self, *, dialed: bool, limits: Limits | None = None, hello: Hello | None = None) -> None:
        """Begins with the HELLO in `output`.

        Args:
            dialed: whether this side made the connection.
            limits: what this side accepts.
            hello: who this side is; versions and limits are filled in here.
        """
        self.limits = limits or Limits()
        self.output: list[bytes] = []
        self.peer: Hello | None = None
        self.calls: dict[int, Any] = {}
        self.serving: set[int] = set()
        self.exchanges: dict[int, Exchange] = {}
        self.going = self.broken = self.bulky = False
        self._next = 1 if dialed else 2
        self._parity = self._next & 1
        self._reader = FrameReader(self.limits.message_bytes + EXTRA_FRAME_BYTES)
        self.buffer = self._reader.buffer
        """Returns memory for the pipe to fill; tell how much with `received`."""
        self._blocks: dict[int, Block] = {}
        self._blocks_sent: dict[bytes, int] = {}
        self._defined_bytes = 0
        self._reply_headers: dict[int, Headers] = {}
        self._peer_bytes = self.limits.message_bytes
        self._handlers: dict[int, Callable[[int, bytes, list[Event]], None]] = {
            Kind.DEFINE: self._on_define,
            Kind.OPEN: self._on_open,
            Kind.DATA: self._on_data,
            Kind.END: self._on_end,
            Kind.ERROR: self._on_error,
            Kind.REFUSED: self._on_refused,
            Kind.HEADERS: self._on_headers,
            Kind.CREDIT: self._on_credit,
            Kind.CANCEL: self._on_cancel,
            Kind.EVENT: self._on_event,
            Kind.ACK: self._on_ack,
            Kind.NACK: self._on_nack,
            Kind.PING: self._on_ping,
            Kind.PONG: self._on_pong,
            Kind.GOAWAY: self._on_goaway,
        }
        first = msgspec.structs.replace(hello or Hello([]), versions=[VERSION], **self.limits.to_hello())
        self._frame(Kind.HELLO, 0, msgspec.json.encode(first))

    def receive(self, data: bytes) -> list[Event]:
        """Takes bytes that came and returns what they say; never raises for what a peer sent."""
        view, events = memoryview(data), list[Event]()
        while view and not self.broken:
            room = self.buffer()
            count = min(len(room), len(view))
            room[:count] = view[:count]
            view = view[count:]
            events += self.received(count)
        return events

    def received(self, count: int) -> list[Event]:
        """Does what `receive` does for `count` bytes put into `buffer()`."""
        events: list[Event] = []
        if self.broken:
            return events
        try:
            frames = self._reader.received(count)
            if self.peer is None and frames:
                self._on_hello(*frames.pop(0), events)
            calls, handlers, reply_headers = self.calls, self._handlers, self._reply_headers
            for kind, number, payload in frames:
                if kind == _END and number in calls:
                    noted = reply_headers.pop(number, None) if reply_headers else None
                    events.append(Replied(calls.pop(number), payload, noted))
                    continue
                handler = handlers.get(kind)
                if handler is None:
                    raise RemoteProtocolError(f"a frame of kind {kind}, which version {VERSION} does not have")
                handler(number, payload, events)
            if self._reader.fault:
                raise RemoteProtocolError(self._reader.fault)
        except RemoteProtocolError as error:
            self._break(str(error), events)
        return events

    def _break(self, reason: str, events: list[Event]) -> None:
        self.go_away(reason, code=400)
        self.broken = True
        events.append(Broken(f"the peer broke the protocol: {reason}"))

    def _on_hello(self, kind: int, number: int, payload: bytes, events: list[Event]) -> None:
        if kind != Kind.HELLO or number or len(payload) > HELLO_BYTES_MAX:
            raise RemoteProtocolError("the first frame must be a HELLO")
        try:
            hello = msgspec.json.decode(payload, type=Hello)
        except (ValueError, RecursionError) as error:
            raise RemoteProtocolError(f"the HELLO cannot be read: {error}") from error
        if VERSION not in hello.versions:
            raise RemoteProtocolError(f"no common version: this side speaks {VERSION}, the peer {hello.versions[:8]}")
        self.peer = hello
        self._peer_bytes = hello.message_bytes
        events.append(Greeted(hello))

    def _on_define(self, number: int, payload: bytes, events: list[Event]) -> None:
        del events
        if number >= BLOCKS_MAX:
            raise RemoteProtocolError(f"header block {number}; a link has {BLOCKS_MAX}")
        old = self._blocks.get(number)
        self._defined_bytes += len(payload)
        if old is not None:
            self._defined_bytes -= len(header_codec.encode(old.headers))
        if self._defined_bytes > DEFINED_BYTES_MAX:
            raise RemoteProtocolError(f"header blocks over {DEFINED_BYTES_MAX} bytes together")
        self._blocks[number] = Block(number, header_codec.decode(payload))

    def _on_open(self, number: int, payload: bytes, events: list[Event]) -> None:
        if len(payload) < _OPEN_PREFIX_BYTES:
            raise RemoteProtocolError("an OPEN is cut short")
        form, block_number, timeout_milliseconds, extra_bytes = _unpack_open(payload)
        block = self._blocks.get(block_number)
        if block is None:
            raise RemoteProtocolError(f"header block {block_number} was never defined")
        if extra_bytes:
            extra, body = self._split_extra(payload, _OPEN_PREFIX_BYTES, extra_bytes)
        else:
            extra, body = None, payload[_OPEN_PREFIX_BYTES:]
        if number and (number & 1 == self._parity or number in self.serving or number in self.exchanges):
            raise RemoteProtocolError(f"exchange number {number} is not free")
        if self.going or len(self.serving) + len(self.exchanges) >= self.limits.exchanges:
            return self._refuse_open(number)
        exchange = None
        if form == _CALL or form == _PUBLISH:
            if number:
                self.serving.add(number)
            elif form == _CALL:
                raise RemoteProtocolError("a call needs an exchange number")
        elif form in (Form.STREAM, Form.SUBSCRIBE) and number:
            exchange = self.exchanges[number] = Exchange(number, form, local=False)
        else:
            raise RemoteProtocolError(f"an OPEN of form {form} on exchange {number}")
        events.append(Opened(number, form, block, timeout_milliseconds, extra, body, exchange))

    def _refuse_open(self, number: int) -> None:
        if not number:
            return
        if self.going:
            self._frame(
                Kind.REFUSED, number, Unavailable("this side is going away; ask another instance").to_json().encode()
            )
        else:
            fault = TooManyRequests(f"{self.limits.exchanges} exchanges are open on this link; end some or wait")
            self._frame(Kind.REFUSED, number, fault.to_json().encode())

    @staticmethod
    def _split_extra(payload: bytes, start: int, extra_bytes: int) -> tuple[Headers, bytes]:
        stop = start + extra_bytes
        if stop > len(payload):
            raise RemoteProtocolError("extra headers are cut short")
        return header_codec.decode(payload[start:stop]), payload[stop:]

    def _on_data(self, number: int, payload: bytes, events: list[Event]) -> None:
        exchange = self.exchanges.get(number)
        if exchange is None:
            return
        if exchange.form != Form.STREAM:
            raise RemoteProtocolError("DATA belongs to a stream")
        exchange.take(len(payload))
        events.append(Received(exchange, payload))

    def _on_end(self, number: int, payload: bytes, events: list[Event]) -> None:
        exchange = self.exchanges.get(number)
        if exchange is None:
            return
        if payload:
            raise RemoteProtocolError("the END of a stream has no payload")
        exchange.peer_ended = True
        if exchange.local:
            del self.exchanges[number]
        events.append(Ended(exchange))

    def _on_error(self, number: int, payload: bytes, events: list[Event]) -> None:
        self._over(number, payload, events, Failed)

    def _on_refused(self, number: int, payload: bytes, events: list[Event]) -> None:
        self._over(number, payload, events, Refused)

    def _over(self, number: int, payload: bytes, events: list[Event], kind: type[Failed | Refused]) -> None:
        if number in self.calls:
            owner = self.calls.pop(number)
            self._reply_headers.pop(number, None)
        elif number in self.exchanges:
            exchange = self.exchanges.pop(number)
            exchange.peer_ended = exchange.self_ended = True
            owner = exchange.owner
        else:
            return
        events.append(kind(owner, Fault.parse(payload[: header_codec.HEADER_BYTES_MAX].decode("utf-8", "replace"))))

    def _on_headers(self, number: int, payload: bytes, events: list[Event]) -> None:
        if number in self.calls:
            self._reply_headers[number] = header_codec.decode(payload)
        elif number in self.exchanges:
            events.append(Noted(self.exchanges[number], header_codec.decode(payload)))

    def _on_credit(self, number: int, payload: bytes, events: list[Event]) -> None:
        if len(payload) != CREDIT.size:
            raise RemoteProtocolError("CREDIT carries one number")
        exchange = self.exchanges.get(number)
        if exchange is not None:
            (count,) = CREDIT.unpack(payload)
            exchange.credit(count)
            events.append(Credited(exchange, count))

    def _on_cancel(self, number: int, payload: bytes, events: list[Event]) -> None:
        if payload:
            raise RemoteProtocolError("CANCEL carries nothing")
        if number in self.serving:
            self.serving.discard(number)
            events.append(Cancelled(number, None))
        elif number in self.exchanges:
            exchange = self.exchanges.pop(number)
            exchange.peer_ended = exchange.self_ended = True
            events.append(Cancelled(number, exchange))

    def _on_event(self, number: int, payload: bytes, events: list[Event]) -> None:
        exchange = self.exchanges.get(number)
        if exchange is None:
            return
        if exchange.form != Form.SUBSCRIBE or not exchange.local or len(payload) < EVENT_PREFIX.size:
            raise RemoteProtocolError("an EVENT belongs to a subscription and has its fixed fields")
        block_number, sequence, extra_bytes = EVENT_PREFIX.unpack_from(payload)
        block = self._blocks.get(block_number)
        if block is None:
            raise RemoteProtocolError(f"header block {block_number} was never defined")
        extra = None
        body = payload[EVENT_PREFIX.size :]
        if extra_bytes:
            extra, body = self._split_extra(payload, EVENT_PREFIX.size, extra_bytes)
        exchange.take(len(payload))
        events.append(Delivered(exchange, block, sequence, extra, body, len(payload)))

    def _on_ack(self, number: int, payload: bytes, events: list[Event]) -> None:
        if not payload or len(payload) % ACK.size or len(payload) > ACK.size * ACKNOWLEDGED_MAX:
            raise RemoteProtocolError(f"ACK carries 1 to {ACKNOWLEDGED_MAX} sequences")
        exchange = self.exchanges.get(number)
        if exchange is not None:
            events.append(Acknowledged(exchange, [sequence for (sequence,) in ACK.iter_unpack(payload)], None))

    def _on_nack(self, number: int, payload: bytes, events: list[Event]) -> None:
        if len(payload) != NACK.size:
            raise RemoteProtocolError("NACK carries a sequence and a time")
        exchange = self.exchanges.get(number)
        if exchange is not None:
            sequence, delay_milliseconds = NACK.unpack(payload)
            events.append(Acknowledged(exchange, [sequence], delay_milliseconds))

    def _on_ping(self, number: int, payload: bytes, events: list[Event]) -> None:
        del number, events
        if len(payload) != PING_BYTES:
            raise RemoteProtocolError(f"PING carries {PING_BYTES} bytes")
        self._frame(Kind.PONG, 0, payload)

    def _on_pong(self, number: int, payload: bytes, events: list[Event]) -> None:
        """Hearing anything is what counts; nothing else follows from a PONG."""

    def _on_goaway(self, number: int, payload: bytes, events: list[Event]) -> None:
        del number
        fault = Fault.parse(payload[: header_codec.HEADER_BYTES_MAX].decode("utf-8", "replace"))
        events.append(GoneAway(fault.detail))

    def _frame(self, kind: int, number: int, payload: bytes) -> None:
        self.output.append(_pack(len(payload), kind, number) + payload)

    def go_away(self, reason: str, *, code: int = 503) -> None:
        """Refuses new exchanges from now on and says why; open ones go on."""
        if not self.going:
            self.going = True
            self._frame(Kind.GOAWAY, 0, Fault.make(code, reason).to_json().encode())
