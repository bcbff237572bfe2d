"""The seam for where code comes from.

An engine answers two questions: which revision does a source name now, and where on this machine is its tree. Nothing
of what it finds is run while it answers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from micro.runtime.source.spec import SourceSpec

__all__ = ["Report", "Revision", "Source", "Tree", "silent"]

Report = Callable[[str, str], None]
"""Is told how far a step has come: its name, and one line about it for a person."""


@dataclass(frozen=True)
class Revision:
    """A version of a source that will never mean anything else.

    Attributes:
        id: a commit's hash, or `content-` and the hash of a working tree.
        ref: the full name that led to it (`refs/heads/main`), where it was not named by its hash.
    """

    id: str
    ref: str = ""

    @property
    def short(self) -> str:
        """Enough of it for a person to tell it from others."""
        return self.id.removeprefix("content-")[:10]


@dataclass(frozen=True)
class Tree:
    """The files of a revision.

    Attributes:
        folder: where they are; only to be read.
        revision: what they are the files of.
        hash: names their content: the same files have the same hash, wherever they came from.
        notes: what a person should know about them, a line each.
    """

    folder: Path
    revision: Revision
    hash: str
    notes: tuple[str, ...] = ()


class Source(Protocol):
    """One way to get at code. Both methods raise `SourceError`, with what to do next, where they cannot answer."""

    async def newest(self, spec: SourceSpec) -> Revision:
        """Returns the revision that `spec` names now; cheap, and without fetching it."""

    async def fetch(self, spec: SourceSpec, revision: Revision, report: Report) -> Tree:
        """Returns the files of `revision`, from nearby where they were fetched before.

        A repository that gives out no commits by hash answers with what its ref names by now: see `Tree.revision`.
        """


def silent(step: str, detail: str) -> None:
    """A `Report` for those who do not want to know."""
