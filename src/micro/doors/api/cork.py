"""A cork on a transport: what is written in one turn of the loop leaves in one piece.

uvicorn writes the head and the body of an answer apart, which costs a system call each: half the time of a small one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

__all__ = ["Cork"]

HELD_BYTES_MAX = 65_536
"""More than this leaves at once, so that a slow client is noticed where it always was."""


class Cork(asyncio.Transport):
    """A transport that writes at the end of the loop's turn.

    Args:
        transport: where it writes.
        loop: the loop.
        caller: who is at the other end, where that is not to be read from a socket.
    """

    __slots__ = ("_caller", "_held", "_loop", "_parts", "_transport")

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop, caller: str = "") -> None:
        super().__init__()
        self._transport = transport
        self._caller = caller
        self._loop = loop
        self._parts: list[bytes] = []
        self._held = 0

    def write(self, data: bytes | bytearray | memoryview[int]) -> None:
        if not self._parts:
            self._loop.call_soon(self.flush)
        self._parts.append(bytes(data))
        self._held += len(data)
        if self._held > HELD_BYTES_MAX:
            self.flush()

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview[int]]) -> None:
        self.write(b"".join(list_of_data))

    def flush(self) -> None:
        """Writes what is held."""
        parts, self._parts, self._held = self._parts, [], 0
        if parts and not self._transport.is_closing():
            self._transport.write(parts[0] if len(parts) == 1 else b"".join(parts))

    def close(self) -> None:
        self.flush()
        self._transport.close()

    def abort(self) -> None:
        self._parts.clear()
        self._transport.abort()

    def can_write_eof(self) -> bool:
        return self._transport.can_write_eof()

    def write_eof(self) -> None:
        self.flush()
        self._transport.write_eof()

    def is_closing(self) -> bool:
        return self._transport.is_closing()

    def is_reading(self) -> bool:
        return self._transport.is_reading()

    def pause_reading(self) -> None:
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        self._transport.resume_reading()

    def get_write_buffer_size(self) -> int:
        return self._held + self._transport.get_write_buffer_size()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        if self._caller and name in ("peername", "socket"):
            return (self._caller, 0) if name == "peername" else None
        return self._transport.get_extra_info(name, default)

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self._transport.set_protocol(protocol)

    def get_protocol(self) -> asyncio.BaseProtocol:
        return self._transport.get_protocol()
