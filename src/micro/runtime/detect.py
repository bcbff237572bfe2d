"""Finds out what a tree of files is, which recipe makes a service of it, and says why it thinks so.

Pure.

Which engine runs it is settled first, by `recipe.guests`. An author's word (`micro.toml`) comes first, then a
`Procfile`, then the build file of a language, then what starts by a usual name. Where build files of two languages are
there, the one in which more was written wins. Where two answers are equally good it asks instead of guessing.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from micro.errors import SourceError
from micro.runtime.manifest import MANIFEST, Engine, Manifest, Serves, read_manifest
from micro.runtime.recipe.evidence import description_of
from micro.runtime.recipe.gomicro import GO_MICRO
from micro.runtime.recipe.guests import choose
from micro.runtime.recipe.plan import SHOWN_MAX, Files, Plan
from micro.runtime.recipe.pythonsource import read_python

if TYPE_CHECKING:
    from micro.runtime.recipe.recipe import Recipe

__all__ = ["detect"]

BUILD_FILES: Mapping[str, tuple[str, ...]] = {
    "go": ("go.mod",),
    "rust": ("Cargo.toml",),
    "node": ("package.json",),
    "python": ("requirements.txt", "pyproject.toml", "setup.py", "Pipfile.lock"),
}
"""What says for sure that a tree is of a recipe's kind."""

BY_NAME = ("python", "node", "make", "site")
"""Recipes that know a tree by the names of what starts in it, in this order."""

SUFFIXES: Mapping[str, tuple[str, ...]] = {
    "go": (".go",),
    "rust": (".rs",),
    "node": (".js", ".mjs", ".cjs", ".ts", ".jsx", ".tsx"),
    "python": (".py",),
}
NOT_COUNTED = re.compile(
    r"(^|/)(node_modules|vendor|third_party|dist|build|target|tests?|docs?|examples?|static)/|\.min\.js$"
)

COMPILED = frozenset({"go", "rust"})
"""Recipes whose build leaves one program: of a command only the arguments count."""

WASM = "wasm"
WEB = re.compile(r"^web\s*:\s*(.+)$", re.MULTILINE)
SHELL = ("/bin/sh", "-c")
META = re.compile(r"[|&;<>()`\\*?\[\]#~=%]|\$\(|\$(?!PORT\b)")

OTHERS = {
    "build.zig": "Zig",
    "pom.xml": "Java",
    "build.gradle": "Java",
    "Gemfile": "Ruby",
    "composer.json": "PHP",
    "mix.exs": "Elixir",
    "CMakeLists.txt": "C or C++ without a Makefile",
    "Dockerfile": "a container",
}
"""What a file in a tree's root says about a language that has no recipe."""

BELOW = ("/go.mod", "/Cargo.toml", "/package.json", "/requirements.txt")
"""What says that a folder below holds something that starts."""


def detect(files: Files, recipes: Mapping[str, Recipe], engine: Engine | None = None) -> Plan:
    """Returns how the service in a tree is built and starts.

    Args:
        files: the tree's files.
        recipes: all that there are, by name.
        engine: what shall run it, where its author does not say.

    Raises:
        SourceError: nothing that can be started is in it, or more than one thing; the message says what to add.
    """
    manifest = read_manifest(files.read(MANIFEST)) if MANIFEST in files.paths else Manifest()
    choice = choose(files, manifest, engine)
    plan = _guest(files, manifest, recipes) if choice.engine == "wasm" else _process(files, manifest, recipes)
    plan = replace(plan, engine_reason=choice.why, notes=(*plan.notes, *choice.notes))
    return plan if plan.description else replace(plan, description=description_of(files))


def _guest(files: Files, manifest: Manifest, recipes: Mapping[str, Recipe]) -> Plan:
    plan = recipes[WASM].matches(files, replace(manifest, recipe=WASM))
    assert plan is not None, "it refuses what it cannot build"
    return plan.told(manifest)


def _process(files: Files, manifest: Manifest, recipes: Mapping[str, Recipe]) -> Plan:
    wanted = _with_procfile(files, manifest)
    plan = _find(files, wanted, recipes).told(manifest)
    if wanted.command[:2] == SHELL and not manifest.command:
        listens: Serves = plan.serves if plan.serves in GO_MICRO else "http"
        plan = replace(plan, serves=manifest.serves or listens, reason=f"{plan.reason}; a Procfile says how it starts")
        if plan.recipe in COMPILED:
            line = wanted.command[2]
            words = () if META.search(line) else shlex.split(line)
            plan = replace(plan, command=(plan.entry, *words[1:]))
        else:
            plan = replace(plan, command=wanted.command)
    if plan.serves == "functions" and plan.recipe != "python":
        raise SourceError(f"{MANIFEST} says serves = 'functions', which are Python's: command = \"python FILE.py\"")
    return plan


def _with_procfile(files: Files, manifest: Manifest) -> Manifest:
    """Returns the manifest with the command of a `Procfile`, where the author gave no other."""
    found = WEB.search(files.text("Procfile"))
    if manifest.command or not found:
        return manifest
    return replace(manifest, command=(*SHELL, found[1].strip()))


def _find(files: Files, manifest: Manifest, recipes: Mapping[str, Recipe]) -> Plan:
    for name in _candidates(files, manifest, recipes):
        plan = recipes[name].matches(files, manifest)
        if plan is not None:
            return plan
    raise SourceError(_nothing(files, manifest))


def _candidates(files: Files, manifest: Manifest, recipes: Mapping[str, Recipe]) -> Sequence[str]:
    """Returns the recipes to ask, in order."""
    if manifest.recipe:
        if manifest.recipe not in recipes:
            raise SourceError(f"{MANIFEST}: `recipe` is {manifest.recipe!r}; it is one of {', '.join(recipes)}")
        return [manifest.recipe]
    sure = [name for name, names in BUILD_FILES.items() if files.first(*names)]
    if len(sure) > 1:
        written = {name: _written(files, SUFFIXES[name]) for name in sure}
        sure.sort(key=lambda name: -written[name])
    if manifest.command and manifest.command[:2] != SHELL:
        first = manifest.command[0]
        known = "python" if first.startswith("python") else "node" if first in {"node", "npm"} else ""
        return [known, "command"] if known else ["command"]
    more = ["command"] if manifest.command else []
    return [*sure, *(name for name in BY_NAME if name not in sure), *more]


def _written(files: Files, suffixes: tuple[str, ...]) -> int:
    """Returns how many bytes of a language somebody wrote here himself."""
    return sum(files.size(path) for path in files.ending(*suffixes) if not NOT_COUNTED.search(path))


def _nothing(files: Files, manifest: Manifest) -> str:
    if manifest.recipe:
        return f"{MANIFEST} says recipe = {manifest.recipe!r}, and nothing here is of that kind"
    other = next((language for name, language in OTHERS.items() if name in files.paths), "")
    if other:
        return f"this looks like {other}, for which there is no recipe: say how it starts. {_example('./serve')}"
    broken = _broken(files)
    if broken:
        return f"nothing here starts, for {broken}"
    below = sorted({path.rpartition("/")[0] for path in files.paths if path.endswith(("/main.py", f"/{MANIFEST}"))})
    below += sorted(
        {path.rpartition("/")[0] for path in files.paths if path.count("/") < 3 and path.endswith(BELOW)} - {*below}
    )
    if below:
        shown = ", ".join(below[:SHOWN_MAX])
        return f"nothing here starts, but there are services in {shown}: add the folder to the source"
    return f"nothing here starts: add a main.py, or say how it starts. {_example('python serve.py')}"


def _broken(files: Files) -> str:
    """Returns which file of the root is no Python though it is called so, and why; "" where there is none."""
    for path in files.ending(".py", depth_max=0):
        trouble = read_python(files.text(path)).trouble
        if trouble:
            return f"{path} {trouble}"
    return ""


def _example(command: str) -> str:
    return f'In {MANIFEST}: [service] on one line, command = "{command}" on the next'
