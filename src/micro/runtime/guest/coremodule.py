"""Guests of the core ABI, `micro-core-1`, and commands: what compilers to plain WebAssembly make."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import wasmtime
from wasmtime import _bindings as native

from micro.errors import EngineError, Fault, InternalError, NotFound
from micro.ports import Clock, Entropy
from micro.runtime.guest import corehost, wasi
from micro.runtime.guest.abi import fault_of, message_of, read_text
from micro.runtime.guest.fiber import Fibers, Trapped, address, raise_error, raise_trap
from micro.runtime.guest.grant import Grant
from micro.runtime.guest.host import Host
from micro.runtime.guest.memory import CoreRun

__all__ = ["CoreGuest", "CoreLinker", "CoreProgram", "Function"]

TABLES_MAX, MEMORIES_MAX = 4, 1
EXPORTS = ("micro_describe", "micro_call", "micro_serve", "micro_event", "_initialize", "_start")
UNSIGNED = 0xFFFFFFFF

Function = Any
_Pointer = ctypes.POINTER


class CoreLinker:
    """All functions that core guests of one engine may import."""

    def __init__(self, engine: wasmtime.Engine, fibers: Fibers, clock: Clock, entropy: Entropy) -> None:
        self.engine = engine
        self.fibers = fibers
        self.linker = wasmtime.Linker(engine)
        self._kept: list[Any] = []
        for name, (work, count, gives) in corehost.TOLD.items():
            self._define_told(corehost.MODULE, name, "i" * count, work, gives=gives)
        for name, (work, count) in corehost.ASKED.items():
            self._define_asked(corehost.MODULE, name, "i" * count, work)
        system = wasi.Wasi(clock, entropy)
        for name, types in wasi.SIGNATURES.items():
            if name == "poll_oneoff":
                self._define_asked(wasi.MODULE, name, types, system.poll_oneoff)
            else:
                work = system.function(name)
                self._define_told(wasi.MODULE, name, types, work, gives=name != "proc_exit")

    def _define_told(self, module: str, name: str, types: str, work: Callable[..., Any], *, gives: bool) -> None:
        fibers = self.fibers
        wide = [kind == "I" for kind in types]

        def told(env: int, caller: Any, values: Any, count: int) -> int:
            try:
                run = fibers.running
                assert isinstance(run, CoreRun)
                run.give_way()
                numbers = [values[i].i64 if big else values[i].i32 & UNSIGNED for i, big in enumerate(wide)]
                found = work(run, *numbers)
                if gives:
                    values[0].i32 = found
            except BaseException as error:  # noqa: BLE001 - nothing may leave a callback
                return address(_trap(error))
            return 0

        callback = native.wasmtime_func_unchecked_callback_t(told)
        kind = _type(types, gives=gives)
        self._define(native.wasmtime_linker_define_func_unchecked, module, name, kind, callback)

    def _define_asked(self, module: str, name: str, types: str, work: Callable[..., Any]) -> None:
        fibers = self.fibers

        def finish(run: CoreRun, results: Any, trap: Any, value: Any) -> None:
            try:
                results[0].kind, results[0].of.i32 = 0, corehost.outcome(run, value)
            except BaseException as error:  # noqa: BLE001 - nothing may leave a callback
                trap[0] = _trap(error)

        def asked(
            env: int, caller: Any, values: Any, count: int, results: Any, given: int, trap: Any, continuation: Any
        ) -> None:
            run: Any = fibers.running
            numbers = [values[i].of.i32 & UNSIGNED for i in range(count)]
            fibers.suspend(continuation, partial(work, run, *numbers), partial(finish, run, results, trap))

        callback = native.wasmtime_func_async_callback_t(asked)
        self._define(native.wasmtime_linker_define_async_func, module, name, _type(types, gives=True), callback)

    def _define(self, define: Any, module: str, name: str, kind: wasmtime.FuncType, callback: Any) -> None:
        self._kept.append(callback)
        said = [text for part in (module, name) for text in (ctypes.create_string_buffer(part.encode()), len(part))]
        raise_error(define(self.linker.ptr(), *said, kind.ptr(), callback, None, self.fibers.nothing))

    def check(self, module: wasmtime.Module) -> None:
        """Checks what a module wants before anything of it runs.

        Raises:
            EngineError: it imports what no guest gets, or lacks what every guest has.
        """
        known = {corehost.MODULE: {*corehost.TOLD, *corehost.ASKED}, wasi.MODULE: set(wasi.SIGNATURES)}
        for wanted in module.imports:
            if wanted.name not in known.get(wanted.module, ()):
                raise EngineError(
                    f"the guest imports {wanted.module}.{wanted.name}, which is not of the guest ABI: "
                    "build it for wasm32-wasip1, with the functions of micro-core-1 alone"
                )
        exported = {each.name for each in module.exports}
        if "memory" not in exported or not exported & {"micro_call", "micro_serve", "_start"}:
            raise EngineError(
                "the guest exports neither micro_call with its memory (micro-core-1) nor _start (a command): "
                "see docs/reference/guest-abi.md"
            )


class CoreProgram:
    """`Program` of a core module."""

    def __init__(self, linker: CoreLinker, module: wasmtime.Module, grant: Grant) -> None:
        linker.check(module)
        self._linker = linker
        self._module = module
        self._grant = grant
        self.is_command = "micro_call" not in {each.name for each in module.exports}

    async def describe(self, host: Host) -> str:
        """Returns what the service says about itself; see `Program`."""
        guest = await self.instantiate()
        try:
            return await guest.describe(host)
        finally:
            guest.close()

    async def instantiate(self) -> CoreGuest:
        """Returns a new instance; see `Program`."""
        run = CoreRun(self._linker.fibers, self._linker.engine, self._linker)
        grant = self._grant
        run.refuel(grant.fuel)
        run.store.set_limits(
            memory_size=grant.memory_bytes,
            table_elements=grant.table_elements,
            instances=1,
            tables=TABLES_MAX,
            memories=MEMORIES_MAX,
        )
        instance = native.wasmtime_instance_t()
        trap, error = _Pointer(native.wasm_trap_t)(), _Pointer(native.wasmtime_error_t)()
        future = native.wasmtime_linker_instantiate_async(
            self._linker.linker.ptr(),
            run.context,
            self._module.ptr(),
            ctypes.byref(instance),
            ctypes.byref(trap),
            ctypes.byref(error),
        )
        try:
            await run.drive(future)
            raise_error(error)
            raise_trap(trap)
            guest = CoreGuest(run, instance, grant)
            if "_initialize" in guest.functions:
                await guest.enter("_initialize")
        except Trapped as died:
            run.close()
            raise EngineError(f"the guest does not start: {died}") from died
        except BaseException:
            run.close()
            raise
        return guest


class CoreGuest:
    """`Guest` of a core module."""

    def __init__(self, run: CoreRun, instance: Any, grant: Grant) -> None:
        self.dead = False
        self.fuel_used = 0
        self.functions: dict[str, Any] = {}
        self._run = run
        self._grant = grant
        found = native.wasmtime_extern_t()
        for name in ("memory", *EXPORTS):
            said = ctypes.create_string_buffer(name.encode())
            if native.wasmtime_instance_export_get(
                run.context, ctypes.byref(instance), said, len(name), ctypes.byref(found)
            ):
                self._keep(name, found)
        self._arguments: Any = (native.wasmtime_val_t * 1)()
        self._results: Any = (native.wasmtime_val_t * 1)()

    def _keep(self, name: str, found: Any) -> None:
        if name == "memory" and found.kind == wasmtime._ffi.WASMTIME_EXTERN_MEMORY.value:
            memory = native.wasmtime_memory_t()
            ctypes.pointer(memory)[0] = found.of.memory
            self._run.memory = memory
        elif found.kind == wasmtime._ffi.WASMTIME_EXTERN_FUNC.value:
            function = native.wasmtime_func_t()
            ctypes.pointer(function)[0] = found.of.func
            self.functions[name] = function

    async def describe(self, host: Host) -> str:
        """Returns what the guest says about itself."""
        run = self._run
        if "micro_describe" not in self.functions:
            raise EngineError("the guest has no micro_describe: it tells nothing of its endpoints")
        run.host, run.answer = host, None
        try:
            await self.enter("micro_describe")
        except Trapped as died:
            raise EngineError(f"the guest does not say what it is: {died}") from died
        answer = self._answered(run.answer)
        if answer is None:
            raise EngineError("the guest's micro_describe gives no answer")
        return answer.decode("utf-8", "replace")

    async def call(self, headers: Mapping[str, str], body: bytes, host: Host) -> bytes:
        """Answers a call; see `Guest`."""
        if "micro_call" not in self.functions:
            return await self._command(body, host)
        found = await self._exchange("micro_call", headers, body, host)
        if found is None:
            raise InternalError("the guest gave no answer")
        return found

    async def serve(self, headers: Mapping[str, str], body: bytes, host: Host) -> None:
        """Serves a stream; see `Guest`."""
        await self._exchange("micro_serve", headers, body, host, lasting=True)

    async def event(self, headers: Mapping[str, str], body: bytes, host: Host) -> None:
        """Handles an event; see `Guest`."""
        await self._exchange("micro_event", headers, body, host)

    def close(self) -> None:
        """Lets go of its memory."""
        self.dead = True
        self._run.close()

    async def _exchange(
        self, name: str, headers: Mapping[str, str], body: bytes, host: Host, *, lasting: bool = False
    ) -> bytes | None:
        if name not in self.functions:
            raise NotFound(f"the guest has no {name}, which this needs")
        run = self._run
        message = message_of(headers, body)
        run.host, run.answer = host, None
        try:
            await self._spend(self.enter(name, run.deliver(message)), lasting=lasting)
        finally:
            run.host = run.mailbox = None
        return self._answered(run.answer)

    async def _command(self, body: bytes, host: Host) -> bytes:
        run = self._run
        run.host, run.input, run.output = host, body, bytearray()
        try:
            await self._spend(self.enter("_start"))
            return bytes(run.output)
        finally:
            self.dead = True  # a command runs once
            run.host = run.output = None

    async def _spend(self, work: Any, *, lasting: bool = False) -> None:
        """Does a piece of work within the grant; a guest that does not come to its end is dead."""
        self._run.refuel(self._grant.fuel, lasting=lasting)
        self.dead = True
        try:
            await work
        except Trapped as died:
            if self._run.exit_code != 0:
                raise InternalError(f"the guest died: {died}") from died
        else:
            self.dead = False
        finally:
            self.fuel_used = self._run.fuel_used

    @staticmethod
    def _answered(answer: bytes | tuple[int, bytes] | None) -> bytes | None:
        if isinstance(answer, tuple):
            raise fault_of(answer[0], read_text(answer[1]))
        return answer

    async def enter(self, name: str, *numbers: int) -> None:
        """Runs one of the guest's functions.

        Raises:
            Trapped: it died of it.
        """
        run = self._run
        for index, number in enumerate(numbers):
            self._arguments[index].kind, self._arguments[index].of.i32 = 0, number
        trap, error = _Pointer(native.wasm_trap_t)(), _Pointer(native.wasmtime_error_t)()
        await run.drive(
            native.wasmtime_func_call_async(
                run.context,
                ctypes.byref(self.functions[name]),
                self._arguments,
                len(numbers),
                self._results,
                0,
                ctypes.byref(trap),
                ctypes.byref(error),
            )
        )
        raise_error(error)
        raise_trap(trap)


def _type(types: str, *, gives: bool) -> wasmtime.FuncType:
    kinds = {"i": wasmtime.ValType.i32, "I": wasmtime.ValType.i64}
    return wasmtime.FuncType([kinds[each]() for each in types], [wasmtime.ValType.i32()] if gives else [])


def _trap(error: BaseException) -> Any:
    """Returns a trap for what a host's function raised."""
    if isinstance(error, Trapped | Fault):
        text = str(error)
    else:
        text = f"its host failed: {type(error).__name__}: {error}"
    said = text.encode()
    return native.wasmtime_trap_new(ctypes.create_string_buffer(said), len(said))
