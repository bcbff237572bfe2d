"""A command that the author named, of a tree that needs no build: a script, or a program that is there already."""

from __future__ import annotations

from micro.errors import SourceError
from micro.runtime.manifest import MANIFEST, Manifest
from micro.runtime.recipe.plan import Component, Files, Plan
from micro.runtime.recipe.recipe import Job, Place, Start

__all__ = ["CommandRecipe"]


class CommandRecipe:
    """`Recipe` for the author's own word: `command` in `micro.toml`, or `web:` in a `Procfile`."""

    name = "command"
    language = "a command"
    version = 1

    def matches(self, files: Files, manifest: Manifest) -> Plan | None:
        if not manifest.command:
            return None
        return Plan(self.name, "micro", manifest.command, f"{MANIFEST} says so", build=manifest.build)

    def asks(self, plan: Plan, files: Files) -> bytes:
        return b""

    async def fetch(self, plan: Plan, job: Job) -> tuple[bytes, tuple[Component, ...]]:
        return b"", ()

    async def build(self, plan: Plan, job: Job) -> None:
        if not plan.build:
            return
        await job.bench.copy(job.tree, job.out, job.files.paths)
        program = plan.build[0]
        await job.bench.build(
            [program if "/" in program else job.bench.find(program), *plan.build[1:]],
            directory=job.out,
            environment={"HOME": str(job.scratch), "TMPDIR": str(job.scratch)},
            writes=(job.out, job.scratch),
            what="the author's build failed",
        )

    def start(self, plan: Plan, place: Place) -> Start:
        folder = place.out if plan.build else place.tree
        program = plan.command[0]
        if "/" in program and not program.startswith("/"):
            program = str(folder / program)
        elif not program:
            raise SourceError(f"{MANIFEST}: `command` is empty")
        return Start((program, *plan.command[1:]), folder, {}, (folder,))

    def tools(self, plan: Plan) -> tuple[str, ...]:
        return ()

    def differs(self, plan: Plan) -> str:
        return ""
