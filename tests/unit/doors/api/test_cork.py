"""The cork: pieces that leave together."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest

from micro.doors.api.cork import HELD_BYTES_MAX, Cork


class Counting(asyncio.Transport):
    """A transport that remembers in which pieces it was written to."""

    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[bytes] = []

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.pieces.append(bytes(data))

    def is_closing(self) -> bool:
        return False


@pytest.fixture
async def wire() -> AsyncIterator[tuple[Cork, socket.socket]]:
    """A corked transport and the socket at its other end."""
    near, far = socket.socketpair()
    far.settimeout(0)
    loop = asyncio.get_running_loop()
    transport, _ = await loop.connect_accepted_socket(asyncio.Protocol, near)
    yield Cork(transport, loop), far
    transport.abort()
    far.close()


async def test_what_is_written_in_one_turn_leaves_in_one_piece() -> None:
    """One system call for head and body."""
    transport = Counting()
    cork = Cork(transport, asyncio.get_running_loop())
    cork.write(b"head")
    cork.write(b"body")
    await asyncio.sleep(0)
    cork.write(b"next")
    await asyncio.sleep(0)

    assert transport.pieces == [b"headbody", b"next"]


async def test_what_is_large_leaves_at_once() -> None:
    """The transport's own limits see it."""
    transport = Counting()
    Cork(transport, asyncio.get_running_loop()).write(bytes(HELD_BYTES_MAX + 1))

    assert len(transport.pieces) == 1


async def test_closing_loses_nothing(wire: tuple[Cork, socket.socket]) -> None:
    """What was written before the end arrives before the end."""
    cork, far = wire
    cork.write(b"last words")
    cork.close()
    loop = asyncio.get_running_loop()

    assert await loop.sock_recv(far, 100) == b"last words"
    assert await loop.sock_recv(far, 100) == b""


async def test_an_abort_drops_what_is_held(wire: tuple[Cork, socket.socket]) -> None:
    """Nothing leaves any more, and nothing fails."""
    cork, far = wire
    cork.write(b"never")
    cork.abort()

    assert await asyncio.get_running_loop().sock_recv(far, 100) == b""
