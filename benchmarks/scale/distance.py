"""A distance between two nodes: what one of them says is heard a while later, for a loopback has no way to go."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from micro.network.link import Link
from micro.network.transport.iroh_pipe import IrohPipe

__all__ = ["Distance"]


class Distance:
    """Stands between a pipe and the link on it, as the one's receiver and the other's pipe.

    Args:
        pipe: that was dialled and is not started.
        seconds: how long everything takes one way, and as long the other.
    """

    def __init__(self, pipe: IrohPipe, seconds: float) -> None:
        self._pipe = pipe
        self._seconds = seconds
        self._loop = asyncio.get_running_loop()
        self._link: Link

    def __getattr__(self, name: str) -> Any:
        """All else is the pipe's own."""
        return getattr(self._pipe, name)

    def start(self, link: Link) -> None:
        """Begins, as the pipe would."""
        self._link = link
        self._pipe.start(self)

    # -- the link's side --------------------------------------------------------------------------------------------

    def write(self, data: bytes) -> None:
        """Says something."""
        self._loop.call_later(self._seconds, self._pipe.write, bytes(data))

    def writelines(self, pieces: Iterable[bytes]) -> None:
        """Says something in pieces."""
        self.write(b"".join(pieces))

    def close(self) -> None:
        """Ends it after what was said."""
        self._loop.call_later(self._seconds, self._pipe.close)

    # -- the pipe's side --------------------------------------------------------------------------------------------

    def connection_made(self, transport: object) -> None:
        """The pipe has begun."""
        del transport
        self._link.connection_made(self)

    def data_received(self, data: bytes) -> None:
        """Something came."""
        self._loop.call_later(self._seconds, self._link.data_received, data)

    def pause_writing(self) -> None:
        """The pipe is full."""
        self._link.pause_writing()

    def resume_writing(self) -> None:
        """The pipe has room."""
        self._link.resume_writing()

    def connection_lost(self, error: Exception | None) -> None:
        """The pipe has ended."""
        self._loop.call_later(self._seconds, self._link.connection_lost, error)
