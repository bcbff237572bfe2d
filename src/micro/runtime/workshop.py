"""Turns a source into something that can be started: fetched, understood and built, each step told as it begins."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from pathlib import Path

from micro.errors import SourceError
from micro.ports import Disk
from micro.runtime.build import Builder, Interpreter
from micro.runtime.detect import PYTHON, Plan, detect
from micro.runtime.engine.engine import Launch
from micro.runtime.generation import Generation
from micro.runtime.grants import NETWORK
from micro.runtime.manifest import MANIFEST_BYTES_MAX
from micro.runtime.source.source import Report, Revision, Source, Tree
from micro.runtime.source.spec import SourceSpec
from micro.runtime.source.trees import PASSED_OVER, Trees, walk

__all__ = ["Workshop"]

READ_BYTES_MAX = 1_000_000
"""How much of a file is read to find out what it is."""

assert READ_BYTES_MAX >= MANIFEST_BYTES_MAX


class Workshop:
    """Makes generations of sources."""

    def __init__(self, sources: Mapping[str, Source], builder: Builder, trees: Trees, disk: Disk) -> None:
        """Fetches with the source that `sources` has for a spec's kind."""
        self._sources = sources
        self._builder = builder
        self._trees = trees
        self._disk = disk

    async def newest(self, spec: SourceSpec) -> Revision:
        """Returns the revision that a source names now."""
        return await self._sources[spec.kind].newest(spec)

    async def make(self, spec: SourceSpec, revision: Revision, number: int, report: Report) -> Generation:
        """Returns generation `number` of a service.

        Raises:
            SourceError: it cannot be fetched, understood or built; the message says why, and what to do.
        """
        tree = await self._sources[spec.kind].fetch(spec, revision, report)
        for note in tree.notes:
            report("fetching", note)
        plan = await asyncio.to_thread(self._plan, tree)
        report("building", f"starts with `{' '.join(plan.command)}`: {plan.reason}")
        interpreter = await self._builder.build(plan.requirements, report)
        return Generation(
            number=number,
            revision=tree.revision.id,
            ref=tree.revision.ref,
            tree=tree.hash,
            build=self._builder.name(plan.requirements) if plan.requirements else "",
            kind=plan.kind,
            launch=_launch(plan, tree, interpreter),
            name=plan.name,
            needs=frozenset({NETWORK} if plan.network else ()),
        )

    def clear(self) -> None:
        """Removes what the node left half done when it stopped; nothing may be under way."""
        self._trees.clear()

    def sweep(self, used: Collection[Generation]) -> None:
        """Removes the oldest trees and environments that no generation in `used` needs; blocks."""
        self._trees.sweep({generation.tree for generation in used})
        self._builder.sweep({generation.build for generation in used})

    def _plan(self, tree: Tree) -> Plan:
        def read(path: str) -> bytes:
            return self._disk.read_part(tree.folder / path, 0, READ_BYTES_MAX + 1)

        try:
            found = walk(self._disk, tree.folder, lambda entry: entry.name in {*PASSED_OVER, ".git"})
            return detect([str(path) for path, entry in found if entry.kind != "other"], read)
        except OSError as error:
            raise SourceError(f"cannot read {tree.folder}: {error}") from error


def _launch(plan: Plan, tree: Tree, interpreter: Interpreter) -> Launch:
    environment = {**interpreter.environment(), **plan.environment}
    if plan.import_folder:
        paths = [str(tree.folder / plan.import_folder), environment.get("PYTHONPATH", "")]
        environment["PYTHONPATH"] = ":".join(path for path in paths if path)
    program = str(interpreter.program) if plan.command[0] == PYTHON else _program(plan.command[0], tree.folder)
    return Launch((program, *plan.command[1:]), tree.folder, environment, readable=interpreter.folders())


def _program(name: str, folder: Path) -> str:
    """Returns the path of a program of the tree; one that has no slash is looked for on the search path."""
    return str(folder / name) if "/" in name and not name.startswith("/") else name
