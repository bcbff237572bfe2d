"""Artefacts become code of this machine, once: in a process of its own that sees nothing and writes nowhere.

A compiler reads what a stranger wrote, and what it writes is run as it is. So each artefact has one of its own, which
gets the artefact as its input and gives the code as its output: whoever takes it over decides about this artefact
alone, whose guests are confined in any case.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

from micro.errors import EngineError, MicroError
from micro.ports import Disk
from micro.runtime.command import run_command
from micro.runtime.engine.cell import Cells
from micro.runtime.guest.compiled import ARTEFACT_BYTES_MAX, EXIT_REFUSED, compiled_name
from micro.runtime.sandbox.sandbox import MEGABYTE, Bounds, Policy

__all__ = ["Compiling"]

COMPILED_BYTES_MAX = 512 * MEGABYTE
SECONDS_MAX = 300.0
BOUNDS = Bounds(memory_bytes=2048 * MEGABYTE, processes=128, private_bytes=MEGABYTE, processor_seconds=600)
"""How much a compiler may use for one artefact."""

REASON_CHARACTERS_MAX = 500

CACHED_MAX = 64
"""So many compiled artefacts are kept; the oldest go."""

PROCESSOR = Path("/proc/cpuinfo")
PROCESSOR_LINES = (b"vendor_id", b"model name", b"flags", b"Features", b"CPU implementer", b"CPU part")
"""What compiled code depends on is among these."""


class Compiling:
    """What artefacts were compiled to.

    Args:
        cells: starts compilers.
        command: starts one.
        cache: the folder of what was compiled. What it holds is run as it is: it must be this owner's alone.
        engine: returns the engine's name and version.
    """

    def __init__(
        self, cells: Cells, command: Sequence[str], cache: Path, disk: Disk, *, engine: Callable[[], str]
    ) -> None:
        self._cells = cells
        self._command = tuple(command)
        self._cache = cache
        self._disk = disk
        self._engine = engine
        self._processor = b""
        self._one_at_a_time = asyncio.Lock()

    async def compiled(self, artefact: Path) -> Path:
        """Returns the file of what an artefact is compiled to; the first time this takes seconds.

        Raises:
            EngineError: it is not there, it is refused, or no compiler starts.
        """
        data, place = await asyncio.to_thread(self._look_for, artefact)
        async with self._one_at_a_time:
            if not self._disk.read_part(place, 0, 1):
                compiled = await self._compile(data)
                await asyncio.to_thread(self._keep, place, compiled)
        return place

    def _look_for(self, artefact: Path) -> tuple[bytes, Path]:
        data = self._disk.read_part(artefact, 0, ARTEFACT_BYTES_MAX + 1)
        if not data:
            raise EngineError(f"there is no artefact at {artefact}; update the service, and it is built again")
        if not self._processor:
            told = (self._disk.read(PROCESSOR) or b"").partition(b"\n\n")[0].splitlines()
            self._processor = b"\n".join(line for line in told if line.startswith(PROCESSOR_LINES)) or b"unknown"
        return data, self._cache / compiled_name(data, self._engine(), self._processor)

    async def _compile(self, artefact: bytes) -> bytes:
        processes = await self._cells.processes(Policy(readable=self._cells.readable, bounds=BOUNDS))
        try:
            finished = await run_command(
                processes,
                self._command,
                directory=self._cells.readable[0],
                environment=self._cells.environment,
                seconds_max=SECONDS_MAX,
                output_bytes_max=COMPILED_BYTES_MAX,
                data=artefact,
            )
        except MicroError as error:
            raise EngineError(f"the artefact cannot be compiled: {error}") from error
        if finished.code or not finished.output:
            said = " ".join(finished.errors.decode("utf-8", "replace").split())
            if finished.code != EXIT_REFUSED:
                said = f"the compiler ended with {finished.code}, and said {said[-REASON_CHARACTERS_MAX:] or 'nothing'}"
            raise EngineError(said[:REASON_CHARACTERS_MAX] or "the artefact is refused, and no reason was given")
        return finished.output

    def _keep(self, place: Path, compiled: bytes) -> None:
        self._disk.make_folder(self._cache)
        self._disk.write(place, compiled)
        kept = sorted(self._disk.entries(self._cache), key=lambda entry: entry.modified)
        for entry in kept[: max(0, len(kept) - CACHED_MAX)]:
            self._disk.remove(self._cache / entry.name)
