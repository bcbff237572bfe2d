"""Builds a guest: puts the SDK's files beside its sources, runs its recipe, and looks at what came out."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from micro.errors import EngineError, SourceError
from micro.ports import Disk
from micro.runtime.guest.compiled import ARTEFACT_BYTES_MAX, MAGIC
from micro.runtime.guest.recipes import ARTEFACT, BUILT, RUST_TARGETS, Recipe, Tools, recipe_for

__all__ = ["Outcome", "Runner", "build_wasm", "find_tools"]

COMPLAINT_LINES_MAX = 12
SOURCE_BYTES_MAX = 1_000_000
"""So much of a source is read to see whether it uses the SDK."""

SDK_FILES = frozenset({"micro.h", "micro.rs", "micro.zig", "micro_guest.go", "micro_guest_main.go"})
PROGRAMS = ("go", "cargo")
"""The tools that are the owner's; kits bring the others."""


class Outcome(Protocol):
    """How a command ended; `micro.runtime.command.Finished` is one."""

    @property
    def code(self) -> int: ...

    @property
    def output(self) -> bytes: ...

    @property
    def errors(self) -> bytes: ...


Runner = Callable[[Sequence[str], Path, Mapping[str, str]], Awaitable[Outcome]]
"""Runs a command in a folder with variables beside its own, in whichever sandbox: with that folder to write in, the
tools to read, and no network."""


def find_tools(
    search: Sequence[Path], disk: Disk, brought: Mapping[str, tuple[str, ...]], rust_target: str = ""
) -> Tools:
    """Returns the tools of a build.

    Args:
        search: folders of the owner's programs, in the order in which to look.
        brought: the words for what kits bring.
        rust_target: what Rust's target is called, if that is known.
    """
    words = dict(brought)
    for folder in search:
        names = {entry.name for entry in disk.entries(folder) if entry.kind != "folder"}
        for name in PROGRAMS:
            if name in names:
                words.setdefault(name, (str(folder / name),))
    here = Path(__file__).parent
    return Tools(words, sdk=str(here / "sdk"), wit=str(here / "wit"), rust_target=rust_target or RUST_TARGETS[0])


async def build_wasm(language: str, folder: Path, *, run: Runner, tools: Tools, disk: Disk) -> Path:
    """Builds the guest in a folder and returns the path of the artefact.

    Args:
        language: one of `LANGUAGES`.
        folder: a writable copy of the source, with what it depends on; files are added to it.
        run: runs the commands.
        tools: from `find_tools`.

    Raises:
        EngineError: a tool is missing; the message says how to install it.
        SourceError: the source does not build; the message ends with what the tool said.
    """
    recipe = recipe_for(language)
    for name in recipe.tools:
        tools.call(name)
    sdk = not recipe.mark or _uses(recipe.mark, folder, disk)
    disk.make_folder(folder / BUILT)
    if sdk:
        _put_beside(recipe, folder, tools, disk)
    for step in recipe.steps(tools, _names(folder, disk), sdk=sdk):
        finished = await run(step.command, folder, step.environment)
        if finished.code:
            said = (finished.errors or finished.output).decode("utf-8", "replace").strip().splitlines()
            raise SourceError(
                f"{recipe.tools[-1]} does not build the source: {' / '.join(said[-COMPLAINT_LINES_MAX:])}"
            )
    artefact = _artefact(folder, disk)
    if disk.read_part(artefact, 0, len(MAGIC)) != MAGIC:
        raise SourceError("the build ended well, and made no WebAssembly")
    if disk.read_part(artefact, ARTEFACT_BYTES_MAX, 1):
        raise SourceError(f"the build made more than the {ARTEFACT_BYTES_MAX} bytes that a guest may have")
    return artefact


def _put_beside(recipe: Recipe, folder: Path, tools: Tools, disk: Disk) -> None:
    """Writes the SDK's files; one of that name in the source gives way, as it was made for another version."""
    for source, place in recipe.beside:
        data = disk.read(Path(tools.sdk) / source)
        if data is None:
            raise EngineError(f"this installation lacks {source} of its guests' SDK; install micro-network again")
        disk.make_folder((folder / place).parent)
        disk.remove(folder / place)
        if not _has_its_own(recipe, place, folder, disk):
            disk.create(folder / place, data)


def _has_its_own(recipe: Recipe, place: str, folder: Path, disk: Disk) -> bool:
    """Returns whether a source at the top says itself what a file of the SDK would say."""
    for name, ending, pattern in recipe.yields:
        for entry in disk.entries(folder) if name == place else ():
            own = entry.kind == "file" and entry.name.endswith(ending) and entry.name not in SDK_FILES
            data = disk.read_part(folder / entry.name, 0, SOURCE_BYTES_MAX) if own else b""
            if pattern.search(data) and _is_built(entry.name, data):
                return True
    return False


def _is_built(name: str, source: bytes) -> bool:
    """Returns whether a file of Go belongs to the program: no test, and not marked to be ignored."""
    return not name.endswith("_test.go") and re.search(rb"^//go:build ignore\b", source, re.MULTILINE) is None


def _uses(mark: bytes, folder: Path, disk: Disk) -> bool:
    """Returns whether a source at the top, or in `src`, has this in it."""
    for place in (folder, folder / "src"):
        for entry in disk.entries(place):
            own = entry.kind == "file" and entry.name not in SDK_FILES
            if own and mark in disk.read_part(place / entry.name, 0, SOURCE_BYTES_MAX):
                return True
    return False


def _names(folder: Path, disk: Disk) -> list[str]:
    """Returns the names of the files to build from: those at the top, and the folders', with a slash at their end."""
    found = []
    for entry in disk.entries(folder):
        if entry.kind == "file":
            found.append(entry.name)
        elif entry.kind == "folder":
            found.append(f"{entry.name}/")
    return found


def _artefact(folder: Path, disk: Disk) -> Path:
    if disk.read_part(folder / ARTEFACT, 0, 1):
        return folder / ARTEFACT
    released = [folder / BUILT / "rust" / target / "release" for target in RUST_TARGETS]
    made = [place / entry.name for place in released for entry in disk.entries(place) if entry.name.endswith(".wasm")]
    if len(made) != 1:
        raise SourceError("the build ended well, and made no artefact")
    return made[0]
