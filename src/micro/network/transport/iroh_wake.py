"""Wakes the loop from iroh's threads without any Python there.

A thread of Rust's that waits for the interpreter's lock, in order to say that bytes came, holds up its connection.

Rust reports by calling a C function with a number and a code. `eventfd_write` of the C library is such a function where
the number is a file descriptor. The code is added to the eventfd's counter; a zero too makes an edge-triggered epoll
report it, as long as the counter is not zero, so it starts at one. The loop watches the epoll.
"""

from __future__ import annotations

import asyncio
import ctypes
import functools
import os
import select
import sys
from collections.abc import Callable
from typing import Final

__all__ = ["WRITER_ADDRESS", "Wakes", "available"]

_EDGES: Final = select.EPOLLIN | select.EPOLLET if sys.platform == "linux" else 0
_COUNTER_START: Final = 1

_writer = getattr(ctypes.CDLL(None), "eventfd_write", None) if sys.platform == "linux" else None
WRITER_ADDRESS: Final = ctypes.cast(_writer, ctypes.c_void_p).value or 0 if _writer is not None else 0
"""Where the C library's `eventfd_write(int, uint64_t)` is; 0 where there is none."""


@functools.cache
def available() -> bool:
    """Whether this system reports each write to an eventfd, also one of zero; tried out once."""
    if _writer is None:
        return False
    write = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_uint64, ctypes.c_int8)(WRITER_ADDRESS)  # as Rust calls it
    descriptor = os.eventfd(_COUNTER_START, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
    try:
        with select.epoll() as epoll:
            epoll.register(descriptor, _EDGES)
            reported = [bool(epoll.poll(0)), bool(epoll.poll(0))]
            for code in (0, 1):
                write(descriptor, code)
                reported += [bool(epoll.poll(0)), bool(epoll.poll(0))]
            return reported == [True, False] * 3 and os.eventfd_read(descriptor) == _COUNTER_START + 1
    finally:
        os.close(descriptor)


class Wakes:
    """The descriptors that Rust may write to, and what the loop does then; one for each endpoint."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._epoll = select.epoll()
        self._called: dict[int, Callable[[], None]] = {}
        loop.add_reader(self._epoll.fileno(), self._drain)

    def __len__(self) -> int:
        """How many descriptors there are."""
        return len(self._called)

    def add(self, called: Callable[[], None]) -> int:
        """Returns a new descriptor; `called` runs on the loop after each write, once where several came meanwhile."""
        descriptor = os.eventfd(_COUNTER_START, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._called[descriptor] = called
        self._epoll.register(descriptor, _EDGES)
        for other in self._written():
            if other != descriptor:  # that is only because it is new
                self._loop.call_soon(self._call, other)
        return descriptor

    def remove(self, descriptor: int) -> None:
        """Closes a descriptor that nobody writes to any more: its number may soon name another file."""
        del self._called[descriptor]
        self._epoll.unregister(descriptor)
        os.close(descriptor)

    def close(self) -> None:
        """Ends it; all descriptors must have been removed."""
        assert not self._called, "a pipe still reads"
        self._loop.remove_reader(self._epoll.fileno())
        self._epoll.close()

    def _written(self) -> list[int]:
        return [descriptor for descriptor, _ in self._epoll.poll(0, len(self._called) + 1)]

    def _drain(self) -> None:
        for descriptor in self._written():
            self._call(descriptor)

    def _call(self, descriptor: int) -> None:
        called = self._called.get(descriptor)
        if called is not None:  # else what was called just before has removed it
            called()
