"""WebAssembly, for whoever asks for it: source of nine languages, or an artefact that its author has built.

`micro.runtime.guest` knows the compilers, `guestpackages` what a guest depends on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from micro.errors import EngineError, SourceError
from micro.runtime.command import Finished
from micro.runtime.environments import Environments
from micro.runtime.guest.build import Runner, build_wasm, find_tools
from micro.runtime.guest.compiled import ARTEFACT_BYTES_MAX, MAGIC
from micro.runtime.guest.kits import KITS, Kit, Kits, kits_of
from micro.runtime.guest.recipes import ARTEFACT, RUST_TARGETS, recipe_for
from micro.runtime.manifest import MANIFEST, Manifest
from micro.runtime.recipe.guestpackages import GuestPackages
from micro.runtime.recipe.guests import PREBUILT, script_of
from micro.runtime.recipe.plan import Component, Files, Plan
from micro.runtime.recipe.python import with_packages
from micro.runtime.recipe.recipe import Job, Place, Start
from micro.runtime.recipe.rust import cargo_of, kept_of

__all__ = ["WasmRecipe"]

NAMED: Mapping[str, tuple[str, ...]] = {
    "rust": ("Cargo.toml",),
    "go": ("go.mod",),
    "zig": ("main.zig",),
    "assemblyscript": ("index.ts", "assembly/index.ts"),
    "typescript": ("main.ts",),
    "javascript": ("main.js", "main.mjs", "index.js", "index.mjs"),
    "python": ("main.py",),
}
"""What says for sure of which language a guest is, where its author asked for one."""

ENDING: Mapping[str, tuple[str, ...]] = {"c": (".c",), "cpp": (".cc", ".cpp", ".cxx")}


class WasmRecipe:
    """`Recipe` for guests, which run in a worker of the node instead of a process of their own.

    Args:
        environments: makes what Python's packages are in, and knows the node's own Python.
        kits: compilers that are fetched when they are needed.
    """

    name = "wasm"
    language = "WebAssembly"
    version = 1

    def __init__(self, environments: Environments, kits: Kits) -> None:
        self._interpreter = environments.interpreter(None)
        self._packages = GuestPackages(environments)
        self._kits = kits

    def matches(self, files: Files, manifest: Manifest) -> Plan | None:
        named = manifest.command[0] if manifest.command else ""
        if named.endswith(PREBUILT):
            if named not in files.paths:
                raise SourceError(f"{MANIFEST} says that {named} starts, and it is not there")
            return self._plan(named, f"{named} is there already")
        script = script_of(files)
        if script:
            language = "typescript" if script.endswith(".ts") else "javascript"
            return self._plan(language, f"package.json says that {script} is its main")
        found = next((language for language, names in NAMED.items() if files.first(*names)), "")
        found = found or next((one for one, endings in ENDING.items() if files.ending(*endings, depth_max=0)), "")
        if not found:
            raise SourceError(
                "nothing here can be built to WebAssembly: the start is one of "
                f"{', '.join(name for names in NAMED.values() for name in names)}, a file in C or C++, "
                f'or command = "guest.wasm"'
            )
        start = files.first(*NAMED.get(found, ())) or files.ending(*ENDING[found], depth_max=0)[0]
        plan = self._plan(found, f"it starts with {start}")
        return with_packages(plan, files) if found == "python" else plan

    def _plan(self, entry: str, reason: str) -> Plan:
        kits = kits_of(recipe_for(entry).tools) if not entry.endswith(PREBUILT) else []
        brought = tuple(one for kit in kits for one in _compilers(KITS[kit]))
        return Plan(self.name, "micro", (), reason, entry=entry, kind="wasm", brought=brought)

    def asks(self, plan: Plan, files: Files) -> bytes:
        return self._packages.asks(plan, files)

    async def fetch(self, plan: Plan, job: Job) -> tuple[bytes, tuple[Component, ...]]:
        return await self._packages.fetch(plan, job)

    async def build(self, plan: Plan, job: Job) -> None:
        disk = job.bench.disk
        if plan.entry.endswith(PREBUILT):
            if disk.read_part(job.tree / plan.entry, 0, len(MAGIC)) != MAGIC:
                raise SourceError(f"{plan.entry} is no WebAssembly")
            if disk.read_part(job.tree / plan.entry, ARTEFACT_BYTES_MAX, 1):
                raise SourceError(f"{plan.entry} is larger than the {ARTEFACT_BYTES_MAX} bytes that a guest may have")
            await job.bench.copy(job.tree, job.scratch, [plan.entry])
            disk.move(job.scratch / plan.entry, job.out / ARTEFACT)
            return
        folder = job.scratch / "source"
        await job.bench.copy(job.tree, folder, kept_of(job.files) if plan.entry == "rust" else job.files.paths)
        has_packages = bool(self.asks(plan, job.files))
        more = await self._packages.put(plan, job, folder) if has_packages else {}
        recipe = recipe_for(plan.entry)
        kits = {kit: await self._kits.get(kit, job.bench) for kit in kits_of(recipe.tools)}
        node = job.bench.find("node") if "node" in self.tools(plan) else ""
        words = {tool: said for kit, place in kits.items() for tool, said in self._kits.words(kit, place, node).items()}
        target = await _rust_target(job) if "cargo" in recipe.tools else ""
        tools = find_tools([Path(place) for place in job.bench.search_path().split(":")], disk, words, target)
        start = script_of(job.files) if plan.entry in ("javascript", "typescript") else ""
        tools = replace(tools, packages=str(job.packages) if has_packages else "", start=start)
        try:
            made = await build_wasm(
                plan.entry, folder, run=self._runner(plan, job, [*kits.values()], more), tools=tools, disk=disk
            )
        except EngineError as error:
            raise SourceError(str(error)) from error
        disk.move(made, job.out / ARTEFACT)

    def _runner(self, plan: Plan, job: Job, kits: Sequence[Path], more: Mapping[str, str]) -> Runner:
        """Returns what runs the commands of a build, each with its tools to read and no network."""

        async def run(command: Sequence[str], where: Path, environment: Mapping[str, str]) -> Finished:
            words, variables = [*command], {**environment, **more}
            reads = (*self._interpreter.folders(), *kits, job.packages)
            writes: tuple[Path, ...] = (job.scratch, where)
            name = Path(words[0]).name
            if name == "cargo":
                words[0], own = await cargo_of(job)
                flat = f"--remap-path-prefix={where}=/source --remap-path-prefix={job.packages}=/packages"
                variables |= {**own, "CARGO_HOME": str(job.scratch), "RUSTFLAGS": flat}
                reads = (Path(words[0]).parents[1], job.packages)
            elif name in {"go", "node"}:
                reads = (Path(words[0]).parents[1], *reads)
            if name == "go":  # the next guest finds what this one compiled of Go itself
                variables["TMPDIR"] = str(job.scratch)  # Go takes no go.mod in the folder for temporary files
                variables["GOCACHE"] = job.bench.settings.get("GOCACHE") or str(job.kept)
                writes = (*writes, Path(variables["GOCACHE"]))
            elif name == "zig":  # and what this one compiled of C's own library, which is half a minute of work
                variables["ZIG_GLOBAL_CACHE_DIR"] = str(job.kept / "zig")
                writes = (*writes, job.kept)
            what = f"the build of the guest in {plan.entry} failed"
            return await job.bench.build(
                words, directory=where, environment=variables, reads=reads, writes=writes, what=what
            )

        return run

    def start(self, plan: Plan, place: Place) -> Start:
        return Start((str(place.out / ARTEFACT),), place.out)

    def tools(self, plan: Plan) -> tuple[str, ...]:
        if plan.entry.endswith(PREBUILT):
            return ()
        needed = recipe_for(plan.entry).tools
        own = {"go": ("go",), "cargo": ("cargo", "rustc")}.get(needed[0], ())
        return ("node", "npm") if any(KITS[kit].manager == "npm" for kit in kits_of(needed)) else own

    def differs(self, plan: Plan) -> str:
        return "" if plan.entry.endswith(PREBUILT) else recipe_for(plan.entry).differs


def _compilers(kit: Kit) -> tuple[Component, ...]:
    """Returns what of a kit is called, as facts."""
    kind = "pypi" if kit.manager == "pip" else "npm"
    named = (one.partition(" ") for one in kit.version.split(", "))
    return tuple(Component(kind, name, version) for name, _, version in named)


async def _rust_target(job: Job) -> str:
    """Returns what the owner's Rust calls WebAssembly with a system interface.

    Raises:
        SourceError: it has no such target; the message says what installs it.
    """
    rustc = job.bench.find("rustc")
    root = Path(await job.bench.ask([rustc, "--print", "sysroot"], job.scratch) or "/usr")
    there = {entry.name for entry in job.bench.disk.entries(root / "lib" / "rustlib")}
    found = next((target for target in RUST_TARGETS if target in there), "")
    if not found:
        how = (
            "apt-get install libstd-rust-dev-wasm32" if root == Path("/usr") else f"rustup target add {RUST_TARGETS[0]}"
        )
        raise SourceError(
            f"this needs Rust's target {RUST_TARGETS[0]}, which {root} does not have: {how}, then try again"
        )
    return found
