"""The seam for a language: what a recipe is asked, and the facts that pass between its four steps.

A recipe looks at files (`matches`), has a package manager of its owner fetch what they ask for (`fetch`), runs their
build without a network (`build`), and says how the outcome is started (`start`). Only `build` and what is started run
anything that a stranger wrote.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from micro.runtime.manifest import Manifest, Serves
from micro.runtime.requirements import Requirements
from micro.runtime.workbench import Workbench

__all__ = ["PYTHON", "Component", "Fetched", "Files", "Job", "Place", "Plan", "Recipe", "Start"]

PYTHON = "python"
"""As a command's first word: the interpreter that the service's packages are installed for."""

SHOWN_MAX = 5
LOOKED_AT_MAX = 200
"""How many files of one kind are read to find out what a tree is."""

LOOKED_AT_BYTES_MAX = 200_000


class Files:
    """A tree's files, as detection may see them: names, and the beginning of each text."""

    def __init__(
        self, paths: Collection[str], read: Callable[[str], bytes], sizes: Mapping[str, int] | None = None
    ) -> None:
        """Takes every path from the tree's root, with slashes; how to read a file; and sizes in bytes, if known."""
        self.paths = frozenset(paths)
        self.read = read
        self._sizes = sizes or {}

    def size(self, path: str) -> int:
        """Returns how many bytes a file has, as far as that is known."""
        return self._sizes.get(path) or len(self.text(path))

    def text(self, path: str) -> str:
        """Returns a file's first `LOOKED_AT_BYTES_MAX` bytes as text; nothing where there is no such file."""
        return self.read(path)[:LOOKED_AT_BYTES_MAX].decode("utf-8", "replace") if path in self.paths else ""

    def first(self, *names: str) -> str:
        """Returns the first of these files that is there, or nothing."""
        return next((name for name in names if name in self.paths), "")

    def ending(self, *suffixes: str, depth_max: int = 8) -> list[str]:
        """Returns the files with one of these endings, those near the root first, at most `LOOKED_AT_MAX`."""
        found = [path for path in self.paths if path.endswith(suffixes) and path.count("/") <= depth_max]
        return sorted(found, key=lambda path: (path.count("/"), path))[:LOOKED_AT_MAX]


@dataclass(frozen=True)
class Plan:
    """How a tree becomes a service.

    Attributes:
        recipe: the name of the recipe that builds it.
        serves: what the command is.
        command: its words; the first is `PYTHON` for the interpreter of the service's own environment. Empty where
            only the build shows what there is to start.
        reason: one line that says what led to it.
        entry: what the build is of: a package's folder, a binary's name, a file, or a site's folder.
        build: a command of the author's that builds, empty for the recipe's own.
        name: the service's name, if its author said it.
        description: what it is good for, if its author said it.
        environment: variables that its author set.
        requirements: Python packages to install beside it; none is None.
        import_folder: a folder of the tree from which Python imports.
        endpoints: what can be asked of it, as far as its text tells.
        notes: what a person should know, a line each.
        kind: which engine runs it.
    """

    recipe: str
    serves: Serves
    command: tuple[str, ...]
    reason: str
    entry: str = ""
    build: tuple[str, ...] = ()
    name: str = ""
    description: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    requirements: Requirements | None = None
    import_folder: str = ""
    endpoints: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    kind: str = "process"

    def told(self, manifest: Manifest) -> Plan:
        """Returns it with the author's last word."""
        return replace(
            self,
            name=manifest.name,
            description=manifest.description or self.description,
            environment=manifest.environment,
            serves=manifest.serves or self.serves,
            build=manifest.build or self.build,
        )


@dataclass(frozen=True)
class Component:
    """A package that was fetched.

    Attributes:
        kind: where such packages come from, as a package URL says it: `pypi`, `npm`, `golang` or `cargo`.
        name, version: what it is.
        hashes: of its archive, by algorithm (`sha256`, `sha512`) in hexadecimal digits.
    """

    kind: str
    name: str
    version: str
    hashes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Fetched:
    """What a tree asked for, and is here.

    Attributes:
        name: of its folder in `packages/`; empty where nothing was asked for.
        lock: what exactly that is, in its package manager's words.
        components: the same as facts.
    """

    name: str = ""
    lock: bytes = b""
    components: tuple[Component, ...] = ()


@dataclass(frozen=True)
class Job:
    """What a recipe works with.

    Attributes:
        files: the tree's files, to look at.
        tree: the folder they are in, only to be read.
        bench: runs commands, each with a network or without, and tells what they say.
        packages: the folder of what was fetched for this tree.
        out: the folder that the build fills.
        scratch: a folder for what the build needs meanwhile.
        kept: a folder that builds share, for compilers that run nothing of a tree and trust nothing in it.
    """

    files: Files
    tree: Path
    bench: Workbench
    packages: Path
    out: Path
    scratch: Path
    kept: Path


@dataclass(frozen=True)
class Place:
    """Where a build's outcome is, for `Recipe.start`.

    Attributes:
        tree, out, packages: as in `Job`.
        files: the paths of what is in `out`.
        programs: of these, what can be run and was not in the tree.
        tool: finds a program of the owner's by its name.
    """

    tree: Path
    out: Path
    packages: Path
    files: frozenset[str]
    programs: tuple[str, ...]
    tool: Callable[[str], str]


@dataclass(frozen=True)
class Start:
    """A command and where it runs.

    Attributes:
        command: its words; the first may be `PYTHON`.
        directory: where it stands.
        environment: variables it needs.
        readable: folders it must be able to read, beside those of the system and of the node's own Python.
    """

    command: tuple[str, ...]
    directory: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    readable: tuple[Path, ...] = ()


class Recipe(Protocol):
    """One way to make a service of source."""

    name: str
    language: str
    """What a person calls it."""
    version: int
    """Rises when the recipe would make something else of the same tree."""
    reproducible: bool
    """Whether two builds of one tree are equal in every bit."""

    def matches(self, files: Files, manifest: Manifest) -> Plan | None:
        """Returns how the tree becomes a service, or None where it is not of this recipe's kind; runs nothing.

        Raises:
            SourceError: it is of its kind and cannot start; the message says what to add.
        """

    def asks(self, plan: Plan, files: Files) -> bytes:
        """Returns all that decides what is fetched, nothing where nothing is: the content that names it."""

    async def fetch(self, plan: Plan, job: Job) -> tuple[bytes, tuple[Component, ...]]:
        """Fills `job.packages` with what the tree asks for, and returns the lock and what is in it.

        Runs the owner's package managers and nothing of the tree's; registries are all they talk to.

        Raises:
            SourceError: it cannot be had.
        """

    async def build(self, plan: Plan, job: Job) -> None:
        """Fills `job.out`, without a network.

        Raises:
            SourceError: it cannot be built.
        """

    def start(self, plan: Plan, place: Place) -> Start:
        """Returns how the outcome starts.

        Raises:
            SourceError: the build did not leave what should start.
        """

    def tools(self, plan: Plan) -> tuple[str, ...]:
        """Returns the programs of the owner's machine that it needs."""
