"""One worker process for WebAssembly guests, as the node has it: confined, reached over one link.

Its guests are strangers' code inside a runtime, and the process is shut in as if that runtime held nobody: it has no
network, sees nothing of its owner's but the compiled code, and reaches the doors of its own guests, not the node's
socket. Where the sandbox hands sockets, it gets those at which direct callers reach its guests while it runs.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from micro.errors import EngineError, LinkClosed, MicroError, reason_of
from micro.mucp import headers as names
from micro.mucp.codec import JSON
from micro.mucp.limits import OWNER, Liveness
from micro.mucp.message import Form
from micro.network.link import Link
from micro.network.transport.transport import Sockets
from micro.ports import NOTHING, Disk, Handed, Process
from micro.runtime.engine.cell import Cells
from micro.runtime.engine.engine import Launch
from micro.runtime.guest.hosted import ENDPOINT, READY, SERVICE, Launching
from micro.runtime.sandbox.sandbox import CHANNEL, DIRECT, MEGABYTE, Bounds, Policy
from micro.service.dialed import ClientLinks
from micro.service.stream import RawStream

__all__ = ["BOUNDS", "Hut", "Worker"]

START_SECONDS_MAX = 60.0
"""How long a worker may take until it listens: a second, but many times that where others compile beside it."""

DIAL_SECONDS_MAX = 5.0
DEATH_SECONDS_MAX = 5.0
"""How long to wait for the system to clear away one that did not start."""

STALL = Liveness(ping_seconds=2.0, dead_seconds=10.0, idle_ping_seconds=5.0, idle_dead_seconds=15.0)
"""A worker that says nothing for so long stands still, whatever a guest has done to it, and is ended."""

BOUNDS = Bounds(
    memory_bytes=4096 * MEGABYTE, processes=128, open_files=65_536, file_bytes=MEGABYTE, private_bytes=MEGABYTE
)
"""How much a worker may use, with all its guests."""

ADDRESS, SOCKET = "MICRO_ADDRESS", "MICRO_SOCKET"

log = logging.getLogger("micro.engine")


@dataclass
class Hut:
    """What the workers of a node are started in and with.

    Attributes:
        cells: starts them.
        command: the program and what it gets first; the places of its sockets follow.
        folder: where sockets go; it must be there.
        cache: the folder of what was compiled.
        bounds: how much each may use.
        stall: when a silent one is taken for dead.
    """

    cells: Cells
    command: Sequence[str]
    folder: Path
    cache: Path
    sockets: Sockets
    disk: Disk
    bounds: Bounds = field(default_factory=lambda: BOUNDS)
    stall: Liveness = STALL


class Worker:
    """One that runs."""

    def __init__(self, process: Process, link: Link, doors: Path | None, disk: Disk, *, hands: bool) -> None:
        self.process = process
        self._link = link
        self._doors = doors
        self._disk = disk
        self._hands = hands
        self._pump = asyncio.ensure_future(_pump(process))
        self.instances = 0

    @property
    def alive(self) -> bool:
        """Whether it can host."""
        return self._link.closed is None

    @staticmethod
    async def start(hut: Hut, name: str) -> Worker:
        """Starts a worker, and returns it when it can host.

        Raises:
            EngineError: it does not start; the message says why.
        """
        confines, hands = await hut.cells.confines(), await hut.cells.hands_sockets()
        doors = hut.folder / name if confines else None
        listens = (doors or hut.folder) / f"{name}.sock" if not hands else hut.folder / f"{name}.sock"
        await asyncio.to_thread(_clear, hut.disk, doors, listens, hut.cache)
        process = await _spawn(hut, doors, listens, hands=hands)
        try:
            await _ready(process)
            link = await _dial(process, hut, f"unix:{listens}")
        except BaseException as error:
            process.signal(signal.SIGKILL)
            process.close()
            await asyncio.wait([asyncio.ensure_future(process.wait())], timeout=DEATH_SECONDS_MAX)
            if isinstance(error, TimeoutError | MicroError):
                raise EngineError(f"a worker for WebAssembly guests does not start: {reason_of(error)}") from error
            raise
        return Worker(process, link, doors, hut.disk, hands=hands)

    def host(self, compiled: Path, launch: Launch) -> RawStream:
        """Has it host an instance, and returns the stream on which that is told of and ended.

        Raises:
            EngineError: it is gone, or takes no sockets.
        """
        environment = dict(launch.environment)
        direct = environment.pop(SOCKET, "")
        handed = Path(direct).name if direct and self._hands else ""
        try:
            if handed:
                self.process.hand(handed, Path(direct))
            if self._doors is not None and launch.door is not None:
                self._disk.link(launch.door, self._doors / launch.door.name)
                environment[ADDRESS] = f"unix:{self._doors / launch.door.name}"
        except OSError as error:
            raise EngineError(f"a worker for WebAssembly guests cannot be let in: {error}") from error
        stream = self._open(Launching(str(compiled), environment, handed))
        self.instances += 1
        return stream

    def left(self, launch: Launch) -> None:
        """Takes note that an instance has ended."""
        self.instances -= 1
        if self._doors is not None and launch.door is not None:
            with contextlib.suppress(OSError):
                self._disk.remove(self._doors / launch.door.name)

    def _open(self, launching: Launching) -> RawStream:
        said = {names.SERVICE: SERVICE, names.ENDPOINT: ENDPOINT, names.CONTENT_TYPE: JSON}
        stream = RawStream(self._link)
        try:
            prefix = self._link.session.begin(Form.STREAM, said, 0)
            stream.exchange = self._link.open(Form.STREAM, prefix, msgspec.json.encode(launching), stream)
        except LinkClosed as error:
            raise EngineError(f"the worker for WebAssembly guests is gone: {error}") from error
        return stream

    async def close(self) -> None:
        """Ends it, with all its guests."""
        self._link.close("the node needs this worker no longer")
        self.process.signal(signal.SIGKILL)
        self._pump.cancel()
        self.process.close()
        await self.process.wait()


def _clear(disk: Disk, doors: Path | None, listens: Path, cache: Path) -> None:
    """Makes room for a worker where another one was before."""
    disk.remove(listens)
    disk.make_folder(cache)
    if doors is not None:
        disk.remove(doors)
        disk.make_folder(doors)


async def _spawn(hut: Hut, doors: Path | None, listens: Path, *, hands: bool) -> Process:
    """Starts the program; its last words are where it listens, and the channel by which it is handed sockets."""
    words = [*hut.command, *([DIRECT, CHANNEL] if hands else [f"unix:{listens}", "-"])]
    if doors is None:
        handed: dict[str, Handed] = {DIRECT: listens, CHANNEL: None}
        plain = await hut.cells.processes(Policy())
        return await plain.spawn(
            words, directory=hut.folder, environment=hut.cells.environment, handed=handed if hands else NOTHING
        )
    policy = Policy(
        readable=(*hut.cells.readable, hut.cache, doors),
        writable=() if hands else (doors,),
        private=None if hands else doors,
        direct=listens if hands else None,
        channel=hands,
        bounds=hut.bounds,
    )
    confined = await hut.cells.processes(policy)
    return await confined.spawn(words, directory=doors, environment=hut.cells.environment)


async def _ready(process: Process) -> None:
    """Waits until a worker says that it listens."""
    said = b""
    try:
        async with asyncio.timeout(START_SECONDS_MAX):
            while (line := await process.read_line()) and line.strip() != READY:
                said = line
    except TimeoutError as error:
        raise EngineError(f"it did not listen within {START_SECONDS_MAX:g} s") from error
    if not line:
        raise EngineError(said.decode("utf-8", "replace").strip() or "it ended and said nothing")


async def _dial(process: Process, hut: Hut, address: str) -> Link:
    links = ClientLinks(lambda link: process.signal(signal.SIGKILL))
    _, link = await hut.sockets.dial(
        address,
        lambda: Link(links, dialed=True, limits=OWNER, liveness=hut.stall),
        timeout_seconds=DIAL_SECONDS_MAX,
    )
    await link.greeted()
    return link


async def _pump(process: Process) -> None:
    """What a worker itself writes belongs into the node's log."""
    while line := await process.read_line():
        log.warning("a worker for guests: %s", line.decode("utf-8", "replace").rstrip())
