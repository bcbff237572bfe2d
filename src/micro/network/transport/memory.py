"""A pipe inside one process: two ends on one loop, for clients beside their node, for tests and simulated worlds."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from micro.errors import LinkClosed
from micro.network.transport.pipe import BufferedPipe

__all__ = ["MemoryPipe", "pair"]


def pair(
    left_facts: Mapping[str, Any] | None = None, right_facts: Mapping[str, Any] | None = None
) -> tuple[MemoryPipe, MemoryPipe]:
    """Returns the two ends of a new pipe on the running loop; each is silent until it is started.

    Args:
        left_facts: what `get_extra_info` of the first end shall know, for instance `{"nid": nid_of_the_second}`.
        right_facts: the same for the second end.
    """
    loop = asyncio.get_running_loop()
    left = MemoryPipe(loop, {"peername": "memory", **(left_facts or {})})
    right = MemoryPipe(loop, {"peername": "memory", **(right_facts or {})})
    left._far, right._far = right, left
    return left, right


class MemoryPipe(BufferedPipe):
    """One end. What is written crosses in later turns of the loop, one chunk a turn, in an order that never varies."""

    _far: MemoryPipe | None = None
    _crossing = False

    def _send_soon(self) -> None:
        if not self._crossing:
            self._crossing = True
            self._loop.call_soon(self._cross)

    def _read_soon(self) -> None:
        if self._far is not None:
            self._far._send_soon()

    def _cross(self) -> None:
        self._crossing = False
        far = self._far
        if self._ended or far is None:
            return
        if self._waiting:
            if not far._takes():
                return  # it calls _read_soon when it does
            data = self._take()
            far._received(data)
            self._taken(len(data))
        if self._waiting:
            self._send_soon()
        elif self._closing:
            self._part(None)

    def _takes(self) -> bool:
        """A closing end takes bytes to drop them, or its far end could never finish."""
        return self._closing or (self._reading and self._receiver is not None)

    def _drop(self) -> None:
        self._part(LinkClosed("the other end of the pipe was aborted"))

    def _part(self, error: Exception | None) -> None:
        """Ends both ends: this one on purpose, the far one with `error`."""
        far, self._far = self._far, None
        self._end(None)
        if far is not None:
            far._far = None
            far._end(error)
