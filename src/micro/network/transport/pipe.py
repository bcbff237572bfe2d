"""The half of a pipe that is the same in memory and over iroh: its write buffer, its marks, and its end."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any, Final

from micro.errors import LinkClosed, LocalProtocolError
from micro.network.transport.transport import Receiver

__all__ = ["BUFFER_BYTES_MAX", "CHUNK_BYTES_MAX", "FLUSH_SECONDS_MAX", "BufferedPipe"]

CHUNK_BYTES_MAX: Final = 256 * 1024
"""What waits is joined to chunks of at most this size."""

BUFFER_BYTES_MAX: Final = 64 * 1024 * 1024
"""A writer that ignores `pause_writing` and lets more than this wait loses its pipe."""

FLUSH_SECONDS_MAX: Final = 10.0
"""A pipe that was closed and whose far end does not take the rest within this time is aborted."""

HIGH_MARK_BYTES: Final = 1024 * 1024
"""Above so many waiting bytes the writer is asked to stop, unless it sets other marks."""

LOW_MARK_SHARE: Final = 4
"""The low mark is this part of the high one, unless it is set."""


class BufferedPipe(asyncio.Transport):
    """A pipe that keeps what is written until its engine takes it.

    An engine supplies `_send_soon` (something waits, or the pipe is closing), `_read_soon` (the receiver wants bytes)
    and `_drop` (the end: let go of everything). It calls `_take` and then `_taken` for the bytes it sends, `_received`
    for those that came, and `_end` when it is over. None of this is called from another thread.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, facts: Mapping[str, Any]) -> None:
        super().__init__(facts)
        self._loop: Final = loop
        self._receiver: Receiver | None = None
        self._waiting: deque[bytes | memoryview] = deque()
        self._waiting_bytes = 0
        self._high, self._low = HIGH_MARK_BYTES, HIGH_MARK_BYTES // LOW_MARK_SHARE
        self._writer_paused = False
        self._reading = True
        self._closing = False
        self._ended = False
        self._error: Exception | None = None
        self._flush_timer: asyncio.TimerHandle | None = None

    # ------------------------------------------------------------------------------------------------ for the engine

    def _send_soon(self) -> None:
        raise NotImplementedError

    def _read_soon(self) -> None:
        raise NotImplementedError

    def _drop(self) -> None:
        raise NotImplementedError

    def _take(self) -> bytes:
        """Removes and joins what waits, at most one chunk; it counts as waiting until `_taken`."""
        waiting = self._waiting
        if self._waiting_bytes <= CHUNK_BYTES_MAX:
            data = b"".join(waiting)
            waiting.clear()
            return data
        pieces: list[bytes | memoryview] = []
        room = CHUNK_BYTES_MAX
        while room:  # more than one chunk waits, so this ends first
            piece = waiting.popleft()
            if len(piece) > room:
                view = memoryview(piece)
                waiting.appendleft(view[room:])
                piece = view[:room]
            pieces.append(piece)
            room -= len(piece)
        return b"".join(pieces)

    def _taken(self, count: int) -> None:
        """Says that `count` bytes are on their way and no longer wait."""
        if self._ended:
            return
        self._waiting_bytes -= count
        if self._writer_paused and self._waiting_bytes <= self._low:
            self._writer_paused = False
            self._tell("resume_writing")

    def _received(self, data: bytes) -> None:
        """Hands bytes to the receiver; those that come after the pipe began to close are dropped."""
        if self._closing or self._receiver is None:
            return
        try:
            self._receiver.data_received(data)
        except Exception as error:  # noqa: BLE001 - the receiver's bug must be seen, and must not hurt other pipes
            self._blame("data_received", error)
            self._end(error)

    def _end(self, error: Exception | None) -> None:
        """Ends the pipe; the receiver hears of it in a turn of its own. A second end is ignored."""
        if self._ended:
            return
        self._ended = self._closing = True
        self._error = error
        self._waiting.clear()
        self._waiting_bytes = 0
        if self._flush_timer is not None:
            self._flush_timer.cancel()
        self._drop()
        if self._receiver is not None:
            self._loop.call_soon(self._say_farewell)

    def _say_farewell(self) -> None:
        self._tell("connection_lost", self._error)
        self._receiver = self._error = None

    def _tell(self, name: str, *arguments: object) -> None:
        if self._receiver is None:
            return
        try:
            getattr(self._receiver, name)(*arguments)
        except Exception as error:  # noqa: BLE001 - as in _received
            self._blame(name, error)

    def _blame(self, name: str, error: Exception) -> None:
        message = f"{name} of {type(self._receiver).__name__} failed"
        self._loop.call_exception_handler({"message": message, "exception": error, "transport": self})

    # ---------------------------------------------------------------------------------------------- for the receiver

    def start(self, receiver: Receiver) -> None:
        """Gives the pipe its receiver, calls its `connection_made`, and begins to read.

        Raises:
            LocalProtocolError: it was started before.
        """
        if self._receiver is not None:
            raise LocalProtocolError("a pipe is started once: it has one receiver")
        self._receiver = receiver
        receiver.connection_made(self)
        if self._ended:
            self._loop.call_soon(self._say_farewell)
        else:
            self._read_soon()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Queues bytes and returns at once; ignored once the pipe is closing."""
        if self._closing or not data:
            return
        self._waiting.append(data if type(data) is bytes else bytes(data))
        self._waiting_bytes += len(data)
        self._heed_marks()
        if not self._ended:  # the receiver may end it when it is asked to stop
            self._send_soon()

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview]) -> None:
        """Queues several pieces."""
        if self._closing:
            return
        for data in list_of_data:
            self._waiting.append(data if type(data) is bytes else bytes(data))
            self._waiting_bytes += len(data)
        self._heed_marks()
        if not self._ended:  # the receiver may end it when it is asked to stop
            self._send_soon()

    def _heed_marks(self) -> None:
        if self._waiting_bytes > BUFFER_BYTES_MAX:
            self._end(LinkClosed(f"the far end does not read: more than {BUFFER_BYTES_MAX} bytes waited for it"))
        elif self._waiting_bytes > self._high and not self._writer_paused:
            self._writer_paused = True
            self._tell("pause_writing")

    def close(self) -> None:
        """Stops receiving, sends what waits, then ends the pipe; within `FLUSH_SECONDS_MAX`, or it is aborted."""
        if self._closing:
            return
        self._closing = True
        self._flush_timer = self._loop.call_later(FLUSH_SECONDS_MAX, self.abort)
        self._send_soon()

    def abort(self) -> None:
        """Ends the pipe at once; what waits is dropped."""
        self._end(None)

    def is_closing(self) -> bool:
        """Says whether the pipe is closing or gone."""
        return self._closing

    def get_write_buffer_size(self) -> int:
        """Returns how many bytes wait, those just being sent included."""
        return self._waiting_bytes

    def get_write_buffer_limits(self) -> tuple[int, int]:
        """Returns the low and the high mark in bytes."""
        return self._low, self._high

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Sets the marks in bytes; what is not given follows from the other, as in asyncio."""
        if high is None:
            high = HIGH_MARK_BYTES if low is None else LOW_MARK_SHARE * low
        if low is None:
            low = high // LOW_MARK_SHARE
        if not 0 <= low <= high <= BUFFER_BYTES_MAX:
            raise LocalProtocolError(f"0 <= low <= high <= {BUFFER_BYTES_MAX} is expected, not low={low}, high={high}")
        self._high, self._low = high, low
        self._heed_marks()

    def is_reading(self) -> bool:
        """Says whether the receiver wants bytes."""
        return self._reading and not self._closing

    def pause_reading(self) -> None:
        """Receives nothing until `resume_reading`; the far end feels it as back-pressure."""
        self._reading = False

    def resume_reading(self) -> None:
        """Receives again."""
        if not self._reading:
            self._reading = True
            if self._receiver is not None and not self._closing:
                self._read_soon()
