"""Node.js: packages by a lock and without their scripts, a build script of the author's, and `node`.

The lock's addresses are struck out, so that only the owner's registry is asked; its hashes stay.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from micro.errors import SourceError
from micro.runtime.manifest import Manifest, Serves
from micro.runtime.recipe.evidence import evidence, routes
from micro.runtime.recipe.guests import module_of
from micro.runtime.recipe.lockfile import SPECIFIER, check_overrides, components_of, strike_addresses
from micro.runtime.recipe.plan import Component, Files, Plan
from micro.runtime.recipe.recipe import Job, Place, Start

__all__ = ["NodeRecipe"]

USUAL = ("server.js", "index.js", "app.js", "main.js", "src/index.js", "src/server.js", "index.mjs", "server.mjs")
BUILT = ("dist", "build", "out", "public", "_site")
KINDS = ("dependencies", "devDependencies", "optionalDependencies", "peerDependencies")
LOCK = "package-lock.json"
PLAIN = re.compile(r"node +[\w./-]+( +[\w./=:-]+)*")
QUIET = ("--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier", "--git=/bin/false", "--loglevel=error")


class NodeRecipe:
    """`Recipe` for JavaScript, and for what compiles to it, with the owner's `node` and `npm`."""

    name = "node"
    language = "JavaScript"
    version = 1

    def matches(self, files: Files, manifest: Manifest) -> Plan | None:
        if "package.json" not in files.paths and not (files.first(*USUAL[:4]) and "index.html" not in files.paths):
            return None
        package = _package(files)
        said = package.get("scripts")
        scripts: Mapping[str, Any] = said if isinstance(said, dict) else {}
        build = ("npm", "run", "build") if isinstance(scripts.get("build"), str) else ()
        command, reason = manifest.command, "micro.toml says so"
        if not command:
            command, reason = _command(files, package, scripts)
        serves: Serves
        serves, why = evidence("node", files, "http")
        entry = ""
        if not command:
            if not build:
                raise SourceError(
                    "package.json says neither `main` nor a script `start`, and there is no index.js: add one, "
                    'or in micro.toml: [service] on one line, command = "node serve.js" on the next'
                )
            serves, reason, entry, why = "site", "package.json has a script `build` and nothing to start", "built", ""
        return Plan(
            recipe=self.name,
            serves=serves,
            command=command,
            reason=f"{reason}{'; ' if why else ''}{why}",
            entry=entry,
            build=build,
            endpoints=routes("node", files) if serves == "http" else (),
            description=str(package.get("description", ""))[:200],
        )

    def asks(self, plan: Plan, files: Files) -> bytes:
        package = _package(files)
        listed = {kind: package.get(kind) for kind in KINDS if package.get(kind)}
        wanted = [kind for kind in listed if kind != "devDependencies" or plan.build]
        if not wanted:
            return b""
        for kind, packages in listed.items():
            if not isinstance(packages, dict):
                raise SourceError(f"package.json: `{kind}` is a table of names and versions")
            for name, specifier in packages.items():
                if not isinstance(specifier, str) or not SPECIFIER.fullmatch(specifier):
                    raise SourceError(
                        f"package.json: {name} is {str(specifier)[:80]!r}: only versions of the registry are fetched"
                    )
        check_overrides(package.get("overrides"))
        if package.get("workspaces"):
            raise SourceError("package.json is a workspace: add the folder of one package to the source")
        lock = strike_addresses(files.read(LOCK)) if LOCK in files.paths else b""
        return json.dumps([bool(plan.build), listed, package.get("overrides")]).encode() + b"\0" + lock

    async def fetch(self, plan: Plan, job: Job) -> tuple[bytes, tuple[Component, ...]]:
        package = _package(job.files)
        kept = {key: package[key] for key in (*KINDS, "overrides", "name", "version") if key in package}
        job.bench.disk.write(job.packages / "package.json", json.dumps(kept).encode())
        npm = job.bench.find("npm")
        environment = {"npm_config_cache": str(job.scratch / "npm")}
        what = "cannot fetch npm packages"
        if LOCK in job.files.paths:
            job.bench.disk.write(job.packages / LOCK, strike_addresses(job.files.read(LOCK)))
        else:
            job.bench.report("fetching", "there is no package-lock.json, so versions are chosen now, and kept")
            command = [npm, "install", "--package-lock-only", *QUIET]
            await job.bench.fetch(command, directory=job.packages, environment=environment, what=what)
            chosen = strike_addresses(job.bench.read(job.packages / LOCK) or b"{}")
            job.bench.disk.write(job.packages / LOCK, chosen)
        omitted = [] if plan.build else ["--omit=dev"]
        command = [npm, "ci", *QUIET, *omitted]
        await job.bench.fetch(command, directory=job.packages, environment=environment, what=what)
        lock = strike_addresses(job.bench.read(job.packages / LOCK) or b"{}")
        return lock, components_of(lock, development=bool(plan.build))

    async def build(self, plan: Plan, job: Job) -> None:
        await job.bench.copy(job.tree, job.out, job.files.paths)
        search = f"{job.bench.find('node').rpartition('/')[0]}:/usr/local/bin:/usr/bin:/bin"
        if self.asks(plan, job.files):
            await _link(job, f"../../../packages/{job.packages.name}/node_modules")
        if plan.build:
            first = job.bench.find(plan.build[0])
            await job.bench.build(
                [first, *plan.build[1:]],
                directory=job.out,
                environment={"HOME": str(job.scratch), "TMPDIR": str(job.scratch), "PATH": search},
                reads=(job.packages,),
                writes=(job.out, job.scratch),
                what="the build script failed",
            )

    def start(self, plan: Plan, place: Place) -> Start:
        reads = (place.out, place.packages)
        if plan.serves == "site":
            folder = next((name for name in BUILT if f"{name}/index.html" in place.files), "")
            module = module_of(place.files)
            if module and not folder:
                return Start((str(place.out / module),), place.out, engine="wasm")
            if not folder:
                raise SourceError(f"the build left no index.html in {', '.join(BUILT)}: nothing can be served")
            return Start((folder,), place.out, {}, reads)
        node = place.tool("node")
        search = f"{place.out}/node_modules/.bin:{node.rpartition('/')[0]}:/usr/local/bin:/usr/bin:/bin"
        command = (node, *plan.command[1:]) if plan.command[0] == "node" else plan.command
        return Start(command, place.out, {"PATH": search, "NODE_ENV": "production"}, reads)

    def tools(self, plan: Plan) -> tuple[str, ...]:
        return ("node", "npm")

    def differs(self, plan: Plan) -> str:
        return "scripts of JavaScript may put into a build whatever they like"


async def _link(job: Job, place: str) -> None:
    command = ["/bin/ln", "-s", place, "node_modules"]
    what = "cannot link the packages"
    await job.bench.build(command, directory=job.out, environment={}, writes=(job.out,), what=what)


def _package(files: Files) -> dict[str, Any]:
    if "package.json" not in files.paths:
        return {}
    try:
        found = json.loads(files.text("package.json"))
    except (ValueError, RecursionError) as error:
        raise SourceError(f"package.json is no JSON: {error}") from error
    if not isinstance(found, dict):
        raise SourceError("package.json is no object")
    return found


def _command(files: Files, package: Mapping[str, Any], scripts: Mapping[str, Any]) -> tuple[tuple[str, ...], str]:
    """Returns what starts a package, as its author said it to npm."""
    start = scripts.get("start")
    if isinstance(start, str) and start.strip():
        if PLAIN.fullmatch(start.strip()):
            return tuple(start.split()), f"package.json starts `{start.strip()[:80]}`"
        return ("/bin/sh", "-c", start), f"package.json starts `{start.strip()[:80]}`"
    main = package.get("main")
    if isinstance(main, str):
        main = main.removeprefix("./")
        found = files.first(main, f"{main}.js", f"{main}/index.js")
        if found:
            return ("node", found), f"package.json says that {found} is its main"
    usual = files.first(*USUAL)
    return (("node", usual), f"there is a {usual}") if usual else ((), "")
