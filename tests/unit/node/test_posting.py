"""Web servers that the owner named are asked once, and are waited for no longer than is said."""

from __future__ import annotations

import asyncio

import pytest

from micro.errors import Unavailable
from micro.node.posting import post

SECONDS = 0.3


async def test_a_server_that_never_comes_to_an_end_holds_nobody() -> None:
    """It sends a little again and again; neither who asked nor the thread waits for more."""
    ended = asyncio.Event()

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n")
        try:
            while not writer.is_closing():
                writer.write(b"x")
                await writer.drain()
                await asyncio.sleep(SECONDS / 10)
        except OSError:
            pass
        writer.close()
        ended.set()

    server = await asyncio.start_server(drip, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(Unavailable, match=f"127.0.0.1:{port} does not answer"):
            await post(f"http://127.0.0.1:{port}/", b"{}", {}, bytes_max=2_000_000, seconds_max=SECONDS)
        await asyncio.wait_for(ended.wait(), 30)


@pytest.mark.parametrize("url", ["http://127.0.0.1:99999/", "https://127.0.0.1:9/", "http://127.0.0.1:9/"])
async def test_what_cannot_be_asked_is_unavailable(url: str) -> None:
    """Whatever is wrong with it."""
    with pytest.raises(Unavailable, match="does not answer"):
        await post(url, b"", {}, bytes_max=1, seconds_max=5)
