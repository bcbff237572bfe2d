"""Services as WebAssembly guests in worker processes: as many as the machine has cores, each with many guests.

The node starts workers as they are needed and speaks to each over one link; an instance is a stream on it. A worker
that dies takes its guests with it, as a machine takes its processes: they have ended, and the supervisor decides.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec

from micro.errors import EngineError, Fault, LinkClosed, MicroError
from micro.mucp import headers as names
from micro.mucp.codec import JSON
from micro.mucp.limits import OWNER, Liveness
from micro.mucp.message import Form
from micro.network.link import Link
from micro.network.transport.transport import Sockets
from micro.ports import Process, Processes
from micro.runtime.engine.engine import Launch, Output
from micro.runtime.guest.hosted import ENDPOINT, PREPARE, READY, SERVICE, Asked, Launching, Told
from micro.service.dialed import ClientLinks
from micro.service.stream import RawStream

__all__ = ["WasmEngine", "WasmInstance"]

START_SECONDS_MAX = 20.0
"""How long a worker may take until it listens."""

DIAL_SECONDS_MAX = 5.0
STALL = Liveness(ping_seconds=2.0, dead_seconds=10.0, idle_ping_seconds=5.0, idle_dead_seconds=15.0)
"""A worker that says nothing for so long stands still, whatever a guest has done to it, and is ended."""

EXIT_KILLED = -signal.SIGKILL

log = logging.getLogger("micro.engine")


class WasmEngine:
    """`Engine` for artefacts: a launch's command is the path of one."""

    def __init__(
        self,
        processes: Processes,
        sockets: Sockets,
        command: Sequence[str],
        *,
        folder: Path,
        environment: Mapping[str, str],
        workers: int,
        missing: str = "",
        stall: Liveness = STALL,
    ) -> None:
        """Runs `command` with the path of a socket as its last word for each of at most `workers` workers.

        Args:
            folder: where sockets go; it must be there.
            environment: of the workers.
            missing: why no worker could start, if that is known already.
            stall: when a silent worker is taken for dead.
        """
        self._processes = processes
        self._sockets = sockets
        self._command = tuple(command)
        self._folder = folder
        self._environment = dict(environment)
        self._workers: list[_Worker | None] = [None] * max(1, workers)
        self._missing = missing
        self._stall = stall
        self._starting = asyncio.Lock()

    async def start(self, launch: Launch, output: Output) -> WasmInstance:
        """Starts a guest in the worker that has the fewest.

        Raises:
            EngineError: no worker starts.
        """
        if self._missing:
            raise EngineError(self._missing)
        async with self._starting:
            worker = await self._choose()
        return worker.host(launch, output)

    async def prepare(self, artefact: Path) -> None:
        """Has an artefact compiled, which may take a while, so that its instances start at once.

        Raises:
            EngineError: it is refused, or no worker starts.
        """
        if self._missing:
            raise EngineError(self._missing)
        async with self._starting:
            worker = await self._choose()
        await worker.prepare(artefact)

    async def close(self) -> None:
        """Ends the workers."""
        for worker in self._workers:
            if worker is not None:
                await worker.close()

    async def _choose(self) -> _Worker:
        def load(place: int) -> int:
            worker = self._workers[place]
            return worker.instances if worker is not None and worker.alive else 0

        place = min(range(len(self._workers)), key=load)
        worker = self._workers[place]
        if worker is None or not worker.alive:
            if worker is not None:
                await worker.close()
            worker = self._workers[place] = await self._start(place)
        return worker

    async def _start(self, place: int) -> _Worker:
        address = f"unix:{self._folder / f'w{place}.sock'}"
        process = await self._processes.spawn(
            [*self._command, address], directory=self._folder, environment=self._environment
        )
        said = b""
        try:
            async with asyncio.timeout(START_SECONDS_MAX):
                while (line := await process.read_line()) and line.strip() != READY:
                    said = line
            if not line:
                last = said.decode("utf-8", "replace").strip()
                raise EngineError(f"a worker for WebAssembly guests does not start: {last}")
            return await _Worker.dial(process, self._sockets, address, self._stall)
        except BaseException as error:
            process.signal(signal.SIGKILL)
            process.close()
            if isinstance(error, TimeoutError | MicroError):
                raise EngineError(f"a worker for WebAssembly guests does not start: {error}") from error
            raise


class _Worker:
    """One worker process."""

    def __init__(self, process: Process, link: Link) -> None:
        self._process = process
        self._link = link
        self._pump = asyncio.ensure_future(_pump(process))
        self.instances = 0

    @staticmethod
    async def dial(process: Process, sockets: Sockets, address: str, stall: Liveness) -> _Worker:
        links = ClientLinks(lambda link: process.signal(signal.SIGKILL))
        _, link = await sockets.dial(
            address,
            lambda: Link(links, dialed=True, limits=OWNER, liveness=stall),
            timeout_seconds=DIAL_SECONDS_MAX,
        )
        await link.greeted()
        return _Worker(process, link)

    @property
    def alive(self) -> bool:
        return self._link.closed is None

    def host(self, launch: Launch, output: Output) -> WasmInstance:
        stream = self._open(ENDPOINT, Launching(launch.command[0], dict(launch.environment)))
        self.instances += 1
        return WasmInstance(stream, self._process.pid, output, self._left)

    async def prepare(self, artefact: Path) -> None:
        stream = self._open(PREPARE, {"artefact": str(artefact)})
        try:
            async with stream:
                async for body in stream.messages():
                    told = msgspec.json.decode(body, type=Told)
                    if told.exit_code:
                        raise EngineError(told.line)
        except (Fault, LinkClosed) as error:
            raise EngineError(f"the worker for WebAssembly guests is gone: {error}") from error

    def _open(self, endpoint: str, request: object) -> RawStream:
        said = {names.SERVICE: SERVICE, names.ENDPOINT: endpoint, names.CONTENT_TYPE: JSON}
        stream = RawStream(self._link)
        try:
            prefix = self._link.session.begin(Form.STREAM, said, 0)
            stream.exchange = self._link.open(Form.STREAM, prefix, msgspec.json.encode(request), stream)
        except LinkClosed as error:
            raise EngineError(f"the worker for WebAssembly guests is gone: {error}") from error
        return stream

    def _left(self) -> None:
        self.instances -= 1

    async def close(self) -> None:
        self._link.close("the node needs this worker no longer")
        self._process.signal(signal.SIGKILL)
        self._pump.cancel()
        self._process.close()
        await self._process.wait()


async def _pump(process: Process) -> None:
    """What a worker itself writes belongs into the node's log."""
    while line := await process.read_line():
        log.warning("a worker for guests: %s", line.decode("utf-8", "replace").rstrip())


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
