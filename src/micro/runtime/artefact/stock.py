"""The folder `packages/`: what trees asked for, fetched once and named by the hash of the asking."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from micro.ports import Disk
from micro.runtime.recipe.plan import Component, Fetched, Files, Plan
from micro.runtime.recipe.recipe import Job, Recipe
from micro.runtime.workbench import Workbench

__all__ = ["Stock", "sweep_folder"]

PACKAGES_MAX = 16
"""How many are kept that no service uses."""

COMPLETE = "fetched.json"
"""The file that says that all is here; a folder without it is filled anew."""

LOCK = "lock"
LOG = "fetch.log"
RECORD_BYTES_MAX = 50_000_000


class Stock:
    """What was fetched."""

    def __init__(self, disk: Disk, folder: Path) -> None:
        self._disk = disk
        self._filling: dict[str, asyncio.Lock] = {}
        self.folder = folder

    async def get(
        self,
        recipe: Recipe,
        plan: Plan,
        files: Files,
        tree: Path,
        bench: Callable[[Path], Workbench],
    ) -> Fetched:
        """Returns what a tree asks for, fetched first if need be.

        Args:
            bench: makes a workbench that logs into a file.

        Raises:
            SourceError: it cannot be had; nothing is left that would be taken for it.
        """
        asked = recipe.asks(plan, files)
        if not asked:
            return Fetched()
        said = (
            f"{recipe.name}/{recipe.version}".encode()
        )  # packages are the same whatever version of a tool fetches them
        name = hashlib.sha256(b"micro-packages-v1\0" + said + b"\0" + asked).hexdigest()
        workbench = bench(self.folder / name / LOG)
        same = self._filling.setdefault(name, asyncio.Lock())
        if same.locked():
            workbench.report("fetching", "waits: the same is being fetched already")
        async with same:
            found = self._read(name)
            if found is None:
                await self._fill(name, recipe, plan, files, tree, workbench)
                found = self._read(name)
        assert found is not None
        return found

    def kept(self, recipe: Recipe) -> Path:
        """Returns the folder in which a recipe's compiler keeps what it has compiled."""
        place = self.folder / f".{recipe.name}"
        self._disk.make_folder(place)
        return place

    def sweep(self, used: Collection[str]) -> None:
        """Removes the oldest beyond `PACKAGES_MAX` that are not in `used`."""
        sweep_folder(self._disk, self.folder, used, PACKAGES_MAX)

    async def _fill(self, name: str, recipe: Recipe, plan: Plan, files: Files, tree: Path, bench: Workbench) -> None:
        place, scratch = self.folder / name, self.folder / f".scratch-{name}"
        for folder in (place, scratch):
            await asyncio.to_thread(self._disk.remove, folder)
            await asyncio.to_thread(self._disk.make_folder, folder)
        job = Job(files, tree, bench, packages=place, out=place, scratch=scratch, kept=self.kept(recipe))
        try:
            lock, components = await recipe.fetch(plan, job)
        finally:
            await asyncio.to_thread(self._disk.remove, scratch)
        self._disk.write(place / LOCK, lock)
        listed = [[one.kind, one.name, one.version, dict(one.hashes)] for one in components]
        self._disk.write(place / COMPLETE, json.dumps({"components": listed}).encode())

    def _read(self, name: str) -> Fetched | None:
        record = self._disk.read_part(self.folder / name / COMPLETE, 0, RECORD_BYTES_MAX)
        if not record:
            return None
        lock = self._disk.read_part(self.folder / name / LOCK, 0, RECORD_BYTES_MAX)
        listed: list[Any] = json.loads(record)["components"]
        return Fetched(name, lock, tuple(Component(*one) for one in listed))


def sweep_folder(disk: Disk, folder: Path, used: Collection[str], kept_max: int) -> None:
    """Removes the oldest folders beyond `kept_max` that are not in `used`, and what a crash left half done."""
    found = [entry for entry in disk.entries(folder) if entry.kind == "folder" and not entry.name.startswith(".")]
    old = sorted((entry for entry in found if entry.name not in used), key=lambda entry: entry.modified)
    for entry in old[: max(0, len(old) - kept_max)]:
        disk.remove(folder / entry.name)
