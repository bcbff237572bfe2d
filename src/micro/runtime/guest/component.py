"""Guests that are components of the world `micro:service`: what Python and JavaScript become."""

from __future__ import annotations

import asyncio
import ctypes
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

import wasmtime
from wasmtime import _bindings as native
from wasmtime import component as components

from micro.errors import Conflict, EngineError, Fault, InternalError
from micro.ports import Clock
from micro.runtime.guest.abi import TEXT_BYTES_MAX, fault_of
from micro.runtime.guest.componenthost import FUNCTIONS
from micro.runtime.guest.fiber import Fibers, Run, Trapped, address, raise_error
from micro.runtime.guest.grant import Grant
from micro.runtime.guest.host import Host
from micro.runtime.guest.outlet import Outlet
from micro.runtime.guest.values import BYTES, MESSAGE, TEXT, U64, Result, Shape, release

__all__ = ["ComponentGuest", "ComponentLinker", "ComponentProgram"]

PACKAGE = "micro:service"
HOST, HANDLER = "micro:service/host@0.1.0", "micro:service/handler@0.1.0"
MONOTONIC = "wasi:clocks/monotonic-clock@"
WASI = ("cli", "clocks", "filesystem", "io", "random", "sockets")
ALLOWED = ("micro:service/", *(f"wasi:{name}/" for name in WASI))
"""What a component may import. WASI's files and sockets are there as languages' runtimes link them, and give nothing:
no folder is opened for a guest, and no address is allowed."""

INSTANCES_MAX = TABLES_MAX = 32
"""A component is made of several modules, each with an instance and tables."""

MEMORIES_MAX = 2
"""One that is the program's own, and one of an adapter beside it."""


class ComponentLinker:
    """All that components of one engine may import.

    WASI is wasmtime's own, in the form whose functions return at once. The one thing there that could wait is a clock
    to be woken by, and whoever waited there would hold up all guests of the loop: that clock is ours, and wakes nobody.
    """

    def __init__(self, engine: wasmtime.Engine, fibers: Fibers, clock: Clock) -> None:
        self._clock = clock
        self.engine = engine
        self.fibers = fibers
        self.linker = components.Linker(engine)
        self._kept: list[Any] = []
        self.linker.allow_shadowing = True
        self.linker.add_wasip2()
        self._clocks: set[str] = set()
        with self.linker.root() as root, root.add_instance(HOST) as instance:
            for name, (work, takes, gives) in FUNCTIONS.items():
                self._define(instance, name, work, takes, gives)

    def admit(self, names: Iterable[str]) -> None:
        """Makes the linker ready for a component that imports these.

        Raises:
            EngineError: it imports what no guest gets.
        """
        for name in names:
            if not name.startswith(ALLOWED):
                raise EngineError(f"the guest imports {name}, which no guest gets: build it for the world {PACKAGE}")
            if name.startswith(MONOTONIC) and name not in self._clocks:
                self._clocks.add(name)
                with self.linker.root() as root, root.add_instance(name) as instance:
                    self._define_told(instance, "now", lambda: int(self._clock.monotonic() * 1e9))
                    self._define_told(instance, "resolution", lambda: 1_000)
                    self._define_told(instance, "subscribe-duration", _no_waking)
                    self._define_told(instance, "subscribe-instant", _no_waking)

    def _define_told(self, instance: Any, name: str, work: Callable[[], int]) -> None:
        """Defines a function that is done at once, and returns a number of 64 bits."""
        fibers = self.fibers

        def told(env: int, context: Any, kind: Any, arguments: Any, count: int, results: Any, given: int) -> int:
            try:
                if fibers.running is not None:
                    fibers.running.give_way()
                U64.lower(results[0], work())
            except BaseException as error:  # noqa: BLE001 - nothing may leave a callback
                return address(native.wasmtime_error_new(ctypes.create_string_buffer(_reason(error))))
            return 0

        callback = native.wasmtime_component_func_callback_t(told)
        self._kept.append(callback)
        said = name.encode()
        raise_error(
            native.wasmtime_component_linker_instance_add_func(
                instance.ptr(), ctypes.create_string_buffer(said), len(said), callback, None, fibers.nothing
            )
        )

    def _define(
        self, instance: Any, name: str, work: Callable[..., Any], takes: tuple[Shape, ...], gives: Result | None
    ) -> None:
        fibers = self.fibers

        def finish(run: Run | None, results: Any, errors: Any, value: Any) -> None:
            try:
                if isinstance(value, Exception) and not isinstance(value, Fault):
                    raise value
                if gives is not None:
                    is_well = not isinstance(value, Fault)
                    gives.lower(results[0], (is_well, value if is_well else _fields(value)))
                elif isinstance(value, Fault):
                    raise value
                if name == "stream-receive" and isinstance(value, bytes) and run is not None:
                    run.renew()
            except BaseException as error:  # noqa: BLE001 - nothing may leave a callback
                errors[0] = native.wasmtime_error_new(ctypes.create_string_buffer(_reason(error)))

        def asked(
            env: int,
            context: Any,
            kind: Any,
            arguments: Any,
            count: int,
            results: Any,
            given: int,
            errors: Any,
            then: Any,
        ) -> None:
            run = fibers.running

            def begin() -> Any:
                lifted = [shape.lift(arguments[index]) for index, shape in enumerate(takes)]
                if run is None or run.host is None:
                    raise Conflict("nothing can be asked of the host before the first exchange, and after the last")
                return work(run.host, *lifted)

            fibers.suspend(then, begin, partial(finish, run, results, errors))

        callback = native.wasmtime_component_func_async_callback_t(asked)
        self._kept.append(callback)
        said = name.encode()
        raise_error(
            native.wasmtime_component_linker_instance_add_func_async(
                instance.ptr(), ctypes.create_string_buffer(said), len(said), callback, None, fibers.nothing
            )
        )


class ComponentProgram:
    """`Program` of a component."""

    def __init__(self, linker: ComponentLinker, component: components.Component, grant: Grant) -> None:
        self._linker = linker
        self._component = component
        self._grant = grant
        linker.admit(component.type.imports(linker.engine))
        handler = component.get_export_index(HANDLER)
        if handler is None:
            raise EngineError(f"the guest does not export {HANDLER}: build it for the world {PACKAGE}")
        names = ("describe", "call", "serve", "event")
        self._exports = {name: component.get_export_index(name, handler) for name in names}

    async def describe(self, host: Host) -> str:
        """Returns what the service says about itself; see `Program`."""
        guest = await self.instantiate()
        try:
            return await guest.describe(host)
        finally:
            guest.close()

    async def instantiate(self) -> ComponentGuest:
        """Returns a new instance; see `Program`."""
        run = Run(self._linker.fibers, self._linker.engine, self._linker)
        grant = self._grant
        run.refuel(grant.fuel)
        run.store.set_limits(
            memory_size=grant.memory_bytes,
            table_elements=grant.table_elements,
            instances=INSTANCES_MAX,
            tables=TABLES_MAX,
            memories=MEMORIES_MAX,
        )
        loop = asyncio.get_running_loop()
        outlets = (Outlet(run, 1, loop), Outlet(run, 2, loop))
        run.store.set_wasi(_wasi(*outlets))
        instance, error = native.wasmtime_component_instance_t(), ctypes.POINTER(native.wasmtime_error_t)()
        future = native.wasmtime_component_linker_instantiate_async(
            self._linker.linker.ptr(), run.context, self._component.ptr(), ctypes.byref(instance), ctypes.byref(error)
        )
        try:
            await run.drive(future)
            raise_error(error)
        except Trapped as died:
            run.close()
            raise EngineError(f"the guest does not start: {died}") from died
        except BaseException:
            run.close()
            raise
        found = components.Instance._from_raw(instance)
        functions = {}
        for name, index in self._exports.items():
            function = None if index is None else found.get_func(run.store, index)
            if function is not None:
                functions[name] = function._func
        return ComponentGuest(run, functions, grant, outlets)


class ComponentGuest:
    """`Guest` of a component."""

    def __init__(self, run: Run, functions: Mapping[str, Any], grant: Grant, outlets: tuple[Outlet, Outlet]) -> None:
        self.dead = False
        self.fuel_used = 0
        self._run = run
        self._functions = functions
        self._grant = grant
        self._outlets = outlets

    async def describe(self, host: Host) -> str:
        """Returns what the guest says about itself."""
        self._run.host = host
        try:
            found: str = await self._enter("describe", TEXT)
        except Trapped as died:
            raise EngineError(f"the guest does not say what it is: {died}") from died
        return found

    async def call(self, headers: Mapping[str, str], body: bytes, host: Host) -> bytes:
        """Answers a call; see `Guest`."""
        found: bytes = await self._exchange("call", BYTES, headers, body, host)
        return found

    async def serve(self, headers: Mapping[str, str], body: bytes, host: Host) -> None:
        """Serves a stream; see `Guest`."""
        await self._exchange("serve", None, headers, body, host, lasting=True)

    async def event(self, headers: Mapping[str, str], body: bytes, host: Host) -> None:
        """Handles an event; see `Guest`."""
        await self._exchange("event", None, headers, body, host)

    def close(self) -> None:
        """Lets go of its memory."""
        self.dead = True
        self._run.close()

    async def _exchange(
        self,
        name: str,
        shape: Shape | None,
        headers: Mapping[str, str],
        body: bytes,
        host: Host,
        *,
        lasting: bool = False,
    ) -> Any:
        run = self._run
        run.refuel(self._grant.fuel, lasting=lasting)
        run.host = host
        self.dead = True
        try:
            is_well, found = await self._enter(name, Result(shape), (list(headers.items()), body))
            self.dead = False
        except Trapped as died:
            raise InternalError(f"the guest died: {died}") from died
        except EngineError as error:
            raise InternalError(str(error)) from error
        finally:
            self.fuel_used = run.fuel_used
            for outlet in self._outlets:
                outlet.end()
            run.host = None
        if not is_well:
            id, code, detail, _ = found
            raise fault_of(code, detail[:TEXT_BYTES_MAX], id[:256])
        return found

    async def _enter(self, name: str, gives: Shape, message: Any = None) -> Any:
        """Runs one of the guest's functions."""
        function = self._functions.get(name)
        if function is None:
            raise EngineError(f"the guest has no function {name}: build it for the world {PACKAGE}")
        count = 0 if message is None else 1
        arguments, results = (native.wasmtime_component_val_t * 1)(), (native.wasmtime_component_val_t * 1)()
        if message is not None:
            MESSAGE.lower(arguments[0], message)
        error = ctypes.POINTER(native.wasmtime_error_t)()
        try:
            await self._run.drive(
                native.wasmtime_component_func_call_async(
                    ctypes.byref(function), self._run.context, arguments, count, results, 1, ctypes.byref(error)
                )
            )
            raise_error(error)
            return gives.lift(results[0])
        finally:
            release(arguments[0])
            release(results[0])


def _wasi(output: Outlet, errors: Outlet) -> wasmtime.WasiConfig:
    settings = wasmtime.WasiConfig()
    settings.stdout_custom = output.write
    settings.stderr_custom = errors.write
    return settings


def _no_waking() -> int:
    raise Trapped("it waits for a clock of WASI's, which wakes no guest: the function sleep of micro:service does")


def _fields(fault: Fault) -> tuple[str, int, str, str]:
    return fault.id, fault.code, fault.detail, fault.status


def _reason(error: BaseException) -> bytes:
    said = str(error) if isinstance(error, Trapped | Fault) else f"its host failed: {type(error).__name__}: {error}"
    return said.encode().replace(b"\0", b" ")
