"""What a component writes to its standard output and standard error: lines for its service's log."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final

from micro.runtime.guest.fiber import Run
from micro.runtime.lines import LineSplitter

__all__ = ["WAITING_BYTES_MAX", "Outlet"]

WAITING_BYTES_MAX: Final = 1_048_576
"""So much of what a guest wrote waits for the loop; what comes beyond is left out, and the log says so."""


class Outlet:
    """One of the two; 1 is the output, 2 the errors.

    wasmtime writes from threads of its own, while the guest waits for it: what comes is only put aside there, and taken
    up by the loop, or at the end of the exchange.
    """

    def __init__(self, run: Run, level: int, loop: asyncio.AbstractEventLoop) -> None:
        self._run = run
        self._level = level
        self._loop = loop
        self._lines = LineSplitter()
        self._written: deque[bytes] = deque()
        self._waiting = 0
        self._missed = 0

    def write(self, data: bytes) -> None:
        """Takes what the guest wrote, in whichever thread."""
        if self._waiting + len(data) > WAITING_BYTES_MAX:
            self._missed += len(data)
            return
        self._waiting += len(data)
        self._written.append(bytes(data))
        if len(self._written) == 1:
            self._loop.call_soon_threadsafe(self._take)

    def end(self) -> None:
        """The exchange is over: an unfinished line is one."""
        self._take()
        for line in self._lines.end():
            self._say(line)

    def _take(self) -> None:
        while self._written:
            for line in self._lines.feed(self._written.popleft()):
                self._say(line)
        self._waiting = 0
        missed, self._missed = self._missed, 0
        if missed:
            self._say(f"{missed} bytes were written too fast, and left out")

    def _say(self, line: str) -> None:
        if self._run.host is not None:
            self._run.host.log(self._level, line)
