"""One bidirectional stream of an iroh connection, as a pipe."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from iroh import BiStream, Connection, IrohError

from micro.errors import LinkClosed
from micro.network.transport.pipe import BufferedPipe

__all__ = ["LINGER_SECONDS_MAX", "READ_BYTES_MAX", "IrohPipe", "plain_reason"]

READ_BYTES_MAX: Final = 64 * 1024
"""One read takes at most so much. iroh makes a zeroed buffer of this size for each: more slows small messages down."""

LINGER_SECONDS_MAX: Final = 10.0
"""After its last byte a pipe that was closed waits so long for the far end to have read it."""

CLOSED_IN_ORDER: Final = 0
"""Error code of a connection whose pipe was closed."""

ABORTED: Final = 1
"""Error code of a connection whose pipe was aborted."""

_GIVEN_REASON = re.compile(r'ApplicationClose \{.* reason: b"([^"]*)"')


class IrohPipe(BufferedPipe):
    """A pipe that is the only stream of its connection, so that one ends with the other.

    One task writes, one reads. A close travels as the end of the stream; the connection is closed only when the far end
    has ended its half too, since closing it drops what was not read. Two more tasks see to it that the far end opens no
    other stream: what it sent on those would pile up unread, beyond every limit. They also notice at once when the
    connection is lost, even while reading is paused.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        connection: Connection,
        stream: BiStream,
        facts: Mapping[str, Any],
        forget: Callable[[IrohPipe], None],
    ) -> None:
        """Makes a pipe of a stream.

        Args:
            loop: the running loop.
            connection: that carries the stream and nothing else.
            stream: the stream.
            facts: for `get_extra_info`.
            forget: called once, when the connection is closed.
        """
        super().__init__(loop, facts)
        self._connection = connection
        self._sending = stream.send()
        self._receiving = stream.recv()
        self._forget = forget
        self._flushed = False
        self._writer: asyncio.Task[None] | None = None
        self._reader: asyncio.Task[None] | None = None
        self._writer_idle: asyncio.Future[None] | None = None
        self._reader_idle: asyncio.Future[None] | None = None
        self._guards = [loop.create_task(self._forbid(way)) for way in (connection.accept_bi, connection.accept_uni)]
        self.gone: asyncio.Future[None] = loop.create_future()
        """Done when the connection is closed, which may be a while after `connection_lost`."""

    def _send_soon(self) -> None:
        if self._writer is None:
            self._writer = self._loop.create_task(self._write())
        elif self._writer_idle is not None:
            self._writer_idle.set_result(None)
            self._writer_idle = None

    def _read_soon(self) -> None:
        if self._reader is None:
            self._reader = self._loop.create_task(self._read())
        elif self._reader_idle is not None:
            self._reader_idle.set_result(None)
            self._reader_idle = None

    def _drop(self) -> None:
        if not self._flushed:
            self._leave(ABORTED, b"aborted")

    def _leave(self, code: int, reason: bytes) -> None:
        """Closes the connection now, stops all tasks, and lets go of what belongs to iroh: it would hold the port."""
        if self.gone.done():
            return
        self.gone.set_result(None)
        self._connection.close(code, reason)
        for task in (self._writer, self._reader, *self._guards):
            if task is not None:
                task.cancel()
        del self._connection, self._sending, self._receiving
        self._writer = self._reader = None  # a task that was cancelled keeps its frames
        self._guards.clear()
        self._forget(self)

    async def _write(self) -> None:
        sending = self._sending
        try:
            while True:
                while self._waiting:
                    data = self._take()
                    await sending.write_all(data)
                    self._taken(len(data))
                if self._ended:  # the receiver may end it when it is asked to go on
                    return
                if self._closing:
                    break
                self._writer_idle = self._loop.create_future()
                await self._writer_idle
            await sending.finish()
        except IrohError as error:
            self._end(LinkClosed(plain_reason(error)))
            return
        self._flushed = True
        self._end(None)
        self._read_soon()  # whatever still comes is dropped
        assert self._reader is not None
        await asyncio.wait([self._reader], timeout=LINGER_SECONDS_MAX)
        self._leave(CLOSED_IN_ORDER, b"closed")

    async def _read(self) -> None:
        receiving = self._receiving
        try:
            while True:
                if not (self._reading or self._closing):
                    self._reader_idle = self._loop.create_future()
                    await self._reader_idle
                    continue
                data = await receiving.read(READ_BYTES_MAX)
                if not data:
                    break
                self._received(data)
                await asyncio.sleep(0)  # a stream that always has more must leave room for the rest of the loop
        except IrohError as error:
            self._end(LinkClosed(plain_reason(error)))
            return
        self.close()

    async def _forbid(self, accept: Callable[[], Awaitable[object]]) -> None:
        try:
            await accept()
        except IrohError as error:
            self._end(LinkClosed(plain_reason(error)))
        else:
            self._end(LinkClosed("the far end opened a second stream, and a link has one"))


def plain_reason(error: IrohError) -> str:
    """Returns the innermost cause of an error of iroh's, in words, and without its place in the source."""
    lines = [line.strip() for line in error.message().splitlines() if line.strip()]
    reason = (lines[-1] if lines else "no reason given").partition(" (/")[0]
    if "TimedOut" in reason:
        return "the far end was silent for too long"
    given = _GIVEN_REASON.search(reason)
    return f"the far end ended the connection: {given[1]}" if given else reason
