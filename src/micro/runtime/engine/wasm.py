"""Services as WebAssembly guests in worker processes: as many as the machine has cores, each with many guests.

The node starts workers as they are needed and speaks to each over one link; an instance is a stream on it. A worker
that dies takes its guests with it, as a machine takes its processes: they have ended, and the supervisor decides.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable
from pathlib import Path

import msgspec

from micro.errors import EngineError, Fault, LinkClosed
from micro.runtime.engine.compiling import Compiling
from micro.runtime.engine.engine import Launch, Output
from micro.runtime.engine.worker import Hut, Worker
from micro.runtime.guest.hosted import Asked, Told
from micro.service.stream import RawStream

__all__ = ["WasmEngine", "WasmInstance"]

EXIT_KILLED = -signal.SIGKILL


class WasmEngine:
    """`Engine` for artefacts: a launch's command is the path of one.

    Args:
        hut: what workers are started in.
        compiling: has what artefacts were compiled to.
        workers: how many there are at most.
        missing: why no worker could start, if that is known already.
    """

    def __init__(self, hut: Hut, compiling: Compiling, *, workers: int, missing: str = "") -> None:
        self._hut = hut
        self._compiling = compiling
        self._workers: list[Worker | None] = [None] * max(1, workers)
        self._missing = missing
        self._starting = asyncio.Lock()

    async def start(self, launch: Launch, output: Output) -> WasmInstance:
        """Starts a guest in the worker that has the fewest.

        Raises:
            EngineError: its artefact is refused, or no worker starts.
        """
        compiled = await self.prepare(Path(launch.command[0]))
        async with self._starting:
            worker = await self._choose()
        stream = worker.host(compiled, launch)
        return WasmInstance(stream, worker.process.pid, output, lambda: worker.left(launch))

    async def prepare(self, artefact: Path) -> Path:
        """Has an artefact compiled, which may take a while, so that its instances start at once; returns what it is.

        Raises:
            EngineError: it is refused, or cannot be compiled here.
        """
        if self._missing:
            raise EngineError(self._missing)
        return await self._compiling.compiled(artefact)

    async def close(self) -> None:
        """Ends the workers."""
        for worker in self._workers:
            if worker is not None:
                await worker.close()

    async def _choose(self) -> Worker:
        def load(place: int) -> int:
            worker = self._workers[place]
            return worker.instances if worker is not None and worker.alive else 0

        place = min(range(len(self._workers)), key=load)
        worker = self._workers[place]
        if worker is None or not worker.alive:
            if worker is not None:
                await worker.close()
            worker = self._workers[place] = await Worker.start(self._hut, f"w{place}")
        return worker


class WasmInstance:
    """`EngineInstance` that is a guest."""

    def __init__(self, stream: RawStream, pid: int, output: Output, left: Callable[[], None]) -> None:
        self._stream = stream
        self._pid = pid
        self._ending = asyncio.ensure_future(self._read(output))
        self._ending.add_done_callback(lambda _: left())

    @property
    def pid(self) -> int:
        return self._pid

    @property
    def cause(self) -> str:
        return ""

    async def wait(self) -> int:
        return await asyncio.shield(self._ending)

    def signal(self, number: int) -> None:
        """Has it stop in order, or at once for SIGKILL: a guest knows no other signals."""
        if self._ending.done():
            return
        if number == signal.SIGKILL:
            self._stream.cancel()
            return
        with contextlib.suppress(Fault, LinkClosed):
            self._stream.send_now(msgspec.json.encode(Asked()))

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

    async def _read(self, output: Output) -> int:
        try:
            async for body in self._stream.messages():
                told = msgspec.json.decode(body, type=Told)
                if told.exit_code is not None:
                    return told.exit_code
                await output(told.stream, told.line)
        except (Fault, LinkClosed):
            return EXIT_KILLED
        return EXIT_KILLED
