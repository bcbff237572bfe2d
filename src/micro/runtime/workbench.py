"""Where packages are fetched and source is built: each command bounded, logged, and without a network where it builds.

A build runs what strangers wrote. It gets no variable of the owner's, and a network namespace of its own with nothing
in it where the system lets us make one; where it does not, that is said once in each build. A fetch runs only package
managers, and those find where packages come from as their owner told them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from micro.errors import EngineError, SourceError
from micro.ports import Disk, Limits, Process, Processes
from micro.runtime.command import CommandOverran, Finished, run_command
from micro.runtime.source.source import Report

__all__ = ["BuildFailed", "Reach", "Seclusion", "Unshare", "Workbench"]

SEARCH_PATH = "/usr/local/bin:/usr/bin:/bin"
BUILD_SECONDS_MAX = 900.0
OUTPUT_BYTES_MAX = 20_000_000
LOG_BYTES_MAX = 20_000_000
MEMORY_BYTES_MAX = 64 * 2**30
"""Address space, of which Go and Node take much more than memory."""
FILE_BYTES_MAX = 2 * 2**30
FILE_READ_BYTES_MAX = 100_000_000
DETAIL_CHARACTERS_MAX = 200
TAIL_LINES = 30
PROBE_SECONDS_MAX = 10.0
ASK_SECONDS_MAX = 30.0

HINTS = {
    "go": "apt-get install golang-go",
    "cargo": "apt-get install cargo",
    "rustc": "apt-get install rustc",
    "node": "apt-get install nodejs",
    "npm": "apt-get install npm",
    "make": "apt-get install make",
    "cc": "apt-get install gcc",
    "sh": "apt-get install dash",
}
"""How to come by a toolchain that is missing; on other systems its package has nearly the same name."""

FETCH_SETTINGS = frozenset(
    {"HOME", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"}
    | {"SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"}
    | {"XDG_CONFIG_HOME", "XDG_CACHE_HOME", "RUSTUP_HOME", "RUSTUP_TOOLCHAIN"}
)
FETCH_PREFIXES = ("PIP_", "UV_", "GOPROXY", "GOSUMDB", "GONOSUMDB", "GOPRIVATE", "CARGO_REGISTRIES_", "CARGO_HTTP_")
"""Of the owner's environment, what says where packages come from; npm reads his home instead."""


class BuildFailed(SourceError):
    """A command of a fetch or a build ended badly.

    Attributes:
        tail: the last lines it wrote.
        log: the file that has all of them; None where that does not stay.
    """

    def __init__(self, reason: str, tail: tuple[str, ...] = (), log: Path | None = None) -> None:
        super().__init__(reason)
        self.tail = tail
        self.log = log


@dataclass(frozen=True)
class Reach:
    """What a command may touch.

    Attributes:
        readable: folders it reads, beside those of the system.
        writable: folders it writes into.
        network: whether it has one.
    """

    readable: tuple[Path, ...] = ()
    writable: tuple[Path, ...] = ()
    network: bool = False


Seclusion = Callable[[Reach], Awaitable[tuple[Processes, str]]]
"""Returns what starts commands that have no more than a reach, and what a person should know about it, if anything."""


class Unshare:
    """`Seclusion` by the system's `unshare`: a network namespace of its own with nothing in it, and nothing else."""

    def __init__(self, processes: Processes) -> None:
        self._processes = processes
        self._prefix: tuple[str, ...] | None = None

    async def __call__(self, reach: Reach) -> tuple[Processes, str]:
        if reach.network:
            return self._processes, ""
        if self._prefix is None:
            self._prefix = await self._probe()
        if not self._prefix:
            return self._processes, "this system allows no network namespaces, so the build could use the network"
        return _Prefixed(self._processes, self._prefix), ""

    async def _probe(self) -> tuple[str, ...]:
        for options in (("-n",), ("-r", "-n")):
            prefix = ("unshare", *options, "--")
            try:
                done = await run_command(
                    self._processes,
                    [*prefix, "true"],
                    directory=Path("/"),
                    environment={"PATH": SEARCH_PATH},
                    seconds_max=PROBE_SECONDS_MAX,
                    output_bytes_max=1_000,
                )
            except EngineError:
                continue
            if done.code == 0:
                return prefix
        return ()


class _Prefixed:
    """`Processes` whose commands are run by another one."""

    def __init__(self, processes: Processes, prefix: tuple[str, ...]) -> None:
        self._processes = processes
        self._prefix = prefix

    async def spawn(self, command: Sequence[str], **options: Any) -> Process:
        return await self._processes.spawn([*self._prefix, *command], **options)


@dataclass
class Workbench:
    """Runs the commands of one fetch or build, and keeps what they said.

    Attributes:
        log: the file that takes all they write.
        report: is told the same, line by line.
        settings: the owner's environment.
    """

    disk: Disk
    seclusion: Seclusion
    settings: Mapping[str, str]
    report: Report
    log: Path
    _logged: int = 0
    _noted: set[str] = field(default_factory=set)

    def find(self, name: str) -> str:
        """Returns the path of a program of the owner's.

        Raises:
            SourceError: it is not there; the message says how to install it.
        """
        for folder in self.search_path().split(":"):
            if folder.startswith("/") and any(
                entry.name == name and (entry.executable or entry.kind == "link")
                for entry in self.disk.entries(Path(folder))
            ):
                return f"{folder}/{name}"
        hint = HINTS.get(name, f"apt-get install {name}")
        raise SourceError(f"this needs `{name}`, which is not on the node's PATH: {hint}, then try again")

    def search_path(self) -> str:
        """Returns where the owner's programs are."""
        return self.settings.get("PATH") or SEARCH_PATH

    def read(self, path: Path) -> bytes | None:
        """Returns a file's content, up to `FILE_READ_BYTES_MAX`, or None where there is none."""
        return self.disk.read_part(path, 0, FILE_READ_BYTES_MAX) or None

    async def copy(self, source: Path, target: Path, paths: Iterable[str]) -> None:
        """Copies some files of a tree, to be written over; scripts stay such."""
        await asyncio.to_thread(self._copy, source, target, paths)

    def _copy(self, source: Path, target: Path, paths: Iterable[str]) -> None:
        for path in sorted(paths):
            place = target / path
            self.disk.make_folder(place.parent)
            data = self.disk.read_part(source / path, 0, FILE_READ_BYTES_MAX)
            if data[:2] == b"#!":
                self.disk.create(place, data, executable=True)
            else:
                self.disk.append(place, data)

    async def ask(self, command: Sequence[str], directory: Path) -> str:
        """Returns the first line that one of the owner's tools says, such as its version."""
        processes, _ = await self.seclusion(Reach(network=True))
        own = {name: value for name, value in self.settings.items() if name in FETCH_SETTINGS}
        done = await run_command(
            processes,
            command,
            directory=directory,
            environment={"PATH": SEARCH_PATH, **own},
            seconds_max=ASK_SECONDS_MAX,
            output_bytes_max=LOG_BYTES_MAX,
        )
        return done.output.decode("utf-8", "replace").split("\n")[0].strip()[:DETAIL_CHARACTERS_MAX]

    async def fetch(
        self, command: Sequence[str], *, directory: Path, environment: Mapping[str, str], what: str
    ) -> Finished:
        """Runs a package manager with a network.

        Raises:
            BuildFailed: it ended badly; the message begins with `what`.
        """
        own = {
            name: value
            for name, value in self.settings.items()
            if name in FETCH_SETTINGS or name.startswith(FETCH_PREFIXES)
        }
        reach = Reach(writable=(directory,), network=True)
        return await self._run(command, directory, {**own, **environment}, reach, "fetching", what)

    async def build(
        self,
        command: Sequence[str],
        *,
        directory: Path,
        environment: Mapping[str, str],
        what: str,
        reads: tuple[Path, ...] = (),
        writes: tuple[Path, ...] = (),
    ) -> Finished:
        """Runs a command of a build, without a network.

        Raises:
            BuildFailed: it ended badly; the message begins with `what`.
        """
        reach = Reach(readable=reads, writable=writes)
        own = {"HOME": str(directory), "TMPDIR": str(directory), "SOURCE_DATE_EPOCH": "0"}
        return await self._run(command, directory, {**own, **environment}, reach, "building", what)

    async def _run(
        self,
        command: Sequence[str],
        directory: Path,
        environment: Mapping[str, str],
        reach: Reach,
        step: str,
        what: str,
    ) -> Finished:
        processes, note = await self.seclusion(reach)
        if note and note not in self._noted:
            self._noted.add(note)
            self.report(step, note)
        path = f"{Path(command[0]).parent}:{SEARCH_PATH}" if command[0].startswith("/") else SEARCH_PATH
        tail: list[str] = []

        def tell(part: bytes) -> None:
            self._keep(part)
            for line in part.decode("utf-8", "replace").splitlines():
                if line.strip():
                    tail.append(line.rstrip()[:DETAIL_CHARACTERS_MAX])
                    self.report(step, line.strip()[:DETAIL_CHARACTERS_MAX])
            del tail[:-TAIL_LINES]

        self._keep(f"$ {' '.join(command)}\n".encode())
        try:
            done = await run_command(
                processes,
                command,
                directory=directory,
                environment={"PATH": path, "LANG": "C.UTF-8", "CI": "1", **environment},
                seconds_max=BUILD_SECONDS_MAX,
                output_bytes_max=OUTPUT_BYTES_MAX,
                limits=Limits(memory_bytes=MEMORY_BYTES_MAX, file_bytes=FILE_BYTES_MAX),
                on_output=tell,
                on_errors=tell,
            )
        except CommandOverran as error:
            raise BuildFailed(f"{what}: {error}", tuple(tail), self.log) from error
        if done.code:
            raise BuildFailed(f"{what}: {_complaint(tail, done.code)}", tuple(tail), self.log)
        return done

    def _keep(self, part: bytes) -> None:
        if self._logged < LOG_BYTES_MAX:
            self._logged = self.disk.append(self.log, part)


def _complaint(tail: Sequence[str], code: int) -> str:
    """Returns the line that most likely says why a command failed."""
    told = [line for line in tail if line.lstrip().lower().startswith(("error", "npm err", "npm error", "fatal"))]
    return (told or [line for line in tail if line.strip()] or [f"it ended with {code}"])[0 if told else -1].strip()
