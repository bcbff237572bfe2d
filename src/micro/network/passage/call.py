"""One connection of a browser, passed on to the node it is for: bytes both ways, as fast as both sides take them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterable, Callable

from micro.network.passage.bounds import Bounds
from micro.trust.rates import Bucket

__all__ = ["Call"]

PAUSE_SECONDS_MAX = 1.0
"""Who passes more than his share waits, and no longer than this for each piece."""


class Call:
    """A connection.

    Args:
        name: what the node takes it by.
        address: where the browser is.
        first: what it said already.
        reader, writer: the connection.
        allowance: how many bytes may pass to and from the node.
        bounds: how much is too much.
        passed: told how many bytes passed.

    Attributes:
        taken: done once the node has taken it.
    """

    def __init__(
        self,
        name: bytes,
        address: str,
        first: bytes,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        *,
        allowance: Bucket,
        bounds: Bounds,
        passed: Callable[[int], object],
    ) -> None:
        self.name = name
        self.address = address
        self._first = first
        self._reader = reader
        self._writer = writer
        self._allowance = allowance
        self._bounds = bounds
        self._passed = passed
        self._loop = asyncio.get_running_loop()
        self._moved = self._loop.time()
        self._held: dict[str, float] = {}
        self._work: asyncio.Task[object] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._over = asyncio.Event()
        self.taken = asyncio.Event()
        writer.transport.set_write_buffer_limits(high=bounds.waiting_bytes_max)

    async def carry(self, words: AsyncIterable[bytes]) -> AsyncGenerator[bytes, None]:
        """Yields what the browser says, and lets it hear the words of the node; where either ends both do.

        Whoever iterates is cancelled where nothing moved for too long.
        """
        self.taken.set()
        self._work = asyncio.current_task()
        self._timer = self._loop.call_later(self._bounds.look_seconds, self._look)
        answering = self._loop.create_task(self._answer(words))
        try:
            piece = self._first
            while piece:
                await self._count(len(piece))
                self._held["node"] = self._loop.time()
                yield piece
                self._moved = self._loop.time()
                self._held.pop("node")
                piece = await self._read()
        finally:
            self._work = None
            answering.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await answering
            self._timer.cancel()
            self._over.set()

    async def over(self) -> None:
        """Waits until it was carried."""
        await self._over.wait()

    def end(self) -> None:
        """Ends it."""
        self._writer.transport.abort()
        if self._work is not None:
            self._work.cancel()  # it may wait for a node that takes nothing

    async def _read(self) -> bytes:
        try:
            return await self._reader.read(self._bounds.piece_bytes)
        except OSError:
            return b""

    async def _answer(self, words: AsyncIterable[bytes]) -> None:
        try:
            async for word in words:
                await self._count(len(word))
                self._writer.write(word)
                self._held["browser"] = self._loop.time()
                await self._writer.drain()
                self._moved = self._loop.time()
                self._held.pop("browser")
        finally:
            self._writer.close()  # what waits is still sent; then reading ends, and with it all

    async def _count(self, count: int) -> None:
        self._moved = self._loop.time()
        self._passed(count)
        seconds = self._allowance.charge(self._moved, count)
        if seconds > 0:
            await asyncio.sleep(min(seconds, PAUSE_SECONDS_MAX))

    def _look(self) -> None:
        now, bounds = self._loop.time(), self._bounds
        stalled = any(now - since > bounds.stalled_seconds for since in self._held.values())
        if stalled or now - self._moved > bounds.idle_seconds:
            self.end()
        else:
            self._timer = self._loop.call_later(bounds.look_seconds, self._look)
