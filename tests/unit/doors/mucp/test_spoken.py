"""A server that says MUCP over HTTP is called through a node like any service of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
import pytest_asyncio

from micro.doors.api.access import OWNER
from micro.doors.mucp import spoken
from micro.doors.mucp.names import name_of
from micro.doors.mucp.speaking import described
from micro.doors.mucp.spoken import Spoken
from micro.errors import Fault, NotFound
from micro.mucp.http.acceptor import Acceptor, Closed, Item, Opened
from micro.node.local import InsideDialer
from micro.service.client import Client
from micro.service.once import call_once
from micro.service.registry.mdns import Found
from tests.unit.doors.mucp.guest import Place, open_place

pytestmark = pytest.mark.asyncio(loop_scope="module")

ENDPOINTS = (
    *({"name": f"Say.{name}", "metadata": {}} for name in ("Hello", "Fail", "Slow", "Headers")),
    *({"name": f"Say.{name}", "metadata": {"stream": "true"}} for name in ("Count", "Room", "Breaks", "Forever")),
    {"name": "Func.Heard", "metadata": {"subscriber": "true", "topic": "t"}},
)


def found(port: int) -> Found:
    return Found("Go.Greeter", "latest", "go-1", "127.0.0.1", port, {"protocol": "mucp"}, ENDPOINTS)


async def spoken_for(here: Place, port: int, service: str = "greeter") -> list[Spoken]:
    """Has a node speak for the server at a port; returns a list that holds what was lost."""
    lost: list[Spoken] = []
    link = await InsideDialer(here.node.router, OWNER).dial(None, Spoken(service, "127.0.0.1", port, lost.append))
    await call_once(link, "registry", "Registry.Register", {"instance": "go-1", "description": described(found(port))})
    return lost


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def there() -> AsyncIterator[Place]:
    """A server, which is our own door."""
    async with open_place() as place:
        yield place


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(there: Place) -> AsyncIterator[Client]:
    """A client of a node that speaks for the server."""
    async with open_place() as here:
        await spoken_for(here, there.port)
        yield here.node.client(OWNER)


async def test_it_is_called_like_a_service(client: Client) -> None:
    """Many times at once, under a name that the node takes."""
    answers = await asyncio.gather(
        *(client.call("go-greeter", "Say.Hello", {"name": str(number)}) for number in range(40))
    )
    assert answers == [{"result": f"Hello {number}"} for number in range(40)]


async def test_its_faults_are_ours(client: Client) -> None:
    """With code, id and detail."""
    with pytest.raises(Fault) as raised:
        await client.call("go-greeter", "Say.Fail", {"code": 409})
    assert (raised.value.code, raised.value.id) == (409, "greeter.Say.Fail")


async def test_headers_reach_it(client: Client, there: Place) -> None:
    """Metadata travels, and who calls is not claimed over there."""
    await client.call("go-greeter", "Say.Headers", headers={"X-Test": "1"})
    assert there.seen.headers["X-Test"] == "1"
    assert there.seen.headers.get("Micro-Caller") != "owner"


async def test_a_call_that_is_given_up_ends_there(client: Client, there: Place) -> None:
    """The connection on which its answer would come is used for nothing else."""
    there.seen.cancelled.clear()
    with pytest.raises(Fault, match="no answer within"):
        await client.call("go-greeter", "Say.Slow", timeout_seconds=0.2)
    async with asyncio.timeout(30):
        await there.seen.cancelled.wait()
    assert await client.call("go-greeter", "Say.Hello", {"name": "Ann"}) == {"result": "Hello Ann"}


async def test_streams_go_both_ways(client: Client) -> None:
    """What is sent is answered, and both ends are told."""
    stream = await client.stream_raw("go-greeter", "Say.Room")
    async with stream:
        messages = stream.messages()
        for line in (b"a", b"b"):
            await stream.send(b'{"result":"%s"}' % line)
            assert await anext(messages) == b'{"result":">%s"}' % line
        await stream.end()
        assert [message async for message in messages] == []


async def test_parameters_of_a_stream_reach_it(client: Client) -> None:
    """They are said as its first message too, for go-micro throws away what opens a stream."""
    stream = await client.stream_raw("go-greeter", "Say.Count", b'{"to":2}')
    async with stream:
        assert [message async for message in stream] == [b'{"result":0}', b'{"result":1}']


async def test_a_stream_that_fails_there_fails_here(client: Client) -> None:
    """After the messages that came before it."""
    stream = await client.stream_raw("go-greeter", "Say.Breaks", b'{"after":1}')
    async with stream:
        messages = stream.messages()
        await anext(messages)
        with pytest.raises(Fault):
            await anext(messages)


async def test_a_stream_that_is_left_ends_there(client: Client, there: Place) -> None:
    """Nobody works for a caller that is gone; one that does not read has waited meanwhile."""
    there.seen.cancelled.clear()
    stream = await client.stream_raw("go-greeter", "Say.Forever", b'{"x":1}')
    async with stream:
        with pytest.raises(Fault):  # it takes no such parameter, and says so
            await anext(stream.messages())
    stream = await client.stream_raw("go-greeter", "Say.Forever")
    async with stream:
        await anext(stream.messages())
    async with asyncio.timeout(30):
        await there.seen.cancelled.wait()


@asynccontextmanager
async def silent(*, closes: bool) -> AsyncIterator[int]:
    """A server whose handlers echo, and end after the caller's end as go-micro's do: without a word."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        acceptor = Acceptor()
        while data := await reader.read(65_536):
            for event in acceptor.receive(data):
                if isinstance(event, Item):
                    acceptor.item(event.exchange, event.body)
                if isinstance(event, Closed) and closes:
                    writer.write(acceptor.output())
                    writer.close()
                    return
            writer.write(acceptor.output())
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


@pytest.mark.parametrize("closes", [True, False])
async def test_a_server_that_does_not_say_the_end_has_ended(*, closes: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """One of go-micro 4.11 closes when it is asked to, and an older one is quiet for a while."""
    monkeypatch.setattr(spoken, "LAST_SECONDS", 3_600.0 if closes else 0.1)
    async with open_place() as here, silent(closes=closes) as port:
        await spoken_for(here, port)
        stream = await here.node.client(OWNER).stream_raw("go-greeter", "Say.Room")
        async with stream:
            messages = stream.messages()
            await stream.send(b'{"x":1}')
            assert await anext(messages) == b'{"x":1}'
            await stream.end()
            async with asyncio.timeout(30):
                assert [message async for message in messages] == []


async def test_many_streams_at_once_all_end() -> None:
    """What stopped because the link into the node had much to write goes on once that is written."""
    count, body = 20, b'{"x":"%s"}' % (b"x" * 20_000)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        acceptor = Acceptor()
        while data := await reader.read(65_536):
            for event in acceptor.receive(data):
                if isinstance(event, Opened):
                    for _ in range(count):
                        acceptor.item(event.exchange, body)
                    acceptor.end(event.exchange)
            writer.write(acceptor.output())
        writer.close()

    async def read(client: Client) -> int:
        stream = await client.stream_raw("go-greeter", "Say.Count")
        async with stream:
            return len([message async for message in stream])

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server, open_place() as here:
        await spoken_for(here, server.sockets[0].getsockname()[1])
        client = here.node.client(OWNER)
        async with asyncio.timeout(30):
            assert await asyncio.gather(*(read(client) for _ in range(40))) == [count] * 40


async def test_a_server_has_an_address_of_ipv6() -> None:
    """A go-micro program on a machine without another address announces `::1`."""
    hosts: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        hosts.append((await reader.readuntil(b"\r\n\r\n")).decode())
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
        writer.close()

    server = await asyncio.start_server(serve, "::1", 0)
    async with server, open_place() as here:
        port = server.sockets[0].getsockname()[1]
        place = replace(found(port), address="::1")
        link = await InsideDialer(here.node.router, OWNER).dial(None, Spoken("greeter", "::1", port, lambda lost: None))
        await call_once(link, "registry", "Registry.Register", {"instance": "go-1", "description": described(place)})
        assert await here.node.client(OWNER).call("go-greeter", "Say.Hello") == {}
        assert here.node.describe("go-greeter")["description"] == f"A go-micro service at [::1]:{port}."
    assert f"\r\nHost: [::1]:{port}\r\n" in hosts[0]


async def test_a_server_that_is_gone_is_forgotten() -> None:
    """The first call that does not reach it ends the service here."""
    async with open_place() as here:
        async with open_place() as gone:
            port = gone.port
        lost = await spoken_for(here, port)
        with pytest.raises(Fault):
            await here.node.client(OWNER).call("go-greeter", "Say.Hello")
        assert len(lost) == 1
        with pytest.raises(NotFound):
            here.node.describe("go-greeter")


async def test_strangers_are_not_offered_what_was_found() -> None:
    """A program that told only this machine of itself is not published with the node's own services."""
    async with open_place() as here:
        await spoken_for(here, 1)
        assert here.node.config.offer
        assert here.node.gate.hidden() == {"go-greeter"}


async def test_a_description_has_what_is_called() -> None:
    """Subscribers are no endpoints, and a name of DNS becomes one of ours."""
    told = described(found(1))
    assert told["name"] == name_of("Go.Greeter") == "go-greeter"
    assert [each["name"] for each in told["endpoints"]] == [each["name"] for each in ENDPOINTS[:-1]]
    assert {each["kind"] for each in told["endpoints"] if each["name"] in ("Say.Count", "Say.Room")} == {"stream"}
