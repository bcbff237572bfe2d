"""Gathers the body of a request: so many bytes, or chunks of them, until it is whole.

Pure.

Only a whole body is passed on, so no service ever sees half a request, and no second parser reads chunks.
"""

from __future__ import annotations

import re
from typing import Protocol

from micro.doors.api.limits import Limits
from micro.doors.api.refusal import Refused

__all__ = ["Body", "ChunkedBody", "CountedBody"]

SIZE_LINE_BYTES_MAX = 10
"""Eight digits and the line's end."""

_SIZE_LINE = re.compile(rb"([0-9A-Fa-f]{1,8})\r\n")
_SIZE_PART = re.compile(rb"[0-9A-Fa-f]{0,8}\r?")


class Body(Protocol):
    """A body that arrives."""

    @property
    def held(self) -> int:
        """How many bytes were gathered so far."""

    def take(self, data: bytearray) -> bool:
        """Takes its part from the front of `data`, and returns whether it is whole.

        Raises:
            Refused: it breaks a rule.
        """

    def whole(self) -> bytes:
        """Returns what was gathered."""


class CountedBody:
    """A body whose length was said before."""

    __slots__ = ("_gathered", "_length")

    def __init__(self, length: int) -> None:
        self._length = length
        self._gathered = bytearray()

    @property
    def held(self) -> int:
        return len(self._gathered)

    def take(self, data: bytearray) -> bool:
        missing = self._length - len(self._gathered)
        if len(data) <= missing:
            self._gathered += data
            data.clear()
        else:
            self._gathered += data[:missing]
            del data[:missing]
        return len(self._gathered) == self._length

    def whole(self) -> bytes:
        return bytes(self._gathered)


class ChunkedBody:
    """A body in chunks: RFC 9112, section 7.1, without extensions and trailers, which nothing here would read.

    size line -> data -> line end -> size line ... a size of 0 -> line end: whole
    """

    __slots__ = ("_chunks", "_gathered", "_last", "_limits", "_missing")

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._gathered = bytearray()
        self._missing: int | None = None
        self._chunks = 0
        self._last = False

    @property
    def held(self) -> int:
        return len(self._gathered)

    def take(self, data: bytearray) -> bool:
        position = 0
        try:
            while True:
                if self._missing is None:
                    found = _SIZE_LINE.match(data, position)
                    if found is None:
                        self._check_part(data, position)
                        return False
                    position = found.end()
                    self._begin(int(found[1], 16))
                    continue
                if self._missing:
                    part = data[position : position + self._missing]
                    self._gathered += part
                    self._missing -= len(part)
                    position += len(part)
                    if self._missing:
                        return False
                end = bytes(data[position : position + 2])
                if not b"\r\n".startswith(end):
                    raise Refused(400, self._why_no_line_end())
                if len(end) < 2:
                    return False
                position += 2
                self._missing = None
                if self._last:
                    return True
        finally:
            del data[:position]

    def _begin(self, size: int) -> None:
        self._missing = size
        self._last = size == 0
        self._chunks += 1
        if self._chunks > self._limits.chunks_max:
            raise Refused(413, f"body: it comes in at most {self._limits.chunks_max} chunks; send larger ones")
        if len(self._gathered) + size > self._limits.body_bytes_max:
            raise Refused(413, f"body: it has at most {self._limits.body_bytes_max} bytes")

    @staticmethod
    def _check_part(data: bytearray, position: int) -> None:
        """Refuses a size line that can no longer become right."""
        if not _SIZE_PART.fullmatch(data, position, position + SIZE_LINE_BYTES_MAX):
            raise Refused(
                400, "body: a chunk begins with its size in 1 to 8 hexadecimal digits and CR LF, nothing else"
            )

    def _why_no_line_end(self) -> str:
        if self._last:
            return "body: nothing comes after the last chunk; trailers are not read"
        return "body: a chunk is longer than its size says"

    def whole(self) -> bytes:
        return bytes(self._gathered)
