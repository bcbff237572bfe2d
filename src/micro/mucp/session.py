"""The session, which is one side of a link: bytes in, events out, many exchanges over one pipe.

Pure.

Theory. Both sides send HELLO at once and need not wait for the other's: whatever follows is understood by every version
that can be agreed. The side that dialled gives its exchanges odd numbers, the other even ones; 0 wants no answer. A
number may be used again once its exchange is over, and frames for an exchange that is over are ignored, since they may
have crossed its end. Headers that repeat are sent once (DEFINE) and then named by number.

    kind     exchange        payload                                          who, and what it does
    HELLO    0               JSON object, see `Hello`                         first frame of each side
    DEFINE   block number    headers                                          remember them under this number
    OPEN     new, or 0       OPEN_PREFIX, extra headers, body                 begin a call, stream, publish, subscribe
    DATA     of a stream     body                                             either side; needs credit
    END      of any          call: the answer's body; stream: nothing         see `Exchange`
    ERROR    of any          the fault as JSON                                it is over, for this reason
    REFUSED  of any          the fault as JSON                                it is over and nothing was done
    HEADERS  of any          headers                                          of the answer to come, or of the stream
    CREDIT   of a stream     u32 bytes                                        so many more may be sent
    CANCEL   of any          nothing                                          it is over, nobody waits for it
    EVENT    of subscribe    EVENT_PREFIX, extra headers, body                an event of the topic; needs credit
    ACK      of subscribe    u64 sequences, one or more                       done with them
    NACK     of subscribe    u64 sequence, u32 milliseconds                   wanted again after that time
    PING     0               8 bytes                                          answer with the same in a PONG
    PONG     0               8 bytes
    GOAWAY   0               the reason as JSON fault                         opens are refused from now on
    EVENTS   of subscribe    see `micro.mucp.batch`                           events of the topic; needs credit
    EVENTS   0               the same                                         publish these, nobody answers

EVENTS belongs to version 2 of the protocol, everything else to both.

A peer that breaks a rule gets a GOAWAY that names the rule, and its link ends (`Broken`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from micro.errors import Fault, LocalProtocolError, TooLarge
from micro.mucp import headers as header_codec
from micro.mucp.batch import BLOCK, SINGLE_BYTES_MAX, Batch, Gathering
from micro.mucp.course import fault_bytes
from micro.mucp.event import Opened
from micro.mucp.exchange import Exchange
from micro.mucp.frame import FRAME_HEADER, Kind
from micro.mucp.headers import Headers
from micro.mucp.hearing import Hearing
from micro.mucp.limits import (
    ACKNOWLEDGED_MAX,
    BATCHES_VERSION,
    BLOCKS_MAX,
    BULKY_BYTES,
    DEFINED_BYTES_MAX,
    FRAME_COST_BYTES,
    NUMBER_MAX,
    PING_BYTES,
)
from micro.mucp.message import ACK, CREDIT, EVENT_PREFIX, NACK, OPEN_PREFIX, Form, open_prefix

__all__ = ["Session"]

REFERRED_MAX = 2_048
"""How many sets of headers a session recognises without putting them into bytes first."""

_pack, _unpack_open = FRAME_HEADER.pack, OPEN_PREFIX.unpack
_CALL = int(Form.CALL)
_OPEN, _END, _DATA = int(Kind.OPEN), int(Kind.END), int(Kind.DATA)
_EVENT, _EVENTS = int(Kind.EVENT), int(Kind.EVENTS)


class Session(Hearing):
    """One side of a link: what it hears is in `Hearing`, what it says is here."""

    __slots__ = ()

    def _number(self) -> int:
        number = self._next
        self._next = number + 2 if number + 2 <= NUMBER_MAX else 2 - self._parity
        while number in self.calls or number in self.exchanges:
            number = self._next
            self._next = number + 2 if number + 2 <= NUMBER_MAX else 2 - self._parity
        return number

    def _weigh(self, body: bytes) -> None:
        if len(body) > self._peer_bytes:
            raise TooLarge(
                f"a message of {len(body):,} bytes is larger than {self._peer_bytes:,} bytes, "
                "which is the most that the other side takes; send it in parts",
                id="message",
            )
        if len(body) > BULKY_BYTES:
            self.bulky = True

    def refer(self, headers: Mapping[str, str]) -> tuple[int, bytes]:
        """Returns a header block's number and the extra headers that together say `headers`.

        Headers that were said before, or for which there is room, are a number alone; when the table is full they are
        all extra to an empty block, which costs their bytes each time.
        """
        key = tuple(headers.items())
        known = self._referred.get(key)
        if known is None:
            known = self._define(header_codec.encode(headers))
            if not known[1] and len(self._referred) < REFERRED_MAX:
                self._referred[key] = known
        return known

    def _define(self, block: bytes) -> tuple[int, bytes]:
        number = self._blocks_sent.get(block)
        if number is not None:
            return number, b""
        number = len(self._blocks_sent)
        if number < BLOCKS_MAX - 1 and self._said_bytes + len(block) <= DEFINED_BYTES_MAX:
            self._said_bytes += len(block)
            self._blocks_sent[block] = number
            self._frame(Kind.DEFINE, number, block)
            return number, b""
        if b"" not in self._blocks_sent:
            self._blocks_sent[b""] = number
            self._frame(Kind.DEFINE, number, b"")
        return self._blocks_sent[b""], block

    def begin(self, form: int, headers: Mapping[str, str], timeout_milliseconds: int, extra: bytes = b"") -> bytes:
        """Returns the prefix of an OPEN with these headers; keep it for as long as the link lives.

        Raises:
            BadRequest: there are too many, or one is wrong.
        """
        block, more = self.refer(headers)
        if more and extra:  # no header stands twice
            together = header_codec.decode(more)
            together.update(header_codec.decode(extra))
            more, extra = b"", header_codec.encode(together)
        return open_prefix(form, block, timeout_milliseconds, more + extra)

    @property
    def reached(self) -> int:
        """The number that the next exchange of this side gets."""
        return self._next

    def call(self, owner: Any, prefix: bytes, body: bytes) -> int:
        """Opens a call and returns its number; `prefix` is from `open_prefix`, `owner` comes back with the answer.

        Raises:
            TooLarge: the peer does not take so large a body; nothing was sent.
        """
        size = len(body)
        if size > BULKY_BYTES:
            self._weigh(body)
        number = self._next
        calls = self.calls
        if number in calls or number in self.exchanges or number + 2 > NUMBER_MAX:
            number = self._number()
        else:
            self._next = number + 2
        calls[number] = owner
        output = self.output
        output.append(_pack(len(prefix) + size, _OPEN, number) + prefix)
        output.append(body)
        return number

    def hand(self, peer: Session, owner: Any, prefix: bytes, body: bytes) -> Opened | None:
        """Opens a call at the other end itself, which is in this process, past the pipe; returns what that hears.

        None, and nothing happened, where it is more than a small plain call or would be refused: the pipe takes it.
        """
        if len(prefix) != OPEN_PREFIX.size or len(body) > BULKY_BYTES or peer.going or peer.broken:
            return None
        form, block_number, timeout_milliseconds, _ = _unpack_open(prefix)
        block = peer._blocks.get(block_number)
        if block is None or form != _CALL or len(peer.serving) + peer._joined >= peer.limits.exchanges:
            return None
        number = self._number()
        self.calls[number] = owner
        peer.serving.add(number)
        return Opened(number, form, block, timeout_milliseconds, None, body, None)

    def hand_back(self, peer: Session, number: int) -> tuple[Any, Headers | None]:
        """Ends a call that the other end opened, past the pipe.

        Returns its owner there, None where nobody waits for the answer any more, and headers that came before it.
        """
        if number not in self.serving:
            return None, None
        self.serving.remove(number)
        if self._large:
            self._answered(number)
        noted = peer._reply_headers.pop(number, None) if peer._reply_headers else None
        return peer.calls.pop(number, None), noted

    def tell(self, prefix: bytes, body: bytes) -> None:
        """Opens an exchange that wants no answer."""
        self._weigh(body)
        self.output.append(_pack(len(prefix) + len(body), _OPEN, 0) + prefix)
        self.output.append(body)

    def publish(self, block: int, body: bytes) -> None:
        """Publishes an event that wants no answer, under a block from `refer`, in one frame with those around it."""
        gathering = self.gathering
        if gathering is not None and self.output[-1] is gathering.mark and gathering.add(0, block, body):
            return
        if self.version < BATCHES_VERSION or len(body) > SINGLE_BYTES_MAX:
            self.tell(open_prefix(Form.PUBLISH, block, 0), body)
        else:
            self._gather(0, block, body)

    def _gather(self, number: int, block: int, body: bytes) -> int:
        """Puts an event into the batch at the end of the output, or begins one; returns what it costs of a window."""
        gathering, output = self.gathering, self.output
        if gathering is not None:
            before = gathering.size
            if output and output[-1] is gathering.mark and gathering.add(number, block, body):
                return gathering.size - before
            self.seal()
        mark = _pack(0, _EVENTS, number)
        self.gathering = gathering = Gathering(number, block, body, mark=mark, place=len(output))
        output.append(mark)
        return gathering.size + FRAME_COST_BYTES

    def seal(self) -> None:
        """Ends the batch that was gathered, so that `output` can be written."""
        gathering, self.gathering = self.gathering, None
        if gathering is not None:
            head = _pack(gathering.size, _EVENTS, gathering.number)
            self.output[gathering.place] = head + gathering.payload()

    def open(self, form: int, prefix: bytes, body: bytes, owner: Any) -> Exchange:
        """Opens a stream or subscription."""
        self._weigh(body)
        number = self._number()
        exchange = self.exchanges[number] = Exchange(number, form, local=True, owner=owner)
        self.output.append(_pack(len(prefix) + len(body), _OPEN, number) + prefix)
        self.output.append(body)
        return exchange

    def reply(self, number: int, body: bytes) -> None:
        """Answers a call of the peer; an answer that nobody waits for any more is dropped.

        Raises:
            TooLarge: the peer does not take so large an answer; it is still to be answered.
        """
        serving = self.serving
        if number in serving:
            if len(body) > BULKY_BYTES:
                self._weigh(body)
            serving.remove(number)
            if self._large:
                self._answered(number)
            output = self.output
            output.append(_pack(len(body), _END, number))
            output.append(body)

    def fail(self, number: int, fault: Fault, *, refused: bool = False) -> None:
        """Ends an exchange, call or stream, with a fault; `refused` promises that nothing was done."""
        exchange = self._close(number)
        if exchange is None:
            if number not in self.serving:
                return
            self._answered(number)
        elif exchange.local:
            refused = False
        self._frame(Kind.REFUSED if refused else Kind.ERROR, number, fault_bytes(fault))

    def note(self, number: int, headers: Mapping[str, str]) -> None:
        """Sends headers of the answer, or of a stream."""
        if number in self.serving or number in self.exchanges:
            self._frame(Kind.HEADERS, number, header_codec.encode(headers))

    def send(self, exchange: Exchange, body: bytes) -> None:
        """Sends a message on a stream; the caller waits while `exchange.send_window` is not positive.

        Raises:
            TooLarge: the peer does not take so large a message.
            LocalProtocolError: there is no credit, or this side has ended.
        """
        if exchange.send_window <= 0 or exchange.self_ended:
            raise LocalProtocolError("no credit to send on, or the stream has ended")
        size = len(body)
        if size > BULKY_BYTES:
            self._weigh(body)
        exchange.send_window -= size + FRAME_COST_BYTES
        self.output.append(_pack(size, _DATA, exchange.number))
        self.output.append(body)

    def end(self, exchange: Exchange) -> None:
        """Says that this side sends no more on a stream."""
        if not exchange.self_ended:
            exchange.self_ended = True
            self._frame(Kind.END, exchange.number, b"")
            if not exchange.local:
                self._close(exchange.number)

    def cancel(self, number: int) -> Any:
        """Withdraws from an exchange; returns its owner, or None where it was over."""
        if number in self.calls:
            self._reply_headers.pop(number, None)
            owner = self.calls.pop(number)
        else:
            exchange = self._close(number)
            if exchange is None:
                return None
            owner = exchange.owner
        self._frame(Kind.CANCEL, number, b"")
        return owner

    def consumed(self, exchange: Exchange, size: int) -> None:
        """Tells that a message of `size` payload bytes was taken up, which earns the peer credit."""
        due = exchange.release(size)
        if due and self.exchanges.get(exchange.number) is exchange:
            self._frame(Kind.CREDIT, exchange.number, CREDIT.pack(due))
            if exchange.overdraft and exchange.receive_window > 0:
                self._paid(exchange)

    def grant(self, exchange: Exchange, count: int) -> None:
        """Passes on credit that another link gave, for an exchange that is spliced to one there."""
        if self.exchanges.get(exchange.number) is not exchange:
            return
        exchange.receive_window += count
        self._frame(Kind.CREDIT, exchange.number, CREDIT.pack(count))
        if exchange.overdraft and exchange.receive_window > 0:
            self._paid(exchange)

    def deliver(self, exchange: Exchange, block: int, sequence: int, tail: bytes, extra_bytes: int = 0) -> None:
        """Sends an event on a subscription; `tail` is its extra headers, `extra_bytes` long, and its body."""
        if exchange.self_ended:
            return
        if not sequence and not extra_bytes and self.version >= BATCHES_VERSION and len(tail) <= SINGLE_BYTES_MAX:
            exchange.send_window -= self._gather(exchange.number, block, tail)
            return
        size = EVENT_PREFIX.size + len(tail)
        exchange.send_window -= size + FRAME_COST_BYTES
        self.output.append(_pack(size, _EVENT, exchange.number) + EVENT_PREFIX.pack(block, sequence, extra_bytes))
        self.output.append(tail)

    def spread(self, exchange: Exchange, block: int, batch: Batch) -> None:
        """Sends several events on a subscription; the peer speaks version 2."""
        if exchange.self_ended:
            return
        size = BLOCK.size + len(batch.packed)
        exchange.send_window -= size + FRAME_COST_BYTES
        self.output.append(_pack(size, _EVENTS, exchange.number) + BLOCK.pack(block))
        self.output.append(batch.packed)

    def acknowledge(self, exchange: Exchange, sequences: Iterable[int]) -> None:
        """Tells the topic's keeper that these events are done with."""
        if self.exchanges.get(exchange.number) is not exchange:
            return
        done = b"".join(map(ACK.pack, sequences))
        step = ACK.size * ACKNOWLEDGED_MAX
        for start in range(0, len(done), step):
            self._frame(Kind.ACK, exchange.number, done[start : start + step])

    def want_again(self, exchange: Exchange, sequence: int, delay_milliseconds: int) -> None:
        """Asks for an event again after a time."""
        if self.exchanges.get(exchange.number) is exchange:
            self._frame(Kind.NACK, exchange.number, NACK.pack(sequence, delay_milliseconds))

    def ping(self) -> None:
        """Asks for a sign of life."""
        self._frame(Kind.PING, 0, bytes(PING_BYTES))

    def lose(self) -> list[tuple[Any, bool]]:
        """Forgets all exchanges, because the pipe is gone.

        Returns the owners of those this side opened or joined, each with whether its OPEN still waited in `output`.
        """
        unsaid = self._unsaid()
        owners = [(owner, number in unsaid) for number, owner in self.calls.items()]
        owners += [(exchange.owner, number in unsaid) for number, exchange in self.exchanges.items() if exchange.owner]
        self.broken = True
        self.calls.clear()
        self.serving.clear()
        for number in list(self.exchanges):
            self._close(number)
        for block in self._blocks.values():
            block.route = None  # whoever holds an event of this link for longer holds nothing that led on from it
        return owners

    def _unsaid(self) -> set[int]:
        self.seal()
        words, position, found = b"".join(self.output), 0, set[int]()
        while position < len(words):
            length, kind, number = FRAME_HEADER.unpack_from(words, position)
            position += FRAME_HEADER.size + length
            if kind == _OPEN:
                found.add(number)
        return found

    @property
    def busy_with_peer(self) -> bool:
        """Whether an exchange that this side opened is still open."""
        return bool(self.calls) or any(exchange.local for exchange in self.exchanges.values())

    @property
    def busy(self) -> bool:
        """Whether an exchange is open for which somebody waits, so that silence matters."""
        if self.calls or self.serving:
            return True
        return any(not exchange.patient for exchange in self.exchanges.values())
