"""What guests depend on: fetched by their language's own recipe for processes, built in without a network.

Modules of Go, crates and packages of npm are source, and are fetched for a guest as they are for a process. Of Python
only packages of Python alone can be in a guest, so those have a folder of their own, without an interpreter.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from micro.runtime.environments import Environments
from micro.runtime.recipe.go import MANIFESTS, GoRecipe
from micro.runtime.recipe.node import NodeRecipe
from micro.runtime.recipe.plan import Component, Files, Plan
from micro.runtime.recipe.python import components_of
from micro.runtime.recipe.recipe import Job, Recipe
from micro.runtime.recipe.rust import CONFIG, LOCK, RustRecipe

__all__ = ["GuestPackages"]

PYTHON = "python"


class GuestPackages:
    """Fetches what guests depend on, each language's by its own package manager."""

    def __init__(self, environments: Environments) -> None:
        self._environments = environments
        npm = NodeRecipe()
        self._recipes: Mapping[str, Recipe] = {
            "go": GoRecipe(),
            "rust": RustRecipe(),
            "javascript": npm,
            "typescript": npm,
            "assemblyscript": npm,
        }

    def asks(self, plan: Plan, files: Files) -> bytes:
        """Returns all that decides what is fetched, see `Recipe.asks`."""
        if plan.entry == PYTHON:
            return b"python\0" + plan.requirements.digest.encode() if plan.requirements else b""
        recipe = self._recipes.get(plan.entry)
        asked = recipe.asks(_own(plan), files) if recipe else b""
        return plan.entry.encode() + b"\0" + asked if asked else b""

    async def fetch(self, plan: Plan, job: Job) -> tuple[bytes, tuple[Component, ...]]:
        """Fills `job.packages`, see `Recipe.fetch`."""
        if plan.entry != PYTHON:
            return await self._recipes[plan.entry].fetch(_own(plan), job)
        assert plan.requirements is not None, "nothing else was asked for"
        return components_of(await self._environments.gather(job.packages, plan.requirements, job.bench))

    async def put(self, plan: Plan, job: Job, folder: Path) -> Mapping[str, str]:
        """Prepares the copy of the source in `folder` for what was fetched, and returns variables for its build."""
        disk = job.bench.disk
        if plan.entry == "go":
            for name in MANIFESTS:  # without a go.sum in the source, this is where it was resolved
                disk.remove(folder / name)
            await job.bench.copy(job.packages / "module", folder, MANIFESTS)
            return {"GOMODCACHE": str(job.packages / "modules"), "GOFLAGS": "-mod=readonly", "GOSUMDB": "off"}
        if plan.entry == "rust":
            disk.write(job.scratch / "config.toml", CONFIG.format(folder=job.packages / "vendor").encode())
            if LOCK not in job.files.paths:
                disk.write(folder / LOCK, job.bench.read(job.packages / "lock") or b"")
        return {}


def _own(plan: Plan) -> Plan:
    """Returns a plan without a build of the author's: what that would need is not for a guest."""
    return replace(plan, build=())
