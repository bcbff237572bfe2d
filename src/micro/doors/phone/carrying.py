"""Carries one connection between a stream of a super node and a door: bytes both ways, as fast as both take them."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final

from micro.errors import MicroError
from micro.service.stream import RawStream

__all__ = ["carry"]

LINGER_SECONDS: Final = 10.0
"""How long one direction of a connection may outlast the other."""
PIECE_BYTES: Final = 16_384


async def carry(stream: RawStream, admit: Callable[[socket.socket], Awaitable[None]]) -> None:
    """Carries until either side has ended.

    Args:
        stream: what the other side says comes in, what is sent it hears.
        admit: takes one end of a connection inside this process in, and returns once it is in.
    """
    ours, theirs = socket.socketpair()
    for each in (ours, theirs):
        each.setblocking(False)  # noqa: FBT003 - the standard library takes it so
    reader, writer = await asyncio.open_connection(sock=ours, limit=PIECE_BYTES)
    try:
        await _both(_admitted(admit, theirs), _hear(stream, writer), _say(reader, stream))
    finally:
        writer.transport.abort()


async def _both(admitted: Coroutine[Any, Any, None], *directions: Coroutine[Any, Any, None]) -> None:
    """Waits for both directions; the other may outlast the first a little."""
    loop = asyncio.get_running_loop()
    admitting, tasks = loop.create_task(admitted), {loop.create_task(each) for each in directions}
    try:
        _, left = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if left:
            await asyncio.wait(left, timeout=LINGER_SECONDS)
    finally:
        for task in (admitting, *tasks):
            task.cancel()
        await asyncio.gather(admitting, *tasks, return_exceptions=True)


async def _admitted(admit: Callable[[socket.socket], Awaitable[None]], theirs: socket.socket) -> None:
    try:
        await admit(theirs)
    except OSError:
        theirs.close()  # no TLS was spoken, or it was too slow


async def _hear(stream: RawStream, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(MicroError, OSError):
        async for piece in stream:
            writer.write(piece)
            await writer.drain()
    writer.close()


async def _say(reader: asyncio.StreamReader, stream: RawStream) -> None:
    with contextlib.suppress(MicroError, OSError):
        while piece := await reader.read(PIECE_BYTES):
            await stream.send(piece)
        await stream.end()
        stream.link.flush()
