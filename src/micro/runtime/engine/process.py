"""A service as a process of its own: in a group of its own, with an environment of its own, dying with its node."""

from __future__ import annotations

import asyncio
import signal

from micro.ports import Process, Processes
from micro.runtime.engine.engine import Launch, Output
from micro.runtime.lines import LineSplitter

__all__ = ["ProcessEngine", "ProcessInstance"]

READ_BYTES = 32_768
DRAIN_SECONDS_MAX = 1.0
"""How long output may stay open after the end of the process, held by something it left behind."""


class ProcessEngine:
    """`Engine` for commands.

    Args:
        processes: starts them.
        overrun: what is said of one that ended because it used too much memory, as `for it did this`.
    """

    def __init__(self, processes: Processes, overrun: str = "") -> None:
        self._processes = processes
        self._overrun = overrun

    async def start(self, launch: Launch, output: Output) -> ProcessInstance:
        """Starts the command; it reads nothing, and what it writes goes to `output` line by line."""
        process = await self._processes.spawn(
            launch.command, directory=launch.directory, environment=launch.environment, errors_apart=True
        )
        return ProcessInstance(process, output, self._overrun)


class ProcessInstance:
    """`EngineInstance` that is a process."""

    def __init__(self, process: Process, output: Output, overrun: str) -> None:
        self._process = process
        self._overrun = overrun
        self._pumps = [
            asyncio.ensure_future(self._pump(output, "out", errors=False)),
            asyncio.ensure_future(self._pump(output, "err", errors=True)),
        ]
        self._ending = asyncio.ensure_future(self._end())

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def cause(self) -> str:
        return self._overrun if self._process.overran else ""

    async def wait(self) -> int:
        return await asyncio.shield(self._ending)

    def signal(self, number: int) -> None:
        self._process.signal(number)

    async def stop(self, grace_seconds: float) -> int:
        self.signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(grace_seconds):
                return await self.wait()
        except (TimeoutError, asyncio.CancelledError) as error:
            self.signal(signal.SIGKILL)
            if isinstance(error, asyncio.CancelledError):
                raise
        return await self.wait()

    async def _end(self) -> int:
        """Waits for the process, then for the rest of its output."""
        code = await self._process.wait()
        await asyncio.wait(self._pumps, timeout=DRAIN_SECONDS_MAX)
        for pump in self._pumps:
            pump.cancel()
        self._process.close()
        return code

    async def _pump(self, output: Output, stream: str, *, errors: bool) -> None:
        """Hands lines on as fast as they are taken; a writer that is faster waits in its own `write`."""
        splitter = LineSplitter()
        while part := await self._process.read(READ_BYTES, errors=errors):
            for line in splitter.feed(part):
                await output(stream, line)
        for line in splitter.end():
            await output(stream, line)
