"""The folder `builds/`: each build under its key, with its log, its bill and this node's statement about it.

The key is the hash of the tree, of what was fetched for it, of the recipe and of the tools; so what is here need not be
built again, and what is built again can be compared.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import re
from collections.abc import AsyncIterator, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from micro.errors import SourceError
from micro.ports import Clock, Disk, Entry
from micro.runtime.artefact.bill import bill_of
from micro.runtime.artefact.statement import Built, sign_statement, statement_of
from micro.runtime.artefact.stock import Stock, sweep_folder
from micro.runtime.recipe.plan import Component, Fetched, Files, Plan
from micro.runtime.recipe.recipe import Job, Place, Recipe, Start
from micro.runtime.source.source import Report, Tree, silent
from micro.runtime.source.trees import FILES_MAX, tree_hash, walk
from micro.runtime.workbench import Seclusion, Workbench
from micro.trust.identity import nid_of
from micro.trust.keys import NodeKey

__all__ = ["BILL", "CHECK", "COMPLETE", "LOCK", "LOG", "OUT", "STATEMENT", "Artefact", "Artefacts"]

BUILDS_MAX = 16
"""How many builds are kept that no service uses."""

BUILDING_MAX = 2
"""How many builds may be at work at once."""

OUT, BILL, STATEMENT, LOCK, LOG, COMPLETE = "out", "sbom.json", "statement.json", "lock", "build.log", "complete"
SCRATCH, CHECK = ".scratch-", ".check-"
"""How the names of folders begin in which something is built that is no build yet, or only compared."""

OUT_BYTES_MAX = 4 * 2**30
"""How much a build may leave."""

PIECE_BYTES = 1_048_576
VERSION_OF: Mapping[str, tuple[str, ...]] = {
    "go": ("version",),
    "rustc": ("--version",),
    "node": ("--version",),
    "cc": ("--version",),
}
"""How a tool is asked for its version; of others the recipe's own version tells enough."""


_KEY = re.compile(r"[0-9a-f]{64}")
"""How a build is called; whatever else another node asks for names no file of ours."""


@dataclass(frozen=True)
class Artefact:
    """A build that is here.

    Attributes:
        key: its name in `builds/`.
        digest: of all its files, as 64 hexadecimal digits.
        start: how it starts.
        packages: the name in `packages/` of what was fetched for it; empty where nothing was.
    """

    key: str
    digest: str
    start: Start
    packages: str


class Artefacts:
    """The builds of one node."""

    def __init__(
        self,
        disk: Disk,
        clock: Clock,
        signer: NodeKey,
        seclusion: Seclusion,
        home: Path,
        settings: Mapping[str, str],
    ) -> None:
        """Builds in `builds/` of a node's home, states with `signer`; `settings` is the owner's environment."""
        self._disk = disk
        self._clock = clock
        self._signer = signer
        self._seclusion = seclusion
        self._settings = settings
        self._building: dict[str, asyncio.Lock] = {}
        self._slots = asyncio.Semaphore(BUILDING_MAX)
        self._at_work: list[str] = []
        self.stock = Stock(disk, home / "packages")
        self.nid = nid_of(signer.public)
        self.folder = home / "builds"

    async def make(
        self, recipe: Recipe, plan: Plan, files: Files, tree: Tree, source: str, service: str, report: Report
    ) -> Artefact:
        """Returns the build of a tree, fetched for and built first if need be.

        Raises:
            BuildFailed: a command ended badly; its last lines are in `tail`, and all of them in the log.
            SourceError: it cannot be fetched for or built; what was here before is as it was.
        """
        tools = await self.tools(recipe, plan)
        fetched = await self.fetched(recipe, plan, files, tree, report)
        key = self.key(recipe, plan, tree, fetched, tools)
        place = self.folder / key
        same = self._building.setdefault(key, asyncio.Lock())
        if same.locked():
            report("building", "waits: the same is being built already")
        async with same:
            if self._disk.read(place / COMPLETE) is not None:
                report("building", f"build {key[:10]} is here already")
            else:
                async with self._slot(service, report):
                    await self._make(recipe, plan, files, tree, fetched, tools, key, source, service, report)
        record = json.loads(self._disk.read(place / COMPLETE) or b"{}")
        return Artefact(
            key, record["digest"], self._start(recipe, plan, files, tree.folder, fetched, place), fetched.name
        )

    @contextlib.asynccontextmanager
    async def _slot(self, service: str, report: Report) -> AsyncIterator[None]:
        """Waits until one more may be at work, and says for whom it waits."""
        if self._slots.locked():
            report("building", f"waits: {BUILDING_MAX} builds are at work ({', '.join(self._at_work)})")
        async with self._slots:
            self._at_work.append(service)
            try:
                yield
            finally:
                self._at_work.remove(service)

    async def _make(
        self,
        recipe: Recipe,
        plan: Plan,
        files: Files,
        tree: Tree,
        fetched: Fetched,
        tools: dict[str, str],
        key: str,
        source: str,
        service: str,
        report: Report,
    ) -> None:
        """Builds what is not here, states it, and marks it as complete."""
        began = self._clock.now()
        place = self.folder / key
        await asyncio.to_thread(self._disk.remove, place)
        digest = await self.build(recipe, plan, files, tree.folder, fetched, place, report)
        built = Built(
            key=key,
            service=service,
            source=source,
            revision=tree.revision.id,
            tree=tree.hash,
            recipe=f"{recipe.name}/{recipe.version}",
            tools=tools,
            subjects={},
            components=fetched.components,
            began=began,
            ended=self._clock.now(),
            differs=recipe.differs(plan),
        )
        brought = {one.name for one in plan.brought}
        own = [Component("", name, version) for name, version in tools.items() if name not in brought]
        await asyncio.to_thread(self._state, built, digest, fetched.lock, tree.folder, (*plan.brought, *own))

    async def fetched(self, recipe: Recipe, plan: Plan, files: Files, tree: Tree, report: Report) -> Fetched:
        """Returns what a tree asks for, fetched first if need be; see `Stock.get`."""
        return await self.stock.get(recipe, plan, files, tree.folder, partial(self._bench, report))

    def key(self, recipe: Recipe, plan: Plan, tree: Tree, fetched: Fetched, tools: Mapping[str, str]) -> str:
        """Returns the name of a build: the hash of all that goes into it."""
        said = {
            "tree": tree.hash,
            "lock": hashlib.sha256(fetched.lock).hexdigest(),
            "recipe": [recipe.name, recipe.version],
            "plan": [plan.serves, plan.command, plan.entry, plan.build, plan.import_folder],
            "tools": dict(tools),
        }
        return hashlib.sha256(b"micro-build-v1\0" + json.dumps(said, sort_keys=True).encode()).hexdigest()

    async def tools(self, recipe: Recipe, plan: Plan) -> dict[str, str]:
        """Returns the versions of the programs that a recipe needs.

        Raises:
            SourceError: one is not there; the message says how to install it.
        """
        bench = self._bench(silent, self.folder)
        found = {one.name: one.version for one in plan.brought}
        missing = []
        for name in recipe.tools(plan):
            try:
                path = bench.find(name)
            except SourceError as error:
                missing.append(str(error))
                continue
            if name in VERSION_OF:
                found[name] = await bench.ask([path, *VERSION_OF[name]], Path("/"))
        if missing:
            raise SourceError("; ".join(missing))
        return found

    async def build(
        self, recipe: Recipe, plan: Plan, files: Files, tree: Path, fetched: Fetched, place: Path, report: Report
    ) -> str:
        """Builds into `place`, an empty folder of `builds/`, and returns the digest of what came of it."""
        scratch = self.folder / f"{SCRATCH}{place.name}"
        for folder in (place / OUT, scratch):
            await asyncio.to_thread(self._disk.remove, folder)
            await asyncio.to_thread(self._disk.make_folder, folder)
        await asyncio.to_thread(self._disk.make_folder, scratch / "packages")  # there also where nothing was asked for
        bench = self._bench(report, place / LOG)
        packages = self.stock.folder / fetched.name if fetched.name else scratch / "packages"
        try:
            await recipe.build(plan, Job(files, tree, bench, packages, place / OUT, scratch, self.stock.kept(recipe)))
            digest = await asyncio.to_thread(lambda: tree_hash(self.contents(place)))
            self._start(recipe, plan, files, tree, fetched, place)  # what cannot start was not built
        except BaseException:
            await asyncio.to_thread(self._disk.remove, place / OUT)
            raise
        finally:
            await asyncio.to_thread(self._disk.remove, scratch)
        return digest

    def contents(self, place: Path) -> list[tuple[str, bool, str]]:
        """Returns path, mode and SHA-256 of each file that a build left; reads all of them.

        Raises:
            SourceError: they are more than is kept.
        """
        entries = list(walk(self._disk, place / OUT, lambda entry: entry.kind == "other"))
        if len(entries) >= FILES_MAX or sum(entry.size for _, entry in entries) > OUT_BYTES_MAX:
            raise SourceError(f"the build left {FILES_MAX} files or more, or more than {OUT_BYTES_MAX} bytes")
        return [(str(path), entry.executable, self._hash(place / OUT / path, entry)) for path, entry in entries]

    def _hash(self, path: Path, entry: Entry) -> str:
        """Returns the SHA-256 of a file, read in pieces; of a link only that it is one."""
        total = hashlib.sha256(b"link" if entry.kind == "link" else b"")
        for offset in range(0, entry.size, PIECE_BYTES):
            total.update(self._disk.read_part(path, offset, PIECE_BYTES))
        return total.hexdigest()

    def find(self, prefix: str) -> str:
        """Returns the key of the build that begins so.

        Raises:
            SourceError: there is none, or more than one.
        """
        keys = [entry.name for entry in self._disk.entries(self.folder) if entry.name.startswith(prefix)]
        if len(keys) != 1 or not prefix or prefix.startswith("."):
            many = f"{len(keys)} builds begin" if keys else "no build begins"
            raise SourceError(f"{many} with {prefix!r}: `micro build SOURCE` prints the name of one")
        return keys[0]

    def digest(self, key: str) -> str:
        """Returns the digest of what came of a build, "" where there is no such build."""
        record = self._disk.read(self.folder / key / COMPLETE) if _KEY.fullmatch(key) else None
        return str(json.loads(record)["digest"]) if record else ""

    def read(self, key: str, name: str) -> bytes:
        """Returns one of the files beside a build; nothing where it is not there."""
        return self._disk.read(self.folder / key / name) or b""

    def sweep(self, builds: Collection[str], packages: Collection[str]) -> None:
        """Removes the oldest builds and packages that no service uses; blocks."""
        sweep_folder(self._disk, self.folder, builds, BUILDS_MAX)
        self.stock.sweep(packages)

    def clear(self) -> None:
        """Removes what a crash left half done; nothing may be under way."""
        for folder in (self.folder, self.stock.folder):
            for entry in self._disk.entries(folder):
                if entry.name.startswith((SCRATCH, CHECK)):
                    self._disk.remove(folder / entry.name)

    def _bench(self, report: Report, log: Path) -> Workbench:
        return Workbench(self._disk, self._seclusion, self._settings, report, log)

    def _start(self, recipe: Recipe, plan: Plan, files: Files, tree: Path, fetched: Fetched, place: Path) -> Start:
        found = list(walk(self._disk, place / OUT, lambda entry: entry.kind == "other"))
        programs = [
            str(path)
            for path, entry in found
            if entry.executable and entry.kind == "file" and str(path) not in files.paths
        ]
        packages = self.stock.folder / fetched.name
        tool = self._bench(silent, place / LOG).find
        names = frozenset(str(path) for path, _ in found)
        return recipe.start(plan, Place(tree, place / OUT, packages, names, tuple(sorted(programs)), tool))

    def _state(self, built: Built, digest: str, lock: bytes, tree: Path, tools: Iterable[Component]) -> None:
        """Writes the bill and the statement, and last of all that the build is complete."""
        place = self.folder / built.key
        bill = bill_of(built.service, built.key, built.components, built.ended, tools)
        subjects = {OUT: digest, BILL: _sha256(bill), LOCK: _sha256(lock)}
        stated = replace(built, subjects=subjects)
        statement = sign_statement(statement_of(stated, self.nid), self._signer)
        self._disk.write(place / LOCK, lock)
        self._disk.write(place / BILL, bill)
        self._disk.write(place / STATEMENT, statement)
        record = {"digest": digest, "tree": str(tree), "source": built.source, "service": built.service}
        self._disk.write(place / COMPLETE, json.dumps(record).encode())


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
