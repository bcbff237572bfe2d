"""A place to start guests in: a node's home that is to be kept from them, and all the ways of confining there are."""

from __future__ import annotations

import asyncio
import functools
import json
import os
import sys
import tempfile
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from micro.errors import EngineError
from micro.network.transport import stream
from micro.runtime.engine.confined import ConfinedEngine
from micro.runtime.engine.engine import Engine, Launch
from micro.runtime.engine.process import ProcessEngine, ProcessInstance
from micro.runtime.environments import Interpreter
from micro.runtime.sandbox.bubblewrap import Bubblewrap, bubblewrap_programs
from micro.runtime.sandbox.calls import filter_program
from micro.runtime.sandbox.confinement import Confinement
from micro.runtime.sandbox.groups import Groups
from micro.runtime.sandbox.landlock import Landlock, is_landlock_here
from micro.runtime.sandbox.probe import Probe
from micro.runtime.sandbox.sandbox import MEGABYTE, Bounds, Sandbox
from micro.runtime.sandbox.unconfined import Unconfined
from micro.system import SystemDisk, SystemEntropy, SystemProcesses

CONFINING = ("bubblewrap", "sandlock")
KINDS = ("process", "none", *CONFINING)

BOUNDS = Bounds(memory_bytes=128 * MEGABYTE, processes=32, file_bytes=8 * MEGABYTE, private_bytes=16 * MEGABYTE)

TRY = """
import json, os, signal, socket, sys, time
RESULTS = {}
def attempt(name, do):
    try:
        RESULTS[name] = str(do())[:200]
    except Exception as error:
        RESULTS[name] = None
def tell():
    print(json.dumps(RESULTS), flush=True)
"""
"""What the scripts of guests begin with: `attempt` notes what could be done, `tell` prints it."""


def sandboxes(kind: str, hidden: Sequence[Path]) -> list[Sandbox]:
    """Returns the sandboxes of a kind that are installed here."""
    if kind == "none":
        return [Unconfined()]
    if kind == "bubblewrap":
        return [
            Bubblewrap(program, hidden, filter_program(), root=os.geteuid() == 0)
            for program in bubblewrap_programs()[:1]
        ]
    return [Landlock(Path(sys.executable), hidden)] if is_landlock_here() else []


@functools.cache
def forbidden(kind: str) -> str:
    """Returns why a kind of sandbox cannot be used on this machine, "" where it can."""

    async def try_out(folder: Path) -> str:
        found = sandboxes(kind, [folder])
        if not found:
            return "it is not installed, or the kernel lacks it"
        groups = Groups("trial")
        try:
            probe = Probe(
                Interpreter.of_this_process().program,
                Interpreter.of_this_process().folders(),
                folder / "trial",
                disk=SystemDisk(),
                entropy=SystemEntropy(),
                sockets=stream,
            )
            isolation = await probe.try_out(Confinement(SystemProcesses(), found[0], groups, SystemEntropy()))
        except EngineError as error:
            return str(error)
        finally:
            groups.close()
        return ", ".join(isolation.leaks) and f"it does not keep a guest from {', '.join(isolation.leaks)}"

    with tempfile.TemporaryDirectory(prefix="micro-") as folder:
        return asyncio.run(try_out(Path(folder)))


@dataclass(frozen=True)
class Ended:
    """How a guest ended, and what it wrote."""

    code: int
    lines: list[str]

    @property
    def told(self) -> dict[str, Any]:
        """What it could do."""
        assert self.lines, f"it ended with {self.code} and said nothing"
        try:
            return dict(json.loads(self.lines[-1]))
        except ValueError:
            raise AssertionError("\n".join(self.lines)) from None


class Yard:
    """A node's home with a key and sockets, and an engine that starts guests beside it.

    Args:
        kind: one of `KINDS`.
        folder: an empty folder.
    """

    def __init__(self, kind: str, folder: Path) -> None:
        self.kind = kind
        self.home, self.source = folder / "home", folder / "source"
        self.run, self.private = self.home / "run", self.home / "run" / "private"
        for place in (self.home, self.source, self.run, self.private):
            place.mkdir()
        (self.home / "key").write_text("the key of the node")
        (folder / "letter").write_text("of somebody else")
        self.groups = Groups(f"yard-{folder.name}")
        self._interpreter = Interpreter.of_this_process()
        self._written: dict[int, list[str]] = {}
        self._sandboxes = [] if kind == "process" else sandboxes(kind, [self.home, self.run])

    def confinement(self) -> Confinement:
        """Returns what confines here."""
        return Confinement(SystemProcesses(), self._sandboxes[0], self.groups, SystemEntropy())

    def engine(self, bounds: Bounds = BOUNDS) -> Engine:
        """Returns the engine of this kind."""
        if self.kind == "process":
            return ProcessEngine(SystemProcesses())

        async def confinement() -> Confinement:
            return self.confinement()

        return ConfinedEngine(confinement, bounds)

    async def start(
        self,
        script: str,
        *arguments: object,
        bounds: Bounds = BOUNDS,
        network: bool = False,
        door: Path | None = None,
        environment: dict[str, str] | None = None,
        lines: list[str] | None = None,
    ) -> ProcessInstance:
        """Starts a Python script as a guest; what it writes goes to `lines`."""
        (self.source / "main.py").write_text(TRY + textwrap.dedent(script))
        launch = Launch(
            (str(self._interpreter.program), "main.py", *map(str, arguments)),
            self.source,
            {**self._interpreter.environment(), **(environment or {})},
            readable=self._interpreter.folders(),
            network=network,
            door=door,
            private=self.private,
        )

        async def write(stream: str, line: str) -> None:
            if lines is not None:
                lines.append(line)

        instance = await self.engine(bounds).start(launch, write)
        assert isinstance(instance, ProcessInstance)
        return instance

    async def run_to_end(self, script: str, *arguments: object, **options: Any) -> Ended:
        """Starts a script and waits for its end."""
        lines: list[str] = []
        instance = await self.start(script, *arguments, lines=lines, **options)
        try:
            async with asyncio.timeout(60):
                return Ended(await instance.wait(), lines)
        finally:
            await instance.stop(0)

    def close(self) -> None:
        """Takes everything away."""
        self.groups.close()


def running(marker: str) -> list[int]:
    """Returns the processes of this machine that have `marker` in their command line."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if marker.encode() in (entry / "cmdline").read_bytes():
                    found.append(int(entry.name))
            except OSError:
                continue
    return found
