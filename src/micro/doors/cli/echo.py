"""The bare echo of `micro bench`: gives back every message at once, and whoever asks it.

Run as a program it serves the socket it is given until it is told to stop.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from collections import deque
from typing import cast

__all__ = ["HEADER_BYTES", "EchoClient", "EchoServer"]

HEADER_BYTES = 4


class _Framed(asyncio.Protocol):
    """Takes messages of four bytes of length and a body out of the stream."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self._rest = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        rest = self._rest
        rest += data
        start = count = 0
        while len(rest) - start >= HEADER_BYTES:
            end = start + HEADER_BYTES + int.from_bytes(rest[start : start + HEADER_BYTES], "big")
            if len(rest) < end:
                break
            self.message(bytes(rest[start:end]))
            start = end
            count += 1
        del rest[:start]
        self.handled(count)

    def message(self, data: bytes) -> None:
        """Takes a message, with its length in front."""

    def handled(self, count: int) -> None:
        """All messages that came together are taken, so many."""


class EchoServer(_Framed):
    """Gives back every message; those that came together go back together."""

    def __init__(self) -> None:
        super().__init__()
        self._answers: list[bytes] = []

    def message(self, data: bytes) -> None:
        self._answers.append(data)

    def handled(self, count: int) -> None:
        if self._answers and self.transport is not None:
            self.transport.write(b"".join(self._answers))
            self._answers.clear()


class EchoClient(_Framed):
    """Asks an echo; answers come in the order of the questions.

    It writes as a link does: a question alone at once, many at the end of the loop's turn.
    """

    def __init__(self) -> None:
        super().__init__()
        self._waiting: deque[asyncio.Future[bytes]] = deque()
        self._questions: list[bytes] = []
        self._loop = asyncio.get_running_loop()
        self._is_quiet = True  # one answer at a time came last

    def ask(self, message: bytes) -> asyncio.Future[bytes]:
        """Sends a message, with its length in front, and returns the future of its answer."""
        future: asyncio.Future[bytes] = self._loop.create_future()
        if self._is_quiet and not self._waiting and self.transport is not None:
            self.transport.write(message)
        else:
            if not self._questions:
                self._loop.call_soon(self._flush)
            self._questions.append(message)
        self._waiting.append(future)
        return future

    def _flush(self) -> None:
        if self.transport is not None:
            self.transport.write(b"".join(self._questions))
        self._questions.clear()

    def message(self, data: bytes) -> None:
        future = self._waiting.popleft()
        if not future.done():
            future.set_result(data)

    def handled(self, count: int) -> None:
        self._is_quiet = count == 1

    def connection_lost(self, error: Exception | None) -> None:
        for future in self._waiting:
            if not future.done():
                future.set_exception(error or ConnectionResetError("the echo has gone"))

    def close(self) -> None:
        """Ends the connection."""
        if self.transport is not None:
            self.transport.close()


async def serve(place: str) -> None:
    """Serves a Unix socket until the process is told to stop."""
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    server = await loop.create_unix_server(EchoServer, place)
    await stopped.wait()
    server.close()


if __name__ == "__main__":
    import uvloop

    uvloop.run(serve(sys.argv[1]))
