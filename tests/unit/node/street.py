"""A node that publishes, and super nodes that keep copies of its log: all of it real but the cables between them.

A disk can be full, a super node can be made to say something else than it would, and time never waits.
"""

from __future__ import annotations

import asyncio
import errno
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec

from micro.errors import Fault, Timeout
from micro.mucp.headers import Headers
from micro.node.control.copies import CopyEndpoints
from micro.node.reach import NodeReach
from micro.node.replicator import Replicator
from micro.service.broker.broker import StoredEvent
from micro.service.broker.copied import CopyBroker
from micro.service.broker.restored import RestoringBroker
from micro.service.context import Context
from micro.service.copies.keeping import Copies
from micro.service.copies.naming import parts_of
from micro.service.registry.atlas import Atlas
from micro.system import SystemDisk
from micro.trust.identity import nid_of
from micro.trust.policy import Caller
from micro.trust.ticket import Ticket
from tests.contract.town import TownClock, TownEntropy
from tests.unit.service.registry.makings import key_of, map_of

KEEPER = key_of(0)
NODE = nid_of(key_of(99).public)
TOPIC = "orders"

Says = Callable[[bytes], bytes]


class FillingDisk(SystemDisk):
    """A disk that is full from time to time."""

    is_full = False
    refusals = 0

    def write(self, path: Path, data: bytes, *, mode: int = 0o600) -> None:
        if self.is_full:
            self.refusals += 1
            raise OSError(errno.ENOSPC, "No space left on device")
        super().write(path, data, mode=mode)


async def copies_in(folder: Path, disk: SystemDisk) -> Copies:
    """Returns what a super node keeps, open."""
    disk.make_folder(folder)
    broker = CopyBroker(disk, folder / "copies.db", TownClock(), check=parts_of, threaded=False)
    copies = Copies(broker, disk, folder / "copies", TownClock())
    await copies.start()
    return copies


class Street(NodeReach):
    """The node, and the super nodes that it reaches."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.disk = FillingDisk()
        self.atlas = Atlas(nid_of(KEEPER.public))
        self.supers: dict[str, Copies] = {}
        self.lies: dict[tuple[str, str], Says] = {}
        self.called: list[tuple[str, str]] = []
        self.silent: set[tuple[str, str]] = set()
        self.slow: dict[str, float] = {}
        self.said_of_log: list[dict[str, Any]] = []
        self.stop_after: tuple[str, int] | None = None
        self.stopped = asyncio.Event()
        self._wiped = 0

    async def open(self, supers: int) -> None:
        """Opens the node's log, and so many super nodes."""
        for number in range(1, supers + 1):
            self.supers[nid_of(key_of(number).public)] = await copies_in(self._folder / str(number), SystemDisk())
        self.map(range(1, supers + 1))
        await self._open_log("broker.db")
        self.begin()

    async def wipe(self) -> None:
        """Sets the node's log back to where it began."""
        self._wiped += 1
        await self.broker.stop()
        await self._open_log(f"again-{self._wiped}.db")

    def save(self) -> None:
        """Saves the node's log as it is on the disk now, for `set_back`."""
        for end in ("", "-wal"):
            shutil.copy(self._folder / f"broker.db{end}", self._folder / f"saved.db{end}")

    async def set_back(self) -> None:
        """Sets the node's log back to where it was saved."""
        await self.broker.stop()
        await self._open_log("saved.db")

    def forget(self) -> None:
        """Has the node forget which logs had copies where."""
        (self._folder / "copies.json").unlink(missing_ok=True)

    async def _open_log(self, name: str) -> None:
        self.broker = RestoringBroker(self.disk, self._folder / name, TownClock(), threaded=False)
        await self.broker.start()

    def map(self, numbers: range, version: int = 1) -> None:
        """Lets the map name these super nodes."""
        self.atlas.take(map_of(KEEPER, numbers, version).sealed)

    def begin(self, *, has_started: bool = True) -> None:
        """Lets the node begin to copy, as after a start; or before its network is open."""
        self.replicator = Replicator(
            NODE,
            self.broker,
            self.disk,
            self._folder / "copies.json",
            clock=TownClock(),
            entropy=TownEntropy(str(len(self.called))),
            readers=lambda topic: (True, []),
            has_network=True,
            kept_seconds=86_400.0,
        )
        if has_started:
            self.replicator.start(lambda: self.atlas, self)

    async def close(self) -> None:
        """Ends everything."""
        self.replicator.stop()
        await self.broker.stop()
        for copies in self.supers.values():
            await copies.stop()

    async def publish(self, id: str, timeout_seconds: float = 5.0) -> Fault | None:
        """Publishes an event, and returns what its publisher is told."""
        told: asyncio.Future[Fault | None] = asyncio.get_running_loop().create_future()
        done = self.replicator.awaited(TOPIC, round(timeout_seconds * 1000), told.set_result)
        self.broker.publish("me", TOPIC, id, {}, b"{}", done, durable=True)
        return await asyncio.wait_for(told, 10 * timeout_seconds)

    def chosen(self) -> list[str]:
        """Returns who is to have a copy."""
        [status] = self.replicator.status()
        return list(status["copies"])

    def log(self) -> list[tuple[int, StoredEvent]]:
        """Returns what the node's log holds."""
        is_there = self.broker.bounds(TOPIC)[1] > 0
        return list(self.broker.read(TOPIC, 1, count=10_000, size=10**9)) if is_there else []

    def copy_at(self, nid: str) -> list[tuple[int, StoredEvent]]:
        """Returns what the only copy holds that a super node has, as the log would."""
        copies = self.supers[nid]
        [kept] = copies.of(NODE)
        events = copies.broker.read(kept.name, 1, count=10_000, size=10**9)
        return [(number, msgspec.structs.replace(event, topic=TOPIC)) for number, event in events]

    def logs_at(self, nid: str) -> set[str]:
        """Returns the names of the logs of which a super node has copies."""
        return {kept.log for kept in self.supers[nid].of(NODE)}

    async def _stop(self, endpoint: str) -> None:
        """Never returns after so many calls of an endpoint."""
        if self.stop_after is None or endpoint != self.stop_after[0]:
            return
        self.stop_after = (endpoint, self.stop_after[1] - 1)
        if self.stop_after[1] < 0:
            self.stopped.set()
            await asyncio.Event().wait()

    async def call(self, ticket: Ticket, endpoint: str, body: bytes, *, timeout_seconds: float) -> bytes:
        self.called.append((ticket.nid, endpoint))
        await asyncio.sleep(0.001)
        if (ticket.nid, endpoint) in self.silent:
            await asyncio.sleep(timeout_seconds)
            raise Timeout("no answer in time")
        await asyncio.sleep(self.slow.get(endpoint, 0.0))
        await self._stop(endpoint)
        lie = self.lies.get((ticket.nid, endpoint))
        if lie is not None:
            return lie(body)
        endpoints = CopyEndpoints(self.supers[ticket.nid], None, lambda nid: True, TownClock())
        answer: Callable[[bytes, Context], Awaitable[bytes]] = getattr(endpoints, endpoint.partition(".")[2].lower())
        return await answer(body, Context(None, Caller(nid=NODE), Headers(), None, None))
