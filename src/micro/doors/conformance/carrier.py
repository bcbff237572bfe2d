"""What carries bytes to the implementation that is tried: a socket or a WebSocket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Protocol

from micro.errors import BadRequest, Unavailable

__all__ = ["Carrier", "SocketCarrier", "dial", "listening"]

DIAL_SECONDS = 10.0
READ_BYTES = 65_536
MESSAGE_BYTES_MAX = 8_388_608

FORMS = "unix:PATH, tcp:HOST:PORT, ws://HOST:PORT/mucp"


class Carrier(Protocol):
    """Bytes in both directions."""

    async def send(self, data: bytes) -> None:
        """Sends bytes; nothing happens where the other side is gone."""

    async def receive(self) -> bytes:
        """Returns the next bytes, none at the end."""

    async def close(self) -> None:
        """Ends it."""


class SocketCarrier:
    """A stream socket.

    Attributes:
        reader: what came, for those who know how much they want of it.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self._writer = writer

    async def send(self, data: bytes) -> None:
        try:
            self._writer.write(data)
            await self._writer.drain()
        except OSError:
            pass  # `receive` tells that it is over

    async def receive(self) -> bytes:
        try:
            return await self.reader.read(READ_BYTES)
        except OSError:
            return b""

    async def close(self) -> None:
        self._writer.close()
        try:
            await self._writer.wait_closed()
        except OSError:
            pass  # it is closed


class WebSocketCarrier:
    """Binary messages of a WebSocket."""

    def __init__(self, socket: Any) -> None:
        self._socket = socket

    async def send(self, data: bytes) -> None:
        from websockets.exceptions import ConnectionClosed

        try:
            await self._socket.send(data)
        except ConnectionClosed:
            pass  # `receive` tells that it is over

    async def receive(self) -> bytes:
        from websockets.exceptions import ConnectionClosed

        try:
            data = await self._socket.recv(decode=False)
        except ConnectionClosed:
            return b""
        return bytes(data)

    async def close(self) -> None:
        await self._socket.close()


async def dial(address: str) -> Carrier:
    """Opens a carrier.

    Raises:
        BadRequest: the address has none of the forms.
        Unavailable: nobody answers there.
    """
    scheme, _, rest = address.partition(":")
    try:
        async with asyncio.timeout(DIAL_SECONDS):
            if scheme == "unix":
                return SocketCarrier(*await asyncio.open_unix_connection(rest))
            if scheme == "tcp":
                return SocketCarrier(*await asyncio.open_connection(*_place(rest)))
            if scheme in ("ws", "wss"):
                return await _dial_web_socket(address)
    except TimeoutError as late:
        raise Unavailable(f"nobody answers at {address} within {DIAL_SECONDS:g} s") from late
    except OSError as error:
        raise Unavailable(f"nobody answers at {address}: {error}") from error
    raise BadRequest(f"{address} is no address; these are: {FORMS}")


async def _dial_web_socket(address: str) -> Carrier:
    from websockets.asyncio.client import connect
    from websockets.exceptions import InvalidHandshake, InvalidURI

    try:
        return WebSocketCarrier(await connect(address, compression=None, max_size=MESSAGE_BYTES_MAX))
    except InvalidURI as error:
        raise BadRequest(f"{address} is no address: {error}") from error
    except InvalidHandshake as error:
        raise Unavailable(f"{address} refuses the WebSocket: {error}") from error


def _place(rest: str) -> tuple[str, int]:
    host, _, port = rest.rpartition(":")
    if not host or not port.isdigit():
        raise BadRequest(f"tcp:{rest} is no address; these are: {FORMS}")
    return host.strip("[]"), int(port)


Serve = Callable[[Carrier], Awaitable[None]]


@asynccontextmanager
async def listening(address: str, serve: Serve) -> AsyncIterator[str]:
    """Takes carriers at an address, and gives the address under which that is; port 0 is any.

    Raises:
        BadRequest: the address has none of the forms.
        Unavailable: it cannot be listened on.
    """
    scheme, _, rest = address.partition(":")
    try:
        async with _server(scheme, rest, serve) as port:
            yield address if port is None else f"{address.rpartition(':')[0]}:{port}"
    except OSError as error:
        raise Unavailable(f"{address} cannot be listened on: {error}") from error


def _server(scheme: str, rest: str, serve: Serve) -> AbstractAsyncContextManager[int | None]:
    if scheme in ("unix", "tcp"):
        return _sockets(scheme, rest, serve)
    if scheme == "ws":
        return _web_sockets(rest.removeprefix("//"), serve)
    raise BadRequest(f"{scheme}:{rest} is no address to listen on; these are: unix:PATH, tcp:HOST:PORT, ws://HOST:PORT")


@asynccontextmanager
async def _sockets(scheme: str, rest: str, serve: Serve) -> AsyncIterator[int | None]:
    async def taken(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await serve(SocketCarrier(reader, writer))

    if scheme == "unix":
        server = await asyncio.start_unix_server(taken, rest)
    else:
        server = await asyncio.start_server(taken, *_place(rest))
    try:
        yield None if scheme == "unix" else int(server.sockets[0].getsockname()[1])
    finally:
        server.close()


@asynccontextmanager
async def _web_sockets(rest: str, serve: Serve) -> AsyncIterator[int | None]:
    from websockets.asyncio.server import serve as listen

    async def taken(socket: Any) -> None:
        await serve(WebSocketCarrier(socket))

    async with listen(taken, *_place(rest), compression=None, max_size=MESSAGE_BYTES_MAX) as server:
        yield int(next(iter(server.sockets)).getsockname()[1])
