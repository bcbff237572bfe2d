"""Makes what a Python service runs in: the node's interpreter, or one of its own with its packages beside it.

Packages never go into the node's own environment. A set of requirements has one environment in `builds/`, named by the
hash of what it was made from, and shared by all services that ask for the same. Only built wheels are installed, so
nothing of theirs is run meanwhile; the node's own `micro` follows behind on the import path.
"""

from __future__ import annotations

import asyncio
import hashlib
import importlib.util
import sys
import sysconfig
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from micro import errors
from micro.errors import EngineError, SourceError
from micro.ports import Disk, Processes
from micro.runtime.command import CommandOverran, Finished, run_command
from micro.runtime.requirements import Requirements
from micro.runtime.source.source import Report

__all__ = ["Builder", "Interpreter"]

BUILD_SECONDS_MAX = 600.0
VENV_SECONDS_MAX = 60.0
OUTPUT_BYTES_MAX = 10_000_000
DETAIL_CHARACTERS_MAX = 200
COMPLAINT_LINES_MAX = 5
BUILDS_MAX = 16
"""How many environments are kept that no service uses."""

COMPLETE = "complete"
"""The file that says an environment is finished; one without it is made anew."""

SEARCH_PATH = "/usr/local/bin:/usr/bin:/bin"
SETTINGS = ("PIP_", "UV_")
SETTING_NAMES = frozenset(
    {"HOME", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"}
    | {"SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"}
)
"""Of the owner's environment, what says where packages come from."""


@dataclass(frozen=True)
class Interpreter:
    """A Python and what makes it one for services.

    Attributes:
        program: its path.
        import_path: folders a service imports from, if the interpreter does not look there by itself.
        site: folders of the node's own packages, for an interpreter that has others.
    """

    program: Path
    import_path: tuple[Path, ...] = ()
    site: tuple[Path, ...] = ()

    @staticmethod
    def of_this_process() -> Interpreter:
        """Returns the interpreter that runs the node."""
        if not sys.executable:
            raise EngineError("this node cannot tell which Python runs it, so it can start no service")
        site = tuple(dict.fromkeys(Path(sysconfig.get_path(name)) for name in ("purelib", "platlib")))
        ours = Path(errors.__file__).parents[1]
        return Interpreter(Path(sys.executable), () if ours in site else (ours,), site)

    def folders(self) -> tuple[Path, ...]:
        """Returns what a program of this interpreter reads: its own folder, that of the one below it, and packages."""
        own = self.program.parent.parent
        made = [own] if (own / "pyvenv.cfg").is_file() else []  # else it may be anything, such as the home of `~/bin`
        return (*made, Path(sys.base_prefix), Path(sys.prefix), *self.import_path, *self.site, *_checkouts())

    def environment(self) -> dict[str, str]:
        """Returns the variables that a program of this interpreter needs."""
        found = {
            "PATH": f"{self.program.parent}:{SEARCH_PATH}",
            "PYTHONUNBUFFERED": "1",
            "PYTHONDONTWRITEBYTECODE": "1",  # the tree is not the service's to write into
            "PYTHONNOUSERSITE": "1",
        }
        if self.import_path:
            found["PYTHONPATH"] = ":".join(map(str, self.import_path))
        return found


def _checkouts() -> list[Path]:
    """Returns the folders that this environment's `.pth` files lead to: packages that were installed to be edited."""
    site = sysconfig.get_path("purelib")
    after = sys.path[sys.path.index(site) + 1 :] if site in sys.path else []
    return [Path(place) for place in after if Path(place).is_absolute()]


class Builder:
    """The folder `builds/` of a node's home."""

    def __init__(
        self,
        processes: Processes,
        disk: Disk,
        folder: Path,
        interpreter: Interpreter,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        """Makes environments in `folder`; `settings` is the owner's environment, of which pip gets what it needs."""
        self._processes = processes
        self._disk = disk
        self._interpreter = interpreter
        self._building: dict[str, asyncio.Lock] = {}
        self._settings = {
            name: value
            for name, value in (settings or {}).items()
            if name in SETTING_NAMES or name.startswith(SETTINGS)
        }
        self.folder = folder

    async def build(self, requirements: Requirements | None, report: Report) -> Interpreter:
        """Returns the interpreter for a service, made first if need be.

        Raises:
            SourceError: a package cannot be installed; the message holds the reason that pip gave.
        """
        if requirements is None:
            return self._interpreter
        name = self.name(requirements)
        async with self._building.setdefault(name, asyncio.Lock()):
            if self._disk.read(self.folder / name / COMPLETE) is None:
                await self._make(self.folder / name, requirements, report)
        return self._own(self.folder / name)

    def name(self, requirements: Requirements) -> str:
        """Returns what the environment for `requirements` is called."""
        parts = [sys.version, sysconfig.get_platform(), *map(str, self._interpreter.site), requirements.digest]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    def sweep(self, used: Collection[str]) -> None:
        """Removes the oldest environments beyond `BUILDS_MAX` that are not in `used`."""
        old = [one for one in self._disk.entries(self.folder) if one.kind == "folder" and one.name not in used]
        old.sort(key=lambda entry: entry.modified)
        for entry in old[: max(0, len(old) - BUILDS_MAX)]:
            self._disk.remove(self.folder / entry.name)

    async def _make(self, place: Path, requirements: Requirements, report: Report) -> None:
        count = len(requirements.lines)
        report("building", f"{count} package{'s' if count > 1 else ''} into an environment of its own")
        if requirements.loose:
            report("building", f"not pinned, so tomorrow's may differ: {', '.join(requirements.loose[:10])}")
        await asyncio.to_thread(self._disk.remove, place)
        await asyncio.to_thread(self._disk.make_folder, place)
        made = await self._run(self._venv(place), place, VENV_SECONDS_MAX, report)
        if made.code:
            raise SourceError(f"cannot make a Python environment: {_complaint(made)}")
        listed = place / "requirements.txt"
        self._disk.create(listed, "".join(f"{line}\n" for line in requirements.lines).encode())
        installed = await self._run(self._installer(place, listed, requirements), place, BUILD_SECONDS_MAX, report)
        if installed.code:
            raise SourceError(f"cannot install the service's packages: {_complaint(installed)}")
        self._disk.create(self._packages(place) / "micro-node.pth", self._path_file())
        self._disk.write(place / COMPLETE, b"")

    def _venv(self, place: Path) -> list[str]:
        return [str(self._interpreter.program), "-m", "venv", "--without-pip", str(place / "python")]

    def _installer(self, place: Path, listed: Path, requirements: Requirements) -> list[str]:
        """Returns the command that installs: pip of the node's environment, else uv of the same."""
        python = str(place / "python" / "bin" / "python")
        options = ["--only-binary", ":all:", *(["--require-hashes"] if requirements.hashed else []), "-r", str(listed)]
        if importlib.util.find_spec("pip"):
            ask = ["--no-input", "--disable-pip-version-check", "--progress-bar", "off"]
            return [str(self._interpreter.program), "-m", "pip", "--python", python, "install", *ask, *options]
        if importlib.util.find_spec("uv"):
            return [str(self._interpreter.program), "-m", "uv", "pip", "install", "--python", python, *options]
        raise EngineError("this service needs packages, and the node's Python has neither pip nor uv: install pip")

    async def _run(self, command: list[str], place: Path, seconds_max: float, report: Report) -> Finished:
        def tell(part: bytes) -> None:
            for line in part.decode("utf-8", "replace").splitlines():
                if line.strip():
                    report("building", line.strip()[:DETAIL_CHARACTERS_MAX])

        environment = {"PATH": SEARCH_PATH, "HOME": str(place), "LANG": "C.UTF-8", **self._settings}
        try:
            return await run_command(
                self._processes,
                command,
                directory=place,
                environment=environment,
                seconds_max=seconds_max,
                output_bytes_max=OUTPUT_BYTES_MAX,
                on_output=tell,
            )
        except CommandOverran as error:
            raise SourceError(f"cannot build the service: {error}") from error

    def _packages(self, place: Path) -> Path:
        return place / "python" / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"

    def _path_file(self) -> bytes:
        """Returns the `.pth` that appends the node's packages, with their own `.pth` files, after the service's."""
        folders = [*map(str, self._interpreter.import_path), *map(str, self._interpreter.site)]
        return "".join(f"import site; site.addsitedir({folder!r})\n" for folder in folders).encode()

    def _own(self, place: Path) -> Interpreter:
        return Interpreter(
            place / "python" / "bin" / "python", site=(*self._interpreter.import_path, *self._interpreter.site)
        )


def _complaint(finished: Finished) -> str:
    lines = [line.strip() for line in finished.errors.decode("utf-8", "replace").splitlines() if line.strip()]
    told = [line for line in lines if line.upper().startswith("ERROR")] or lines
    return " ".join(told[-COMPLAINT_LINES_MAX:]) or f"it ended with {finished.code}"
