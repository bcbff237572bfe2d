"""Answers every request of HTTP with one fixed body, on uvloop and httptools: as fast as one Python process can here.

`python -m benchmarks.bare_http` prints its port, and answers until it is ended.
"""

from __future__ import annotations

import asyncio
from typing import cast

import httptools
import uvloop

__all__ = ["ANSWER", "main"]

ANSWER = b'{"text":"Hello Ann"}'
_OUTPUT = (
    b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nContent-Type: application/json\r\nMicro-Id: 1\r\n\r\n" % len(ANSWER)
) + ANSWER


class Responder(asyncio.Protocol):
    """One connection."""

    def __init__(self) -> None:
        self._parser = httptools.HttpRequestParser(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        self._transport.write(_OUTPUT)


async def _serve() -> None:
    server = await asyncio.get_running_loop().create_server(Responder, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def main() -> None:
    """Serves."""
    uvloop.run(_serve())


if __name__ == "__main__":
    main()
