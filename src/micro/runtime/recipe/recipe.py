"""The seam for a language: what a recipe is asked, and the facts that pass between its four steps.

A recipe looks at files (`matches`), has a package manager of its owner fetch what they ask for (`fetch`), runs their
build without a network (`build`), and says how the outcome is started (`start`). Only `build` and what is started run
anything that a stranger wrote.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from micro.runtime.manifest import Manifest
from micro.runtime.recipe.plan import Component, Files, Plan
from micro.runtime.workbench import Workbench

__all__ = ["Job", "Place", "Recipe", "Start"]


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
        engine: what runs it, where only the build showed that; else as the plan says.
    """

    command: tuple[str, ...]
    directory: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    readable: tuple[Path, ...] = ()
    engine: str = ""


class Recipe(Protocol):
    """One way to make a service of source."""

    name: str
    language: str
    """What a person calls it."""
    version: int
    """Rises when the recipe would make something else of the same tree."""

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

    def differs(self, plan: Plan) -> str:
        """Returns why two builds of one tree are not equal in every bit; nothing where they are."""
