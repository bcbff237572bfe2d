"""Go: one static binary, equal in every bit wherever it is built."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from micro.errors import SourceError
from micro.runtime.manifest import Manifest
from micro.runtime.recipe.evidence import evidence, routes
from micro.runtime.recipe.gomicro import GO_MICRO, go_micro, handlers, topics
from micro.runtime.recipe.plan import SHOWN_MAX, Component, Files, Plan
from micro.runtime.recipe.recipe import Job, Place, Start

__all__ = ["MANIFESTS", "GoRecipe"]

MAIN = re.compile(r"^package main\b", re.MULTILINE)
REPLACED = re.compile(r"=>\s*(\.\.?/\S*|/\S*)")
REQUIRED = re.compile(r"^\s*require\b", re.MULTILINE)
SUM = re.compile(r"^(\S+) (v\S+) h1:(\S+)$", re.MULTILINE)
OUTCOME = "app"
DIRECT = "direct"
"""Of the owner's registries, the one that asks whatever host a module names; strangers' modules get the others."""

MANIFESTS = ("go.mod", "go.sum")


class GoRecipe:
    """`Recipe` for Go, with the owner's `go`."""

    name = "go"
    language = "Go"
    version = 1

    def matches(self, files: Files, manifest: Manifest) -> Plan | None:
        if "go.mod" not in files.paths:
            return None
        folders = sorted(
            {
                path.rpartition("/")[0]
                for path in files.ending(".go", depth_max=3)
                if not path.endswith("_test.go") and MAIN.search(files.text(path))
            }
        )
        if not folders:
            raise SourceError("this is a Go library: no folder of it has a `package main`, so nothing starts")
        if "" not in folders and len(folders) > 1:
            shown = ", ".join(folders[:SHOWN_MAX])
            raise SourceError(f"{len(folders)} Go programs are here ({shown}): add the folder of one to the source")
        serves, why = go_micro(files) or evidence("go", files, "program")
        folder = "" if "" in folders else folders[0]
        return Plan(
            recipe=self.name,
            serves=serves,
            command=manifest.command or (OUTCOME,),
            reason=f"there is a go.mod, and a `package main` in {folder or 'its folder'}{'; ' if why else ''}{why}",
            entry=folder,
            endpoints=routes("go", files) if serves == "http" else handlers(files) if serves in GO_MICRO else (),
            topics=topics(files) if serves in GO_MICRO else (),
        )

    def asks(self, plan: Plan, files: Files) -> bytes:
        text = files.text("go.mod")
        if any(path.startswith("vendor/") for path in files.paths) or not REQUIRED.search(text):
            return b""
        for found in REPLACED.finditer(text):
            if found[1].startswith(("/", "../")):
                raise SourceError(f"go.mod replaces a module by {found[1]}, which is outside of this source")
        if "go.sum" in files.paths:
            return text.encode() + b"\0" + files.read("go.sum")
        return "\0".join([text, *(files.text(path) for path in files.ending(".go"))]).encode()

    async def fetch(self, plan: Plan, job: Job) -> tuple[bytes, tuple[Component, ...]]:
        folder = job.packages / "module"
        tidy = "go.sum" not in job.files.paths
        wanted = [path for path in job.files.paths if path.endswith(".go")] if tidy else []
        await job.bench.copy(job.tree, folder, [*(name for name in MANIFESTS if name in job.files.paths), *wanted])
        go = job.bench.find("go")
        registries = (await job.bench.ask([go, "env", "GOPROXY"], job.scratch)).split(",")
        environment = {
            **_environment(),
            "GOPROXY": ",".join(one for one in registries if one != DIRECT) or DIRECT,
            "GOMODCACHE": str(job.packages / "modules"),
            "GOCACHE": str(job.scratch),
        }
        steps = [["mod", "tidy"]] if tidy else []
        for step in [*steps, ["mod", "download"]]:
            await job.bench.fetch(
                [go, *step], directory=folder, environment=environment, what="cannot fetch Go modules"
            )
        text = (job.bench.read(folder / "go.sum") or b"").decode("utf-8", "replace")
        components = tuple(Component("golang", name, version) for name, version, _ in SUM.findall(text))
        return text.encode(), tuple(one for one in components if not one.version.endswith("/go.mod"))

    async def build(self, plan: Plan, job: Job) -> None:
        options = ["-trimpath", "-buildvcs=false", "-ldflags=-s -w -buildid="]
        environment = {
            **_environment(),
            "GOPROXY": "off",
            "GOMODCACHE": str(job.packages / "modules"),
            "GOCACHE": job.bench.settings.get("GOCACHE") or str(job.kept),
        }
        if "go.sum" not in job.files.paths and self.asks(plan, job.files):  # what was resolved stands there
            options.append(f"-modfile={job.packages / 'module' / 'go.mod'}")
        package = f"./{plan.entry}" if plan.entry else "."
        go = job.bench.find("go")
        root = Path(go).parents[1]
        own = [root] if job.bench.read(root / "VERSION") else []  # where its own packages are, if they are beside it
        await job.bench.build(
            [go, "build", *options, "-o", str(job.out / OUTCOME), package],
            directory=job.tree,
            environment={**environment, "HOME": str(job.scratch), "TMPDIR": str(job.scratch)},
            reads=(job.tree, job.packages, *own),
            writes=(job.out, job.scratch, Path(environment["GOCACHE"])),
            what="the build of Go failed",
        )

    def start(self, plan: Plan, place: Place) -> Start:
        return Start((str(place.out / OUTCOME), *plan.command[1:]), place.tree, {}, (place.tree, place.out))

    def tools(self, plan: Plan) -> tuple[str, ...]:
        return ("go",)

    def differs(self, plan: Plan) -> str:
        return ""


def _environment() -> Mapping[str, str]:
    """Returns variables under which `go` downloads no other `go`, runs no version control and no C compiler."""
    return {
        "GOTOOLCHAIN": "local",
        "GOFLAGS": "-modcacherw",
        "GOWORK": "off",
        "GOVCS": "*:off",
        "CGO_ENABLED": "0",
        "GOTELEMETRY": "off",
    }
