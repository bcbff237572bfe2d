"""Measures WebAssembly guests in a process of its own: what a call costs over the bare one, cold, warm and large.

Compiled guests are written as WebAssembly text; those in Python and JavaScript are built from the conformance guests of
the tests, where their compilers are there.
"""

from __future__ import annotations

import asyncio
import ctypes
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import wasmtime
from wasmtime import _bindings as native

from micro.errors import EngineError
from micro.mucp.headers import Headers
from micro.runtime.command import Finished, run_command
from micro.runtime.guest.build import build_wasm, find_tools
from micro.runtime.guest.coremodule import CoreGuest
from micro.runtime.guest.grant import Grant
from micro.runtime.guest.guest import Guest, Program
from micro.runtime.guest.kits import Kits, kits_of
from micro.runtime.guest.machine import Machine
from micro.runtime.guest.recipes import Tools, recipe_for
from micro.system import SystemClock, SystemDisk, SystemEntropy, SystemProcesses

__all__ = ["measure"]

CALLS, COLD, LARGE = 2_000, 40, 9
MEGABYTE = 1_000_000
HEADERS = {"Micro-Endpoint": "Test.Echo", "Content-Type": "application/json"}
SOURCES = Path(__file__).parent.parent / "tests" / "guests"
KITS = Path(__file__).parent.parent / ".venv" / "kits"
BUILD_SECONDS_MAX = 300.0
ECHO = """(module
  (import "micro" "take" (func $take (param i32)))
  (import "micro" "answer" (func $answer (param i32 i32)))
  (memory (export "memory") 32)
  (func (export "micro_event") (param i32))
  (func (export "micro_serve") (param i32) (loop $again (br $again)))
  (func (export "micro_call") (param i32)
    (call $take (i32.const 0)) (call $answer (i32.const 0) (local.get 0))))"""


class _Silent:
    """A host that is asked nothing but to log."""

    def log(self, level: int, line: str) -> None:
        """Nobody reads it."""

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        raise AttributeError(name)


HOST: Any = _Silent()


async def _seconds(work: Callable[[], Awaitable[object]], count: int) -> float:
    """Returns the median time of a piece of work."""
    found = []
    for _ in range(count):
        began = time.perf_counter()
        await work()
        found.append(time.perf_counter() - began)
    return median(found)


def _bare_seconds(guest: CoreGuest) -> float:
    """Returns the time of a call of wasmtime's that asks and answers nothing."""
    run, function, found = guest._run, guest.functions["micro_event"], []
    values: Any = (native.wasmtime_val_t * 1)()
    trap, error = ctypes.POINTER(native.wasm_trap_t)(), ctypes.POINTER(native.wasmtime_error_t)()
    for _ in range(CALLS):
        began = time.perf_counter()
        future = native.wasmtime_func_call_async(
            run.context, ctypes.byref(function), values, 1, values, 0, ctypes.byref(trap), ctypes.byref(error)
        )
        assert native.wasmtime_call_future_poll(future)
        native.wasmtime_call_future_delete(future)
        found.append(time.perf_counter() - began)
    return median(found)


async def _core(machine: Machine) -> dict[str, float]:
    program = await machine.load(bytes(wasmtime.wat2wasm(ECHO)), Grant())
    guest = await program.instantiate()
    assert isinstance(guest, CoreGuest)
    headers, large = Headers(HEADERS), bytes(MEGABYTE)
    bare = _bare_seconds(guest)
    call = await _seconds(lambda: guest.call(headers, b'{"text":"x"}', HOST), CALLS)
    return {
        "guest_core": call - bare,
        "guest_core_large": await _seconds(lambda: guest.call(headers, large, HOST), LARGE),
        "guest_over_time": await _over_time(program),
    }


async def _over_time(program: Program) -> float:
    """Returns how long a guest that spins lives on past its time."""
    guest, allowed = await program.instantiate(), 0.1
    began = time.perf_counter()
    try:
        async with asyncio.timeout(allowed):
            await guest.serve(HEADERS, b"", HOST)
    except TimeoutError:
        guest.close()
    return time.perf_counter() - began - allowed


async def _component(machine: Machine, language: str, artefact: bytes) -> dict[str, float]:
    program = await machine.load(artefact, Grant())
    guest = await program.instantiate()
    small, large = b'{"text":"x"}', json.dumps({"text": "x" * MEGABYTE}).encode()

    async def cold() -> None:
        fresh: Guest = await program.instantiate()
        await fresh.call(HEADERS, small, HOST)
        fresh.close()

    await guest.call(HEADERS, small, HOST)
    return {
        f"guest_{language}": await _seconds(lambda: guest.call(HEADERS, small, HOST), CALLS // 4),
        f"guest_{language}_cold": await _seconds(cold, COLD),
        f"guest_{language}_large": await _seconds(lambda: guest.call(HEADERS, large, HOST), LARGE // 3),
    }


def _tools(language: str, disk: SystemDisk) -> Tools:
    """Returns what builds a language, as far as `make kits` has fetched it."""
    kits = Kits(disk, Path(sys.executable), KITS)
    words: dict[str, tuple[str, ...]] = {}
    for name in kits_of(recipe_for(language).tools):
        folder = kits.find(name)
        words |= kits.words(name, folder, shutil.which("node") or "node") if folder else {}
    return find_tools([], disk, words)


async def _built(language: str, folder: Path) -> bytes | None:
    """Returns the conformance guest in a language, None where it cannot be built here."""
    place = folder / language
    shutil.copytree(SOURCES / language, place)

    async def run(command: Sequence[str], directory: Path, environment: Mapping[str, str]) -> Finished:
        return await run_command(
            SystemProcesses(),
            command,
            directory=directory,
            environment={**os.environ, **environment},
            seconds_max=BUILD_SECONDS_MAX,
            output_bytes_max=MEGABYTE,
        )

    disk = SystemDisk()
    tools = _tools(language, disk)
    try:
        artefact = await build_wasm(language, place, run=run, tools=tools, disk=disk)
    except EngineError as error:
        sys.stderr.write(f"{error}\n")
        return None
    return disk.read(artefact)


async def _measure(wanted: Collection[str]) -> dict[str, float]:
    found: dict[str, float] = {}
    with tempfile.TemporaryDirectory(prefix="micro-guests-") as folder:
        machine = Machine(SystemClock(), SystemEntropy())
        if any(key.startswith(("guest_core", "guest_over")) for key in wanted):
            found.update(await _core(machine))
        for language in ("python", "javascript"):
            if any(key.startswith(f"guest_{language}") for key in wanted):
                artefact = await _built(language, Path(folder))
                if artefact is not None:
                    found.update(await _component(machine, language, artefact))
    return {key: value for key, value in found.items() if key in wanted}


def measure(wanted: Collection[str]) -> dict[str, float]:
    """Returns what is wanted, in seconds; what cannot be built here is left out."""
    return asyncio.run(_measure(wanted))


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1:])))
