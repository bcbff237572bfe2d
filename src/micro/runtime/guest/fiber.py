"""Guests on the event loop: wasmtime's fibers, which its Python package does not offer.

A guest's call is a future of wasmtime's that is polled. It comes back unfinished where the guest waits for its host, or
where it has used up a slice of its fuel; then others have their turn. So one loop carries any number of guests, each
suspended in the middle of its code. Everything goes through `wasmtime._bindings`, which is not public: the package is
pinned exactly, and `tests/contract/test_wasmtime.py` fails first when it moves.

An exception that leaves a callback would abort the whole process, so none does: it becomes a trap of its guest.
"""

from __future__ import annotations

import asyncio
import ctypes
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import wasmtime
from wasmtime import _bindings as native

from micro.runtime.guest.host import Host

__all__ = ["Fibers", "Run", "Trapped", "address", "raise_error", "raise_trap"]

SLICE_FUEL = 2_000_000
"""After so much fuel another guest has its turn: about a millisecond or two of the busiest code."""

SLICE_SECONDS = 0.005
"""A guest that has run longer than this, as its host's functions take time and no fuel, gives way at its next step."""

BREATH_SECONDS = 0.005
"""A guest that waits for something of WASI's own is looked after so often."""

log = logging.getLogger("micro.guest")
Begun = Callable[[], Any]


class Trapped(Exception):
    """A guest broke a rule of the ABI, used up its grant, or ended itself: its instance is dead."""


class _Pending:
    """A host's function that a guest waits for."""

    __slots__ = ("finish", "task", "value")

    def __init__(self, task: asyncio.Task[Any] | None, finish: Callable[[Any], None], value: Any = None) -> None:
        self.task = task
        self.finish = finish
        self.value = value


class Fibers:
    """All guests of one loop.

    Attributes:
        running: whose code runs at this moment; callbacks from wasmtime are about it.
        now: the clock.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self.now = now
        self.running: Run | None = None
        self._pending: dict[int, _Pending] = {}
        self._number = 0
        self._resume = native.wasmtime_func_async_continuation_callback_t(self._resumed)
        finalizer = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
        self._forget = finalizer(self._forgotten)
        self.nothing = finalizer(_nothing)

    def __len__(self) -> int:
        """How many functions of the host guests wait for."""
        return len(self._pending)

    def suspend(self, continuation: Any, begin: Begun, finish: Callable[[Any], None]) -> None:
        """Has the guest that runs now wait for what `begin` returns: a coroutine, or a value that is there already.

        Args:
            continuation: wasmtime's, to be filled.
            begin: starts it; what it raises is the outcome, too.
            finish: puts the outcome, a value or an exception, where wasmtime looks for it.
        """
        run = self.running
        task: asyncio.Task[Any] | None = None
        value: Any = None
        try:
            assert run is not None
            run.give_way()
            value = begin()
            if isinstance(value, Coroutine):
                task = run.waiting = asyncio.get_running_loop().create_task(_outcome(value))
        except BaseException as error:  # noqa: BLE001 - nothing may leave a callback
            value = error
        self._number = number = self._number % (2**62) + 1
        self._pending[number] = _Pending(task, finish, value)
        filled = continuation.contents
        filled.callback, filled.env, filled.finalizer = self._resume, number, self._forget

    def _resumed(self, number: int) -> bool:
        try:
            pending = self._pending[number]
            if pending.task is not None:
                if not pending.task.done():
                    return False
                pending.value = Trapped("its host gave up") if pending.task.cancelled() else pending.task.result()
                if self.running is not None:
                    self.running.waiting = None
            pending.finish(pending.value)
        except BaseException as error:
            log.exception("a guest's host failed", exc_info=error)
        return True

    def _forgotten(self, number: int) -> None:
        self._pending.pop(number, None)


async def _outcome(work: Awaitable[Any]) -> Any:
    """Returns what `work` comes to; an exception is an outcome as well."""
    try:
        return await work
    except asyncio.CancelledError:
        raise
    except Exception as error:  # noqa: BLE001 - the guest is told
        return error


def _nothing(env: int | None) -> None:
    """Is called where there is nothing to clean up."""


class Run:
    """One store, and what runs in it.

    Attributes:
        store, context: wasmtime's.
        host: of the exchange that is served.
        waiting: what its guest waits for.
    """

    def __init__(self, fibers: Fibers, engine: wasmtime.Engine, linker: object) -> None:
        """Makes an empty store; it keeps `linker` alive, as what it runs calls into that."""
        self.fibers = fibers
        self._linker = linker
        self.store = wasmtime.Store(engine)
        self.context: Any = self.store._context()
        self.host: Host | None = None
        self.waiting: asyncio.Task[Any] | None = None
        self._began = 0.0
        self._hurried = False
        self._given = self._spent = 0
        self._lasting = False

    def refuel(self, fuel: int, *, lasting: bool = False) -> None:
        """Grants fuel; what is left of an earlier grant is void. A lasting one is renewed with each message."""
        self._given, self._spent, self._lasting = fuel, 0, lasting
        self.store.set_fuel(fuel)
        self._pace(SLICE_FUEL)

    def renew(self) -> None:
        """Grants the same fuel again, if the grant is a lasting one: a message of a stream came."""
        if self._lasting:
            self._spent = self.fuel_used
            self.store.set_fuel(self._given)

    @property
    def fuel_used(self) -> int:
        """How much is used since the last grant."""
        return self._spent + self._given - self.store.get_fuel()

    def give_way(self) -> None:
        """Has the guest give way soon, if it has run for long without using fuel; called in each of its callbacks."""
        if not self._hurried and self.fibers.now() - self._began > SLICE_SECONDS:
            self._hurried = True
            self._pace(1)

    def _pace(self, fuel: int) -> None:
        raise_error(native.wasmtime_context_fuel_async_yield_interval(self.context, fuel))

    async def drive(self, future: Any) -> None:
        """Runs a call of wasmtime's to its end; whoever is cancelled in this has ended it."""
        fibers, poll = self.fibers, native.wasmtime_call_future_poll
        idle = 0
        try:
            while True:
                before = self.store.get_fuel() if idle else 0
                self._began = fibers.now()
                fibers.running = self
                try:
                    if poll(future):
                        return
                finally:
                    fibers.running = None
                if self._hurried:
                    self._hurried = False
                    self._pace(SLICE_FUEL)
                if self.waiting is not None:
                    await asyncio.wait((self.waiting,))
                    idle = 0
                elif idle and before == self.store.get_fuel():  # it waits for WASI, and nobody will wake us
                    await asyncio.sleep(BREATH_SECONDS)
                else:
                    idle += 1
                    await asyncio.sleep(0)
        finally:
            native.wasmtime_call_future_delete(future)
            if self.waiting is not None:
                self.waiting.cancel()
                self.waiting = None

    def close(self) -> None:
        """Drops the store."""
        self.host = None
        self.store.close()


def address(pointer: Any) -> int:
    """Returns where a pointer leads."""
    return int(ctypes.cast(pointer, ctypes.c_void_p).value or 0)


def raise_error(error: Any) -> None:
    """Raises an error of wasmtime's, if it is one.

    Raises:
        Trapped: it is.
    """
    if error:
        raise Trapped(_reason(str(wasmtime.WasmtimeError._from_ptr(error))))


def raise_trap(trap: Any) -> None:
    """Raises a trap of wasmtime's, if there is one.

    Raises:
        Trapped: there is.
    """
    if trap:
        raise Trapped(_reason(str(wasmtime.Trap._from_ptr(trap))))


def _reason(text: str) -> str:
    """Returns the reason at the end of what wasmtime says, without where in the guest it was."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    kept = [line for line in lines if not line[0].isdigit() or ": 0x" not in line]
    last = kept[-1] if kept else "it trapped"
    reason = last.removeprefix("wasm trap: ").partition(": ")[2] if last.startswith("Caused by") else last
    reason = reason.removeprefix("0: ").removeprefix("1: ").removeprefix("2: ").removeprefix("wasm trap: ")
    return "it used up its fuel" if "all fuel consumed" in reason else reason
