"""The log of a node and a super node that has its copy, without a network between them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from micro.errors import Fault
from micro.node.copied_log import CopiedLog
from micro.node.copier import Copier
from micro.service.broker.broker import StoredEvent
from micro.service.broker.embedded import EmbeddedBroker
from micro.service.copies import messages as said
from micro.service.copies.replication import Replication
from micro.system import SystemDisk
from micro.trust.identity import nid_of
from tests.unit.service.copies.keep import LOG, NODES, Keep, keep_at
from tests.unit.service.registry.makings import key_of

SUPER = nid_of(key_of(20).public)


class Pair:
    """A node's log and its copy.

    Attributes:
        called: the endpoints that were called, in order.
        witness: told of an endpoint before it is called.
        answers: what an endpoint answers in place of the super node.
    """

    def __init__(self, folder: Path, keep: Keep) -> None:
        self.keep = keep
        self.broker = EmbeddedBroker(SystemDisk(), folder / "broker.db", keep.clock, threaded=False)
        self.replication = Replication(1)
        self.replication.place([SUPER], 1, 0.0)
        self.called: list[str] = []
        self.witness: Callable[[str], None] = lambda endpoint: None
        self.answers: dict[str, Callable[[], bytes]] = {}
        self.copied = CopiedLog(
            "orders",
            LOG,
            self.replication,
            self.broker,
            cursors=lambda: self.broker.cursors("orders"),
            describe=lambda: {"kept_seconds": 600, "generation": 1, "copies": [key_of(20).public], "everybody": True},
            changed=lambda: None,
            set_back=lambda: LOG,
            now=keep.clock.monotonic,
            call=self._call,
        )
        self.copier: Copier | None = None

    async def _call(self, nid: str, endpoint: str, body: bytes, timeout_seconds: float) -> bytes:
        await asyncio.sleep(0)
        self.witness(endpoint)
        self.called.append(endpoint)
        if endpoint in self.answers:
            return self.answers[endpoint]()
        copies, node = self.keep.copies, NODES[0]
        if endpoint == "Copy.Open":
            return said.OPENED.encode(copies.open(node, said.OPEN.decode(body)))
        if endpoint == "Copy.Write":
            told: asyncio.Future[tuple[int, Fault | None]] = asyncio.get_running_loop().create_future()
            copies.write(node, said.WRITE.decode(body), lambda last, fault: told.set_result((last, fault)))
            last, fault = await told
            if fault is not None:
                raise fault
            return said.WRITTEN.encode({"last": last})
        if endpoint == "Copy.Learn":
            return said.LEARNED.encode(copies.learned(node, said.DROP.decode(body)))
        if endpoint == "Copy.Cursors":
            copies.cursors(node, said.CURSORS.decode(body))
        else:
            copies.drop(node, said.DROP.decode(body))
        return b""

    @property
    def name(self) -> str:
        """What the copy is called."""
        (kept,) = self.keep.copies.of(NODES[0])
        return kept.name

    async def publish(self, count: int, headers: Mapping[str, str] | None = None, **fields: Any) -> None:
        """Has events in the log, with ids that rise."""
        for _ in range(count):
            told: asyncio.Future[Fault | None] = asyncio.get_running_loop().create_future()
            number = self.broker.bounds("orders")[1] + 1
            event = {"publisher": "someone", "id": f"id-{number}", "body": b"", **fields}
            self.broker.publish(
                event["publisher"], "orders", event["id"], headers or {}, event["body"], told.set_result
            )
            assert await told is None

    def begin(self) -> Copier:
        """Has the copier begin."""
        self.copier = Copier(self.copied, SUPER)
        return self.copier

    def events(self) -> list[StoredEvent]:
        """Returns what the copy has."""
        return [event for _, event in self.keep.broker.read(self.name, 1, count=1_000, size=10**9)]


@asynccontextmanager
async def pair_at(folder: Path) -> AsyncIterator[Pair]:
    """Returns a log and its copy, and ends both."""
    async with keep_at(folder / "super") as keep:
        pair = Pair(folder, keep)
        await pair.broker.start()
        try:
            yield pair
        finally:
            if pair.copier is not None:
                pair.copier.stop()
            await pair.broker.stop()
