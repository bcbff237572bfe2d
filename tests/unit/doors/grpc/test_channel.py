"""Connections to a gRPC server that come and go, and a server that takes little at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest

from micro.doors.grpc import channel as module
from micro.doors.grpc.channel import Broken, Channel

WAIT_SECONDS = 30
HEADERS = [("content-type", "application/grpc")]


class Echo(grpc.GenericRpcHandler):  # type: ignore[misc]
    """Answers what it is asked, once for each letter of the method's name after the first."""

    def __init__(self) -> None:
        self.go = asyncio.Event()

    def service(self, details: Any) -> Any:
        async def answer(requests: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
            async for request in requests:
                if details.method.endswith("Wait"):
                    await self.go.wait()
                    yield request
                    return
                for _ in details.method.rpartition("/")[2][1:]:
                    yield request

        return grpc.stream_stream_rpc_method_handler(answer)


@asynccontextmanager
async def serving(**options: int) -> AsyncIterator[tuple[Channel, Echo]]:
    echo = Echo()
    server = grpc.aio.server(options=[(f"grpc.{name}", value) for name, value in options.items()])
    server.add_generic_rpc_handlers((echo,))
    channel = Channel("127.0.0.1", server.add_insecure_port("127.0.0.1:0"))
    await server.start()
    try:
        yield channel, echo
    finally:
        channel.close()
        await server.stop(None)


async def test_a_call_has_one_answer() -> None:
    """None, or two, are a fault of the server."""
    async with serving() as (channel, _):
        assert await channel.call("/a.B/Cx", b"hello", HEADERS) == b"hello"
        for method in ("C", "Cxx"):
            with pytest.raises(Broken, match="one answer"):
                await channel.call(f"/a.B/{method}", b"hello", HEADERS)


async def test_a_large_message_goes_both_ways() -> None:
    """As the server makes room for it, and we do."""
    body = bytes(range(256)) * 12_000
    async with serving() as (channel, _):
        assert await channel.call("/a.B/Cx", body, HEADERS) == body


async def test_a_connection_that_is_used_up_is_replaced() -> None:
    """By the call after the one that learned of it, which was not done."""
    async with serving() as (channel, _):
        line = await channel.reach()
        line.talk._h2.highest_outbound_stream_id = 2**31 - 1
        with pytest.raises(Broken) as raised:
            await channel.call("/a.B/Cx", b"hello", HEADERS)
        assert raised.value.status.is_unasked
        assert await channel.call("/a.B/Cx", b"hello", HEADERS) == b"hello"
        assert await channel.reach() is not line
        line.close()


async def test_a_server_takes_as_many_calls_as_it_says() -> None:
    """One more is refused, and was not done."""
    async with serving(max_concurrent_streams=2) as (channel, echo):
        loop = asyncio.get_running_loop()
        asking = [loop.create_task(channel.call("/a.B/Wait", b"hello", HEADERS)) for _ in range(2)]
        line = await channel.reach()
        async with asyncio.timeout(WAIT_SECONDS):
            while line.talk.has_room:  # noqa: ASYNC110 - it happens in many places
                await asyncio.sleep(0.01)
        with pytest.raises(Broken, match="no more calls") as raised:
            await channel.call("/a.B/Cx", b"hello", HEADERS)
        assert raised.value.status.is_unasked
        echo.go.set()
        assert await asyncio.gather(*asking) == [b"hello"] * 2
        assert await channel.call("/a.B/Cx", b"hello", HEADERS) == b"hello"


async def test_a_server_that_says_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """It took the connection, and is no server of gRPC perhaps."""
    monkeypatch.setattr(module, "DIAL_SECONDS", 0.2)
    left = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()
        await writer.wait_closed()
        left.set()

    async with await asyncio.start_server(silent, "127.0.0.1", 0) as server:
        channel = Channel("127.0.0.1", server.sockets[0].getsockname()[1])
        with pytest.raises(ConnectionAbortedError, match=r"took longer than 0\.2 s"):
            await channel.call("/a.B/Cx", b"hello", HEADERS)
        async with asyncio.timeout(WAIT_SECONDS):
            await left.wait()
