"""One WebAssembly engine: compiles artefacts, keeps what it compiled, and makes programs of them."""

from __future__ import annotations

import asyncio
import hashlib
from importlib.metadata import version
from pathlib import Path

import wasmtime
from wasmtime import component as components

from micro.errors import EngineError
from micro.ports import Clock, Disk, Entropy
from micro.runtime.guest.component import ComponentLinker, ComponentProgram
from micro.runtime.guest.coremodule import CoreLinker, CoreProgram
from micro.runtime.guest.fiber import Fibers
from micro.runtime.guest.grant import Grant
from micro.runtime.guest.guest import Program

__all__ = ["ARTEFACT_BYTES_MAX", "Machine"]

ARTEFACT_BYTES_MAX = 134_217_728
ENGINE = f"wasmtime-{version('wasmtime')}-1"
"""What compiled code depends on besides the artefact: the engine and, by the last number, our settings of it."""

STACK_BYTES_MAX = 1_048_576
CORE_VERSION, COMPONENT_VERSION = bytes((1, 0, 0, 0)), bytes((13, 0, 1, 0))
"""What stands behind the mark, as the component model's binary format has it."""

MAGIC = b"\0asm"
CACHED_MAX = 64
"""So many compiled artefacts are kept; the oldest go."""


class Machine:
    """The engine of one process. All that it runs is run by one event loop.

    Args:
        cache: the folder of what was compiled here. What it holds is run as it is: it must be this owner's alone.
    """

    def __init__(self, clock: Clock, entropy: Entropy, disk: Disk, cache: Path) -> None:
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
        self._disk = disk
        self._cache = cache

    async def load(self, artefact: bytes, grant: Grant) -> Program:
        """Makes an artefact ready to be instantiated; a new one is compiled first, which may take seconds.

        Raises:
            EngineError: it is no WebAssembly, or asks for what no guest gets.
        """
        if len(artefact) > ARTEFACT_BYTES_MAX:
            raise EngineError(f"the artefact has {len(artefact)} bytes; {ARTEFACT_BYTES_MAX} are taken")
        if artefact[:4] != MAGIC:
            raise EngineError("the artefact is no WebAssembly: it does not begin with its mark")
        try:
            if artefact[4:8] == CORE_VERSION:
                return CoreProgram(self._core, await asyncio.to_thread(self._module, artefact), grant)
            if artefact[4:8] == COMPONENT_VERSION:
                return ComponentProgram(self._components, await asyncio.to_thread(self._component, artefact), grant)
        except wasmtime.WasmtimeError as error:
            raise EngineError(f"the artefact is refused: {error}") from error
        raise EngineError("the artefact is of a kind of WebAssembly that is not known here")

    def _module(self, artefact: bytes) -> wasmtime.Module:
        place = self._place(artefact)
        if self._disk.read_part(place, 0, 1):
            return wasmtime.Module.deserialize_file(self.engine, str(place))
        module = wasmtime.Module(self.engine, artefact)
        self._keep(place, bytes(module.serialize()))
        return module

    def _component(self, artefact: bytes) -> components.Component:
        place = self._place(artefact)
        if self._disk.read_part(place, 0, 1):
            return components.Component.deserialize_file(self.engine, str(place))
        component = components.Component(self.engine, artefact)
        self._keep(place, bytes(component.serialize()))
        return component

    def _place(self, artefact: bytes) -> Path:
        return self._cache / f"{hashlib.sha256(artefact).hexdigest()}-{ENGINE}.cwasm"

    def _keep(self, place: Path, compiled: bytes) -> None:
        self._disk.make_folder(self._cache)
        self._disk.write(place, compiled)
        kept = sorted(self._disk.entries(self._cache), key=lambda entry: entry.modified)
        for entry in kept[: max(0, len(kept) - CACHED_MAX)]:
            self._disk.remove(self._cache / entry.name)
