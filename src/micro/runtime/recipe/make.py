"""C and C++, and whatever else a `Makefile` builds: its first target, and the one program that this leaves."""

from __future__ import annotations

import re

from micro.errors import SourceError
from micro.runtime.manifest import Manifest
from micro.runtime.recipe.evidence import evidence, routes
from micro.runtime.recipe.guests import PREBUILT, module_of
from micro.runtime.recipe.plan import SHOWN_MAX, Component, Files, Plan
from micro.runtime.recipe.recipe import Job, Place, Start

__all__ = ["MakeRecipe"]

MAKEFILES = ("Makefile", "makefile", "GNUmakefile")
NAMED = re.compile(r"^(?:TARGET|PROGRAM|PROG|BIN|BINARY|EXE|NAME)\s*[:?]?=\s*(\S+)\s*$", re.MULTILINE)


class MakeRecipe:
    """`Recipe` for `make`, with the owner's compiler."""

    name = "make"
    language = "C or a Makefile"
    version = 1

    def matches(self, files: Files, manifest: Manifest) -> Plan | None:
        makefile = files.first(*MAKEFILES)
        if not makefile:
            return None
        serves, why = evidence("c", files, "program")
        named = NAMED.search(files.text(makefile))
        return Plan(
            recipe=self.name,
            serves=serves,
            command=manifest.command,
            reason=f"there is a {makefile}{'; ' if why else ''}{why}",
            entry=named[1] if named and re.fullmatch(r"[\w./-]+", named[1]) else "",
            build=("make",),
            endpoints=routes("c", files) if serves == "http" else (),
        )

    def asks(self, plan: Plan, files: Files) -> bytes:
        return b""

    async def fetch(self, plan: Plan, job: Job) -> tuple[bytes, tuple[Component, ...]]:
        return b"", ()

    async def build(self, plan: Plan, job: Job) -> None:
        await job.bench.copy(job.tree, job.out, job.files.paths)
        prefix = f"-ffile-prefix-map={job.out}=/source"
        await job.bench.build(
            [job.bench.find(plan.build[0]), *plan.build[1:]],
            directory=job.out,
            environment={"HOME": str(job.scratch), "TMPDIR": str(job.scratch), "CC": f"cc {prefix}"},
            writes=(job.out, job.scratch),
            what="the build by make failed",
        )

    def start(self, plan: Plan, place: Place) -> Start:
        if plan.command:
            program, words = plan.command[0], plan.command[1:]
            program = str(place.out / program) if "/" in program and not program.startswith("/") else program
            return Start((program, *words), place.out, {}, (place.out,))
        named = [path for path in place.programs if path in {plan.entry, f"bin/{plan.entry}", f"build/{plan.entry}"}]
        programs = named or [path for path in place.programs if not path.endswith(PREBUILT)]
        module = module_of(place.files)
        if module and not programs:
            return Start((str(place.out / module),), place.out, engine="wasm")
        if len(programs) != 1:
            shown = f" ({', '.join(programs[:SHOWN_MAX])})" if programs else ""
            raise SourceError(
                f"make left {len(programs)} programs{shown}, and one is to start: say which. "
                'In micro.toml: [service] on one line, command = "./serve" on the next'
            )
        return Start((str(place.out / programs[0]),), place.out, {}, (place.out,))

    def tools(self, plan: Plan) -> tuple[str, ...]:
        return (*plan.build[:1], "cc")

    def differs(self, plan: Plan) -> str:
        return ""
