"""Builds the go-micro programs with the Go toolchain, once, and keeps them with its caches below `.venv`."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

__all__ = ["BUILD_SECONDS", "GENERATIONS", "Built", "Generation", "build", "compiled", "reason_not_to"]

ROOT = Path(__file__).parents[2]
SOURCE = Path(__file__).parent / "go"
PLACE = ROOT / ".venv" / "go"
BUILD_SECONDS = 180
"""How long `make test` builds a program; what was compiled by then is kept, so that the next run goes on from there."""

QUICK = ("-gcflags=all=-N -l -dwarf=false", "-ldflags=-s -w")
"""Not optimized, and without what a debugger needs: two thirds of the work, for programs that say the same."""

SHOWN_CHARACTERS = 2_000


@dataclass(frozen=True)
class Generation:
    """One generation of go-micro: the folder of its program, its module, and its release."""

    name: str
    module: str
    release: str


GENERATIONS = (
    Generation("v2", "github.com/micro/go-micro/v2", "v2.9.1, its MUCP client and server"),
    Generation("v3", "github.com/asim/go-micro/v3", "v3.7.1"),
    Generation("v4", "go-micro.dev/v4", "v4.11.0"),
)


Built = Callable[[Generation], Path]
"""Returns the program of a generation; skips a test for which it is not compiled in time."""


def reason_not_to() -> str:
    """Returns why nothing can be built here, "" where it can."""
    return "" if shutil.which("go") else "go-micro programs need the Go toolchain, and there is no `go`"


def build(generation: Generation, seconds: float) -> Path | None:
    """Returns the program of a generation, built where it is not yet; None where that is not done in time.

    Raises:
        RuntimeError: it cannot be built; the message holds what Go said.
    """
    folder = PLACE / "programs" / generation.name
    folder.mkdir(parents=True, exist_ok=True)
    for path in (SOURCE / generation.name).iterdir():
        shutil.copyfile(path, folder / path.name)
    text = (SOURCE / "program.go").read_text()
    (folder / "program.go").write_text(text.replace('"MICRO', f'"{generation.module}'))
    return compiled(folder, seconds)


def compiled(folder: Path, seconds: float, package: str = ".") -> Path | None:
    """Returns the program of a folder, compiled where it is not yet; None where that is not done in time.

    Args:
        folder: where it is compiled, with a `go.mod` that says which modules at which versions.
        seconds: how long that may take.
        package: another than the folder's own, of one of those modules.

    Raises:
        RuntimeError: it cannot be built; the message holds what Go said.
    """
    environment = {
        **os.environ,
        "CGO_ENABLED": "0",
        "GOMODCACHE": str(PLACE / "modules"),
        "GOCACHE": str(PLACE / "cache"),
    }
    command = ["go", "build", "-mod=readonly", "-modcacherw", "-trimpath", *QUICK, "-o", "program", package]
    try:
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, timeout=seconds, check=False
        )
    except subprocess.TimeoutExpired:
        return None
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} in {folder.name}:\n{done.stderr[-SHOWN_CHARACTERS:]}")
    return folder / "program"
