"""A client that was written from the page alone talks to a real link, and to recorded ones."""

from __future__ import annotations

import ast
import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from micro.errors import NotFound, TooManyRequests
from micro.mucp.event import Opened, Published
from micro.mucp.message import Form
from micro.network.link import Link
from micro.network.transport.stream import listen
from tests.unit.mucp import wire
from tests.unit.mucp.vectors import BODY, DELIVERED, FOLDER, unpacked
from tests.unit.network.clockwork import Desk, Diary

CLIENT = Path(__file__).with_name("independent_client.py")


async def results(socket: Path, what: str) -> list[Any]:
    """Runs the client, and returns what it prints."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(CLIENT), str(socket), what, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(30):
        said, complaints = await process.communicate()
    assert process.returncode == 0, complaints.decode()
    return [json.loads(line) for line in said.splitlines()]


class Greeter(Desk):
    """Greets, refuses, fails; sends a stream back; keeps a topic."""

    def opened(self, link: Link, event: Opened) -> None:
        self.heard.append(event)
        if event.exchange is None:
            self.answer(link, event)
        elif event.form == Form.STREAM:
            event.exchange.owner = Mirror(link, event)
        else:
            event.exchange.owner = self.owner
            self.keep(link, event)

    def answer(self, link: Link, event: Opened) -> None:
        """Answers the first call with headers, fails the second, refuses the third."""
        assert event.block.headers["micro-endpoint"] == "Say.Hello"
        turn = len(self.heard)
        if turn == 1:
            link.session.note(event.number, {"X-Cost": "1"})
            link.reply(event.number, b'{"result":"Hello Ann"}')
        elif turn == 2:
            link.fail(event.number, NotFound("no greeting for 'x'"))
        elif turn == 3:
            link.fail(event.number, TooManyRequests("later"), refused=True)
        else:
            link.reply(event.number, event.body)
        link.session.ping()

    def keep(self, link: Link, event: Opened) -> None:
        """Delivers two events."""
        assert event.exchange is not None
        link.session.note(event.number, {"Micro-Topic": "notes"})
        block, _ = link.session.refer(dict(DELIVERED))
        for sequence, body in ((1, b"a"), (2, b"b")):
            extra = wire.block(("Micro-Id", f"e{sequence}"))
            link.session.deliver(event.exchange, block, sequence, extra + body, len(extra))
        link.schedule()


class Crier(Desk):
    """Sends what is published on to the one who listens, as it came, and ends."""

    def opened(self, link: Link, event: Opened) -> None:
        self.heard.append(event)
        link.session.note(event.number, {"Micro-Topic": "notes"})
        link.schedule()

    def published(self, link: Link, event: Published) -> None:
        assert dict(event.block.headers) == {"Micro-Topic": "notes"}
        exchange = self.heard[0].exchange
        assert exchange is not None
        block, _ = link.session.refer({"Micro-Topic": "notes"})
        link.session.spread(exchange, block, event.batch)
        link.session.end(exchange)
        link.schedule()


class Guest(Diary):
    """A subscriber as the keeper sees him; tells when he leaves."""

    def __init__(self) -> None:
        super().__init__()
        self.left = asyncio.Event()

    def cancelled(self) -> None:
        self.left.set()


class Mirror(Diary):
    """Sends every message of a stream back, and its end."""

    def __init__(self, link: Link, event: Opened) -> None:
        super().__init__()
        assert event.exchange is not None
        self.link, self.exchange = link, event.exchange
        self.waiting: list[bytes] = []
        self.is_ending = False

    def received(self, body: bytes) -> None:
        self.link.session.consumed(self.exchange, len(body))
        self.waiting.append(body)
        self.pour()

    def credited(self, count: int) -> None:
        self.pour()

    def ended(self) -> None:
        self.is_ending = True
        self.pour()

    def pour(self) -> None:
        """Sends what there is credit for."""
        while self.waiting and self.exchange.send_window > 0:
            self.link.session.send(self.exchange, self.waiting.pop(0))
        if self.is_ending and not self.waiting:
            self.link.session.end(self.exchange)
        self.link.schedule()


@contextlib.asynccontextmanager
async def serving(desk: Desk, socket: Path) -> AsyncIterator[None]:
    """Serves links on a socket."""
    links: list[Link] = []

    def made() -> Link:
        links.append(Link(desk, dialed=False))
        return links[-1]

    listener = await listen(f"unix:{socket}", made)
    try:
        yield
    finally:
        listener.close()
        for link in links:
            link.abort("the test is over")
        await asyncio.sleep(0)


async def test_it_calls(home: Path) -> None:
    """Answers with headers, faults, refusals, a large body, and pings in between."""
    desk = Greeter()
    async with serving(desk, home / "s"):
        said = await results(home / "s", "calls")

    greeted, failed, refused, large = said
    assert greeted == {"answer": '{"result":"Hello Ann"}', "bytes": 22, "headers": {"x-cost": "1"}}
    assert (failed, refused) == ({"code": 404, "refused": False}, {"code": 429, "refused": True})
    assert large["bytes"] == 1_000_002
    assert desk.heard[0].timeout_milliseconds == 30_000


async def test_it_streams(home: Path) -> None:
    """More than the window crosses in both directions, and every byte of credit is right."""
    desk = Greeter()
    async with serving(desk, home / "s"):
        said = await results(home / "s", "streams")

    assert said == [{"total": 1_562_125}]
    assert [reason for reason in desk.told("lost") if "protocol" in reason] == []


async def test_it_subscribes(home: Path) -> None:
    """Events arrive with their headers, and acknowledgements come back."""
    desk = Greeter()
    desk.owner = diary = Guest()
    async with serving(desk, home / "s"):
        said = await results(home / "s", "events")
        async with asyncio.timeout(10):
            await diary.left.wait()

    assert said == [{"sequence": 1, "id": "e1", "body": "a"}, {"sequence": 2, "id": "e2", "body": "b"}]
    assert [entry for entry in diary.log if entry[0] == "acknowledged"] == [
        ("acknowledged", ([1], None)),
        ("acknowledged", ([2], 1500)),
    ]


def recorded(name: str) -> list[bytes]:
    """Returns what the acceptor says at each step of a published conversation."""
    conversations = json.loads((FOLDER / "conversations.json").read_text())
    (found,) = [each for each in conversations if each["name"] == name]
    crossed = [[each for each in step["crossed"] if each["from"] == "acceptor"] for step in found["steps"]]
    return [b"".join(unpacked(each["hex"]) for each in step) for step in crossed if step]


@contextlib.asynccontextmanager
async def playing(record: list[bytes], socket: Path) -> AsyncIterator[list[tuple[int, int, bytes]]]:
    """Plays a record on a socket: the first part at once, the next after each OPEN; yields the frames that came."""
    came: list[tuple[int, int, bytes]] = []

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        parts = iter(record)
        writer.write(next(parts))
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await reader.readexactly(9)
                payload = await reader.readexactly(int.from_bytes(head[:4], "big"))
                came.append((head[4], int.from_bytes(head[5:], "big"), payload))
                if head[4] == wire.OPEN:
                    writer.write(next(parts, b""))
        writer.close()

    server = await asyncio.start_unix_server(play, str(socket))
    try:
        yield came
    finally:
        server.close()
        await server.wait_closed()


async def test_it_understands_recorded_calls(home: Path) -> None:
    """The published answers mean to it what they mean to us."""
    record = [*recorded("calls")[:-1], wire.frame(wire.END, 7, b"large")]
    async with playing(record, home / "s") as came:
        said = await results(home / "s", "calls")

    assert said[:3] == [
        {"answer": '{"result":"Hello Ann"}', "bytes": 22, "headers": {"content-type": "application/json"}},
        {"code": 404, "refused": False},
        {"code": 429, "refused": True},
    ]
    opens = [payload for kind, _, payload in came if kind == wire.OPEN]
    assert opens[0] == wire.opening(1, wire.CALL, BODY, milliseconds=30_000)[9:]


async def test_it_understands_recorded_events(home: Path) -> None:
    """The published subscription means to it what it means to us."""
    async with playing(recorded("a subscription"), home / "s"):
        said = await results(home / "s", "events")

    assert [(each["sequence"], each["id"]) for each in said] == [(41, "e41"), (42, "e42")]


async def test_it_publishes_and_listens_in_batches(home: Path) -> None:
    """Several events in one frame, from it and to it."""
    async with serving(Crier(), home / "s"):
        said = await results(home / "s", "batches")

    assert said == [{"topic": "notes", "body": body} for body in ("one", "", "three")]


async def test_it_understands_recorded_batches(home: Path) -> None:
    """The published events that come together mean to it what they mean to us."""
    greeting, *more = recorded("events together")
    async with playing([greeting, b"".join(more) + wire.frame(wire.END, 1)], home / "s"):
        said = await results(home / "s", "batches")

    assert [each["body"] for each in said] == ['{"n":1}', "", '{"n":2}']


def test_it_is_independent() -> None:
    """It uses nothing but the standard library, and is short."""
    source = CLIENT.read_text()
    imports = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Import | ast.ImportFrom)]
    names = {node.module if isinstance(node, ast.ImportFrom) else node.names[0].name for node in imports}

    assert names == {"__future__", "collections", "json", "socket", "struct", "sys"}
    assert len([line for line in source.splitlines() if line.strip()]) <= 150
