"""A core guest's memory, from outside: every address a guest names is checked before it is touched."""

from __future__ import annotations

import ctypes
from typing import Any

from wasmtime import _bindings as native

from micro.runtime.guest.fiber import Run, Trapped

__all__ = ["CoreRun"]


class CoreRun(Run):
    """`Run` of a core module.

    Attributes:
        memory: wasmtime's, None until the module is instantiated.
        mailbox: what waits to be taken by the guest.
        answer: what the guest has answered: a body, or a code and a detail; None so far.
        input: what it finds on its standard input.
        output: what it wrote to its standard output, where that is its answer; else None.
        exit_code: with which it ended itself, if it did.
    """

    memory: Any = None
    mailbox: bytes | None = None
    answer: bytes | tuple[int, bytes] | None = None
    input: bytes = b""
    output: bytearray | None = None
    exit_code: int | None = None

    def read(self, pointer: int, length: int, length_max: int) -> bytes:
        """Returns a copy of some of the memory.

        Raises:
            Trapped: it is not all there, or more than `length_max`.
        """
        if length > length_max:
            raise Trapped(f"it shows its host {length} bytes; {length_max} fit here")
        return ctypes.string_at(self._place(pointer, length), length) if length else b""

    def write(self, pointer: int, data: bytes) -> None:
        """Copies bytes into the memory.

        Raises:
            Trapped: it has no room there.
        """
        if data:
            ctypes.memmove(self._place(pointer, len(data)), data, len(data))

    def write_number(self, pointer: int, number: int, size: int = 4) -> None:
        """Writes a number as WebAssembly has them."""
        self.write(pointer, number.to_bytes(size, "little"))

    def read_number(self, pointer: int, size: int = 4) -> int:
        """Reads a number as WebAssembly has them."""
        return int.from_bytes(self.read(pointer, size, size), "little")

    def _place(self, pointer: int, length: int) -> int:
        if self.memory is None:
            raise Trapped("it asks its host for something before it is there; do so from _initialize at the earliest")
        size = native.wasmtime_memory_data_size(self.context, ctypes.byref(self.memory))
        if pointer + length > size:
            raise Trapped(f"it names {length} bytes at {pointer}, and has {size}")
        base = native.wasmtime_memory_data(self.context, ctypes.byref(self.memory))
        return int(ctypes.cast(base, ctypes.c_void_p).value or 0) + pointer

    def deliver(self, data: bytes) -> int:
        """Puts something into the mailbox, in the place of what the guest left there, and returns its length."""
        self.mailbox = data
        return len(data)
