"""Makes what a Python service runs in: the node's interpreter, or one of its own with its packages beside it.

Packages never go into the node's own environment. A set of requirements has one environment, named by the hash of what
it was made from, and shared by all services that ask for the same. Only built wheels are installed, so nothing of
theirs is run meanwhile; the node's own `micro` follows behind on the import path.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

from micro import errors
from micro.errors import EngineError, SourceError
from micro.ports import Disk
from micro.runtime.requirements import Requirements
from micro.runtime.source.trees import walk
from micro.runtime.workbench import Workbench

__all__ = ["Environments", "Interpreter"]

SEARCH_PATH = "/usr/local/bin:/usr/bin:/bin"
PINS = "pins.txt"
REPORT_BYTES_MAX = 50_000_000
DEPS = "deps"

GUEST_PYTHON = "3.14"
"""The version of the Python that `componentize-py` puts into a guest."""

PYTHON_ALONE = "Python alone, which is all that a guest can have; --engine process runs it with every package"
MACHINE_CODE = frozenset({".so", ".pyd", ".dylib"})


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


class Environments:
    """Makes environments like the one of an interpreter."""

    def __init__(self, disk: Disk, interpreter: Interpreter) -> None:
        self._disk = disk
        self._interpreter = interpreter

    def name(self, requirements: Requirements) -> str:
        """Returns what the environment for `requirements` is called."""
        parts = [sys.version, sysconfig.get_platform(), *map(str, self._interpreter.site), requirements.digest]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    def interpreter(self, place: Path | None) -> Interpreter:
        """Returns the interpreter of the environment in a folder; the node's own for None."""
        if place is None:
            return self._interpreter
        behind = (*self._interpreter.import_path, *self._interpreter.site)
        return Interpreter(place / "python" / "bin" / "python", site=behind)

    async def make(self, place: Path, requirements: Requirements, bench: Workbench) -> list[tuple[str, str, str]]:
        """Makes an environment in an empty folder, and returns name, version and SHA-256 of each package in it.

        Raises:
            SourceError: a package cannot be installed; the message holds the reason that was given.
        """
        count = len(requirements.lines)
        bench.report("fetching", f"{count} package{'s' if count > 1 else ''} into an environment of its own")
        made = [str(self._interpreter.program), "-m", "venv", "--without-pip", str(place / "python")]
        own = {"HOME": str(place)}
        await bench.fetch(made, directory=place, environment=own, what="cannot make a Python environment")
        listed = self._write(place, requirements)
        install = self._installer(place, listed, requirements)
        await bench.fetch(install, directory=place, environment={}, what="cannot install the service's packages")
        self._disk.create(self._packages(place) / "micro-node.pth", self._path_file())
        return self._installed(place, self._packages(place))

    async def gather(self, place: Path, requirements: Requirements, bench: Workbench) -> list[tuple[str, str, str]]:
        """Installs packages for a guest into the folder `deps` of an empty one, and returns them as `make` does.

        Raises:
            SourceError: a package cannot be installed, or is of more than Python.
        """
        count = len(requirements.lines)
        bench.report("fetching", f"{count} package{'s' if count > 1 else ''} of Python alone, for a guest")
        listed, deps = self._write(place, requirements), place / DEPS
        what = f"cannot fetch the packages as {PYTHON_ALONE}"
        install = self._installer(place, listed, requirements, alone=True)
        await bench.fetch(install, directory=place, environment={}, what=what)
        for path, _ in walk(self._disk, deps, lambda entry: entry.name == "bin"):
            if path.suffix in MACHINE_CODE:
                raise SourceError(f"{what}: {path} is code of a machine")
        return self._installed(place, deps)

    def _write(self, place: Path, requirements: Requirements) -> Path:
        """Writes what is asked for into files for an installer, and returns the path of the first."""
        listed = place / "requirements.txt"
        self._disk.create(listed, "".join(f"{line}\n" for line in requirements.lines).encode())
        if requirements.pins:
            self._disk.create(place / PINS, "".join(f"{line}\n" for line in requirements.pins).encode())
        return listed

    def _installer(self, place: Path, listed: Path, requirements: Requirements, *, alone: bool = False) -> list[str]:
        """Returns the command that installs: pip of the node's environment, else uv of the same."""
        python = str(place / "python" / "bin" / "python")
        options = ["--only-binary", ":all:", *(["--require-hashes"] if requirements.hashed else []), "-r", str(listed)]
        options += ["-c", str(place / PINS)] if requirements.pins else []
        own = str(self._interpreter.program)
        if alone:
            options += ["--target", str(place / DEPS), "--python-version", GUEST_PYTHON]
        if importlib.util.find_spec("pip"):
            ask = ["--no-input", "--disable-pip-version-check", "--progress-bar", "off"]
            ask += ["--report", str(place / "report.json")]
            which = ["--python", python]
            if alone:
                which, options = [], [*options, "--platform", "any", "--implementation", "py", "--abi", "none"]
            return [own, "-m", "pip", *which, "install", *ask, *options]
        if importlib.util.find_spec("uv"):
            return [own, "-m", "uv", "pip", "install", "--python", own if alone else python, *options]
        raise EngineError("this service needs packages, and the node's Python has neither pip nor uv: install pip")

    def _installed(self, place: Path, packages: Path) -> list[tuple[str, str, str]]:
        """Returns what is there: as pip reported it, else as the names of its folders say."""
        report = self._disk.read_part(place / "report.json", 0, REPORT_BYTES_MAX)
        if report:
            found = json.loads(report)["install"]
            return sorted(
                (
                    str(one["metadata"]["name"]),
                    str(one["metadata"]["version"]),
                    str(one["download_info"].get("archive_info", {}).get("hashes", {}).get("sha256", "")),
                )
                for one in found
            )
        names = [entry.name for entry in self._disk.entries(packages)]
        parts = [name.removesuffix(".dist-info").rpartition("-") for name in names if name.endswith(".dist-info")]
        return sorted((name, version, "") for name, _, version in parts)

    def _packages(self, place: Path) -> Path:
        return place / "python" / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"

    def _path_file(self) -> bytes:
        """Returns the `.pth` that appends the node's packages, with their own `.pth` files, after the service's."""
        folders = [*map(str, self._interpreter.import_path), *map(str, self._interpreter.site)]
        return "".join(f"import site; site.addsitedir({folder!r})\n" for folder in folders).encode()
