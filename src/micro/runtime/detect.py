"""Finds out how a tree of files starts, and says why it thinks so.

Pure.

An author's word (`micro.toml`) comes first, then names that everybody uses, then the only file it can be. Where two
answers are possible it asks instead of guessing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Literal

from micro.errors import SourceError
from micro.runtime.manifest import MANIFEST, Manifest, read_manifest
from micro.runtime.requirements import Requirements, read_project, read_requirements

__all__ = ["PYTHON", "Plan", "detect"]

PYTHON = "python"
"""As a command's first word: the interpreter that the service's packages are installed for."""

PYTHONS = frozenset({"python", "python3", "python3.11", "python3.12", "python3.13", "python3.14"})
PASSED_OVER = re.compile(r"(setup|conftest|noxfile|fabfile|test_.*|.*_test)\.py")
SERVICE = re.compile(rb"\bService\s*\(")
SHOWN_MAX = 5

OTHERS = {
    "go.mod": "Go",
    "Cargo.toml": "Rust",
    "package.json": "JavaScript",
    "build.zig": "Zig",
    "pom.xml": "Java",
    "build.gradle": "Java",
    "Gemfile": "Ruby",
    "composer.json": "PHP",
    "mix.exs": "Elixir",
    "CMakeLists.txt": "C or C++",
    "Dockerfile": "a container",
}
"""What a file in a tree's root says about its language."""


@dataclass(frozen=True)
class Plan:
    """How a tree becomes a service.

    Attributes:
        kind: which engine runs it.
        command: its words; the first is `PYTHON` for the interpreter of the service's own environment.
        reason: one line that says what led to it.
        name: the service's name, if its author said it.
        environment: variables that its author set.
        requirements: Python packages to install beside it; none is None.
        import_folder: a folder of the tree from which Python imports.
        network: whether its author says that it needs the network.
    """

    kind: Literal["process"]
    command: tuple[str, ...]
    reason: str
    name: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    requirements: Requirements | None = None
    import_folder: str = ""
    network: bool = False


def detect(paths: Collection[str], read: Callable[[str], bytes]) -> Plan:
    """Returns how the service in a tree starts.

    Args:
        paths: every file, from the tree's root, with slashes.
        read: returns a file's content.

    Raises:
        SourceError: nothing that can be started is in it, or more than one thing; the message says what to add.
    """
    paths = frozenset(paths)
    manifest = read_manifest(read(MANIFEST)) if MANIFEST in paths else Manifest()
    command, reason, import_folder = _entry_point(paths, read, manifest)
    return Plan(
        kind="process",
        command=command,
        reason=reason,
        name=manifest.name,
        environment=manifest.environment,
        requirements=_requirements(paths, read) if command[0] == PYTHON else None,
        import_folder=import_folder,
        network=manifest.network,
    )


def _entry_point(
    paths: Collection[str], read: Callable[[str], bytes], manifest: Manifest
) -> tuple[tuple[str, ...], str, str]:
    if manifest.command:
        first = PYTHON if manifest.command[0] in PYTHONS else manifest.command[0]
        return (first, *manifest.command[1:]), f"{MANIFEST} says so", ""
    if "main.py" in paths:
        return (PYTHON, "main.py"), "there is a main.py", ""
    if "__main__.py" in paths:
        return (PYTHON, "__main__.py"), "there is a __main__.py", ""
    lone = sorted(
        path for path in paths if "/" not in path and path.endswith(".py") and not PASSED_OVER.fullmatch(path)
    )
    serving = [path for path in lone if SERVICE.search(read(path))]
    if len(serving) == 1:
        return (PYTHON, serving[0]), f"{serving[0]} is the only file that makes a Service", ""
    if len(serving) > 1:
        shown = ", ".join(serving[:SHOWN_MAX])
        raise SourceError(
            f"{len(serving)} files make a Service ({shown}): call one main.py, or say which. {_example(serving[0])}"
        )
    packages = sorted(
        path.removesuffix("/__main__.py") for path in paths if re.fullmatch(r"(src/)?\w+/__main__\.py", path)
    )
    if len(packages) == 1:
        folder, _, package = packages[0].rpartition("/")
        return (PYTHON, "-m", package), f"{package} is the only package with a __main__.py", folder
    if len(packages) > 1:
        shown = ", ".join(packages[:SHOWN_MAX])
        raise SourceError(
            f"{len(packages)} packages can be started ({shown}): say which. {_example('-m ' + packages[0])}"
        )
    return _nothing(paths)


def _nothing(paths: Collection[str]) -> tuple[tuple[str, ...], str, str]:
    other = next((language for name, language in OTHERS.items() if name in paths), "")
    if other:
        raise SourceError(
            f"this looks like {other}, and only Python starts by itself so far: say how it starts. {_example('')}"
        )
    below = sorted({path.rpartition("/")[0] for path in paths if path.endswith(("/main.py", f"/{MANIFEST}"))})
    if below:
        shown = ", ".join(below[:SHOWN_MAX])
        raise SourceError(f"nothing here starts, but there are services in {shown}: add the folder to the source")
    raise SourceError(f"nothing here starts: add a main.py, or say how it starts. {_example('serve.py')}")


def _example(what: str) -> str:
    command = f"python {what}" if what else "./serve"
    return f'In {MANIFEST}: [service] on one line, command = "{command}" on the next'


def _requirements(paths: Collection[str], read: Callable[[str], bytes]) -> Requirements | None:
    """Returns the packages asked for; a requirements file knows them more exactly than a project file."""
    if "requirements.txt" in paths:
        found = read_requirements(read("requirements.txt"))
    elif "pyproject.toml" in paths:
        found = read_project(read("pyproject.toml"))
    else:
        return None
    return found if found.lines else None
