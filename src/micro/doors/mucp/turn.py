"""What the connections of the door have to write in one turn of the loop, written at its end, one after the other.

A write wakes whoever waits for it, which costs more than the write itself. Where answers to many connections are made
first and written then, a client that has all of them is woken by the first, and is at work when the others come.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

__all__ = ["Turn"]


class Turn:
    """The end of this turn of the running loop."""

    def __init__(self) -> None:
        self._writes: list[Callable[[], None]] = []

    def write_at_end(self, write: Callable[[], None]) -> None:
        """Has something called at the end of this turn."""
        if not self._writes:
            asyncio.get_running_loop().call_soon(self._end)
        self._writes.append(write)

    def _end(self) -> None:
        writes, self._writes = self._writes, []
        for write in writes:
            try:
                write()
            except Exception as error:  # noqa: BLE001 - a bug behind one connection must not hurt the others
                told = {"message": "what a connection had to write was not written", "exception": error}
                asyncio.get_running_loop().call_exception_handler(told)
