"""Rust: one binary of a package, from crates that are vendored by a lock.

Files that would change what `cargo` itself does (`.cargo/`, `rust-toolchain`) are left out: they can name programs to
run, and a fetch runs nothing of a stranger's.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

from micro.errors import SourceError
from micro.runtime.manifest import Manifest
from micro.runtime.recipe.evidence import evidence, routes
from micro.runtime.recipe.plan import SHOWN_MAX, Component, Files, Plan
from micro.runtime.recipe.recipe import Job, Place, Start

__all__ = ["CONFIG", "LOCK", "RustRecipe", "cargo_of", "kept_of"]

LEFT_OUT = re.compile(r"(^|/)(\.cargo|target)/|(^|/)rust-toolchain(\.toml)?$")
ELSEWHERE = frozenset({"git", "registry", "registry-index"})
CONFIG = """[source.crates-io]
replace-with = "vendored"
[source.vendored]
directory = "{folder}"
"""
"""Has `cargo` take every crate from a folder."""

LOCK = "Cargo.lock"


class RustRecipe:
    """`Recipe` for Rust, with the owner's `cargo`."""

    name = "rust"
    language = "Rust"
    version = 1

    def matches(self, files: Files, manifest: Manifest) -> Plan | None:
        if "Cargo.toml" not in files.paths:
            return None
        project = _toml(files, "Cargo.toml")
        package = project.get("package")
        if not isinstance(package, dict):
            raise SourceError("Cargo.toml is a workspace: add the folder of one package to the source")
        binaries = _binaries(files, project, str(package.get("name", "")))
        wanted = str(package.get("default-run", "")) or (binaries[0] if len(binaries) == 1 else "")
        if not wanted:
            shown = ", ".join(binaries[:SHOWN_MAX])
            raise SourceError(
                f"{len(binaries)} binaries are here ({shown}): say `default-run` in Cargo.toml"
                if binaries
                else "this is a Rust library: it has no binary, so nothing starts"
            )
        serves, why = evidence("rust", files, "program")
        return Plan(
            recipe=self.name,
            serves=serves,
            command=manifest.command or (wanted,),
            reason=f"there is a Cargo.toml with the binary {wanted}{'; ' if why else ''}{why}",
            entry=wanted,
            endpoints=routes("rust", files) if serves == "http" else (),
            description=str(package.get("description", ""))[:200],
        )

    def asks(self, plan: Plan, files: Files) -> bytes:
        manifests = [path for path in files.ending("Cargo.toml") if not LEFT_OUT.search(path)]
        for path in manifests:
            _check(_toml(files, path), path)
        project = _toml(files, "Cargo.toml")
        if not any("dependencies" in key for key in project) and not project.get("target"):
            return b""
        lock = files.read(LOCK) if LOCK in files.paths else b""
        if b'"git+' in lock:
            raise SourceError("Cargo.lock names a crate from git: only crates of the registry are fetched")
        return b"\0".join([*(files.text(path).encode() for path in manifests), lock])

    async def fetch(self, plan: Plan, job: Job) -> tuple[bytes, tuple[Component, ...]]:
        folder, home = job.scratch / "source", job.scratch / "cargo"
        await job.bench.copy(job.tree, folder, kept_of(job.files))
        await job.bench.copy(_owners(job), home, ["config.toml"])
        cargo, environment = await cargo_of(job)
        environment["CARGO_HOME"] = str(home)
        locked = LOCK in job.files.paths
        vendored = str(job.packages / "vendor")
        steps = [] if locked else [["generate-lockfile"]]
        for step in [*steps, ["vendor", "--locked", "--versioned-dirs", vendored]]:
            await job.bench.fetch([cargo, *step], directory=folder, environment=environment, what="cannot fetch crates")
        lock = job.bench.read(folder / LOCK) or b""
        return lock, tuple(_components(lock))

    async def build(self, plan: Plan, job: Job) -> None:
        folder, home = job.scratch / "source", job.scratch / "cargo"
        await job.bench.copy(job.tree, folder, kept_of(job.files))
        lock = job.bench.read(job.packages / "lock")
        if LOCK not in job.files.paths and lock:
            job.bench.disk.write(folder / LOCK, lock)
        job.bench.disk.make_folder(home)
        job.bench.disk.write(home / "config.toml", CONFIG.format(folder=job.packages / "vendor").encode())
        cargo, environment = await cargo_of(job)
        environment |= {
            "CARGO_HOME": str(home),
            "CARGO_TARGET_DIR": str(job.scratch / "target"),
            "RUSTFLAGS": f"--remap-path-prefix={folder}=/source --remap-path-prefix={job.packages}=/packages",
            "HOME": str(job.scratch),
            "TMPDIR": str(job.scratch),
        }
        await job.bench.build(
            [cargo, "build", "--release", "--offline", "--bin", plan.entry],
            directory=folder,
            environment=environment,
            reads=(job.packages, Path(cargo).parents[1]),
            writes=(job.scratch,),
            what="the build of Rust failed",
        )
        job.bench.disk.move(job.scratch / "target" / "release" / plan.entry, job.out / plan.entry)

    def start(self, plan: Plan, place: Place) -> Start:
        return Start((str(place.out / plan.entry), *plan.command[1:]), place.tree, {}, (place.tree, place.out))

    def tools(self, plan: Plan) -> tuple[str, ...]:
        return ("cargo", "rustc", "cc")

    def differs(self, plan: Plan) -> str:
        return ""


def _check(found: Any, where: str) -> None:
    """Raises `SourceError` where a manifest takes a crate from elsewhere than the owner's registry or its own tree."""
    waiting = [found]
    while waiting:
        one = waiting.pop()
        waiting += one if isinstance(one, list) else list(one.values())
        if isinstance(one, dict):
            for key in ELSEWHERE & set(one):
                raise SourceError(f"{where}: `{key}` takes a crate from elsewhere: only the registry's are fetched")
            if str(one.get("path", "")).startswith("/"):
                raise SourceError(f"{where}: {str(one['path'])[:80]} is outside of this source")
        waiting = [one for one in waiting if isinstance(one, dict | list)]


def _toml(files: Files, path: str) -> dict[str, Any]:
    try:
        return tomllib.loads(files.text(path))
    except (ValueError, RecursionError) as error:
        raise SourceError(f"{path} is no TOML: {error}") from error


def _binaries(files: Files, project: dict[str, Any], package: str) -> list[str]:
    listed = project.get("bin", [])
    named = [str(one.get("name", "")) for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    own = [package] if "src/main.rs" in files.paths and package else []
    more = [found[1] for path in sorted(files.paths) if (found := re.fullmatch(r"src/bin/(\w[\w-]*)\.rs", path))]
    return [
        name for name in dict.fromkeys([*named, *(own if not named else []), *more]) if re.fullmatch(r"[\w-]+", name)
    ]


def kept_of(files: Files) -> list[str]:
    """Returns the files of a tree that do not change what `cargo` itself does."""
    return [path for path in files.paths if not LEFT_OUT.search(path)]


def _owners(job: Job) -> Path:
    """Returns the folder in which the owner says where crates come from."""
    settings = job.bench.settings
    return Path(settings.get("CARGO_HOME") or f"{settings.get('HOME', '/')}/.cargo")


async def cargo_of(job: Job) -> tuple[str, dict[str, str]]:
    """Returns the `cargo` that the owner uses, itself and no proxy that a file of the tree could turn elsewhere."""
    root = Path(await job.bench.ask([job.bench.find("rustc"), "--print", "sysroot"], job.scratch) or "/usr")
    programs = {entry.name for entry in job.bench.disk.entries(root / "bin")}
    cargo = str(root / "bin" / "cargo") if "cargo" in programs else job.bench.find("cargo")
    return cargo, {"RUSTC": str(root / "bin" / "rustc"), "CARGO_TERM_COLOR": "never"}


def _components(lock: bytes) -> list[Component]:
    try:
        listed = tomllib.loads(lock.decode("utf-8", "replace")).get("package", [])
        return [
            Component("cargo", str(one["name"]), str(one["version"]), {"sha256": str(one["checksum"])})
            for one in listed
            if "checksum" in one
        ]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise SourceError(f"{LOCK} cannot be read: {error}") from error
