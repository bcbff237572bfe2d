"""Reads and writes of an iroh stream, each without a task.

What the binding offers is awaited, which costs a task, a future and several turns of the loop for every read and write.
Here the future of Rust's is polled where it stands: what is ready at once, as most writes are, is done at once, and
otherwise Rust says when to poll again. Where the binding is not the one that `iroh_bytes` knows, tasks do the same.

Calls into the library are of two kinds. Those that only count or copy keep the interpreter's lock. Those that may wait
for one of Rust's locks give it up, since whoever has that lock may be waiting for ours.
"""

from __future__ import annotations

import asyncio
import ctypes
import functools
import itertools
import struct
import threading
from collections.abc import Callable, Coroutine
from typing import Any, Final, Protocol, TypeVar

from iroh import RecvStream, SendStream, iroh_ffi

from micro.network.transport import iroh_bytes
from micro.network.transport.iroh_wake import WRITER_ADDRESS, Wakes

__all__ = ["Transfer", "reading", "writing"]

JOINED_BYTES_MAX: Final = 32 * 1024
"""Up to this size joining length and bytes in Python is cheaper than copying each of them by a call of its own."""

_READY: Final = 0
"""The code by which a future of Rust's says that it is complete."""

_binding: Any = iroh_ffi  # generated, and not typed
_LENGTH = struct.Struct(">i")
_U32, _U64 = ctypes.c_uint32, ctypes.c_uint64

Given_contra = TypeVar("Given_contra", contravariant=True)
Got_co = TypeVar("Got_co", covariant=True)


class Transfer(Protocol[Given_contra, Got_co]):
    """One direction of a stream, which does one thing at a time."""

    def begin(self, given: Given_contra) -> bool:
        """Begins; returns whether it is done already. If not, the one who is to be told hears of it later."""

    def result(self) -> Got_co:
        """Returns what came of it, once it is done; then the next may begin.

        Raises:
            IrohError: it failed.
        """

    def stop(self) -> None:
        """Gives up whatever is under way; nobody is told any more."""


def writing(loop: asyncio.AbstractEventLoop, stream: SendStream, done: Callable[[], None]) -> Transfer[bytes, None]:
    """Returns what writes to a stream, all that it is given."""
    return _Write(loop, stream, done) if iroh_bytes.applied() else _Awaited(loop, stream.write_all, done)


def reading(
    loop: asyncio.AbstractEventLoop, stream: RecvStream, done: Callable[[], None], wakes: Wakes | None
) -> Transfer[int, bytes]:
    """Returns what reads from a stream, up to so many bytes at once; none means its end."""
    return _Read(loop, stream, done, wakes) if iroh_bytes.applied() else _Awaited(loop, stream.read, done)


class _Awaited:
    """A transfer by way of what the binding offers."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        method: Callable[[Any], Coroutine[Any, Any, Any]],
        done: Callable[[], None],
    ) -> None:
        self._loop = loop
        self._method = method
        self._done = done
        self._task: asyncio.Task[Any] | None = None

    def begin(self, given: Any) -> bool:
        self._task = self._loop.create_task(self._method(given))
        self._task.add_done_callback(lambda task: task.cancelled() or self._done())
        return False

    def result(self) -> Any:
        assert self._task is not None
        return self._task.result()

    def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()


# ----------------------------------------------------------------------------------------------------------- native


class _Buffer(ctypes.Structure):
    """Memory of Rust's."""

    _fields_ = (("capacity", _U64), ("len", _U64), ("data", ctypes.c_void_p))


class _Status(ctypes.Structure):
    """How a call went."""

    _fields_ = (("code", ctypes.c_int8), ("error", _Buffer))


class _Library:
    """The functions of the binding's library that are called here."""

    def __init__(self) -> None:
        path = _binding._UniffiLib._name
        keeping, giving_up = ctypes.PyDLL(path), ctypes.CDLL(path)
        status, pointer = ctypes.POINTER(_Status), ctypes.c_void_p

        def function(library: ctypes.CDLL, name: str, result: Any, *arguments: Any) -> Any:
            found = library[name]
            found.restype, found.argtypes = result, arguments
            return found

        buffer, future, method = "ffi_iroh_ffi_rustbuffer", "ffi_iroh_ffi_rust_future", "uniffi_iroh_ffi_fn_method"
        self.reserve = function(keeping, f"{buffer}_alloc", _Buffer, _U64, status)
        self.release = function(keeping, f"{buffer}_free", None, _Buffer, status)
        self.clone_sending = function(keeping, "uniffi_iroh_ffi_fn_clone_sendstream", _U64, _U64, status)
        self.clone_receiving = function(keeping, "uniffi_iroh_ffi_fn_clone_recvstream", _U64, _U64, status)
        self.write_all = function(keeping, f"{method}_sendstream_write_all", _U64, _U64, _Buffer)
        self.read = function(keeping, f"{method}_recvstream_read", _U64, _U64, _U32)
        self.poll_void = function(giving_up, f"{future}_poll_void", None, _U64, pointer, _U64)
        self.poll_buffer = function(giving_up, f"{future}_poll_rust_buffer", None, _U64, pointer, _U64)
        self.complete_void = function(giving_up, f"{future}_complete_void", None, _U64, status)
        self.complete_buffer = function(giving_up, f"{future}_complete_rust_buffer", _Buffer, _U64, status)
        self.free_void = function(giving_up, f"{future}_free_void", None, _U64)
        self.free_buffer = function(giving_up, f"{future}_free_rust_buffer", None, _U64)


_library = functools.cache(_Library)

_transfers: dict[int, _Polled] = {}
_numbers = itertools.count(1)


def _continue(number: int, code: int) -> None:
    """Called by Rust, once a poll, from any thread: within the poll itself if the future is ready."""
    transfer = _transfers.get(number)
    if transfer is not None:
        transfer.called(code)


_callback = ctypes.CFUNCTYPE(None, _U64, ctypes.c_int8)(_continue)
_CONTINUE_ADDRESS: Final = ctypes.cast(_callback, ctypes.c_void_p).value
"""The callback is kept for the life of the process: Rust holds its address."""


class _Polled:
    """A transfer whose future is polled here."""

    __slots__ = (
        "_code",
        "_done",
        "_ffi_free",
        "_ffi_poll",
        "_future",
        "_library",
        "_loop",
        "_number",
        "_polling",
        "_status",
        "_status_pointer",
        "_stream",
        "_thread",
        "_waits",
    )

    def __init__(
        self, loop: asyncio.AbstractEventLoop, stream: SendStream | RecvStream, done: Callable[[], None]
    ) -> None:
        self._loop = loop
        self._stream: Any = stream
        self._done = done
        self._library = _library()
        self._ffi_poll: Callable[[int, int | None, int], None] = self._library.poll_void
        self._ffi_free: Callable[[int], None] = self._library.free_void
        self._thread = threading.get_ident()
        self._status = _Status()
        self._status_pointer = ctypes.byref(self._status)
        self._future = 0
        self._polling = self._waits = False
        self._code: int | None = None
        self._number = next(_numbers)
        _transfers[self._number] = self

    def called(self, code: int) -> None:
        """Rust says something about the future; from any thread."""
        if self._thread != threading.get_ident():
            try:
                self._loop.call_soon_threadsafe(self._go_on)
            except RuntimeError:  # the loop is closed, so nobody waits any more
                pass
        elif self._polling:
            self._code = code
        else:  # something else that was called on the loop has woken it
            self._loop.call_soon(self._go_on)

    def _go_on(self) -> None:
        if self._waits and self._poll():
            self._done()

    def _poll(self) -> bool:
        """Polls until the future is ready, or will call; says which."""
        code: int | None = -1
        while code is not None and code != _READY:
            self._code = None
            self._polling = True
            self._ffi_poll(self._future, _CONTINUE_ADDRESS, self._number)
            self._polling = False
            code = self._code
        self._waits = code is None
        return not self._waits

    def stop(self) -> None:
        _transfers.pop(self._number, None)
        self._waits = False
        future, self._future = self._future, 0
        if future:
            self._ffi_free(future)

    def _check(self) -> None:
        """Raises what the last call came to."""
        status = _binding._UniffiRustCallStatus.from_buffer_copy(self._status)
        self._status.code = 0
        _binding._uniffi_check_call_status(_binding._UniffiFfiConverterTypeIrohError__as_error, status)


class _Write(_Polled):
    __slots__ = ()

    def begin(self, given: bytes) -> bool:
        size = len(given)
        library, status = self._library, self._status_pointer
        buffer = library.reserve(_LENGTH.size + size, status)
        if size <= JOINED_BYTES_MAX:
            ctypes.memmove(buffer.data, _LENGTH.pack(size) + given, _LENGTH.size + size)
        else:
            ctypes.memmove(buffer.data, _LENGTH.pack(size), _LENGTH.size)
            ctypes.memmove(buffer.data + _LENGTH.size, given, size)
        buffer.len = _LENGTH.size + size
        self._future = library.write_all(library.clone_sending(self._stream._handle, status), buffer)
        return self._poll()

    def result(self) -> None:
        future, self._future = self._future, 0
        self._library.complete_void(future, self._status_pointer)
        self._library.free_void(future)
        if self._status.code:
            self._check()


class _Read(_Polled):
    __slots__ = ("_descriptor", "_wakes")

    def __init__(
        self, loop: asyncio.AbstractEventLoop, stream: RecvStream, done: Callable[[], None], wakes: Wakes | None
    ) -> None:
        super().__init__(loop, stream, done)
        self._ffi_poll, self._ffi_free = self._library.poll_buffer, self._library.free_buffer
        self._wakes = wakes
        self._descriptor = wakes.add(self._go_on) if wakes is not None else -1

    def begin(self, given: int) -> bool:
        library = self._library
        handle = library.clone_receiving(self._stream._handle, self._status_pointer)
        self._future = library.read(handle, given)
        if self._wakes is None:
            return self._poll()
        self._waits = True  # whether it is ready or not, the descriptor says so
        library.poll_buffer(self._future, WRITER_ADDRESS, self._descriptor)
        return False

    def result(self) -> bytes:
        future, self._future = self._future, 0
        library = self._library
        buffer = library.complete_buffer(future, self._status_pointer)
        library.free_buffer(future)
        if self._status.code:
            self._check()
        try:
            return ctypes.string_at(buffer.data + _LENGTH.size, buffer.len - _LENGTH.size)
        finally:
            library.release(buffer, self._status_pointer)

    def stop(self) -> None:
        super().stop()  # first the future, for it may write to the descriptor
        wakes, self._wakes = self._wakes, None
        if wakes is not None:
            wakes.remove(self._descriptor)
