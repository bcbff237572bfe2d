"""A super node's copies on a disk, and what nodes say to it, each message as it comes over a link."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from micro.errors import Fault
from micro.service.broker.copied import CopyBroker
from micro.service.copies import messages as said
from micro.service.copies.keeping import Copies
from micro.service.copies.naming import copy_name, parts_of
from micro.system import SystemDisk
from micro.trust.identity import nid_of
from tests.fault.broker.scene import StillClock, turns
from tests.unit.service.registry.makings import key_of

LOG = "0123abcd"
NODES = [nid_of(key_of(number).public) for number in range(1, 9)]
TIME = 1_700_000_000_000_000
"""When the events were taken, in microseconds: as the clock says."""


def event(sequence: int, body: bytes = b"", **fields: Any) -> dict[str, Any]:
    """Returns the fields of an event."""
    plain = {"publisher": "someone", "id": f"id-{sequence}", "headers": b"{}", "time": TIME, "body": body}
    return {"sequence": sequence, **plain, **fields}


class Keep:
    """The copies, and what is said to them."""

    def __init__(self, folder: Path) -> None:
        self.clock = StillClock()
        disk = SystemDisk()
        self.broker = CopyBroker(disk, folder / "copies.db", self.clock, check=parts_of, threaded=False)
        self.copies = Copies(self.broker, disk, folder / "copies", self.clock)

    def open(self, nid: str, topic: str = "orders", log: str = LOG) -> dict[str, Any]:
        """Opens a copy of a node's log, and returns the answer."""
        fields = {"topic": topic, "log": log, "first": 1, "kept_seconds": 600, "generation": 1, "everybody": True}
        return said.OPENED.decode(said.OPENED.encode(self.copies.open(nid, said.OPEN.decode(said.OPEN.encode(fields)))))

    async def write(self, nid: str, *events: dict[str, Any], topic: str = "orders") -> int:
        """Sends a piece, and returns the newest event that is said to be on disk."""
        told: list[tuple[int, Fault | None]] = []
        body = said.WRITE.encode({"topic": topic, "log": LOG, "first": 1, "events": events})
        self.copies.write(nid, said.WRITE.decode(body), lambda last, fault: told.append((last, fault)))
        await turns()
        ((last, fault),) = told
        if fault is not None:
            raise fault
        return last

    def cursors(self, nid: str, *cursors: dict[str, Any]) -> None:
        """Tells how far queues of a log have come."""
        body = said.CURSORS.encode({"topic": "orders", "log": LOG, "cursors": cursors})
        self.copies.cursors(nid, said.CURSORS.decode(body))

    def learned(self, nid: str) -> tuple[dict[str, Any], ...]:
        """Asks how far queues came."""
        answer = self.copies.learned(nid, {"topic": "orders", "log": LOG})
        return tuple(said.LEARNED.decode(said.LEARNED.encode(answer))["cursors"])

    def held(self, nid: str, topic: str = "orders") -> list[tuple[int, bytes]]:
        """Returns what is on disk of a node's log."""
        name = copy_name(topic, nid, LOG)
        return [(sequence, event.body) for sequence, event in self.broker.read(name, 1, count=100, size=10**6)]


@asynccontextmanager
async def keep_at(folder: Path) -> AsyncIterator[Keep]:
    """Returns the copies of a super node that runs."""
    keep = Keep(folder)
    await keep.copies.start()
    try:
        yield keep
    finally:
        await keep.copies.stop()
