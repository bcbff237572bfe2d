"""Links over WebSockets, with a real client that speaks MUCP on one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from micro.doors.api import links
from micro.doors.api.sockets import WebSocket
from micro.errors import Fault
from micro.mucp.event import Broken, Ended, Event, Failed, GoneAway, Greeted, Hello, Received, Refused, Replied
from micro.mucp.message import Form
from micro.mucp.session import Session
from tests.unit.doors.api.house import TOKEN, House, open_house

pytestmark = pytest.mark.asyncio(loop_scope="module")

WAIT_SECONDS = 20


class Talk:
    """One side of a link on a WebSocket."""

    def __init__(self, socket: ClientConnection, token: str = "", piece_bytes: int = 1 << 20) -> None:
        self.socket = socket
        self.session = Session(dialed=True, hello=Hello([], agent="test", token=token))
        self.piece_bytes = piece_bytes
        self.heard: list[Event] = []

    async def say(self) -> None:
        """Sends what the session has to say, in messages of at most `piece_bytes`."""
        self.session.seal()
        data = b"".join(self.session.output)
        self.session.output = []
        for start in range(0, len(data), self.piece_bytes):
            await self.socket.send(data[start : start + self.piece_bytes])

    async def hear(self, *kinds: type[Event]) -> Any:
        """Returns the next event of one of these kinds."""
        async with asyncio.timeout(WAIT_SECONDS):
            while True:
                for at, event in enumerate(self.heard):
                    if isinstance(event, kinds):
                        return self.heard.pop(at)
                message = await self.socket.recv()
                assert isinstance(message, bytes)
                self.heard += self.session.receive(message)

    async def call(self, endpoint: str, value: Any, service: str = "greeter") -> Any:
        """Calls an endpoint, and returns the answer or the fault."""
        headers = {"Micro-Service": service, "Micro-Endpoint": endpoint, "Content-Type": "application/json"}
        self.session.call(None, self.session.begin(Form.CALL, headers, 20_000), json.dumps(value).encode())
        await self.say()
        event = await self.hear(Replied, Failed, Refused)
        return json.loads(event.body) if isinstance(event, Replied) else event.fault


@asynccontextmanager
async def talking(house: House, token: str = "", *, piece_bytes: int = 1 << 20, **options: Any) -> AsyncIterator[Talk]:
    """Opens a link."""
    async with connect(f"ws://127.0.0.1:{house.port}/mucp", compression=None, **options) as socket:
        yield Talk(socket, token, piece_bytes)


async def test_a_call_crosses(house: House) -> None:
    """Like over any other carrier."""
    async with talking(house) as talk:
        assert await talk.call("Say.Hello", {"name": "Ann"}) == {"result": "Hello Ann"}
        assert (await talk.hear(Greeted)).hello.agent == "node"


async def test_where_messages_end_means_nothing(house: House) -> None:
    """A byte a message is as good as all in one."""
    async with talking(house, piece_bytes=1) as talk:
        assert await talk.call("Say.Hello", {"name": "Bo"}) == {"result": "Hello Bo"}


async def test_large_messages_cross(house: House) -> None:
    """More than one message of the WebSocket holds, in both directions."""
    async with talking(house) as talk:
        await talk.say()
        await talk.hear(Greeted)
        answer = await talk.call("Say.Hello", {"name": "x" * 3_000_000})

    assert answer == {"result": "Hello " + "x" * 3_000_000}


async def test_a_stream_goes_both_ways(house: House) -> None:
    """Each message is answered, and the end is heard."""
    async with talking(house) as talk:
        headers = {"Micro-Service": "greeter", "Micro-Endpoint": "Say.Room", "Content-Type": "application/json"}
        stream = talk.session.open(Form.STREAM, talk.session.begin(Form.STREAM, headers, 0), b'{"prefix":"*"}', None)
        for word in ("a", "b"):
            talk.session.send(stream, json.dumps({"result": word}).encode())
            await talk.say()
            assert json.loads((await talk.hear(Received)).body) == {"result": f"*{word}"}
        talk.session.end(stream)
        await talk.say()
        await talk.hear(Ended)


async def test_without_a_token_a_program_here_is_anonymous(house: House) -> None:
    """As at the other paths of this door."""
    async with talking(house) as talk:
        assert await talk.call("Say.Who", {}) == {"result": "an anonymous caller"}
        refused = await talk.call("Node.Stop", {}, service="node")

    assert isinstance(refused, Fault)
    assert refused.code == 401


async def test_the_token_of_the_hello_says_who_is_there(house: House) -> None:
    """A page can send no header."""
    async with talking(house, TOKEN) as talk:
        assert await talk.call("Say.Who", {}) == {"result": "the owner"}


async def test_the_header_says_so_too(house: House) -> None:
    """For programs that can."""
    async with talking(house, additional_headers={"authorization": f"Bearer {TOKEN}"}) as talk:
        assert await talk.call("Say.Who", {}) == {"result": "the owner"}


async def test_a_wrong_token_ends_the_link(house: House) -> None:
    """And says why, before anything is served."""
    async with talking(house, "wrong") as talk:
        headers = {"Micro-Service": "greeter", "Micro-Endpoint": "Say.Hello"}
        talk.session.call(None, talk.session.begin(Form.CALL, headers, 0), b"{}")
        await talk.say()
        assert (await talk.hear(GoneAway)).code == 401
        with pytest.raises(ConnectionClosed):
            await talk.hear(Replied)

    assert house.seen.names == []


async def test_who_speaks_for_somebody_elsewhere_shows_a_token(house: House) -> None:
    """A proxy on this machine says that it is one."""
    async with talking(house, additional_headers={"x-forwarded-for": "192.0.2.1"}) as talk:
        await talk.say()
        assert (await talk.hear(GoneAway)).code == 401


async def test_a_wrong_header_is_refused_at_once(house: House) -> None:
    """Before there is a WebSocket."""
    with pytest.raises(InvalidStatus) as refused:
        async with talking(house, additional_headers={"authorization": "Bearer wrong"}):
            pass

    assert refused.value.response.status_code == 401


@pytest.mark.parametrize("origin", ["https://elsewhere.example", "null", "http://127.0.0.1"])
async def test_a_page_from_elsewhere_is_refused(house: House, origin: str) -> None:
    """Whatever it shows: browsers let any page open a WebSocket."""
    with pytest.raises(InvalidStatus) as refused:
        async with talking(house, TOKEN, origin=origin):  # type: ignore[arg-type]
            pass

    assert refused.value.response.status_code == 403


async def test_a_page_of_this_door_is_let_in(house: House) -> None:
    """Its `Origin` is the door."""
    async with talking(house, origin=f"http://127.0.0.1:{house.port}") as talk:  # type: ignore[arg-type]
        assert await talk.call("Say.Hello", {}) == {"result": "Hello world"}


async def test_text_is_no_link(house: House) -> None:
    """The WebSocket ends with 1003."""
    async with talking(house) as talk:
        await talk.socket.send("hello")
        with pytest.raises(ConnectionClosed):
            await talk.hear(Replied)

        assert talk.socket.close_code == 1003


async def test_a_broken_rule_is_named(house: House) -> None:
    """By a GOAWAY of 400, and the WebSocket ends."""
    async with talking(house) as talk:
        await talk.socket.send(b"\0\0\0\x04\x63\0\0\0\0abcd")
        gone = await talk.hear(GoneAway, Broken)
        assert gone.code == 400
        with pytest.raises(ConnectionClosed):
            await talk.hear(Replied)


async def test_a_client_that_leaves_takes_its_work_along(house: House) -> None:
    """The handler is cancelled."""
    async with talking(house) as talk:
        headers = {"Micro-Service": "greeter", "Micro-Endpoint": "Say.Slow", "Content-Type": "application/json"}
        talk.session.call(None, talk.session.begin(Form.CALL, headers, 0), b"{}")
        await talk.say()
        async with asyncio.timeout(WAIT_SECONDS):
            await house.seen.started.wait()
    async with asyncio.timeout(WAIT_SECONDS):
        await house.seen.cancelled.wait()


async def test_a_client_that_does_not_read_is_not_waited_for(house: House) -> None:
    """What it asked for waits at the service, and its stream ends when it is gone."""
    async with talking(house) as talk:
        headers = {"Micro-Service": "greeter", "Micro-Endpoint": "Say.Forever", "Content-Type": "application/json"}
        talk.session.open(Form.STREAM, talk.session.begin(Form.STREAM, headers, 0), b"{}", None)
        await talk.say()
        await talk.hear(Received)
        sent = -1
        async with asyncio.timeout(WAIT_SECONDS):
            while sent != house.seen.sent:  # the window is full
                sent = house.seen.sent
                await asyncio.sleep(0.2)
        talk.socket.transport.abort()
    async with asyncio.timeout(WAIT_SECONDS):
        await house.seen.cancelled.wait()


async def test_a_client_that_never_reads_is_dropped(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the end of its WebSocket cannot be written either."""
    monkeypatch.setattr(links, "PARTING_SECONDS", 0.1)
    dropped = []
    original = WebSocket.drop
    monkeypatch.setattr(WebSocket, "drop", lambda self: dropped.append(self) or original(self))
    async with talking(house) as talk:
        await talk.say()
        await talk.hear(Greeted)
        (link,) = house.door._links._links
        headers = {"Micro-Service": "greeter", "Micro-Endpoint": "Say.Echo", "Content-Type": "application/octet-stream"}
        prefix = talk.session.begin(Form.CALL, headers, 0)
        async with asyncio.timeout(WAIT_SECONDS):
            while not link.full:  # what it asked for fills all that lies between
                talk.session.call(None, prefix, bytes(1_000_000))
                await talk.say()
                await asyncio.sleep(0.05)
            link.abort("the test is over")
            while house.door._links._links:  # noqa: ASYNC110 - it ends in many places
                await asyncio.sleep(0.02)
        talk.socket.transport.abort()

    assert len(dropped) == 1


async def test_without_an_upgrade_it_says_what_it_is(house: House) -> None:
    """No service can have this name."""
    reply = await house.get("/mucp")

    assert (reply.status, "WebSocket" in reply.json["detail"]) == (400, True)


async def test_there_is_an_end_to_how_many(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next one is refused, and room is there again when one has left."""
    monkeypatch.setattr(links, "LINKS_MAX", 1)
    async with talking(house) as talk:
        await talk.call("Say.Hello", {})
        with pytest.raises(InvalidStatus) as refused:
            async with talking(house):
                pass
        assert refused.value.response.status_code == 429
    async with asyncio.timeout(WAIT_SECONDS):
        while True:
            try:
                async with talking(house) as talk:
                    await talk.call("Say.Hello", {})
                    return
            except InvalidStatus:
                await asyncio.sleep(0.05)


async def test_a_door_that_closes_says_so() -> None:
    """With a GOAWAY of 503, to links that are idle too."""
    async with open_house() as house, talking(house) as talk:
        await talk.call("Say.Hello", {})
        stopping = asyncio.get_running_loop().create_task(house.door.stop())
        gone = await talk.hear(GoneAway)
        await stopping

    assert (gone.code, gone.reason) == (503, "the node is stopping")
