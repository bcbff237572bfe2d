"""A node with the door of go-micro programs, and a connection to it that says what it is told to say."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from micro.doors.api.call import Noted
from micro.doors.api.limits import Limits
from micro.doors.mucp.door import MucpDoor
from micro.mucp.http.asker import Asker, Event
from micro.node.config import NodeConfig
from micro.node.engines import system_ports
from micro.node.node import Node
from micro.service.service import Service
from micro.service.typed import Stream
from tests.unit.doors.api.house import Seen, greeter

TOKEN = "secret-token"
WAIT_SECONDS = 30


def chatter() -> Service:
    """Returns a service that takes messages and counts."""
    service = Service("chatter")

    @service.endpoint("Say.Chat")
    async def chat(messages: Stream[dict[str, str]]) -> AsyncIterator[dict[str, str]]:
        async for message in messages:
            if message["name"] == "bye":
                return
            yield {"msg": f"echo {message['name']}"}

    return service


class Place:
    """A node and its door."""

    def __init__(self, folder: Path, limits: Limits | None, *, trusts: bool = False) -> None:
        self.seen = Seen()
        self.node = Node(NodeConfig(home=str(folder), api=False, network=False), system_ports())
        self.limits = limits
        self.trusts = trusts
        self.port = 0
        self.noted: list[Noted] = []

    async def start(self) -> None:
        node = self.node
        await node.start()
        for service in (greeter(self.seen), chatter()):
            node.platform.add(service)
        self.door = MucpDoor(
            client_for=node.client,
            describe=node.platform.describe,
            list_services=lambda: [{"name": one["name"]} for one in node.platform.describe_all()],
            token=TOKEN,
            user=lambda token: node.gate.visit(token).caller,
            limits=self.limits,
            note=self.noted.append,
            nid=node.nid,
            trusts=self.trusts,
        )
        self.port = await self.door.start("127.0.0.1", 0)

    async def stop(self) -> None:
        await self.door.stop()
        await self.node.stop()

    async def raw(self, data: bytes) -> bytes:
        """Sends bytes, ends its half, and returns all that is answered."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                writer.write(data)
                await writer.drain()
                return await reader.read()
        finally:
            writer.close()

    @asynccontextmanager
    async def guest(self, content_type: str = "application/json", **headers: str) -> AsyncIterator[Guest]:
        """Connects."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        said = {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            yield Guest(Asker(f"127.0.0.1:{self.port}", content_type=content_type), reader, writer, said)
        finally:
            writer.close()


class Guest:
    """One connection."""

    def __init__(
        self, asker: Asker, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, headers: dict[str, str]
    ) -> None:
        self.asker = asker
        self.reader = reader
        self.writer = writer
        self.headers = headers
        self._heard: list[Event] = []

    async def call(self, endpoint: str, body: bytes = b"{}", *, service: str = "greeter", **options: Any) -> Event:
        """Calls, and returns what comes of it."""
        self.writer.write(self.asker.call(service, endpoint, body, headers=self.headers, **options))
        return await self.next()

    def open(self, endpoint: str, body: bytes = b"{}", *, service: str = "greeter") -> None:
        """Opens a stream."""
        self.writer.write(self.asker.open(service, endpoint, body, self.headers))

    def item(self, body: bytes) -> None:
        self.writer.write(self.asker.item(body))

    async def next(self) -> Event:
        """Returns what comes next."""
        async with asyncio.timeout(WAIT_SECONDS):
            while not self._heard:
                data = await self.reader.read(65_536)
                self._heard += self.asker.receive(data) if data else self.asker.lost()
                assert data or self._heard, "the door closed the connection"
        return self._heard.pop(0)


@asynccontextmanager
async def open_place(limits: Limits | None = None, *, trusts: bool = False) -> AsyncIterator[Place]:
    """Opens a place, and closes it."""
    with tempfile.TemporaryDirectory(prefix="micro-") as folder:  # a path short enough for sockets
        place = Place(Path(folder), limits, trusts=trusts)
        await place.start()
        try:
            yield place
        finally:
            await place.stop()
