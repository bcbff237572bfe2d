"""Cuts bytes into messages of HTTP/1.1, strictly: what two parsers could understand differently is refused.

Pure.

`httptools` reads, and refuses by itself two lengths, bare line ends, folded headers, blanks before a colon, control
characters, and numbers that are none. What it lets through is refused here: transfer codings besides `chunked`,
trailers, answers without a length, other versions, upgrades, and whatever has no end. A message that came whole is
given out even where the next one is broken; after that nothing is read any more.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import httptools

from micro.errors import BadRequest, Fault, TooLarge
from micro.mucp.headers import HEADER_BYTES_MAX, HEADERS_MAX

__all__ = ["BODY_BYTES_MAX", "HEAD_BYTES_MAX", "Message", "MessageReader", "Pairs"]

BODY_BYTES_MAX = 4_194_304
TARGET_BYTES_MAX = 8_192
HEAD_BYTES_MAX = TARGET_BYTES_MAX + HEADER_BYTES_MAX
CHUNKS_MAX = 16_384
NO_BODY = (204, 304)
DIGITS_SHOWN = 60
ID_NAME = b"micro-id"

Pairs = tuple[tuple[bytes, bytes], ...]


class Message(NamedTuple):
    """One message.

    Attributes:
        line: of a request its target, of an answer its status.
        pairs: its headers, as they were written, without `Micro-Id`.
        id: the value of `Micro-Id`, which differs where all else is the same; empty where it has none.
        body: its body.
        is_last: whether nothing follows it on this pipe, as `Connection: close` and HTTP/1.0 say.
    """

    line: bytes
    pairs: Pairs
    id: bytes
    body: bytes
    is_last: bool


class MessageReader:
    """Reads one direction of a pipe; any chunking gives the same messages.

    Attributes:
        fault: why nothing more is read, None while all is well.
        is_waiting: whether the sender of a request waits for `100 Continue` before it sends the body.
    """

    def __init__(self, *, requests: bool, body_bytes_max: int = BODY_BYTES_MAX) -> None:
        """Begins with nothing; `requests` says which of the two kinds of messages comes."""
        self.fault: Fault | None = None
        self.is_waiting = False
        self._requests = requests
        self._body_bytes_max = body_bytes_max
        self._parser: Any = httptools.HttpRequestParser(self) if requests else httptools.HttpResponseParser(self)
        self._messages: list[Message] = []
        self._in_head = self._begins = False
        self._head_bytes = 0
        self._clear()

    def _clear(self) -> None:
        self._target = b""
        self._pairs: list[tuple[bytes, bytes]] = []
        self._id = b""
        self._body: list[bytes] = []
        self._body_bytes = self._chunks = 0
        self._has_head = False
        self._is_sized = self._is_chunked = False

    @property
    def held_bytes(self) -> int:
        """How much of a body has come that is not whole yet."""
        return self._body_bytes

    @property
    def is_reading(self) -> bool:
        """Whether a message has begun that is not whole yet."""
        return self._in_head or self._has_head

    def receive(self, data: bytes) -> list[Message]:
        """Returns the messages that these bytes complete; sets `fault` where they break a rule."""
        if self.fault is not None:
            return []
        self._begins = False
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._refuse(BadRequest("Upgrade: there is no other protocol to go over to here"))
        except httptools.HttpParserError as error:
            self._refuse(BadRequest(f"this is no HTTP/1.1 that can be read in one way only: {error}"))
        if self._in_head:
            self._head_bytes = 0 if self._begins else self._head_bytes + len(data)
            if self._head_bytes > HEAD_BYTES_MAX:
                self._refuse(TooLarge(f"headers: together they have at most {HEADER_BYTES_MAX} bytes"))
        messages, self._messages = self._messages, []
        return messages

    def _refuse(self, fault: Fault) -> None:
        self.fault = self.fault or fault
        self._clear()

    def _stop(self, fault: Fault) -> None:
        """Refuses from within the parser, which ends for any exception."""
        self.fault = fault
        raise fault

    # -- what the parser tells --------------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        self._clear()
        self._in_head = self._begins = True

    def on_url(self, part: bytes) -> None:
        self._target += part
        if len(self._target) > TARGET_BYTES_MAX:
            self._stop(TooLarge(f"request line: its target has at most {TARGET_BYTES_MAX} bytes"))

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._has_head:
            self._stop(BadRequest("trailers: a header behind the body is not read; send it before"))
        if len(name) == len(ID_NAME) and name.lower() == ID_NAME:
            if self._id:
                self._stop(BadRequest("Micro-Id: stands twice; which one counts would be a guess"))
            self._id = value
            return
        self._pairs.append((name, value))
        if len(self._pairs) > HEADERS_MAX:
            self._stop(TooLarge(f"headers: at most {HEADERS_MAX} are read"))

    def on_headers_complete(self) -> None:
        self._in_head, self._has_head = False, True
        version = self._parser.get_http_version()
        if version not in ("1.1", "1.0"):
            self._stop(BadRequest(f"version: HTTP/1.1 is spoken here, not HTTP/{version}"))
        for name, value in self._pairs:
            if len(name) in _LENGTHS:
                self._check_framing(name.lower(), value, version)
        if self._requests:
            self._check_request()
        elif not (self._is_sized or self._is_chunked) and self._parser.get_status_code() not in NO_BODY:
            self._stop(BadRequest("an answer says how long it is: by Content-Length, or in chunks"))

    def _check_framing(self, name: bytes, value: bytes, version: str) -> None:
        if name == b"transfer-encoding":
            if value.lower() != b"chunked" or version != "1.1":
                self._stop(BadRequest(f"Transfer-Encoding: only chunked of HTTP/1.1 is read, got {_shown(value)}"))
            self._is_chunked = True
        elif name == b"content-length":
            self._is_sized = True
            if len(value) > len(str(self._body_bytes_max)) or int(value) > self._body_bytes_max:
                self._stop(TooLarge(f"a body has at most {self._body_bytes_max} bytes, got {_shown(value)}"))
        elif name == b"upgrade":
            self._stop(BadRequest("Upgrade: there is no other protocol to go over to here"))
        elif name == b"expect":
            if value.lower() != b"100-continue":
                self._stop(BadRequest(f"Expect: only 100-continue is understood, got {_shown(value)}"))
            self.is_waiting = True

    def _check_request(self) -> None:
        method = self._parser.get_method()
        if method != b"POST":
            self._stop(Fault.make(405, f"method: this port is asked by POST, not by {_shown(method)}"))

    def on_body(self, part: bytes) -> None:
        self.is_waiting = False
        self._body_bytes += len(part)
        if self._body_bytes > self._body_bytes_max:
            self._stop(TooLarge(f"a body has at most {self._body_bytes_max} bytes"))
        self._body.append(part)

    def on_chunk_header(self) -> None:
        self._chunks += 1
        if self._chunks > CHUNKS_MAX:
            self._stop(TooLarge(f"a body comes in at most {CHUNKS_MAX} chunks"))

    def on_message_complete(self) -> None:
        self.is_waiting = False
        line = self._target if self._requests else b"%d" % self._parser.get_status_code()
        body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        is_last = not self._parser.should_keep_alive()
        self._messages.append(Message(line, tuple(self._pairs), self._id, body, is_last))
        self._clear()
        self._in_head = False


_LENGTHS = frozenset(len(name) for name in ("transfer-encoding", "content-length", "upgrade", "expect"))


def _shown(value: bytes) -> str:
    return ascii(value[:DIGITS_SHOWN].decode("ascii", "backslashreplace"))
