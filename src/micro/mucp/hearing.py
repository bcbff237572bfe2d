"""The listening half of a session: frames in, events out, each rule of the protocol checked.

Pure.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from micro.errors import Fault, LocalProtocolError, RemoteProtocolError, TooManyRequests, Unavailable
from micro.mucp import headers as names
from micro.mucp.batch import Gathering, read
from micro.mucp.course import Course, fault_bytes, split_extra
from micro.mucp.event import Block, Broken, Event, GoneAway, Greeted, Hello, Opened, Published, Replied
from micro.mucp.exchange import Exchange
from micro.mucp.frame import LARGE_BYTES, Frame, FrameReader, Kind
from micro.mucp.headers import Headers
from micro.mucp.limits import (
    BATCHES_VERSION,
    BLOCKS_MAX,
    BULKY_BYTES,
    DEFINED_BYTES_MAX,
    EXTRA_FRAME_BYTES,
    FAULT_BYTES_MAX,
    HELLO_BYTES_MAX,
    MESSAGE_BYTES_MIN,
    PING_BYTES,
    VERSIONS,
    Limits,
)
from micro.mucp.message import OPEN_PREFIX, Form

__all__ = ["Hearing"]

_END = int(Kind.END)
_CALL, _PUBLISH = int(Form.CALL), int(Form.PUBLISH)
_JOINED = frozenset((int(Form.STREAM), int(Form.SUBSCRIBE)))
_OPEN_PREFIX_BYTES = OPEN_PREFIX.size
_LEADING = frozenset((names.SERVICE, names.ENDPOINT, names.TOPIC, names.QUEUE, names.CONTENT_TYPE))
_IDENTITY = frozenset((names.CALLER, names.FROM_NODE, names.FROM_SERVICE, names.ACCOUNT, names.SCOPES, names.TOKEN))
_unpack_open = OPEN_PREFIX.unpack_from


class Hearing(Course):
    """The half of a session that takes bytes in; `micro.mucp.session.Session` is the whole.

    Attributes:
        peer: the peer's HELLO, None until it came.
        going: whether this side has said GOAWAY.
        broken: whether nothing is heard any more.
        bulky: whether `output` holds a large body, which is better not copied.
        buffer: returns memory for the pipe to fill; tell how much with `received`.
        version: of the protocol, 1 until the peer's HELLO came.
        gathering: the batch that still grows in `output`; `Session.seal` before `output` is written.
    """

    __slots__ = (
        "_blocks_sent",
        "_defined_bytes",
        "_handlers",
        "_next",
        "_parity",
        "_peer_bytes",
        "_reader",
        "_referred",
        "_said_bytes",
        "broken",
        "buffer",
        "bulky",
        "gathering",
        "going",
        "peer",
        "version",
    )

    def __init__(self, *, dialed: bool, limits: Limits | None = None, hello: Hello | None = None) -> None:
        """Begins with the HELLO in `output`.

        Args:
            dialed: whether this side made the connection.
            limits: what this side accepts.
            hello: who this side is; versions and limits are filled in here.
        """
        super().__init__(limits or Limits())
        self.peer: Hello | None = None
        self.version = VERSIONS[0]
        self.gathering: Gathering | None = None
        self.going = self.broken = self.bulky = False
        self._next = 1 if dialed else 2
        self._parity = self._next & 1
        self._reader = FrameReader(self.limits.message_bytes + EXTRA_FRAME_BYTES, first_bytes_max=HELLO_BYTES_MAX)
        self.buffer = self._reader.buffer
        self._blocks_sent: dict[bytes, int] = {}
        self._referred: dict[tuple[tuple[str, str], ...], tuple[int, bytes]] = {}
        self._defined_bytes = self._said_bytes = 0
        self._peer_bytes = MESSAGE_BYTES_MIN
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
            Kind.EVENTS: self._on_events,
        }
        first = msgspec.structs.replace(hello or Hello([]), versions=list(VERSIONS), **self.limits.to_hello())
        words = msgspec.json.encode(first)
        if len(words) > HELLO_BYTES_MAX:
            raise LocalProtocolError(f"a HELLO of {len(words)} bytes; {HELLO_BYTES_MAX} are allowed")
        self._frame(Kind.HELLO, 0, words)

    def receive(self, data: bytes) -> list[Event]:
        """Takes bytes that came and returns what they say; never raises for what a peer sent."""
        events: list[Event] = []
        while data and not self.broken:
            frames, data = self._reader.take(data)
            self._hear(frames, events)
        return events

    def received(self, count: int) -> list[Event]:
        """Does what `receive` does for `count` bytes put into `buffer()`; of a link always the one or the other."""
        events: list[Event] = []
        if not self.broken:
            self._hear(self._reader.received(count), events)
        return events

    def _hear(self, frames: list[Frame], events: list[Event]) -> None:
        try:
            if self.peer is None and frames:
                self._on_hello(*frames.pop(0), events)
            calls, handlers, reply_headers = self.calls, self._handlers, self._reply_headers
            for kind, number, payload in frames:
                if kind == _END and number in calls:
                    noted = reply_headers.pop(number, None) if reply_headers else None
                    events.append(Replied(calls.pop(number), payload, noted))
                    continue
                if kind not in handlers:
                    raise RemoteProtocolError(
                        f"a frame of kind {kind}, which version {self.version} does not have"
                        if kind
                        else "a second HELLO"
                    )
                handlers[kind](number, payload, events)
            if self._reader.fault:
                raise RemoteProtocolError(self._reader.fault)
        except RemoteProtocolError as error:
            self._break(str(error), events)

    def _break(self, reason: str, events: list[Event]) -> None:
        self.going = False  # whatever reason was given before, this one is to be heard
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
        common = set(VERSIONS).intersection(hello.versions)
        if not common:
            raise RemoteProtocolError(
                f"no common version: this side speaks {list(VERSIONS)}, the peer {hello.versions[:8]}"
            )
        self.version = max(common)
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
            self._defined_bytes -= len(names.encode(old.headers))
        if self._defined_bytes > DEFINED_BYTES_MAX:
            raise RemoteProtocolError(f"header blocks over {DEFINED_BYTES_MAX} bytes together")
        self._blocks[number] = Block(number, names.decode(payload))

    def _on_open(self, number: int, payload: bytes, events: list[Event]) -> None:
        size = len(payload)
        if size < _OPEN_PREFIX_BYTES:
            raise RemoteProtocolError("an OPEN is cut short")
        form, block_number, timeout_milliseconds, extra_bytes = _unpack_open(payload)
        if block_number not in self._blocks:
            raise RemoteProtocolError(f"header block {block_number} was never defined")
        block = self._blocks[block_number]
        if extra_bytes:
            extra, body = split_extra(bytes(payload), _OPEN_PREFIX_BYTES, extra_bytes)
            if not _LEADING.isdisjoint(extra):
                block = self._led(block, extra)
        else:
            extra, body = None, payload[_OPEN_PREFIX_BYTES:]
            if size > LARGE_BYTES:
                body = bytes(body)
        if (form != _CALL or not number) and form != _PUBLISH and (form not in _JOINED or not number):
            raise RemoteProtocolError(f"an OPEN of form {form} on exchange {number}")
        serving = self.serving
        if (number & 1 == self._parity or number in serving or number in self.exchanges) and number:
            raise RemoteProtocolError(f"exchange number {number} is not free")
        if self.going or len(serving) + self._joined >= self.limits.exchanges:
            self._refuse_open(number)
            return
        if size > BULKY_BYTES and len(body) > BULKY_BYTES and number and not self._has_room(number, len(body)):
            self._refuse_open(number)
            return
        exchange = None
        if form == _CALL:
            serving.add(number)
        elif form in _JOINED:
            exchange = self.exchanges[number] = Exchange(number, form, local=False)
            self._joined += 1
        elif number:
            serving.add(number)
        events.append(Opened(number, form, block, timeout_milliseconds, extra, body, exchange))

    @staticmethod
    def _led(block: Block, extra: Headers) -> Block:
        """Returns a block that leads where the extra headers say."""
        headers = block.headers.copy()
        headers.update({name: value for name, value in extra.items() if name in _LEADING or name in _IDENTITY})
        return Block(block.number, headers)

    def _refuse_open(self, number: int) -> None:
        if not number:
            return
        fault: Fault
        if self.going:
            fault = Unavailable("this side is going away; ask another instance")
        elif len(self.serving) + self._joined >= self.limits.exchanges:
            fault = TooManyRequests(f"{self.limits.exchanges} exchanges are open on this link; end some or wait")
        else:
            fault = TooManyRequests(f"{self._large_bytes} bytes of requests are open on this link; wait for answers")
        self._frame(Kind.REFUSED, number, fault_bytes(fault))

    def _on_events(self, number: int, payload: bytes, events: list[Event]) -> None:
        if self.version < BATCHES_VERSION:
            raise RemoteProtocolError(f"a frame of kind {Kind.EVENTS}, which version {self.version} does not have")
        block_number, batch = read(payload)
        block = self._blocks.get(block_number)
        if block is None:
            raise RemoteProtocolError(f"header block {block_number} was never defined")
        if number:
            self._spread(number, block, batch, len(payload), events)
        elif not self.going:
            events.append(Published(block, batch))

    def _on_ping(self, number: int, payload: bytes, events: list[Event]) -> None:
        del events
        self._check_ping(number, payload)
        self._frame(Kind.PONG, 0, payload)

    def _on_pong(self, number: int, payload: bytes, events: list[Event]) -> None:
        """Hearing anything is what counts; nothing else follows from a PONG."""
        del events
        self._check_ping(number, payload)

    @staticmethod
    def _check_ping(number: int, payload: bytes) -> None:
        if number or len(payload) != PING_BYTES:
            raise RemoteProtocolError(f"PING and PONG carry {PING_BYTES} bytes, on exchange 0")

    def _on_goaway(self, number: int, payload: bytes, events: list[Event]) -> None:
        if number:
            raise RemoteProtocolError("GOAWAY belongs to exchange 0")
        fault = Fault.parse(payload[:FAULT_BYTES_MAX].decode("utf-8", "replace"))
        events.append(GoneAway(fault.detail, fault.code))

    def send_away(self, reason: str) -> None:
        """Asks the other side to open nothing new here, and says why; what it opens before it has heard is served."""
        if not self.going:
            self._frame(Kind.GOAWAY, 0, fault_bytes(Unavailable(reason)))

    def go_away(self, reason: str, *, code: int = 503) -> None:
        """Refuses new exchanges from now on and says why; open ones go on."""
        if not self.going:
            self.going = True
            self._frame(Kind.GOAWAY, 0, fault_bytes(Fault.make(code, reason)))
