"""The course of open exchanges: what may still be said about each, and what it means.

Pure.

A frame about an exchange that is over is ignored, since it may have crossed the end. One that an open exchange has no
place for breaks the protocol.
"""

from __future__ import annotations

from typing import Any

from micro.errors import Fault, RemoteProtocolError
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
from micro.mucp.headers import Headers
from micro.mucp.limits import ACKNOWLEDGED_MAX, FAULT_BYTES_MAX, Limits
from micro.mucp.message import ACK, CREDIT, EVENT_PREFIX, NACK, Form

__all__ = ["Course", "split_extra"]

_STREAM, _SUBSCRIBE = int(Form.STREAM), int(Form.SUBSCRIBE)


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
        "serving",
    )

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.calls: dict[int, Any] = {}
        self.serving: set[int] = set()
        self.exchanges: dict[int, Exchange] = {}
        self._blocks: dict[int, Block] = {}
        self._reply_headers: dict[int, Headers] = {}
        self._joined = 0  # streams and subscriptions that the peer opened
        self._large: dict[int, int] = {}  # sizes of the peer's large bodies, until their exchange is over
        self._large_bytes = 0

    # -- ends -------------------------------------------------------------------------------------------------------

    def _has_room(self, number: int, size: int) -> bool:
        """Books a large body that came in; it counts until its exchange is over. One always passes."""
        if self._large and self._large_bytes + size > self.limits.input_bytes:
            return False
        self._large[number] = size
        self._large_bytes += size
        return True

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
            if not exchange.local:
                self._joined -= 1
                self._answered(number)
        return exchange

    def _stray(self, number: int) -> None:
        """Looks at a frame for no stream that is open: it crossed the end of one, unless it is about something else."""
        if not number or number in self.calls or number in self.serving:
            raise RemoteProtocolError(f"a frame that does not belong to exchange {number}")

    # -- what is heard ----------------------------------------------------------------------------------------------

    def _on_data(self, number: int, payload: bytes, events: list[Event]) -> None:
        exchange = self.exchanges.get(number)
        if exchange is None:
            self._stray(number)
            return
        if exchange.form != _STREAM:
            raise RemoteProtocolError("DATA belongs to a stream")
        exchange.take(len(payload))
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
        exchange.take(len(payload))
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
