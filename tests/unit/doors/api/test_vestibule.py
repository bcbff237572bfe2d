"""Handshakes of TLS before the guard, on both loops that a node may run on."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import uvloop

from micro.doors.api.hosts import Hosts
from micro.doors.api.limits import Limits
from micro.doors.api.listener import Listener, bound
from micro.trust.authority import CHANCE_BYTES, Authority
from tests.waiting import until

HOST = "192.168.1.5"
REQUESTS = 30
Test = Callable[["Door"], Awaitable[None]]


async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Says over what it was asked."""
    body = scope["scheme"].encode()
    length = str(len(body)).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", length)]})
    await send({"type": "http.response.body", "body": body})


class Door:
    """A listener with TLS on loopback, which is called as if it were in a house."""

    def __init__(self, listener: Listener, port: int, client: ssl.SSLContext) -> None:
        self.listener, self.port, self.client = listener, port, client

    async def ask(self) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, ssl=self.client, server_hostname=HOST)
        writer.write(f"GET / HTTP/1.1\r\nhost: {HOST}:{self.port}\r\nconnection: close\r\n\r\n".encode())
        data = await reader.read()
        writer.close()
        return data

    async def silent(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port)


async def ended(reader: asyncio.StreamReader) -> bool:
    """Waits until the other side ends a connection."""
    async with asyncio.timeout(20):
        try:
            return await reader.read() == b""
        except ConnectionError:
            return True


async def nobody_shakes(door: Door) -> None:
    """Waits until no handshake is counted."""
    await until(lambda: not door.listener._shaking, what="no handshake is counted")


@asynccontextmanager
async def door(folder: Path, limits: Limits) -> AsyncIterator[Door]:
    authority = Authority.make("Test", time.time(), bytes(range(2 * CHANCE_BYTES)))
    (folder / "leaf.pem").write_bytes(authority.leaf([HOST], time.time(), bytes(CHANCE_BYTES)).pem)
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    server.load_cert_chain(folder / "leaf.pem")
    client.load_verify_locations(cadata=authority.root)
    listener = Listener(application, limits)
    sockets = bound("127.0.0.1", 0)
    port = sockets[0].getsockname()[1]
    await listener.begin(Hosts(port, (f"{HOST}:{port}",), loopback=False, schemes=(b"https",)))
    for each in sockets:
        listener.secure(each, lambda: server)
    yield Door(listener, port, client)
    await listener.stop()


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[..., None]:
    """Returns what runs a test at a door with such limits."""
    factory = asyncio.new_event_loop if request.param == "asyncio" else uvloop.new_event_loop

    def run(test: Test, **limits: float) -> None:
        async def whole() -> None:
            async with door(tmp_path, Limits(**limits)) as found:  # type: ignore[arg-type]
                await test(found)

        with asyncio.Runner(loop_factory=factory) as runner:
            runner.run(whole())

    return run


def test_a_request_over_tls_is_answered(run: Callable[..., None]) -> None:
    """Also one that comes together with the end of the handshake; the application knows over what."""

    async def test(door: Door) -> None:
        answers = [await door.ask() for _ in range(REQUESTS)]
        assert all(answer.endswith(b"\r\n\r\nhttps") for answer in answers), answers
        await nobody_shakes(door)

    run(test)


def test_whoever_speaks_no_tls_is_sent_away(run: Callable[..., None]) -> None:
    """And disturbs nobody."""

    async def test(door: Door) -> None:
        reader, writer = await door.silent()
        writer.write(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
        async with asyncio.timeout(20):
            assert b"HTTP/" not in await reader.read()
        writer.close()
        assert (await door.ask()).endswith(b"https")

    run(test)


def test_a_handshake_that_does_not_come_ends(run: Callable[..., None]) -> None:
    """After its time."""

    async def test(door: Door) -> None:
        reader, writer = await door.silent()
        assert await ended(reader)
        writer.close()
        await nobody_shakes(door)

    run(test, handshake_seconds=0.2)


def test_shaking_of_one_address_are_bounded(run: Callable[..., None]) -> None:
    """What is beyond ends at once, and there is room again when one has gone."""

    async def test(door: Door) -> None:
        silent = [await door.silent() for _ in range(3)]
        assert await ended(silent[2][0])
        with pytest.raises(OSError):
            await door.ask()
        for _, writer in silent:
            writer.transport.abort()
        await nobody_shakes(door)
        assert (await door.ask()).endswith(b"https")

    run(test, handshakes_address_max=2, handshake_seconds=3.0)


def test_the_door_closes_while_somebody_shakes_hands(run: Callable[..., None]) -> None:
    """He is not waited for."""

    async def test(door: Door) -> None:
        reader, writer = await door.silent()
        await until(lambda: door.listener._shaking, what="the handshake is counted")
        await door.listener.stop()
        assert await ended(reader)
        writer.close()

    run(test, handshake_seconds=600.0)


def test_a_connection_without_a_place_ends_soon(run: Callable[..., None]) -> None:
    """Also if its client does not go by itself: nobody looks at clocks of those without a place."""

    async def test(door: Door) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", door.port, ssl=door.client, server_hostname=HOST)
        async with asyncio.timeout(20):
            await reader.read()
        state = door.listener._server.server_state
        await until(lambda: not state.connections, what="the connection has ended")
        writer.close()

    run(test, connections_max=0, linger_seconds=0.2)
