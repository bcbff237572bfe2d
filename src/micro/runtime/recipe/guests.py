"""What says that a source is a guest, so that it runs as WebAssembly without being told to.

Pure.

A source that uses the SDK of guests, or has the functions of the core ABI itself, can be nothing else. One in a
language that only becomes WebAssembly is one, too. All other source is a process, which it was written for: threads,
sockets and files are nothing that a guest has. Whoever knows better says so, and `micro.toml` has the last word.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from micro.errors import SourceError
from micro.runtime.manifest import MANIFEST, Engine, Manifest
from micro.runtime.recipe.plan import Files

__all__ = ["PREBUILT", "Choice", "choose", "module_of", "script_of"]

PREBUILT = ".wasm"
DEPTH_MAX = 1
"""How many folders below the root a source may use the SDK: `src/` and `assembly/` are where it does."""

FOLDERS = frozenset({"", "src", "assembly"})
IN_SCRIPT = re.compile(r"""from\s+['"]\./micro(?:\.js)?['"]""")
MARKS: Mapping[tuple[str, ...], re.Pattern[str]] = {
    (".c", ".cc", ".cpp", ".cxx"): re.compile(r'\bmicro_on_call\b|export_name\("micro_call"\)'),
    (".rs",): re.compile(r'^\s*(?:pub )?mod micro;|extern "C" fn micro_call\b', re.MULTILINE),
    (".go",): re.compile(r"^//go:wasmexport micro_call\b|^\s*OnCall = ", re.MULTILINE),
    (".zig",): re.compile(r'@import\("micro\.zig"\)|export fn micro_call\b'),
    (".ts", ".js", ".mjs"): IN_SCRIPT,
}
"""By the endings of its files, what stands in a source that uses the SDK of its language."""

ONLY = {
    "main.zig": "Zig",
    "asconfig.json": "AssemblyScript",
}
"""What says that a source is of a language that becomes nothing else here."""

ELSEWHERE = ("Cargo.toml", "go.mod", "main.zig", "asconfig.json")
"""What says more surely than `package.json` of which language a guest is."""

SCRIPT = (".js", ".mjs", ".ts")

OURS = frozenset(
    {"micro.h", "micro.rs", "micro.zig", "micro_guest.go", "micro_guest_main.go"}
    | {"micro.js", "micro.ts", "micro_component.js"}
)


@dataclass(frozen=True)
class Choice:
    """Which engine runs a source.

    Attributes:
        engine: which one.
        why: one line for a person.
        notes: what he should know beside.
    """

    engine: Engine
    why: str
    notes: tuple[str, ...] = ()


def choose(files: Files, manifest: Manifest, asked: Engine | None = None) -> Choice:
    """Returns which engine runs a source: as its author said, else as was asked, else as it is made."""
    said = _said(manifest)
    if said is not None:
        if asked in {None, said.engine}:
            return said
        return Choice(said.engine, said.why, (f"{said.why}, so --engine {asked} is not heeded",))
    if asked is not None:
        return Choice(asked, f"--engine {asked} was asked for")
    mark = _mark(files)
    if mark:
        return Choice("wasm", mark)
    only = next((name for name in ONLY if name in files.paths), "")
    if only:
        return Choice("wasm", f"there is {only}, and {ONLY[only]} becomes WebAssembly only")
    return Choice("process", "nothing in it is made for WebAssembly; --engine wasm tries it")


def script_of(files: Files) -> str:
    """Returns the script that `package.json` names as its `main`, where a guest may begin with it; nothing elsewhere.

    Where the source says by another file of which language it is, that one counts.
    """
    if files.first(*ELSEWHERE):
        return ""
    try:
        package = json.loads(files.text("package.json") or "{}")
    except (ValueError, RecursionError):  # what asks for packages says so
        return ""
    main = package.get("main") if isinstance(package, dict) else None
    if not isinstance(main, str):
        return ""
    main = main.removeprefix("./")
    found = files.first(main, f"{main}.js", f"{main}/index.js")
    return found if found.endswith(SCRIPT) else ""


def module_of(files: Collection[str]) -> str:
    """Returns the one module among the files that a build left; nothing where there is none, or more than one."""
    found = [path for path in files if path.endswith(PREBUILT)]
    return found[0] if len(found) == 1 else ""


def _said(manifest: Manifest) -> Choice | None:
    """Returns what the author says, as far as he says something about it."""
    if manifest.engine == "process" and manifest.recipe == "wasm":
        raise SourceError(f"{MANIFEST} says both engine = 'process' and recipe = 'wasm': one of them is wrong")
    if manifest.engine:
        return Choice(manifest.engine, f"{MANIFEST} says engine = {manifest.engine!r}")
    if manifest.recipe == "wasm":
        return Choice("wasm", f"{MANIFEST} says recipe = 'wasm'")
    if manifest.command and manifest.command[0].endswith(PREBUILT):
        return Choice("wasm", f"{MANIFEST} says that {manifest.command[0]} starts")
    if manifest.recipe or manifest.command or manifest.serves:
        return Choice("process", f"{MANIFEST} says how it starts, and no engine")
    return None


def _mark(files: Files) -> str:
    """Returns where a source uses the SDK of guests, in words; nothing where it does not."""
    for endings, pattern in MARKS.items():
        for path in files.ending(*endings, depth_max=DEPTH_MAX):
            folder, _, name = path.rpartition("/")
            found = pattern.search(files.text(path)) if folder in FOLDERS and name not in OURS else None
            if found:
                return f"`{found[0].strip()[:40]}` in {path} is of a guest"
    return ""
