"""Cuts an answer that comes bit by bit into the items of a stream: events, lines of JSON, or pieces as they come.

Pure.
"""

from __future__ import annotations

import base64
import codecs
import json
from typing import Any, Protocol

from micro.doors.adapter.answer import TEXTS, VALUE_BYTES_MAX
from micro.errors import TooLarge

__all__ = ["STREAMS", "Cutter", "cutter_of", "is_stream"]

EVENTS = "text/event-stream"
LINES = frozenset(
    {"application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines"}
    | {"application/jsonlines", "application/stream+json", "application/json-seq"}
)
STREAMS = frozenset({EVENTS, *LINES})
"""Content types of answers that come bit by bit."""

RECORD_SEPARATOR = b"\x1e"
"""What stands before each value of `application/json-seq` (RFC 7464)."""


class Cutter(Protocol):
    """Takes an answer's bytes as they come, and gives the items that are whole."""

    def feed(self, data: bytes) -> list[Any]:
        """Returns the items that `data` completes."""

    def end(self) -> list[Any]:
        """Returns what is left at the end."""


def is_stream(content_type: str) -> bool:
    """Tells whether answers of a content type come bit by bit."""
    return _kind(content_type) in STREAMS


def cutter_of(content_type: str) -> Cutter:
    """Returns what cuts an answer of a content type."""
    kind = _kind(content_type)
    if kind == EVENTS:
        return _Events()
    if kind in LINES:
        return _Values()
    return _Text() if not kind or kind.startswith(TEXTS) or kind.endswith(("json", "xml")) else _Bytes()


def _kind(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()


class _Lines:
    """Bytes as lines, which may end in any of the three ways."""

    def __init__(self) -> None:
        self._rest = b""
        self._skip_feed = False

    def take(self, data: bytes) -> list[bytes]:
        if self._skip_feed and data:  # the last line ended with a carriage return; this may be its line feed
            data = data.removeprefix(b"\n")
            self._skip_feed = False
        if not data:
            return []
        self._skip_feed = data.endswith(b"\r")
        *lines, self._rest = (self._rest + data).replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        if len(self._rest) > VALUE_BYTES_MAX:
            raise TooLarge(f"a line of the program's answer has more than {VALUE_BYTES_MAX} bytes")
        return lines

    def rest(self) -> bytes:
        return self._rest


class _Events:
    """Server-sent events, as the HTML standard, section 9.2.6, reads them."""

    def __init__(self) -> None:
        self._lines = _Lines()
        self._first = True
        self._data: list[str] = []
        self._bytes = 0
        self._event = self._id = ""

    def feed(self, data: bytes) -> list[Any]:
        found = []
        for line in self._lines.take(data):
            text = line.decode("utf-8", "replace")
            if self._first:
                text, self._first = text.removeprefix("\ufeff"), False
            if text:
                self._field(text)
            elif self._data:
                found.append(self._item())
            else:
                self._event = ""
        return found

    def end(self) -> list[Any]:
        return []  # an event without its blank line is not whole

    def _field(self, line: str) -> None:
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            self._bytes += len(line)
            if self._bytes > VALUE_BYTES_MAX:
                raise TooLarge(f"an event of the program's has more than {VALUE_BYTES_MAX} bytes")
            self._data.append(value)
        elif name == "event":
            self._event = value
        elif name == "id" and "\0" not in value:
            self._id = value

    def _item(self) -> dict[str, Any]:
        text = "\n".join(self._data)
        item = {"event": self._event or "message", "id": self._id, "data": _value(text)}
        self._data, self._bytes, self._event = [], 0, ""
        return item


class _Values:
    """A JSON value on each line."""

    def __init__(self) -> None:
        self._lines = _Lines()

    def feed(self, data: bytes) -> list[Any]:
        return [_value(text) for line in self._lines.take(data) if (text := _plain(line))]

    def end(self) -> list[Any]:
        text = _plain(self._lines.rest())
        return [_value(text)] if text else []


class _Text:
    """Text in pieces, none of which ends within a character."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def feed(self, data: bytes) -> list[Any]:
        text = self._decoder.decode(data)
        return [text] if text else []

    def end(self) -> list[Any]:
        text = self._decoder.decode(b"", final=True)
        return [text] if text else []


class _Bytes:
    """Anything else in pieces, as base64."""

    def feed(self, data: bytes) -> list[Any]:
        return [{"base64": base64.b64encode(data).decode()}] if data else []

    def end(self) -> list[Any]:
        return []


def _plain(line: bytes) -> str:
    return line.strip().removeprefix(RECORD_SEPARATOR).decode("utf-8", "replace").strip()


def _value(text: str) -> Any:
    """Returns what a text says as JSON; one that is none is a text."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
