"""One WebAssembly engine: compiles artefacts, and makes programs of what was compiled."""

from __future__ import annotations

import asyncio
from pathlib import Path

import wasmtime
from wasmtime import component as components

from micro.errors import EngineError
from micro.ports import Clock, Entropy
from micro.runtime.guest.compiled import COMPONENT, CORE, kind_of
from micro.runtime.guest.component import ComponentLinker, ComponentProgram
from micro.runtime.guest.coremodule import CoreLinker, CoreProgram
from micro.runtime.guest.fiber import Fibers
from micro.runtime.guest.grant import Grant
from micro.runtime.guest.guest import Program

__all__ = ["Machine"]

STACK_BYTES_MAX = 1_048_576

_Compiled = wasmtime.Module | components.Component


class Machine:
    """The engine of one process. All that it runs is run by one event loop."""

    def __init__(self, clock: Clock, entropy: Entropy) -> None:
        settings = wasmtime.Config()
        settings.consume_fuel = True
        settings.max_wasm_stack = STACK_BYTES_MAX
        settings.wasm_threads = False
        settings.wasm_memory64 = False
        settings.wasm_component_model = True
        settings.cranelift_nan_canonicalization = True  # the same bits on every machine
        settings.wasm_relaxed_simd_deterministic = True
        self.engine = wasmtime.Engine(settings)
        self.fibers = Fibers(clock.monotonic)
        self._core = CoreLinker(self.engine, self.fibers, clock, entropy)
        self._components = ComponentLinker(self.engine, self.fibers, clock)

    async def load(self, artefact: bytes, grant: Grant) -> Program:
        """Makes an artefact ready to be instantiated, for this process alone; compiling it may take seconds.

        Raises:
            EngineError: it is no WebAssembly, or asks for what no guest gets.
        """
        return self._program(await self._compiled(artefact), grant)

    async def compile(self, artefact: bytes, grant: Grant) -> bytes:
        """Returns what an engine on this machine opens at once; may take seconds.

        Raises:
            EngineError: as for `load`.
        """
        compiled = await self._compiled(artefact)
        self._program(compiled, grant)
        return bytes(compiled.serialize())

    async def open(self, compiled: Path, grant: Grant) -> Program:
        """Makes ready what was compiled; its name says of what kind it is. It is run as it is.

        Raises:
            EngineError: it is not there, or is of another engine or another machine.
        """
        kinds: dict[str, type[_Compiled]] = {CORE: wasmtime.Module, COMPONENT: components.Component}
        try:
            kind = kinds[compiled.suffixes[-2].removeprefix(".")]
            return self._program(await asyncio.to_thread(kind.deserialize_file, self.engine, str(compiled)), grant)
        except (IndexError, KeyError, wasmtime.WasmtimeError) as error:
            raise EngineError(f"{compiled.name} cannot be run here: {error}") from error

    async def _compiled(self, artefact: bytes) -> _Compiled:
        kind = wasmtime.Module if kind_of(artefact) == CORE else components.Component
        try:
            return await asyncio.to_thread(kind, self.engine, artefact)
        except wasmtime.WasmtimeError as error:
            raise EngineError(f"the artefact is refused: {error}") from error

    def _program(self, compiled: _Compiled, grant: Grant) -> Program:
        if isinstance(compiled, wasmtime.Module):
            return CoreProgram(self._core, compiled, grant)
        return ComponentProgram(self._components, compiled, grant)
