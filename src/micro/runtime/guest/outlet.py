"""What a component writes to its standard output and standard error: lines for its service's log."""

from __future__ import annotations

from micro.runtime.guest.fiber import Run
from micro.runtime.lines import LineSplitter

__all__ = ["Outlet"]


class Outlet:
    """One of the two; 1 is the output, 2 the errors."""

    def __init__(self, run: Run, level: int) -> None:
        self._run = run
        self._level = level
        self._lines = LineSplitter()

    def write(self, data: bytes) -> None:
        """Takes what the guest wrote."""
        self._run.give_way()
        for line in self._lines.feed(bytes(data)):
            self._say(line)

    def end(self) -> None:
        """The exchange is over: an unfinished line is one."""
        for line in self._lines.end():
            self._say(line)

    def _say(self, line: str) -> None:
        if self._run.host is not None:
            self._run.host.log(self._level, line)
