"""Turns a source into something that can be started: fetched, understood and built, each step told as it begins."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from micro.errors import SourceError
from micro.ports import Disk
from micro.runtime.artefact.artefacts import STATEMENT, Artefact, Artefacts
from micro.runtime.artefact.statement import open_statement
from micro.runtime.artefact.verification import verify
from micro.runtime.detect import detect
from micro.runtime.environments import Interpreter
from micro.runtime.generation import Generation
from micro.runtime.grants import NETWORK
from micro.runtime.launching import launch_of
from micro.runtime.manifest import MANIFEST_BYTES_MAX, Engine
from micro.runtime.readme import Readme, read_readme
from micro.runtime.recipe.plan import Files, Plan
from micro.runtime.recipe.recipe import Recipe
from micro.runtime.source.source import Report, Revision, Source, Tree
from micro.runtime.source.spec import SourceSpec, parse
from micro.runtime.source.trees import PASSED_OVER, Trees, walk

__all__ = ["Understood", "Workshop"]

READ_BYTES_MAX = 1_000_000
"""How much of a file is read to find out what it is."""

LOCK_BYTES_MAX = 30_000_000
LOCKS = frozenset({"package-lock.json", "Cargo.lock", "go.sum", "uv.lock", "poetry.lock", "pdm.lock", "Pipfile.lock"})
"""Files that must be read whole, for what they leave out is not locked."""

FOLDERS_PASSED_OVER = frozenset({*PASSED_OVER, ".git", "node_modules", ".venv", "venv", "target"})
"""Folders of a working tree that hold what can be made again."""

assert READ_BYTES_MAX >= MANIFEST_BYTES_MAX


@dataclass(frozen=True)
class Understood:
    """A tree that is here, and what is known of it before anything is built."""

    tree: Tree
    files: Files
    plan: Plan
    recipe: Recipe

    def to_dict(self) -> dict[str, Any]:
        """Returns it as `micro detect` shows it."""
        plan = self.plan
        return {
            "recipe": plan.recipe,
            "language": self.recipe.language,
            "serves": plan.serves,
            "engine": plan.kind,
            "engine_why": plan.engine_reason,
            "entry": plan.entry,
            "command": list(plan.command),
            "build": list(plan.build),
            "endpoints": list(plan.endpoints),
            "why": plan.reason,
            "description": plan.description,
            "tools": [*self.recipe.tools(plan), *(f"{one.name} {one.version}" for one in plan.brought)],
            "notes": list(plan.notes),
            "revision": self.tree.revision.id,
        }


class Workshop:
    """Makes generations of sources."""

    def __init__(
        self,
        sources: Mapping[str, Source],
        recipes: Mapping[str, Recipe],
        artefacts: Artefacts,
        interpreter: Interpreter,
        trees: Trees,
        disk: Disk,
    ) -> None:
        """Fetches with the source that `sources` has for a spec's kind; `interpreter` is the node's own."""
        self._sources = sources
        self._recipes = recipes
        self._interpreter = interpreter
        self._trees = trees
        self._disk = disk
        self.artefacts = artefacts

    async def newest(self, spec: SourceSpec) -> Revision:
        """Returns the revision that a source names now."""
        return await self._sources[spec.kind].newest(spec)

    async def understand(
        self, spec: SourceSpec, revision: Revision, report: Report, engine: Engine | None = None
    ) -> Understood:
        """Returns what a source is, and which engine runs it unless `engine` says so; nothing of it is run.

        Raises:
            SourceError: it cannot be fetched, or nothing in it can be started; the message says what to add.
        """
        tree = await self._sources[spec.kind].fetch(spec, revision, report)
        for note in tree.notes:
            report("fetching", note)
        return await self.look(tree, engine)

    async def look(self, tree: Tree, engine: Engine | None = None) -> Understood:
        """Returns what a tree is."""
        files = await asyncio.to_thread(self._files, tree.folder)
        plan = await asyncio.to_thread(detect, files, self._recipes, engine)
        return Understood(tree, files, plan, self._recipes[plan.recipe])

    async def build(self, spec: SourceSpec, found: Understood, report: Report) -> Artefact:
        """Returns the build of a source that was understood.

        Raises:
            SourceError: it cannot be built; the message says why, and what to do.
        """
        plan = found.plan
        report("building", f"{found.recipe.language}, as {plan.serves}: {plan.reason}")
        if plan.kind == "wasm":
            report("building", f"to WebAssembly: {plan.engine_reason}")
        for note in plan.notes:
            report("building", note)
        service = plan.name or spec.name
        return await self.artefacts.make(found.recipe, plan, found.files, found.tree, str(spec), service, report)

    async def make(
        self, spec: SourceSpec, revision: Revision, number: int, report: Report, engine: Engine | None = None
    ) -> Generation:
        """Returns generation `number` of a service.

        Raises:
            SourceError: it cannot be fetched, understood or built; the message says why, and what to do.
        """
        found = await self.understand(spec, revision, report, engine)
        artefact = await self.build(spec, found, report)
        plan = found.plan
        return Generation(
            number=number,
            revision=found.tree.revision.id,
            ref=found.tree.revision.ref,
            tree=found.tree.hash,
            build=artefact.key,
            packages=artefact.packages,
            kind=artefact.start.engine or plan.kind,
            launch=launch_of(plan, artefact.start, plan.name or spec.name, self._interpreter),
            name=plan.name,
            needs=frozenset({NETWORK} if plan.network else ()),
        )

    async def verify(self, key: str, report: Report) -> str:
        """Returns one line that says what was found to hold of a build.

        Raises:
            SourceError: it is not what this node stated; the message says what differs.
        """

        async def again(source: str, revision: str, recipe: str) -> tuple[Tree, Files, Plan, Recipe]:
            engine: Engine = "wasm" if recipe.partition("/")[0] == "wasm" else "process"
            found = await self.understand(parse(source), Revision(revision), report, engine)
            return found.tree, found.files, found.plan, found.recipe

        return await verify(self.artefacts, self._disk, key, again, report)

    async def readme(self, spec: SourceSpec, generation: Generation) -> Readme:
        """Returns what the author of a generation's source tells people; of a folder, what it says by now.

        Raises:
            Unavailable: the disk does not give it.
        """
        folder = (
            Path(spec.location) / spec.subpath if spec.kind == "directory" else self._trees.folder / generation.tree
        )
        return await asyncio.to_thread(read_readme, self._disk, folder)

    def is_equal(self, key: str) -> bool:
        """Says whether a build comes out equal in every bit whoever builds it.

        Raises:
            BadRequest: this node did not state it.
        """
        statement = open_statement(self.artefacts.read(key, STATEMENT), self.artefacts.nid)
        inner = statement["predicate"]["buildDefinition"]["internalParameters"]
        return bool(inner.get("differs") == "")

    def clear(self) -> None:
        """Removes what the node left half done when it stopped; nothing may be under way."""
        self._trees.clear()
        self.artefacts.clear()

    def sweep(self, used: Collection[Generation]) -> None:
        """Removes the oldest trees, builds and packages that no generation in `used` needs; blocks."""
        self._trees.sweep({generation.tree for generation in used})
        self.artefacts.sweep({generation.build for generation in used}, {generation.packages for generation in used})

    def _files(self, folder: Path) -> Files:
        def read(path: str) -> bytes:
            bytes_max = LOCK_BYTES_MAX if path in LOCKS else READ_BYTES_MAX
            return self._disk.read_part(folder / path, 0, bytes_max + 1)

        try:
            found = walk(self._disk, folder, lambda entry: entry.name in FOLDERS_PASSED_OVER)
            sizes = {str(path): entry.size for path, entry in found if entry.kind == "file"}
            return Files(sizes, read, sizes)
        except OSError as error:
            raise SourceError(f"cannot read {folder}: {error}") from error
