"""The course of open exchanges: what may still be said about each, and what it means.

Pure.

A frame about an exchange that is over is ignored, since it may have crossed the end. One that an open exchange has no
place for breaks the protocol.
"""

from __future__ import annotations

from typing import Any

from micro.errors import Fault, RemoteProtocolError, TooManyRequests
from micro.mucp import headers as header_codec
from micro.mucp.batch import Batch
from micro.mucp.event import (
    Acknowledged,
    Block,
    Cancelled,
    Credited,
    Delivered,
    Ended,
    Event,
    Failed,
    Noted,
    Received,
    Refused,
    Spread,
)
from micro.mucp.exchange import Exchange
from micro.mucp.frame import FRAME_HEADER, Kind
from micro.mucp.headers import Headers
from micro.mucp.limits import ACKNOWLEDGED_MAX, FAULT_BYTES_MAX, Limits
from micro.mucp.message import ACK, CREDIT, EVENT_PREFIX, NACK, Form

__all__ = ["Course", "fault_bytes", "split_extra"]

FAULT_WORD_CHARACTERS_MAX = 256
"""Where a fault is too long its id and status are cut to this."""

_STREAM, _SUBSCRIBE = int(Form.STREAM), int(Form.SUBSCRIBE)
_pack = FRAME_HEADER.pack


def fault_bytes(fault: Fault) -> bytes:
    """Returns a fault as it travels in a frame, short enough to be read."""
    words = fault.to_json().encode()
    if len(words) > FAULT_BYTES_MAX:
        id, status = fault.id[:FAULT_WORD_CHARACTERS_MAX], fault.status[:FAULT_WORD_CHARACTERS_MAX]
        words = Fault.make(fault.code, fault.detail, id=id, status=status).to_json().encode()
    return words


def split_extra(payload: bytes, start: int, extra_bytes: int) -> tuple[Headers, bytes]:
    """Returns the extra headers that begin at `start` of a payload, and the body that follows them."""
    stop = start + extra_bytes
    if stop > len(payload):
        raise RemoteProtocolError("extra headers are cut short")
    return header_codec.decode(payload[start:stop]), payload[stop:]


class Course:
    """The exchanges of a session, and what is heard about them.

    Attributes:
        calls: the owners of calls that wait for their answer, by exchange number.
        serving: the numbers of the peer's calls that this side has still to answer.
        exchanges: streams and subscriptions that are open, of both sides.
        output: bytes to be written, in order; whoever writes them empties the list.
    """

    __slots__ = (
        "_blocks",
        "_joined",
        "_large",
        "_large_bytes",
        "_reply_headers",
        "calls",
        "exchanges",
        "limits",
        "output",
        "serving",
    )

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.output: list[bytes] = []
        self.calls: dict[int, Any] = {}
        self.serving: set[int] = set()
        self.exchanges: dict[int, Exchange] = {}
        self._blocks: dict[int, Block] = {}
        self._reply_headers: dict[int, Headers] = {}
        self._joined = 0  # streams and subscriptions that the peer opened
        self._large: dict[int, int] = {}  # sizes of the peer's large bodies, until their exchange is over
        self._large_bytes = 0  # of these, and of what streams have overdrawn

    # -- ends -------------------------------------------------------------------------------------------------------

    def _has_room(self, number: int, size: int) -> bool:
        """Books a large body that came in; it counts until its exchange is over. One always passes."""
        if self._large_bytes and self._large_bytes + size > self.limits.input_bytes:
            return False
        self._large[number] = size
        self._large_bytes += size
        return True

    def _overdraw(self, exchange: Exchange, events: list[Event]) -> bool:
        """Books by how much a message overdrew its window; it counts until the window is positive. One always passes.

        Where there is no room the exchange ends, and the message is dropped; returns whether it may be reported.
        """
        size = -exchange.receive_window
        if self._large_bytes and self._large_bytes + size > self.limits.input_bytes:
            detail = f"{self._large_bytes} bytes of large messages wait on this link, and {size} more came"
            fault = TooManyRequests(f"{detail}: wait until they are taken up, or send smaller messages")
            self._close(exchange.number)
            self._frame(Kind.ERROR, exchange.number, fault_bytes(fault))
            events.append(Failed(exchange.owner, fault, exchange))
            return False
        exchange.overdraft = size
        self._large_bytes += size
        return True

    def _paid(self, exchange: Exchange) -> None:
        """Takes note that what an exchange has overdrawn no longer counts."""
        self._large_bytes -= exchange.overdraft
        exchange.overdraft = 0

    def _answered(self, number: int) -> None:
        """Takes note that a call of the peer is over."""
        self.serving.discard(number)
        if self._large:
            self._large_bytes -= self._large.pop(number, 0)

    def _close(self, number: int) -> Exchange | None:
        """Takes note that a stream or subscription is over."""
        exchange = self.exchanges.pop(number, None)
        if exchange is not None:
            exchange.peer_ended = exchange.self_ended = True
            if exchange.overdraft:
                self._paid(exchange)
            if not exchange.local:
                self._joined -= 1
                self._answered(number)
        return exchange

    def _stray(self, number: int) -> None:
        """Looks at a frame for no stream that is open: it crossed the end of one, unless it is about something else."""
        if not number or number in self.calls or number in self.serving:
            raise RemoteProtocolError(f"a frame that does not belong to exchange {number}")

    def _frame(self, kind: int, number: int, payload: bytes) -> None:
        self.output.append(_pack(len(payload), kind, number) + payload)

    # -- what is heard ----------------------------------------------------------------------------------------------

    def _on_data(self, number: int, payload: bytes, events: list[Event]) -> None:
        exchange = self.exchanges.get(number)
        if exchange is None:
            self._stray(number)
            return
        if exchange.form != _STREAM:
            raise RemoteProtocolError("DATA belongs to a stream")
        if exchange.take(len(payload)) and not self._overdraw(exchange, events):
            return
        events.append(Received(exchange, payload))

    def _on_end(self, number: int, payload: bytes, events: list[Event]) -> None:
        """Hears the end of a stream; that of a call is `Hearing.received`'s."""
        exchange = self.exchanges.get(number)
        if exchange is None:
            self._stray(number)
            return
        if payload:
            raise RemoteProtocolError("the END of a stream has no payload")
        if exchange.peer_ended or (exchange.form == _SUBSCRIBE and not exchange.local):
            raise RemoteProtocolError("END comes once, and a subscriber leaves with CANCEL")
        exchange.peer_ended = True
        if exchange.local:
            self._close(number)
        events.append(Ended(exchange))

    def _on_error(self, number: int, payload: bytes, events: list[Event]) -> None:
        self._over(number, payload, events, Failed)

    def _on_refused(self, number: int, payload: bytes, events: list[Event]) -> None:
        self._over(number, payload, events, Refused)

    def _over(self, number: int, payload: bytes, events: list[Event], kind: type[Failed | Refused]) -> None:
        fault = Fault.parse(payload[:FAULT_BYTES_MAX].decode("utf-8", "replace"))
        if number in self.calls:
            self._reply_headers.pop(number, None)
            events.append(kind(self.calls.pop(number), fault))
            return
        exchange = self._close(number)
        if exchange is None:
            self._stray(number)
            return
        if kind is Refused and not exchange.local:
            raise RemoteProtocolError("only the side that was asked may refuse")
        events.append(kind(exchange.owner, fault, exchange))

    def _on_headers(self, number: int, payload: bytes, events: list[Event]) -> None:
        headers = header_codec.decode(payload)
        if number in self.calls:
            self._reply_headers[number] = headers
            return
        exchange = self.exchanges.get(number)
        if exchange is None:
            self._stray(number)
            return
        if exchange.peer_ended:
            raise RemoteProtocolError("HEADERS after END")
        events.append(Noted(exchange, headers))

    def _on_credit(self, number: int, payload: bytes, events: list[Event]) -> None:
        if len(payload) != CREDIT.size:
            raise RemoteProtocolError("CREDIT carries one number")
        exchange = self.exchanges.get(number)
        if exchange is None:
            self._stray(number)
            return
        (count,) = CREDIT.unpack(payload)
        exchange.credit(count)
        events.append(Credited(exchange, count))

    def _on_cancel(self, number: int, payload: bytes, events: list[Event]) -> None:
        if payload:
            raise RemoteProtocolError("CANCEL carries nothing")
        if number in self.serving:
            self._answered(number)
            events.append(Cancelled(number, None))
            return
        exchange = self._close(number)
        if exchange is None:
            self._stray(number)
            return
        events.append(Cancelled(number, exchange))

    def _on_event(self, number: int, payload: bytes, events: list[Event]) -> None:
        exchange = self.exchanges.get(number)
        if exchange is None:
            self._stray(number)
            return
        if exchange.form != _SUBSCRIBE or not exchange.local or len(payload) < EVENT_PREFIX.size:
            raise RemoteProtocolError("an EVENT belongs to a subscription and has its fixed fields")
        block_number, sequence, extra_bytes = EVENT_PREFIX.unpack_from(payload)
        block = self._blocks.get(block_number)
        if block is None:
            raise RemoteProtocolError(f"header block {block_number} was never defined")
        extra = None
        body = payload[EVENT_PREFIX.size :]
        if extra_bytes:
            extra, body = split_extra(payload, EVENT_PREFIX.size, extra_bytes)
        if exchange.take(len(payload)) and not self._overdraw(exchange, events):
            return
        events.append(Delivered(exchange, block, sequence, extra, body, len(payload)))

    def _spread(self, number: int, block: Block, batch: Batch, size: int, events: list[Event]) -> None:
        """Hears several events at once; that they are whole is checked."""
        exchange = self.exchanges.get(number)
        if exchange is None:
            self._stray(number)
            return
        if exchange.form != _SUBSCRIBE or not exchange.local:
            raise RemoteProtocolError("EVENTS belong to a subscription")
        exchange.take(size)
        events.append(Spread(exchange, block, batch, size))

    def _on_ack(self, number: int, payload: bytes, events: list[Event]) -> None:
        if not payload or len(payload) % ACK.size or len(payload) > ACK.size * ACKNOWLEDGED_MAX:
            raise RemoteProtocolError(f"ACK carries 1 to {ACKNOWLEDGED_MAX} sequences")
        exchange = self._acknowledging(number)
        if exchange is not None:
            events.append(Acknowledged(exchange, [sequence for (sequence,) in ACK.iter_unpack(payload)], None))

    def _on_nack(self, number: int, payload: bytes, events: list[Event]) -> None:
        if len(payload) != NACK.size:
            raise RemoteProtocolError("NACK carries a sequence and a time")
        exchange = self._acknowledging(number)
        if exchange is not None:
            sequence, delay_milliseconds = NACK.unpack(payload)
            events.append(Acknowledged(exchange, [sequence], delay_milliseconds))

    def _acknowledging(self, number: int) -> Exchange | None:
        exchange = self.exchanges.get(number)
        if exchange is None:
            self._stray(number)
        elif exchange.form != _SUBSCRIBE or exchange.local:
            raise RemoteProtocolError("only a subscriber acknowledges")
        return exchange
