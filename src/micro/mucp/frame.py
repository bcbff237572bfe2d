"""The frame: how bytes on a pipe are cut into units.

Pure.

    u32 length | u8 kind | u32 exchange | payload of `length` bytes          numbers in network byte order

The reader owns the memory that a pipe fills, so that bytes are copied once. Most frames are small and are cut from one
block of 128 KiB; a frame over 32 KiB gets memory of its own that grows with what really arrives, so a peer cannot make
us hold megabytes by announcing them.
"""

from __future__ import annotations

import struct
from enum import IntEnum

from micro.errors import RemoteProtocolError

__all__ = ["FRAME_HEADER", "Frame", "FrameReader", "Kind"]

FRAME_HEADER = struct.Struct(">IBI")
HEADER_BYTES = FRAME_HEADER.size
BLOCK_BYTES = 131_072
LARGE_BYTES = 32_768
"""A longer payload is collected in memory of its own."""
GROWTH = 4
"""How many times what has arrived may be set aside for what is still to come."""

Frame = tuple[int, int, bytes]
"""Kind, exchange, payload."""


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


class FrameReader:
    """Cuts a stream of bytes into frames; any chunking gives the same frames.

    Fill what `buffer()` returns and tell how much with `received`, or hand over bytes with `feed`.
    """

    __slots__ = (
        "_arrived", "_block", "_block_view", "_end", "_large", "_large_head", "_large_view", "_missing", "_pieces", "_start",
        "payload_bytes_max",
    )  # fmt: skip

    def __init__(self, payload_bytes_max: int) -> None:
        self.payload_bytes_max = payload_bytes_max
        self._block = bytearray(BLOCK_BYTES)
        self._block_view = memoryview(self._block)
        self._start = self._end = 0
        self._large: bytearray | None = None
        self._large_view = memoryview(b"")
        self._large_head = (0, 0)
        self._pieces: list[bytes | bytearray] = []
        self._arrived = self._missing = 0

    def buffer(self) -> memoryview:
        """Returns the memory to fill next; never empty."""
        if self._large is not None:
            return self._large_view[self._end :]
        return self._block_view[self._end :]

    def feed(self, data: bytes) -> list[Frame]:
        """Takes bytes of any number and returns the frames they complete."""
        frames: list[Frame] = []
        view = memoryview(data)
        while view:
            room = self.buffer()
            count = min(len(room), len(view))
            room[:count] = view[:count]
            view = view[count:]
            frames += self.received(count)
        return frames

    def received(self, count: int) -> list[Frame]:
        """Returns the frames completed by `count` bytes put into `buffer()`.

        Raises:
            RemoteProtocolError: a frame announces more than `payload_bytes_max`.
        """
        self._end += count
        if self._large is not None:
            return self._continue_large()
        frames: list[Frame] = []
        block, view, start, end = self._block, self._block_view, self._start, self._end
        unpack = FRAME_HEADER.unpack_from
        while end - start >= HEADER_BYTES:
            length, kind, exchange = unpack(block, start)
            stop = start + HEADER_BYTES + length
            if stop > end:
                if length > self.payload_bytes_max:
                    raise RemoteProtocolError(f"a frame of {length} bytes; this side takes {self.payload_bytes_max}")
                if length > LARGE_BYTES:
                    self._begin_large(length, (kind, exchange), bytes(view[start + HEADER_BYTES : end]))
                    return frames
                break
            frames.append((kind, exchange, bytes(view[start + HEADER_BYTES : stop])))
            start = stop
        self._keep_rest(start, end)
        return frames

    def _keep_rest(self, start: int, end: int) -> None:
        if start == end:
            start = end = 0
        elif BLOCK_BYTES - end < LARGE_BYTES + HEADER_BYTES:
            rest = end - start
            self._block[:rest] = bytes(self._block_view[start:end])
            start, end = 0, rest
        self._start, self._end = start, end

    def _begin_large(self, length: int, head: tuple[int, int], first: bytes) -> None:
        self._pieces = [first]
        self._large_head = head
        self._missing = length - len(first)
        self._arrived = len(first)
        self._start = self._end = 0
        self._grow_large()

    def _grow_large(self) -> None:
        """Sets memory aside for the next piece; a pipe may still hold the last one, so that is never resized."""
        self._large = bytearray(min(self._missing, max(BLOCK_BYTES, self._arrived * GROWTH)))
        self._large_view = memoryview(self._large)
        self._end = 0

    def _continue_large(self) -> list[Frame]:
        assert self._large is not None
        size = len(self._large)
        if self._end < size:
            return []
        self._pieces.append(self._large)
        self._missing -= size
        self._arrived += size
        if self._missing:
            self._grow_large()
            return []
        kind, exchange = self._large_head
        frame = (kind, exchange, b"".join(self._pieces))
        self._pieces = []
        self._large = None
        self._start = self._end = 0
        return [frame]
