"""A folder of files for browsers: nothing is built, and what is asked for is read."""

from __future__ import annotations

from micro.runtime.manifest import Manifest
from micro.runtime.recipe.plan import Component, Files, Plan
from micro.runtime.recipe.recipe import Job, Place, Start

__all__ = ["SiteRecipe"]

FOLDERS = ("", "public/", "dist/", "docs/", "site/", "_site/", "www/", "htdocs/")


class SiteRecipe:
    """`Recipe` for static sites."""

    name = "site"
    language = "a static site"
    version = 1

    def matches(self, files: Files, manifest: Manifest) -> Plan | None:
        folder = next((folder for folder in FOLDERS if f"{folder}index.html" in files.paths), None)
        if folder is None:
            return None
        return Plan(
            recipe=self.name,
            serves="site",
            command=(folder.rstrip("/") or ".",),
            reason=f"there is a {folder}index.html, and nothing that starts",
            entry=folder.rstrip("/") or ".",
            endpoints=("GET /",),
        )

    def asks(self, plan: Plan, files: Files) -> bytes:
        return b""

    async def fetch(self, plan: Plan, job: Job) -> tuple[bytes, tuple[Component, ...]]:
        return b"", ()

    async def build(self, plan: Plan, job: Job) -> None:
        """There is nothing to build."""

    def start(self, plan: Plan, place: Place) -> Start:
        return Start(plan.command, place.tree, {}, (place.tree,))

    def tools(self, plan: Plan) -> tuple[str, ...]:
        return ()

    def differs(self, plan: Plan) -> str:
        return ""
