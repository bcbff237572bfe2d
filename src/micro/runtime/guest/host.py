"""What a guest can ask of its host, whichever ABI it speaks.

Pure.
"""

from __future__ import annotations

from typing import Protocol

from micro.mucp.headers import Headers

__all__ = ["Host"]


class Host(Protocol):
    """The world of one exchange, as its guest sees it. Everything raises `Fault` where it fails."""

    def log(self, level: int, line: str) -> None:
        """Takes a line; `level` is 0 for debug, 1 for information, 2 for a warning, 3 for an error."""

    async def call(self, headers: Headers, body: bytes) -> bytes:
        """Calls the endpoint that the headers name, and returns the answer's body."""

    async def publish(self, headers: Headers, body: bytes) -> str:
        """Publishes on the topic that the headers name, and returns the event's id."""

    async def config(self, path: str) -> bytes | None:
        """Returns a setting or secret of the service as JSON, None where there is none."""

    async def store_read(self, key: str) -> bytes | None:
        """Returns what is kept under a key."""

    async def store_write(self, key: str, value: bytes, expiry_seconds: int) -> None:
        """Keeps a value, for ever where `expiry_seconds` is 0."""

    async def store_delete(self, key: str) -> bool:
        """Forgets a key; returns whether it was there."""

    async def store_list(self, prefix: str, limit: int) -> list[str]:
        """Returns keys that begin so, in order."""

    async def stream_open(self, headers: Headers, body: bytes) -> int:
        """Opens a stream to the endpoint that the headers name, and returns its number."""

    async def stream_send(self, number: int, body: bytes) -> None:
        """Sends a message; waits while the other side is behind."""

    async def stream_receive(self, number: int) -> bytes | None:
        """Returns the next message, None after the last."""

    async def stream_end(self, number: int) -> None:
        """Says that no more is sent; what comes in goes on."""

    async def stream_close(self, number: int) -> None:
        """Withdraws from a stream that was opened here."""
