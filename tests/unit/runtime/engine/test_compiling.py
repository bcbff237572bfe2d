"""Artefacts are compiled once, each by a process of its own."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from micro.errors import EngineError
from micro.runtime.engine.cell import Cells
from micro.runtime.engine.compiling import Compiling
from micro.runtime.environments import Interpreter
from micro.system import SystemDisk, SystemProcesses
from tests.unit.runtime.guest.guests import IMPORTS, guest

NEVER = ("/bin/false",)


def compiling(cache: Path, command: tuple[str, ...] | None = None) -> Compiling:
    python = Interpreter.of_this_process()
    real = (str(python.program), "-m", "micro.node.compile", "{}")
    cells = Cells(SystemProcesses(), None, python.folders(), python.environment())
    return Compiling(cells, command or real, cache, SystemDisk(), engine=lambda: "engine")


async def test_an_artefact_is_compiled_once(tmp_path: Path) -> None:
    """However many ask for it at the same time, and by a later node not again; another artefact is another one."""
    artefact, cache = tmp_path / "a.wasm", tmp_path / "cache"
    artefact.write_bytes(guest("(call $answer (i32.const 16) (i32.const 2))"))
    one = compiling(cache)
    first, second = await asyncio.gather(one.compiled(artefact), one.compiled(artefact))
    assert first == second == await compiling(cache, NEVER).compiled(artefact)
    assert [entry.name for entry in SystemDisk().entries(cache)] == [first.name]
    assert first.name.endswith(".core.cwasm")
    artefact.write_bytes(guest("(call $answer (i32.const 16) (i32.const 3))"))
    with pytest.raises(EngineError, match="said nothing"):
        await compiling(cache, NEVER).compiled(artefact)


@pytest.mark.parametrize(
    ("artefact", "reason"),
    [
        (None, "there is no artefact"),
        (b"#!/bin/sh", "no WebAssembly"),
        (b"\0asm\2\0\0\0", "not known here"),
        (b"\0asm\1\0\0\0\xff", "refused"),
        (guest(imports=IMPORTS + '(import "env" "system" (func (param i32)))'), "env.system"),
    ],
)
async def test_what_is_refused_is_not_kept(tmp_path: Path, artefact: bytes | None, reason: str) -> None:
    """And whoever asked is told why."""
    if artefact is not None:
        (tmp_path / "a.wasm").write_bytes(artefact)
    with pytest.raises(EngineError, match=reason):
        await compiling(tmp_path / "cache").compiled(tmp_path / "a.wasm")
    assert SystemDisk().entries(tmp_path / "cache") == []


async def test_only_the_newest_are_kept(tmp_path: Path) -> None:
    """What was compiled long ago makes room."""
    cache = tmp_path / "cache"
    cache.mkdir()
    for number in range(70):
        (cache / f"{number}.core.cwasm").write_bytes(b"old")
    (tmp_path / "a.wasm").write_bytes(guest())
    place = await compiling(cache).compiled(tmp_path / "a.wasm")
    assert len(SystemDisk().entries(cache)) == 64
    assert place.exists()
