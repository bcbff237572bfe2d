"""One request to a program over HTTP/1.1, and its answer part by part, as it comes.

A connection of its own for each: programs of strangers are believed to end an answer, and nothing beyond it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import httptools

from micro.doors.adapter.asking import Request
from micro.errors import TooLarge, Unavailable

__all__ = ["Reply", "exchange"]

HEAD_BYTES_MAX = 65_536
READ_BYTES = 65_536
INTERIM = range(100, 200)


class _Reader:
    """Takes an answer apart: `begun` once its head is here, `ended` with its last byte."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []
        self.headers: dict[str, str] = {}
        self.begun = self.ended = False
        self._parser = httptools.HttpResponseParser(self)

    @property
    def status(self) -> int:
        return int(self._parser.get_status_code())

    @property
    def is_measured(self) -> bool:
        """Tells whether the end of the answer is told by more than the end of the connection."""
        return "content-length" in self.headers or "transfer-encoding" in self.headers

    def feed(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        if self.status in INTERIM:  # such as 100 Continue: the answer itself follows
            self.headers.clear()
        else:
            self.begun = True

    def on_body(self, body: bytes) -> None:
        self.parts.append(body)

    def on_message_complete(self) -> None:
        self.ended = self.begun


class Reply:
    """An answer whose head is here.

    Attributes:
        status: its status.
        content_type: what its body is, "" where the program does not say.
    """

    def __init__(self, request: Request, stream: asyncio.StreamReader, reader: _Reader) -> None:
        self.status = reader.status
        self.content_type = reader.headers.get("content-type", "")
        self._request = request
        self._stream = stream
        self._reader = reader

    async def parts(self, silence_seconds: float | None = None) -> AsyncIterator[bytes]:
        """Yields the body as it comes.

        Args:
            silence_seconds: how long may pass without a byte.

        Raises:
            Unavailable: the program hung up before the end.
            TimeoutError: it was silent for too long.
        """
        while True:
            parts, self._reader.parts = self._reader.parts, []
            for part in parts:
                yield part
            if self._reader.ended:
                return
            async with asyncio.timeout(silence_seconds):
                data = await self._stream.read(READ_BYTES)
            if not data and not self._reader.is_measured:
                return
            _feed(self._request, self._reader, data)

    async def whole(self, bytes_max: int) -> bytes:
        """Returns the body.

        Raises:
            TooLarge: it has more than `bytes_max` bytes.
            Unavailable: the program hung up before the end.
        """
        found = bytearray()
        async for part in self.parts():
            found += part
            if len(found) > bytes_max:
                raise TooLarge(f"the program answered {self._request} with more than {bytes_max} bytes")
        return bytes(found)


@contextlib.asynccontextmanager
async def exchange(host: str, port: int, request: Request) -> AsyncIterator[Reply]:
    """Sends a request and yields its answer as soon as its head is here; whoever leaves hangs up.

    Raises:
        OSError: the program does not take the connection.
        Unavailable: it hung up, or answered with something else than HTTP.
    """
    stream, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(request.encode())
        reader, length = _Reader(), 0
        while not reader.begun:
            data = await stream.read(READ_BYTES)
            length += len(data)
            _feed(request, reader, data)
            if length > HEAD_BYTES_MAX + READ_BYTES and not reader.begun:
                raise Unavailable(f"outcome unknown: the head of the answer to {request} does not end")
        yield Reply(request, stream, reader)
    finally:
        writer.transport.abort()


def _feed(request: Request, reader: _Reader, data: bytes) -> None:
    if not data:
        raise Unavailable(f"outcome unknown: the program hung up on {request}")
    try:
        reader.feed(data)
    except httptools.HttpParserError as error:
        if not reader.ended:  # what follows the answer is nobody's affair
            raise Unavailable(f"outcome unknown: the answer to {request} is no HTTP: {error}") from error
