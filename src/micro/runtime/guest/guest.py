"""The seam for guests: one instance of an artefact, whichever ABI it speaks.

Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from micro.runtime.guest.host import Host

__all__ = ["STREAM", "Guest", "Program"]

STREAM = 0
"""The number of the stream that the exchange itself is; those that the guest opens count from 1."""


class Guest(Protocol):
    """One instance. It serves one exchange at a time; after any error but a `Fault` it gives of itself it is dead.

    Attributes:
        dead: whether it can serve no more.
        fuel_used: of the last exchange.
    """

    dead: bool
    fuel_used: int

    async def call(self, headers: Mapping[str, str], body: bytes, host: Host) -> bytes:
        """Answers a call.

        Raises:
            Fault: the guest says so, or it died of it.
        """

    async def serve(self, headers: Mapping[str, str], body: bytes, host: Host) -> None:
        """Serves a stream, which the host has as `STREAM`."""

    async def event(self, headers: Mapping[str, str], body: bytes, host: Host) -> None:
        """Handles an event."""

    def close(self) -> None:
        """Lets go of its memory. What runs in it must have ended."""


class Program(Protocol):
    """An artefact that is ready to be instantiated."""

    async def describe(self, host: Host) -> str:
        """Returns what the service says about itself, as JSON.

        Raises:
            EngineError: it says nothing, or died of it.
        """

    async def instantiate(self) -> Guest:
        """Returns a new instance.

        Raises:
            EngineError: it cannot be made: it wants more memory than its grant, or dies as it starts.
        """
