"""The passage of a super node, over real sockets: who gets through, who is ended, and what waits."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from micro.errors import Conflict, NotFound, TooManyRequests
from micro.network.passage.bounds import Bounds
from micro.network.passage.call import Call
from micro.network.passage.seats import Seats, label_of
from micro.network.passage.server import Attended, PassageServer
from micro.system import SystemEntropy
from tests.unit.network.passage.hellos import hello_of_openssl
from tests.waiting import until

DOMAIN = "nodes.example"
NID = "b5ua" + "a" * 52
OTHER = "b5ua" + "b" * 52
HOST = f"{label_of(NID)}.{DOMAIN}"
UNKNOWN = bytes.fromhex("15030300020270")
QUICK = Bounds(greeting_seconds=0.3, taking_seconds=0.3, look_seconds=0.05)
ENOUGH_BYTES = 40_000_000
SECONDS = 20.0


class Browser:
    """A connection to the passage."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def rest(self) -> bytes:
        """Returns all that comes until the end; nothing where the connection was cut."""
        async with asyncio.timeout(SECONDS):
            try:
                return await self.reader.read()
            except ConnectionError:
                return b""


class Passage:
    """A passage with browsers and one node."""

    def __init__(self, bounds: Bounds) -> None:
        self.server = PassageServer(DOMAIN, SystemEntropy(), bounds)
        self.port = 0
        self._browsers: list[Browser] = []

    async def browse(self, said: bytes = b"") -> Browser:
        """Opens a connection, and says something."""
        browser = Browser(*await asyncio.open_connection("127.0.0.1", self.port))
        self._browsers.append(browser)
        browser.writer.write(said)
        return browser

    async def called(self, place: Attended) -> Call:
        """Takes the next connection of a node."""
        async with asyncio.timeout(SECONDS):
            call = await place.next()
        return self.server.take(place.seat.nid, call.name)

    def close(self) -> None:
        for browser in self._browsers:
            browser.writer.close()


@pytest.fixture
async def passage(request: pytest.FixtureRequest) -> AsyncIterator[Passage]:
    """Opens one with the bounds of the test's parameter."""
    found = Passage(getattr(request, "param", QUICK))
    found.port = await found.server.start("127.0.0.1", 0)
    yield found
    found.close()
    await found.server.stop()


class Node:
    """What a node does with a connection: it keeps what it hears, and says what it is told."""

    def __init__(self, call: Call) -> None:
        self.said: asyncio.Queue[bytes] = asyncio.Queue()
        self.heard = bytearray()
        self._task = asyncio.create_task(self._carry(call))

    async def _carry(self, call: Call) -> None:
        async with contextlib.aclosing(call.carry(self._words())) as pieces:
            async for piece in pieces:
                self.heard += piece

    async def _words(self) -> AsyncIterator[bytes]:
        while word := await self.said.get():
            yield word

    async def over(self) -> None:
        async with asyncio.timeout(SECONDS):
            await asyncio.wait([self._task])


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        pytest.param(hello_of_openssl(HOST), UNKNOWN, id="a node that did not ask"),
        pytest.param(hello_of_openssl(f"{label_of(OTHER)}.bank.example"), UNKNOWN, id="another domain"),
        pytest.param(hello_of_openssl(DOMAIN), UNKNOWN, id="the domain itself"),
        pytest.param(hello_of_openssl(f"a.{label_of(OTHER)}.{DOMAIN}"), UNKNOWN, id="a name below a node's"),
        pytest.param(hello_of_openssl(None), UNKNOWN, id="nobody"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"", id="HTTP"),
        pytest.param(b"", b"", id="nothing at all"),
        pytest.param(hello_of_openssl(HOST)[:50], b"", id="half of it"),
    ],
)
async def test_whoever_means_nobody_here_is_ended(passage: Passage, said: bytes, answer: bytes) -> None:
    """With an alert where TLS is spoken, soon, and counted."""
    place = passage.server.attend(OTHER)

    assert await (await passage.browse(said)).rest() == answer
    assert passage.server.status()["refused"] == 1
    assert not place.seat.waiting


async def test_bytes_pass_both_ways_as_they_are(passage: Passage) -> None:
    """Beginning with the first words; the end of the node's is the browser's end."""
    place = passage.server.attend(NID)
    said = hello_of_openssl(HOST)
    browser = await passage.browse(said)
    call = await passage.called(place)
    node = Node(call)
    browser.writer.write(b"sealed")
    await until(lambda: bytes(node.heard) == said + b"sealed", what="the node hears all of it")
    assert call.address == "127.0.0.1"
    node.said.put_nowait(b"also ")
    node.said.put_nowait(b"sealed")
    node.said.put_nowait(b"")
    assert await browser.rest() == b"also sealed"
    await node.over()
    assert passage.server.status()["passed_bytes"] == len(said) + 17
    with pytest.raises(NotFound):
        passage.server.take(NID, call.name)


async def test_the_end_of_the_browser_is_the_end_of_the_nodes(passage: Passage) -> None:
    """And gives all places back."""
    place = passage.server.attend(NID)
    browser = await passage.browse(hello_of_openssl(HOST))
    node = Node(await passage.called(place))
    browser.writer.close()

    await node.over()
    await until(lambda: passage.server.status()["connections"] == 0, what="the place is free again")
    assert place.seat.connections == 0


async def test_a_node_that_takes_nothing_leaves_a_closed_connection(passage: Passage) -> None:
    """Soon; and one that has left does at once."""
    place = passage.server.attend(NID)
    browser = await passage.browse(hello_of_openssl(HOST))
    assert await browser.rest() == b""
    assert not place.seat.waiting

    passage.server.leave(place)
    assert await (await passage.browse(hello_of_openssl(HOST))).rest() == UNKNOWN


async def test_a_node_that_does_not_listen_holds_nothing(passage: Passage) -> None:
    """It asks for its connections, and hears of none; those that gave up are not kept for it."""
    place = passage.server.attend(NID)
    for _ in range(3):
        browser = await passage.browse(hello_of_openssl(HOST))
        await until(lambda: len(place) == 1)
        await browser.rest()
        await until(lambda: len(place) == 0)
    call = asyncio.ensure_future(place.next())
    await passage.browse(hello_of_openssl(HOST))
    assert (await asyncio.wait_for(call, SECONDS)).address == "127.0.0.1"


async def test_a_connection_is_taken_by_its_node_alone(passage: Passage) -> None:
    """Whatever another one knows of it, and once."""
    place = passage.server.attend(NID)
    passage.server.attend(OTHER)
    await passage.browse(hello_of_openssl(HOST))
    async with asyncio.timeout(SECONDS):
        call = await place.next()

    for nid in (OTHER, NID[:-1] + "q"):
        with pytest.raises(NotFound):
            passage.server.take(nid, call.name)
    assert passage.server.take(NID, call.name) is call
    with pytest.raises(NotFound):
        passage.server.take(NID, call.name)


async def test_the_newest_of_a_node_hears_of_connections(passage: Passage) -> None:
    """The one before does not, and takes nothing away when it goes."""
    before, now = passage.server.attend(NID), passage.server.attend(NID)
    passage.server.leave(before)
    await passage.browse(hello_of_openssl(HOST))

    assert (await passage.called(now)).address == "127.0.0.1"


@pytest.mark.parametrize("passage", [replace(QUICK, connections_per_origin_max=3)], indirect=True)
async def test_one_address_has_so_many_connections(passage: Passage) -> None:
    """More are cut before anything of them is read."""
    kept = [await passage.browse() for _ in range(3)]
    await until(lambda: passage.server.status()["connections"] == 3, what="three are there")

    assert await (await passage.browse(hello_of_openssl(HOST))).rest() == b""
    assert [await each.rest() for each in kept] == [b""] * 3  # they were too slow
    assert await (await passage.browse(hello_of_openssl(HOST))).rest() == UNKNOWN


@pytest.mark.parametrize("passage", [replace(QUICK, connections_per_node_max=1)], indirect=True)
async def test_one_node_has_so_many_connections(passage: Passage) -> None:
    """Others have theirs all the same."""
    place = passage.server.attend(NID)
    await passage.browse(hello_of_openssl(HOST))
    await passage.called(place)

    assert await (await passage.browse(hello_of_openssl(HOST))).rest() == UNKNOWN


@pytest.mark.parametrize(
    "passage",
    [replace(QUICK, connections_per_caller_max=1), replace(QUICK, calls_per_second=0.01, calls_burst=1.0)],
    indirect=True,
)
async def test_one_address_does_not_take_a_node_to_itself(passage: Passage) -> None:
    """Neither by connections that stay nor by new ones again and again; other nodes it reaches all the same."""
    place, other = passage.server.attend(NID), passage.server.attend(OTHER)
    await passage.browse(hello_of_openssl(HOST))
    await passage.called(place)

    assert await (await passage.browse(hello_of_openssl(HOST))).rest() == UNKNOWN
    await passage.browse(hello_of_openssl(f"{label_of(OTHER)}.{DOMAIN}"))
    await passage.called(other)


@pytest.mark.parametrize("passage", [replace(QUICK, idle_seconds=0.3)], indirect=True)
async def test_silence_ends_a_connection(passage: Passage) -> None:
    """At both sides."""
    place = passage.server.attend(NID)
    browser = await passage.browse(hello_of_openssl(HOST))
    node = Node(await passage.called(place))

    assert await browser.rest() == b""
    await node.over()


@pytest.mark.parametrize("passage", [replace(QUICK, idle_seconds=60.0, stalled_seconds=0.5)], indirect=True)
@pytest.mark.parametrize("who", ["node", "browser"])
async def test_who_does_not_read_is_not_written_for_without_bound_and_is_ended(passage: Passage, who: str) -> None:
    """The other side waits meanwhile, and what it has said stays where it is."""
    place = passage.server.attend(NID)
    browser = await passage.browse(hello_of_openssl(HOST))
    call = await passage.called(place)
    pieces = 0

    async def words() -> AsyncIterator[bytes]:
        nonlocal pieces
        while who == "browser":
            pieces += 1
            yield bytes(16_384)
        await asyncio.Event().wait()

    async def carry() -> None:
        async with contextlib.aclosing(call.carry(words())) as said:
            async for _ in said:
                if who == "node":
                    await asyncio.Event().wait()

    task = asyncio.create_task(carry())
    if who == "node":
        browser.writer.write(bytes(ENOUGH_BYTES))
    async with asyncio.timeout(SECONDS):
        await asyncio.wait([task])
    assert task.cancelled() or task.done()
    assert passage.server.status()["passed_bytes"] < ENOUGH_BYTES // 2
    assert pieces * 16_384 < ENOUGH_BYTES // 2


async def test_stopping_ends_all(passage: Passage) -> None:
    """Connections that were taken too."""
    place = passage.server.attend(NID)
    browser = await passage.browse(hello_of_openssl(HOST))
    node = Node(await passage.called(place))

    await passage.server.stop()
    assert await browser.rest() == b""
    await node.over()


def test_seats_are_bounded_and_nobodys_but_the_nodes() -> None:
    """A node that is called the same gets none."""
    seats: Seats[str] = Seats(Bounds(nodes_max=2))
    seats.take(NID, 0.0)
    seats.take(NID, 0.0)
    with pytest.raises(Conflict):
        seats.take(NID[:-1] + "q", 0.0)
    seats.take(OTHER, 0.0)
    with pytest.raises(TooManyRequests):
        seats.take("b5ua" + "c" * 52, 0.0)
    assert len(seats) == 2
