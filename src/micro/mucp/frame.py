"""The frame: how bytes on a pipe are cut into units.

Pure.

    u32 length | u8 kind | u32 exchange | payload of `length` bytes          numbers in network byte order

The reader owns the memory that a socket fills, so that bytes are copied once. Most frames are small and are cut from
one block of 128 KiB, which is set aside when the first bytes come; a pipe that has memory of its own needs no block. A
frame over 32 KiB gets memory of its own that grows with what really arrives, so a peer cannot make us hold megabytes by
announcing them.
"""

from __future__ import annotations

import struct
from enum import IntEnum
from typing import cast

__all__ = ["FRAME_HEADER", "Frame", "FrameReader", "Kind"]

FRAME_HEADER = struct.Struct(">IBI")
HEADER_BYTES = FRAME_HEADER.size
BLOCK_BYTES = 131_072
LARGE_BYTES = 32_768
"""A longer payload is collected in memory of its own."""
SCRATCH_BYTES_MAX = 1_114_112
"""Memory for large frames up to this size is kept for the next one: fresh memory costs more than copying into it."""
GROWTH = 4
"""How many times what has arrived may be set aside for what is still to come."""

_unpack = FRAME_HEADER.unpack_from
_NOTHING = memoryview(b"")

Frame = tuple[int, int, bytes]
"""Kind, exchange, payload.

The payload of a large OPEN is a `memoryview` that holds until more is read: whoever takes its body out makes the one
copy.
"""


class Kind(IntEnum):
    """What a frame means; the table in `micro.mucp.session` says what each carries."""

    HELLO = 0
    DEFINE = 1
    OPEN = 2
    DATA = 3
    END = 4
    ERROR = 5
    REFUSED = 6
    HEADERS = 7
    CREDIT = 8
    CANCEL = 9
    EVENT = 10
    ACK = 11
    NACK = 12
    PING = 13
    PONG = 14
    GOAWAY = 15
    EVENTS = 16


class FrameReader:
    """Cuts a stream of bytes into frames; any chunking gives the same frames.

    Fill what `buffer()` returns and tell how much with `received`, or hand over bytes with `take`, always the same way.

    Attributes:
        fault: why nothing more is read, "" while all is well.
    """

    __slots__ = (
        "_alone_bytes_max",
        "_block",
        "_block_view",
        "_end",
        "_first_bytes_max",
        "_is_large",
        "_is_plain",
        "_large_bytes",
        "_large_head",
        "_large_view",
        "_rest",
        "_scratch",
        "_start",
        "fault",
        "payload_bytes_max",
    )

    def __init__(self, payload_bytes_max: int, *, first_bytes_max: int = 0) -> None:
        """Begins with nothing.

        Args:
            payload_bytes_max: the largest payload that is taken.
            first_bytes_max: a smaller limit for the first frame alone, if it has one.
        """
        self.payload_bytes_max = payload_bytes_max
        self.fault = ""
        self._first_bytes_max = first_bytes_max
        self._alone_bytes_max = HEADER_BYTES + min(payload_bytes_max, LARGE_BYTES)
        self._is_plain = not first_bytes_max  # small frames come, one behind the other, and all is well
        self._block = bytearray()
        self._block_view = _NOTHING
        self._start = self._end = 0
        self._rest = b""  # of what was taken, the beginning of a frame
        self._scratch = bytearray()
        self._is_large = False
        self._large_view = _NOTHING
        self._large_head = (0, 0)
        self._large_bytes = 0

    def buffer(self, size_hint: int = -1) -> memoryview:
        """Returns the memory to fill next; never empty. The hint is what asyncio gives, and is not heeded."""
        del size_hint
        if self._is_large:
            return self._large_view[self._end :]
        return self._block_view[self._end :] if self._end else self._block_view or self._set_aside()

    def _set_aside(self) -> memoryview:
        self._block = bytearray(BLOCK_BYTES)
        self._block_view = memoryview(self._block)
        return self._block_view

    def take(self, data: bytes) -> tuple[list[Frame], bytes]:
        """Takes bytes of any number, and returns the frames they complete and what is left to be taken after those."""
        if self.fault:
            return [], b""
        if self._is_large:
            room = len(self._large_view) - self._end
            first = data[:room]
            self._large_view[self._end : self._end + len(first)] = first
            self._end += len(first)
            return self._continue_large(), data[room:]
        if self._rest:
            data, self._rest = self._rest + data, b""
        if not self._is_plain and len(data) >= HEADER_BYTES and not self._begins_well(data):
            return [], b""
        frames, position = self._cut(data)
        if position < len(data):
            self._rest = data[position:]
        return frames, b""

    def received(self, count: int) -> list[Frame]:
        """Returns the frames completed by `count` bytes put into `buffer()`.

        A frame that announces more than `payload_bytes_max` sets `fault`; nothing after it is read.
        """
        if self._is_plain:
            if not self._end and count <= self._alone_bytes_max:
                length, kind, exchange = _unpack(self._block)
                if length + HEADER_BYTES == count:  # one frame alone, as where one call follows the other
                    return [(kind, exchange, self._block_view[HEADER_BYTES:count].tobytes())]
            end = self._end + count
        else:
            end = self._end + count
            if self.fault:
                return []
            if self._is_large:
                self._end = end
                return self._continue_large()
            if end >= HEADER_BYTES and not self._begins_well(self._block):
                return []
        start = self._start
        data = self._block_view[start:end].tobytes()  # copied at once, so that each payload is one plain slice of it
        frames, position = self._cut(data)
        if self._is_large or self.fault:
            return frames
        if start + position == end:
            self._start = self._end = 0
        else:
            self._keep_rest(start + position, end)
        return frames

    def _cut(self, data: bytes) -> tuple[list[Frame], int]:
        """Returns the frames that stand in `data`, and where the rest begins, which is no whole small frame."""
        size, position = len(data), 0
        frames: list[Frame] = []
        while size - position >= HEADER_BYTES:
            length, kind, exchange = _unpack(data, position)
            body = position + HEADER_BYTES
            stop = body + length
            if stop > size:
                if length > LARGE_BYTES:
                    self._begin_large(length, (kind, exchange), memoryview(data)[body:])
                    position = size
                break
            if length > self.payload_bytes_max:
                self._refuse(length, self.payload_bytes_max)
                return frames, size
            frames.append((kind, exchange, data[body:stop]))
            position = stop
        return frames, position

    def _begins_well(self, data: bytes | bytearray) -> bool:
        length = _unpack(data)[0]
        self._is_plain = True
        if length > self._first_bytes_max:
            self._refuse(length, self._first_bytes_max)
        return not self.fault

    def _refuse(self, length: int, limit: int) -> None:
        self.fault = f"a frame of {length} bytes; this side takes {limit}"
        self._is_plain = False
        self._start = self._end = 0

    def _keep_rest(self, start: int, end: int) -> None:
        if BLOCK_BYTES - end < LARGE_BYTES + HEADER_BYTES:
            rest = end - start
            self._block[:rest] = bytes(self._block_view[start:end])
            start, end = 0, rest
        self._start, self._end = start, end

    def _begin_large(self, length: int, head: tuple[int, int], first: memoryview) -> None:
        if length > self.payload_bytes_max:
            self._refuse(length, self.payload_bytes_max)
            return
        arrived = len(first)
        if len(self._scratch) < min(length, BLOCK_BYTES):
            self._scratch = bytearray(min(length, max(BLOCK_BYTES, arrived * GROWTH)))
        self._scratch[:arrived] = first
        self._large_head, self._large_bytes = head, length
        self._large_view = memoryview(self._scratch)[:length]
        self._is_large, self._is_plain = True, False
        self._start, self._end = 0, arrived

    def _grow_large(self) -> None:
        """Sets more memory aside; a pipe may still hold the old one, so that is never resized."""
        larger = bytearray(min(self._large_bytes, self._end * GROWTH))
        larger[: self._end] = self._scratch
        self._scratch = larger
        self._large_view = memoryview(larger)

    def _continue_large(self) -> list[Frame]:
        if self._end < len(self._large_view):
            return []
        if self._end < self._large_bytes:
            self._grow_large()
            return []
        kind, exchange = self._large_head
        payload = cast("bytes", self._large_view) if kind == Kind.OPEN else bytes(self._large_view)
        if len(self._scratch) > SCRATCH_BYTES_MAX:
            self._scratch = bytearray()
        self._is_large, self._is_plain = False, True
        self._large_view = _NOTHING
        self._start = self._end = 0
        return [(kind, exchange, payload)]
