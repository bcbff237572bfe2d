"""A small house behind a real door: a node and services in this process, reached over real sockets."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from micro.doors.api.call import Noted
from micro.doors.api.door import ApiDoor, Sample
from micro.doors.api.limits import Limits
from micro.doors.web.files import Files
from micro.doors.web.sessions import Sessions
from micro.errors import Conflict, Unavailable
from micro.node.config import NodeConfig
from micro.node.engines import system_ports
from micro.node.node import Node
from micro.service.context import Context
from micro.service.service import Service
from micro.service.typed import Stream

TOKEN = "secret-token"
HOOK_SECRET = "known to the forge alone"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(8)
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


@dataclass
class Seen:
    """What reached the services, so that a test can tell once from twice."""

    names: list[str] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    started: asyncio.Event = field(default_factory=asyncio.Event)
    cancelled: asyncio.Event = field(default_factory=asyncio.Event)
    sent: int = 0


def greeter(seen: Seen) -> Service:
    """Returns a service with an endpoint of each kind."""
    service = Service("greeter", version="1.2.0", description="Greets people.")

    @service.endpoint("Say.Hello", examples=[{"name": "Ann"}], idempotent=True)
    async def hello(name: str = "world", times: int = 1, loud: bool = False, tags: list[str] = []) -> str:  # noqa: B006
        """Greet someone by name."""
        seen.names.append(name)
        text = ", ".join([f"Hello {name}"] * times) + "".join(f" #{tag}" for tag in tags)
        return text.upper() if loud else text

    @service.endpoint("Say.Picture", idempotent=True)
    async def picture(kind: str) -> bytes:
        return {"png": PNG, "svg": SVG}.get(kind, b"plain")

    @service.endpoint("Say.Length")
    async def length(data: bytes) -> int:
        return len(data)

    @service.endpoint("Say.Echo")
    async def echo(data: bytes) -> bytes:
        return data

    @service.endpoint("Say.Fail")
    async def fail(code: int) -> None:
        if code == 503:
            raise Unavailable("busy")
        raise Conflict("it is there already", code=code)

    @service.endpoint("Say.Headers")
    async def headers(context: Context) -> dict[str, str]:
        seen.headers = dict(context.headers)
        return dict(context.headers)

    @service.endpoint("Say.Who")
    async def who(context: Context) -> str:
        return str(context.caller)

    @service.endpoint("Say.Slow", idempotent=True)
    async def slow() -> str:
        seen.started.set()
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            seen.cancelled.set()
            raise
        return "late"

    @service.endpoint("Say.Count", idempotent=True)
    async def count(to: int = 3) -> AsyncIterator[int]:
        for number in range(to):
            yield number

    @service.endpoint("Say.Ticks", idempotent=True)
    async def ticks() -> AsyncIterator[str]:
        yield "tick"
        await asyncio.sleep(0)
        yield "tock"

    @service.endpoint("Say.Forever", idempotent=True)
    async def forever() -> AsyncIterator[str]:
        try:
            while True:
                seen.sent += 1
                yield "x" * 1000
                await asyncio.sleep(0)
        finally:
            seen.cancelled.set()

    @service.endpoint("Say.Quiet", idempotent=True)
    async def quiet() -> AsyncIterator[str]:
        try:
            yield "once"
            await asyncio.sleep(30)
        finally:
            seen.cancelled.set()

    @service.endpoint("Say.Breaks", idempotent=True)
    async def breaks(after: int = 0) -> AsyncIterator[int]:
        for number in range(after):
            yield number
        raise Conflict("it broke")

    @service.endpoint("Say.Room")
    async def room(lines: Stream[str], prefix: str = ">") -> AsyncIterator[str]:
        async for line in lines:
            yield prefix + line

    @service.endpoint("Say.Sum")
    async def total(numbers: Stream[int]) -> AsyncIterator[int]:
        found = 0
        async for number in numbers:
            found += number
        yield found

    @service.endpoint("Say.Blocks", idempotent=True)
    async def blocks(count: int = 2) -> AsyncIterator[bytes]:
        for number in range(count):
            yield bytes([number]) * 4

    return service


class House:
    """A real node without a network, a few services in it, and its door.

    Attributes:
        port: where the door is.
        seen: what reached the services.
        broken: what the node lacks, by name.
        node: the node.
        door: the door.
    """

    def __init__(
        self,
        folder: Path,
        *,
        limits: Limits | None = None,
        hosts: tuple[str, ...] = (),
        hook_secret: str = HOOK_SECRET,
        files: Path = Path("nowhere"),
    ) -> None:
        self.noted: list[Noted] = []
        self._files = files
        self.seen = Seen()
        self.broken: dict[str, str] = {}
        self.port = 0
        self.node = Node(NodeConfig(home=str(folder), api=False, network=False), system_ports())
        self._limits = limits
        self._hosts = hosts
        self._hook_secret = hook_secret

    async def start(self, port: int = 0) -> None:
        """Starts the node and opens the door, on `port` if it can be had."""
        node = self.node
        await node.start()
        for service in (greeter(self.seen), Service("greeting-cards")):
            node.platform.add(service)
        self.door = ApiDoor(
            client_for=node.client,
            make_link=node.reception.guest_link,
            describe=node.platform.describe,
            list_services=lambda: [{"name": one["name"]} for one in node.platform.describe_all()],
            ready=lambda: {"storage": "ok", **self.broken},
            metrics=lambda: [Sample("micro_queue_events", 7, {"queue": "q"}, meaning="Waiting.")],
            token=TOKEN,
            user=lambda token: node.gate.visit(token).caller,
            entropy=node.ports.entropy,
            note=self.noted.append,
            sessions=Sessions(draw=node.ports.entropy.random_bytes, now=node.ports.clock.now),
            files=Files(self._files),
            hook_secret=self._hook_secret,
            hosts=self._hosts,
            limits=self._limits,
        )
        self.port = await self.door.start("127.0.0.1", port)

    async def stop(self) -> None:
        await self.door.stop()
        await self.node.stop()

    async def raw(self, data: bytes) -> bytes:
        """Sends bytes and returns all that comes until the door ends the connection, or says nothing for a while."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(data)
            return await read_all(reader)
        finally:
            writer.close()

    async def ask(
        self, method: str, path: str, body: bytes = b"", *, headers: dict[str, str] | None = None, owner: bool = False
    ) -> Reply:
        """Asks once, on a connection of its own."""
        given = {"host": f"127.0.0.1:{self.port}", "connection": "close", **(headers or {})}
        if owner:
            given["authorization"] = f"Bearer {TOKEN}"
        if body:
            given.setdefault("content-length", str(len(body)))
        head = "".join(f"{name}: {value}\r\n" for name, value in given.items())
        return parse(await self.raw(f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + body))

    async def post(self, path: str, value: Any = None, *, owner: bool = False, **headers: str) -> Reply:
        """Posts a value as JSON."""
        body = b"" if value is None else json.dumps(value).encode()
        given = {name.replace("_", "-"): text for name, text in headers.items()}
        return await self.ask("POST", path, body, headers={"content-type": "application/json", **given}, owner=owner)

    async def get(self, path: str, *, owner: bool = False, **headers: str) -> Reply:
        given = {name.replace("_", "-"): text for name, text in headers.items()}
        return await self.ask("GET", path, headers=given, owner=owner)


@dataclass
class Reply:
    """An answer: its status, headers in lower case, and body without chunks."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def parse(data: bytes) -> Reply:
    head, _, rest = data.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
    if headers.get("transfer-encoding") == "chunked":
        rest = unchunked(rest)
    return Reply(int(lines[0].split(" ")[1]), headers, rest)


def unchunked(data: bytes) -> bytes:
    found = b""
    while data:
        size, _, data = data.partition(b"\r\n")
        count = int(size or b"0", 16)
        found, data = found + data[:count], data[count + 2 :]
        if not count:
            break
    return found


async def read_all(reader: asyncio.StreamReader) -> bytes:
    data = b""
    try:
        async with asyncio.timeout(10):
            while part := await reader.read(65_536):
                data += part
    except (TimeoutError, ConnectionResetError):
        pass
    return data


@asynccontextmanager
async def open_house(**options: Any) -> AsyncIterator[House]:
    """Opens a house, and closes it."""
    with tempfile.TemporaryDirectory(prefix="micro-") as folder:  # a path short enough for sockets
        house = House(Path(folder), **options)
        await house.start()
        try:
            yield house
        finally:
            await house.stop()
