"""The side that is asked: bytes in, calls, streams and events out, and answers back into bytes.

Pure.

Theory. Requests and answers are two sequences that know nothing of each other. A call is answered by one message, and
calls in the order in which they came, so that any program that speaks HTTP understands. A stream is opened by the
first message with its `Micro-Stream`; each later one is an item, and one with `Micro-Error` its end: `EOS`, or a
fault. Either side may say as many items as it likes at any time. What comes for a stream that is over is not heard.

    message                            the stream is     what happens
    no Micro-Stream, no Micro-Topic                      `Called`
    Micro-Topic                                          `Called`, with the form of a publish
    to `/?id=`, without any of these                     `Called`, with the form of a publish; `post` has its headers
    Micro-Stream                       new               `Opened`
    Micro-Stream                       open              `Item`
    Micro-Stream and Micro-Error       open              `Closed`; the other side may still be told the rest
    Micro-Stream                       over              nothing
"""

from __future__ import annotations

from collections import deque

from micro.errors import Fault, TooManyRequests
from micro.mucp import headers as names
from micro.mucp.codec import content_type_of
from micro.mucp.http.exchange import (
    Broken,
    Called,
    Closed,
    Event,
    Exchange,
    Item,
    Opened,
    check_endpoint,
    check_target,
    id_of,
)
from micro.mucp.http.familiar import Familiar, Known
from micro.mucp.http.head import EOS, Heads, RequestHead, read_posted
from micro.mucp.http.post import POSTED, read_post
from micro.mucp.http.reader import Message, MessageReader
from micro.mucp.http.wrapping import Wrapped, kind_of, unwrap_request, wrap_answer, wrap_fault
from micro.mucp.http.writing import CONTINUE, answer, answer_as, error_value, refusal
from micro.mucp.message import Form

__all__ = ["Acceptor", "Broken", "Called", "Closed", "Event", "Exchange", "Item", "Opened"]

CALLS_MAX = 64
"""Calls that wait for their answers on one pipe; after that nothing is read until one is answered."""

STREAMS_MAX = 64
OVER_MAX = 256
"""Streams that are over are remembered up to here, since what was said to them may still be on its way."""


class Acceptor:
    """One connection, as the side that is asked.

    Attributes:
        is_over: nothing is to be read any more, and the connection ends once `output` is written.
        waiting_bytes: how much is to be written, and waits behind the answer to an earlier call.
        asked_bytes: the bodies of what is under way.
    """

    def __init__(self, heads: Heads | None = None, familiar: Familiar | None = None) -> None:
        """Begins; `heads` and `familiar` may be shared by many connections."""
        self.is_over = False
        self._heads = heads or Heads()
        self._familiar = familiar or Familiar()
        self._known: Known | None = None  # the head that came last
        self._reader = MessageReader(requests=True)
        self._calls: deque[Exchange] = deque()
        self._streams: dict[str, Exchange] = {}
        self._over: deque[str] = deque(maxlen=OVER_MAX)
        self._output: list[bytes] = []
        self._continued = self._has_heard_all = False
        self.waiting_bytes = self.asked_bytes = 0

    @property
    def is_full(self) -> bool:
        """Whether so many calls wait for their answers that no more is to be read."""
        return len(self._calls) >= CALLS_MAX

    @property
    def is_idle(self) -> bool:
        """Whether nothing is under way."""
        return not self._calls and not self._streams

    @property
    def is_calm(self) -> bool:
        """Whether nothing is to be written, nor is anything in the way of what comes next."""
        return not self._output and not self.is_over and len(self._calls) < CALLS_MAX

    def output(self) -> bytes:
        """Returns what is to be written now, and forgets it."""
        if not self._output:
            return b""
        parts, self._output = self._output, []
        found = parts[0] if len(parts) == 1 else b"".join(parts)
        self.waiting_bytes -= len(found)
        return found

    @property
    def held_bytes(self) -> int:
        """How much of a body has come that is not whole yet."""
        return self._reader.held_bytes

    @property
    def is_reading(self) -> bool:
        """Whether a message has begun that is not whole yet."""
        return self._reader.is_reading

    def give_up(self, fault: Fault) -> None:
        """Hears no more, and says why: what has begun to come takes too long, or there is no room for it."""
        if not self.is_over:
            self._break(fault, [])

    def stop(self) -> None:
        """Hears no more; what is under way may still be answered."""
        self.is_over = True

    def exchanges(self) -> list[Exchange]:
        """Returns what is under way."""
        return [*self._calls, *self._streams.values()]

    # -- what comes -------------------------------------------------------------------------------------------------

    def receive(self, data: bytes) -> list[Event]:
        """Returns what these bytes say."""
        events: list[Event] = []
        if self.is_over or self._has_heard_all:  # what stands behind the last message means nothing
            return events
        is_fresh = not self._reader.is_reading
        if is_fresh:
            data = self._recognise(data, events)
            if not data:
                return events
        known = len(events)
        messages = self._reader.receive(data)
        for message in messages:
            try:
                self._hear(message, events)
            except Fault as fault:
                self._break(fault, events)
                return events
            if message.is_last:
                self._has_heard_all = True
                self.is_over = self.is_idle
                return events
        if self._reader.fault is not None:
            self._break(self._reader.fault, events)
        elif self._reader.is_waiting != self._continued:
            self._continued = self._reader.is_waiting
            if self._continued and not self._calls:
                self._say(CONTINUE)
        if is_fresh and len(messages) == 1 and len(events) > known and type(event := events[known]) is Called:
            self._familiar.learn(data, messages[0], event.exchange.head)
        return events

    def _recognise(self, data: bytes, events: list[Event]) -> bytes:
        """Takes the messages whose heads were read before, and returns the bytes behind them."""
        position, size, known = 0, len(data), self._known
        while position < size:
            found = known.match(data, position) if known is not None else None
            if found is None:
                known = self._known = self._familiar.find(data, position)
                if known is None or (found := known.match(data, position)) is None:
                    break
            assert known is not None
            id, start, position = found
            head = known.head
            exchange = Exchange(head, id, known.size, Wrapped(head.plain, data[start:position]))
            self.asked_bytes += known.size
            self._calls.append(exchange)
            events.append(Called(exchange))
        return data[position:] if position else data

    def _break(self, fault: Fault, events: list[Event]) -> None:
        self.is_over = True
        self._say(refusal(fault))
        events.append(Broken(fault))

    def _hear(self, message: Message, events: list[Event]) -> None:
        head = self._heads.request(message.pairs)
        if head.stream:
            self._hear_stream(head, message, events)
            return
        if message.line.startswith(POSTED) and not (head.service or head.topic):
            self._hear_post(head, message, events)
            return
        id = id_of(message.id) or head.id
        exchange = Exchange(head, id, len(message.body), is_last=message.is_last)
        self.asked_bytes += exchange.body_bytes
        self._calls.append(exchange)
        try:
            check_target(message.line)
            if head.fault is not None:
                raise head.fault
            exchange.wrapped = unwrap_request(head.content_type, message.body)
            if head.form is Form.CALL:
                check_endpoint(exchange)
        except Fault as fault:
            self.fail(exchange, fault)
            return
        events.append(Called(exchange))

    def _hear_post(self, head: RequestHead, message: Message, events: list[Event]) -> None:
        exchange = Exchange(head, "", len(message.body), is_last=message.is_last)
        self.asked_bytes += exchange.body_bytes
        self._calls.append(exchange)
        try:
            headers, body = read_post(message.body)
            exchange.head = head = read_posted(message.pairs, headers)
            exchange.id = head.id
            if head.fault is not None:
                raise head.fault
            _, plain = kind_of(head.content_type)  # a broker of go-micro wraps no body
            exchange.wrapped = Wrapped(plain or content_type_of(None, body), body)
        except Fault as fault:
            self.fail(exchange, fault)
            return
        events.append(Called(exchange))

    def _hear_stream(self, head: RequestHead, message: Message, events: list[Event]) -> None:
        stream = self._streams.get(head.stream)
        if stream is None:
            if head.stream in self._over or head.error:
                return
            self._open(head, message, events)
        elif stream.is_closed:
            return
        elif head.error:
            stream.is_closed = True
            events.append(Closed(stream, None if head.error == EOS else Fault.parse(head.error)))
        else:
            try:
                body = unwrap_request(head.content_type, message.body).body
            except Fault as fault:
                stream.is_closed = True
                events.append(Closed(stream, fault))
                return
            events.append(Item(stream, body))

    def _open(self, head: RequestHead, message: Message, events: list[Event]) -> None:
        exchange = Exchange(head, id_of(message.id) or head.id, len(message.body), is_last=message.is_last)
        self.asked_bytes += exchange.body_bytes
        self._streams[head.stream] = exchange
        try:
            check_target(message.line)
            if len(self._streams) > STREAMS_MAX:
                raise TooManyRequests(f"at most {STREAMS_MAX} streams go over one connection; open another")
            if head.fault is not None:
                raise head.fault
            exchange.wrapped = unwrap_request(head.content_type, message.body)
            check_endpoint(exchange)
        except Fault as fault:
            self.fail(exchange, fault)
            return
        events.append(Opened(exchange))

    # -- what is answered -------------------------------------------------------------------------------------------

    def answer(self, exchange: Exchange, body: bytes, content_type: str = "") -> None:
        """Answers a call, or an event with nothing; `content_type` where it is not that of the request."""
        head = exchange.head
        if head.answer_lines is not None and exchange.id and not content_type:  # as nearly all are
            self._answered(exchange, answer_as(head.answer_lines, exchange.id, body))
            return
        if exchange.wrapped is not None and not content_type:
            body = wrap_answer(head.content_type, exchange.wrapped, body)
        self._answered(exchange, answer(_lines(exchange, content_type), body))

    def fail(self, exchange: Exchange, fault: Fault) -> None:
        """Answers a call with a fault, or ends a stream with one."""
        self._end(exchange, error_value(fault), wrap_fault(exchange.head.content_type, exchange.wrapped, fault))

    def item(self, exchange: Exchange, body: bytes) -> None:
        """Says a message of a stream."""
        assert exchange.wrapped is not None, "a stream that was refused says nothing"
        body = wrap_answer(exchange.head.content_type, exchange.wrapped, body)
        self._say(answer(_lines(exchange, ""), body))

    def passed_on(self, exchange: Exchange) -> None:
        """Counts the body of an exchange no more, since it is answered, or only somebody else still holds it."""
        self.asked_bytes -= exchange.body_bytes
        exchange.body_bytes = 0

    def _say(self, data: bytes) -> None:
        self.waiting_bytes += len(data)
        self._output.append(data)

    def end(self, exchange: Exchange) -> None:
        """Ends a stream that did not fail."""
        self._end(exchange, EOS, b"")

    def _end(self, exchange: Exchange, error: str, body: bytes) -> None:
        failed = [(names.ERROR, error)]
        if exchange.head.is_legacy:
            failed.append((f"X-{names.ERROR}", error))
        data = answer((*_lines(exchange, ""), *failed), body)
        if exchange.head.form is not Form.STREAM:
            self._answered(exchange, data)
            return
        if self._streams.pop(exchange.head.stream, None) is not None:
            self._over.append(exchange.head.stream)
            self.passed_on(exchange)
            self._say(data)
            self.is_over = self.is_over or (self._has_heard_all and self.is_idle)

    def _answered(self, exchange: Exchange, data: bytes) -> None:
        """Writes an answer, once those of the calls before it are written."""
        self.asked_bytes -= exchange.body_bytes
        exchange.body_bytes = 0
        exchange.output = data
        self.waiting_bytes += len(data)
        calls = self._calls
        while calls and calls[0].output is not None:
            first = calls.popleft()
            self._output.append(first.output or b"")
            if first.is_last:
                self.is_over = True
        if self._has_heard_all and self.is_idle:
            self.is_over = True


def _lines(exchange: Exchange, content_type: str) -> list[tuple[str, str]]:
    head = exchange.head
    declared = content_type or head.content_type
    if not declared and exchange.wrapped is not None:
        declared = exchange.wrapped.content_type
    lines = [(names.CONTENT_TYPE, declared)] if declared else []
    if exchange.id:
        lines.append((names.ID, exchange.id))
        if head.is_legacy:
            lines.append((f"X-{names.ID}", exchange.id))
    if head.stream:
        lines.append((names.STREAM, head.stream))
    return lines
