"""The compilers of guests: fetched from their registry when one is first needed, by pinned hashes, and kept.

A kit is a folder named by the hash of its pins and of the platform, so what is in it never changes: versions are moved
in `pins/`, and then it is another folder. Builds only read it. All homes of one owner share one cache where nobody else
may look in; elsewhere a home has its own.
"""

from __future__ import annotations

import asyncio
import hashlib
import importlib.util
import sysconfig
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from micro.errors import EngineError
from micro.ports import Disk
from micro.runtime.workbench import BUILD_SECONDS_MAX, Workbench

__all__ = ["KITS", "Kit", "Kits", "cache_folder", "kits_of"]

PINS = Path(__file__).parent / "pins"
COMPLETE = "complete"
NEW = ".new-"
"""How the names of folders begin that are being filled; the lock of such a one ends in `LOCKED`."""

LOCKED = ".lock"
LOOK_SECONDS = 0.5
"""How often is looked whether another process has finished with the same kit."""

PACKAGE, LOCK = "package.json", "package-lock.json"


@dataclass(frozen=True)
class Kit:
    """Compilers that come together.

    Attributes:
        version: of all that is called in it, for a person and for the name of a build.
        manager: what fetches it.
        pins: in `pins/`, the file or folder that says exactly what.
        megabytes: how much that fetches, about.
    """

    version: str
    manager: Literal["pip", "npm"]
    pins: str
    megabytes: int


KITS: Mapping[str, Kit] = {
    "python": Kit("componentize-py 0.25.1", "pip", "python.txt", 17),
    "javascript": Kit("componentize-qjs 0.4.5, esbuild 0.28.2", "npm", "javascript", 18),
    "assemblyscript": Kit("assemblyscript 0.28.20", "npm", "assemblyscript", 24),
    "zig": Kit("ziglang 0.17.1", "pip", "zig.txt", 101),
}
"""All that there are. `zig` compiles C and C++, too: one download for three languages, larger than all others."""

BROUGHT = {
    "componentize-py": "python",
    "componentize-qjs": "javascript",
    "esbuild": "javascript",
    "asc": "assemblyscript",
    "zig": "zig",
}
"""Which kit a tool is in."""

_SCRIPT = "import sys; sys.path.insert(0, {!r}); from componentize_py import script; sys.exit(script())"


def kits_of(tools: Collection[str]) -> list[str]:
    """Returns the kits that bring these tools; the others are the owner's own."""
    return list(dict.fromkeys(BROUGHT[name] for name in tools if name in BROUGHT))


def cache_folder(settings: Mapping[str, str], said: str = "") -> Path | None:
    """Returns where an owner with this environment has what all his nodes share, unless he said where.

    None where he has no such place.
    """
    if said:
        return Path(said).absolute()
    if settings.get("XDG_CACHE_HOME", "").startswith("/"):
        return Path(settings["XDG_CACHE_HOME"], "micro", "kits")
    return Path(settings["HOME"], ".cache", "micro", "kits") if settings.get("HOME", "").startswith("/") else None


class Kits:
    """The kits that are here."""

    def __init__(self, disk: Disk, python: Path, own: Path, shared: Path | None = None) -> None:
        """Keeps them in `shared`, or in `own` where others may look in there; `python` installs and runs some."""
        self._disk = disk
        self._python = str(python)
        self._own = own
        self._shared = shared
        self._fetching: dict[str, asyncio.Lock] = {}

    def find(self, name: str) -> Path | None:
        """Returns the folder of a kit, None where it would have to be fetched."""
        places = [place for place in (self._shared, self._own) if place is not None]
        found = (place / self._name(name) for place in places if self._closed(place))
        return next((place for place in found if self._disk.read(place / COMPLETE) is not None), None)

    async def get(self, name: str, bench: Workbench) -> Path:
        """Returns the folder of a kit, fetched first if need be.

        Raises:
            SourceError: it cannot be had; the message says why.
        """
        async with self._fetching.setdefault(name, asyncio.Lock()):
            return self.find(name) or await self._fetch(name, bench)

    def words(self, name: str, folder: Path, node: str) -> dict[str, tuple[str, ...]]:
        """Returns for each tool of a kit in a folder how it is called; `node` is the owner's Node.js."""
        packages = folder / "node_modules"
        if name == "python":
            return {"componentize-py": (self._python, "-I", "-c", _SCRIPT.format(str(folder)))}
        if name == "zig":
            return {"zig": (str(folder / "ziglang" / "zig"),)}
        if name == "assemblyscript":
            return {"asc": (node, str(packages / "assemblyscript" / "bin" / "asc.js"))}
        return {
            "esbuild": (node, str(packages / "esbuild" / "bin" / "esbuild")),
            "componentize-qjs": (node, str(packages / "componentize-qjs" / "bin" / "componentize-qjs")),
        }

    def _closed(self, place: Path) -> bool:
        """Whether a place is there, and nobody but the owner may write into it or put something in its stead."""
        try:
            return self._disk.access(place) == "private"
        except OSError:
            return False

    def _place(self) -> Path:
        """Returns where a new kit goes."""
        for place in (self._shared, self._own):
            if place is None:
                continue
            try:
                self._disk.make_folder(place)
            except OSError:
                continue
            if self._closed(place):
                return place
        raise EngineError(f"there is no place for compilers: {self._own} cannot be made, or others may look into it")

    def _name(self, name: str) -> str:
        kit = KITS[name]
        files = [PINS / kit.pins] if kit.manager == "pip" else [PINS / kit.pins / LOCK]
        said = [sysconfig.get_platform().encode(), *((self._disk.read(file) or b"") for file in files)]
        return f"{name}-{hashlib.sha256(b'micro-kit-v1' + bytes(1) + bytes(1).join(said)).hexdigest()[:32]}"

    async def _fetch(self, name: str, bench: Workbench) -> Path:
        kit = KITS[name]
        place = await asyncio.to_thread(self._place)
        target, folder = place / self._name(name), place / f"{NEW}{self._name(name)}"
        given_back = await self._alone(place / f"{NEW}{self._name(name)}{LOCKED}")
        try:
            if self._disk.read(target / COMPLETE) is not None:  # another process had begun, and has finished
                return target
            bench.report("fetching", f"{kit.version}, to build this with: {kit.megabytes} MB, this once")
            for left in (folder, target):
                await asyncio.to_thread(self._disk.remove, left)
            await asyncio.to_thread(self._disk.make_folder, folder)
            await (self._by_pip if kit.manager == "pip" else self._by_npm)(kit, folder, bench)
            self._disk.write(folder / COMPLETE, kit.version.encode())
            await asyncio.to_thread(self._disk.move, folder, target)
        finally:
            given_back()
        bench.report("fetching", f"{kit.version} is in {target}")
        return target

    async def _alone(self, lock: Path) -> Callable[[], None]:
        """Waits until no other process fetches the same."""
        async with asyncio.timeout(BUILD_SECONDS_MAX):
            while True:
                given_back = await asyncio.to_thread(self._disk.lock, lock)
                if given_back is not None:
                    return given_back
                await asyncio.sleep(LOOK_SECONDS)

    async def _by_pip(self, kit: Kit, folder: Path, bench: Workbench) -> None:
        options = ["--target", str(folder), "--no-deps", "--only-binary", ":all:", "--require-hashes"]
        options += ["-r", str(PINS / kit.pins)]
        if importlib.util.find_spec("pip"):
            quiet = ["--no-input", "--disable-pip-version-check", "--progress-bar", "off", "--no-cache-dir"]
            command = [self._python, "-m", "pip", "install", *quiet, *options]
        elif importlib.util.find_spec("uv"):
            command = [self._python, "-m", "uv", "pip", "install", "--no-cache", *options]
        else:
            raise EngineError(f"{kit.version} is fetched by pip or uv, and the node's Python has neither: install pip")
        await bench.fetch(command, directory=folder, environment={}, what=f"cannot fetch {kit.version}")

    async def _by_npm(self, kit: Kit, folder: Path, bench: Workbench) -> None:
        for file in (PACKAGE, LOCK):
            self._disk.write(folder / file, self._disk.read(PINS / kit.pins / file) or b"{}")
        quiet = ["--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error"]
        kept = folder / ".npm"
        await bench.fetch(
            [bench.find("npm"), "ci", *quiet],
            directory=folder,
            environment={"npm_config_cache": str(kept)},
            what=f"cannot fetch {kit.version}",
        )
        await asyncio.to_thread(self._disk.remove, kept)
