"""A program that an adapter has started: what it says goes where the node keeps logs, and its end is told in words."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from micro.doors.adapter.ending import told_end
from micro.errors import EngineError
from micro.ports import Process, Processes

__all__ = ["Started", "start"]

READ_BYTES = 32_768
LAST_WORDS_SECONDS = 1.0
"""How long its output is read on after its end: what it started may hold that open."""

Result = TypeVar("Result")


async def start(
    processes: Processes, command: Sequence[str], *, directory: Path, environment: Mapping[str, str]
) -> Started:
    """Starts a program.

    Raises:
        EngineError: it cannot be started.
    """
    return Started(await processes.spawn(command, directory=directory, environment=environment, errors_apart=True))


class Started:
    """One program that runs."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._pumps = [
            asyncio.ensure_future(_pump(process, sys.stdout, errors=False)),
            asyncio.ensure_future(_pump(process, sys.stderr, errors=True)),
        ]

    @property
    def session(self) -> int:
        """The session of its processes, by the number of the first."""
        return self._process.pid

    async def until(self, ready: Coroutine[Any, Any, Result], what: str) -> Result:
        """Returns what comes of `ready`.

        Raises:
            EngineError: the program ends before `what`.
        """
        ending, waiting = asyncio.ensure_future(self._process.wait()), asyncio.ensure_future(ready)
        try:
            await asyncio.wait((ending, waiting), return_when=asyncio.FIRST_COMPLETED)
            if not ending.done():
                return waiting.result()
        finally:
            ending.cancel()
            waiting.cancel()
        await asyncio.wait(self._pumps, timeout=LAST_WORDS_SECONDS)
        raise EngineError(f"the program {told_end(ending.result())} before {what}")

    async def wait(self) -> int:
        """Waits for its end and returns the exit code."""
        code = await self._process.wait()
        await asyncio.wait(self._pumps, timeout=LAST_WORDS_SECONDS)
        return code

    def signal(self, number: int) -> None:
        """Sends a signal to it and all it started; nothing happens if they are gone."""
        self._process.signal(number)


async def _pump(process: Process, target: Any, *, errors: bool) -> None:
    """Writes what a program says where the node keeps what we say."""
    while part := await process.read(READ_BYTES, errors=errors):
        target.buffer.write(part)
        target.flush()
