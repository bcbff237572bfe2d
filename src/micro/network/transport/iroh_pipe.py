"""One bidirectional stream of an iroh connection, as a pipe."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from iroh import BiStream, Connection, IrohError

from micro.errors import LinkClosed
from micro.network.transport.iroh_transfer import reading, writing
from micro.network.transport.iroh_wake import Wakes
from micro.network.transport.pipe import BufferedPipe

__all__ = ["LINGER_SECONDS_MAX", "READ_BYTES_MAX", "READ_BYTES_MIN", "IrohPipe", "plain_reason"]

READ_BYTES_MAX: Final = 64 * 1024
"""One read takes at most so much. iroh makes a zeroed buffer of this size for each: more slows small messages down."""

READ_BYTES_MIN: Final = 4 * 1024
"""And at least so much. A read waits with its buffer for what comes next, so that this is what a silent pipe costs."""

READ_GROWTH: Final = 4

AT_ONCE_BYTES: Final = 12_000
"""So much is handed to iroh in the middle of a turn of the loop, so that both sides work at the same time. Less waits
for the end of the turn, for what else is written in it: each time costs as much as several calls."""

LINGER_SECONDS_MAX: Final = 10.0
"""After its last byte a pipe that was closed waits so long for the far end to have read it."""

CLOSED_IN_ORDER: Final = 0
"""Error code of a connection whose pipe was closed."""

ABORTED: Final = 1
"""Error code of a connection whose pipe was aborted."""

_GIVEN_REASON = re.compile(r'ApplicationClose \{.* reason: b"([^"]*)"')


class IrohPipe(BufferedPipe):
    """A pipe that is the only stream of its connection, so that one ends with the other.

    A close travels as the end of the stream; the connection is closed only when the far end has ended its half too,
    since closing it drops what was not read. Two tasks see to it that the far end opens no other stream: what it sent
    on those would pile up unread, beyond every limit. They also notice at once when the connection is lost, even while
    reading is paused. A third closes. Reading and writing need none, see `iroh_transfer`.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        connection: Connection,
        stream: BiStream,
        facts: Mapping[str, Any],
        forget: Callable[[IrohPipe], None],
        wakes: Wakes | None,
    ) -> None:
        """Makes a pipe of a stream.

        Args:
            loop: the running loop.
            connection: that carries the stream and nothing else.
            stream: the stream.
            facts: for `get_extra_info`.
            forget: called once, when the connection is closed.
            wakes: how iroh's threads wake the loop, if they can without Python.
        """
        super().__init__(loop, {**facts, "path": self._path})
        self._connection = connection
        self._sending = stream.send()
        self._writes = writing(loop, self._sending, self._written)
        self._reads = reading(loop, stream.recv(), self._read, wakes)
        self._forget = forget
        self._writing_bytes = 0
        self._turn_ends = False  # whether `_send` runs at the end of this turn
        self._read_begun = self._read_held = False
        self._read_bytes = READ_BYTES_MIN
        self._far_ended: asyncio.Future[None] = loop.create_future()
        self._flushed = False
        self._farewell: asyncio.Task[None] | None = None
        self._guards = [loop.create_task(self._forbid(way)) for way in (connection.accept_bi, connection.accept_uni)]
        self.gone: asyncio.Future[None] = loop.create_future()
        """Done when the connection is closed, which may be a while after `connection_lost`."""

    @property
    def datagrams(self) -> int:
        """How many datagrams the connection has received: where it grows, the far end lives."""
        return self._connection.stats().udp_rx_datagrams

    # ----------------------------------------------------------------------------------------------------- writing

    def _send_soon(self) -> None:
        if self._writing_bytes:
            return
        if self._waiting_bytes >= AT_ONCE_BYTES:
            self._send()
        elif not self._turn_ends:
            self._turn_ends = True
            self._loop.call_soon(self._send_at_end)

    def _send_at_end(self) -> None:
        self._turn_ends = False
        self._send()

    def _send(self) -> None:
        """Hands over what waits, as long as iroh takes it at once."""
        if self._writing_bytes or self._ended or self._farewell is not None:
            return
        while self._waiting and not self._ended:  # the receiver may end it when it is asked to go on
            data = self._take()
            self._writing_bytes = len(data)
            if not self._writes.begin(data) or not self._sent():
                return
        if self._closing and not self._ended:
            self._farewell = self._loop.create_task(self._close_in_order())

    def _sent(self) -> bool:
        """Takes note of what came of a write; says whether it went well."""
        count, self._writing_bytes = self._writing_bytes, 0
        try:
            self._writes.result()
        except IrohError as error:
            self._end(LinkClosed(plain_reason(error)))
            return False
        self._taken(count)
        return True

    def _written(self) -> None:
        """A write is done that was not at once."""
        if not self._ended and self._sent():
            self._send()

    async def _close_in_order(self) -> None:
        try:
            await self._sending.finish()
        except IrohError as error:
            self._end(LinkClosed(plain_reason(error)))
            return
        self._flushed = True
        self._end(None)
        self._read_soon()  # whatever still comes is dropped
        await asyncio.wait([self._far_ended], timeout=LINGER_SECONDS_MAX)
        self._leave(CLOSED_IN_ORDER, b"closed")

    # ----------------------------------------------------------------------------------------------------- reading

    def _read_soon(self) -> None:
        if self._read_held:
            self._read_held = False
            self._loop.call_soon(self._read)
        elif not self._read_begun:
            self._begin_read()

    def _begin_read(self) -> None:
        if self.gone.done() or self._far_ended.done():
            return
        self._read_begun = True
        if self._reads.begin(self._read_bytes):
            self._loop.call_soon(self._read)  # a stream that always has more must leave room for the rest of the loop

    def _read(self) -> None:
        """A read is done; what came waits with it while the receiver wants none."""
        if self.gone.done():
            return
        if not (self._reading or self._closing):
            self._read_held = True
            return
        self._read_begun = False
        try:
            data = self._reads.result()
        except IrohError as error:
            self._far_ended.set_result(None)
            self._end(LinkClosed(plain_reason(error)))
            return
        if not data:
            self._far_ended.set_result(None)
            self.close()
            return
        self._read_bytes = _next_read_bytes(self._read_bytes, len(data))
        self._received(data)
        if self._reading or self._closing:
            self._read_soon()

    def _path(self) -> str:
        """Returns how bytes travel now; which way, iroh decides anew all the time."""
        for path in () if self.gone.done() else self._connection.paths():
            if path.is_selected:
                return f"{'relayed' if path.is_relay else 'direct'} {path.remote_addr.rstrip('/')}"
        return ""

    # --------------------------------------------------------------------------------------------------------- end

    def _drop(self) -> None:
        if not self._flushed:
            self._leave(ABORTED, b"aborted")

    def give_up(self) -> None:
        """Closes the connection now, also where the far end still reads what was said in order."""
        self.abort()
        self._leave(ABORTED, b"aborted")

    def _leave(self, code: int, reason: bytes) -> None:
        """Closes the connection now, stops all tasks, and lets go of what belongs to iroh: it would hold the port."""
        if self.gone.done():
            return
        self.gone.set_result(None)
        self._connection.close(code, reason)
        self._writes.stop()
        self._reads.stop()
        for task in (self._farewell, *self._guards):
            if task is not None:
                task.cancel()
        del self._connection, self._sending, self._writes, self._reads
        self._farewell = None  # a task that was cancelled keeps its frames
        self._guards.clear()
        self._forget(self)

    async def _forbid(self, accept: Callable[[], Awaitable[object]]) -> None:
        try:
            await accept()
        except IrohError as error:
            self._end(LinkClosed(plain_reason(error)))
        else:
            self._end(LinkClosed("the far end opened a second stream, and a link has one"))


def _next_read_bytes(asked: int, came: int) -> int:
    """Returns how much to read next, after `came` bytes: more where there was no room for more, else twice as much.

    It shrinks by half at most: bursts end with little, and the next one is as large as the one before.
    """
    wanted = asked * READ_GROWTH if came == asked else max(2 * came, asked // 2)
    return max(READ_BYTES_MIN, min(READ_BYTES_MAX, wanted))


def plain_reason(error: IrohError) -> str:
    """Returns the innermost cause of an error of iroh's, in words, and without its place in the source."""
    lines = [line.strip() for line in error.message().splitlines() if line.strip()]
    reason = (lines[-1] if lines else "no reason given").partition(" (/")[0]
    if "TimedOut" in reason:
        return "the far end was silent for too long"
    given = _GIVEN_REASON.search(reason)
    return f"the far end ended the connection: {given[1]}" if given else reason
