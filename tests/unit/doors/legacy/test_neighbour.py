"""A link is kept to a node of a go-micro v2 network; here the other side is our own half of a tunnel, over gRPC."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Self

import grpc
import pytest

from micro.doors.legacy import backlog as bounds
from micro.doors.legacy import neighbour as module
from micro.doors.legacy.asking import Asked
from micro.doors.legacy.backlog import Backlog
from micro.doors.legacy.messages import Message, Peer, Route, Sync
from micro.doors.legacy.neighbour import Neighbour
from micro.doors.legacy.routes import CONTROL, NETWORK
from micro.doors.legacy.tunnel import Heard, Left, Tunnel
from micro.doors.legacy.wire import PATH
from micro.errors import Conflict, Fault, Timeout, TooManyRequests, Unavailable
from micro.service.stream import RawStream
from micro.system import SystemClock, SystemEntropy

TOKEN, THEM = "secret", Peer("them", "there")
WAIT_SECONDS = 30


class Gateway(grpc.GenericRpcHandler):  # type: ignore[misc]
    """The other node: it tells that it has a greeter, and answers calls as it is told to.

    Attributes:
        methods: what it was told on the channels of the network.
        answers: the headers and the body of its answer to each message; None for no answer.
        last: the same for the end of a stream.
        address: where it listens.
    """

    def __init__(self) -> None:
        self.methods: list[str] = []
        self.answers: tuple[dict[str, str], bytes] | None = ({"Content-Type": "text/plain"}, b"hello")
        self.last: tuple[dict[str, str], bytes] | None = None
        self.asked: list[Heard] = []
        self.address = ""
        self.tunnel = self._new()
        self._stream: Any = None
        self._writing = asyncio.Lock()

    @staticmethod
    def _new() -> Tunnel:
        return Tunnel("them", TOKEN, open_to=(NETWORK, CONTROL), asked_at=THEM.address, chance=os.urandom)

    def service(self, handler_call_details: Any) -> Any:
        assert handler_call_details.method == PATH
        return grpc.stream_stream_rpc_method_handler(self._serve)

    async def _serve(self, requests: AsyncIterator[bytes], context: Any) -> None:
        self.tunnel, self._stream = self._new(), context
        async for data in requests:
            event = self.tunnel.receive(Message.read(data))
            if isinstance(event, Left):
                return
            if isinstance(event, Heard) and event.channel in (NETWORK, CONTROL):
                self._hear(event)
            elif isinstance(event, Heard):
                self.asked.append(event)
                answers = self.last if event.headers.get("Micro-Error") == "EOS" else self.answers
                if answers is not None:
                    self.tunnel.say(event.session, *answers)
            await self.flush()

    def _hear(self, event: Heard) -> None:
        self.methods.append(event.headers["Micro-Method"])
        if self.methods[-1] == "connect":
            route = Route("go.greeter", "1", THEM.address, "go.micro", THEM.id, "network", 1)
            self.tunnel.tell(NETWORK, {"Micro-Method": "sync"}, Sync(THEM, [route]).write("go.micro"))

    async def flush(self) -> None:
        async with self._writing:  # gRPC writes one message at a time
            for message in self.tunnel.output():
                await self._stream.write(message.write())


class Echo(RawStream):
    """A stream of a service that says what it hears, and at its end what it was opened with."""

    def __init__(self, opening: bytes) -> None:
        self._opening = opening
        self._heard: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.has_left = False
        self.failure: Fault | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.has_left = True

    async def messages(self) -> AsyncIterator[bytes]:
        while (each := await self._heard.get()) is not None:
            yield each
        if self.failure is not None:
            raise self.failure
        yield self._opening

    async def send(self, body: bytes) -> None:
        await self._heard.put(body)

    async def end(self) -> None:
        await self._heard.put(None)

    def failed(self, fault: Fault, *, refused: bool) -> None:
        self.failure = fault
        self._heard.put_nowait(None)


class Place:
    """A gateway, and a neighbour that dialled it."""

    def __init__(self) -> None:
        self.gateway = Gateway()
        self.found: dict[str, list[str]] = {}
        self.neighbour: Neighbour
        self.echo: Echo
        self.task: asyncio.Task[None]

    async def answer(self, asked: Asked) -> bytes:
        if asked.endpoint == "Say.Fail":
            raise Conflict("it is there already")
        return asked.service.encode() + b" " + asked.body

    async def open(self, asked: Asked) -> Echo:
        if asked.endpoint == "Say.Refused":
            raise Conflict("not this one")
        self.echo = Echo(asked.body)
        return self.echo

    async def talk(self, *said: bytes) -> list[bytes]:
        async def requests() -> AsyncIterator[bytes]:
            for each in said:
                yield each

        found = self.neighbour.stream(
            "go.greeter", "Say.Chat", b"{}", requests(), content_type="application/json", headers={"Trace": "1"}
        )
        return [each async for each in found]

    def changed(self, found: Mapping[str, list[str]]) -> None:
        self.found = dict(found)

    async def ask(self, seconds: float = WAIT_SECONDS) -> bytes:
        kind = "application/json"
        return await self.neighbour.ask(
            "go.greeter", "Say.Hello", b"{}", content_type=kind, headers={"Trace": "1"}, seconds=seconds
        )


@asynccontextmanager
async def open_place() -> AsyncIterator[Place]:
    place, server = Place(), grpc.aio.server()
    server.add_generic_rpc_handlers((place.gateway,))
    place.gateway.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    await server.start()
    neighbour = place.neighbour = Neighbour(
        place.gateway.address,
        TOKEN,
        Peer("us", "here"),
        clock=SystemClock(),
        entropy=SystemEntropy(),
        offered=lambda: ["ours"],
        answer=place.answer,
        stream=place.open,
        on_change=place.changed,
    )
    place.task = asyncio.get_running_loop().create_task(neighbour.run())
    try:
        await until(lambda: "go.greeter" in place.found)
        yield place
    finally:
        place.task.cancel()
        await asyncio.gather(place.task, return_exceptions=True)
        await server.stop(None)


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(WAIT_SECONDS):
        while not holds():  # noqa: ASYNC110 - it happens in many places
            await asyncio.sleep(0.01)


async def test_a_service_is_found_and_called() -> None:
    """With its headers; the type that the answer says is not believed."""
    async with open_place() as place:
        assert place.found == {"go.greeter": ["there"]}
        assert await place.ask() == b"hello"
        (asked,) = place.gateway.asked
        assert asked.headers["Micro-Service"] == "go.greeter"
        assert asked.headers["Micro-Endpoint"] == "Say.Hello"
        assert asked.headers["Timeout"] == "30000000000"
        assert asked.headers["Trace"] == "1"


async def test_a_fault_of_the_other_side_is_one_here() -> None:
    """As go-micro says it in a header."""
    async with open_place() as place:
        place.gateway.answers = ({"Micro-Error": Conflict("it is there already").to_json()}, b"")
        with pytest.raises(Conflict, match="it is there already"):
            await place.ask()


async def test_a_call_has_its_deadline() -> None:
    """And nothing is left of it."""
    async with open_place() as place:
        place.gateway.answers = None
        with pytest.raises(Timeout):
            await place.ask(0.2)


@pytest.mark.parametrize(
    ("endpoint", "more", "answer", "error"),
    [
        ("Say.Hello", {}, b"ours {}", ""),
        ("Say.Fail", {}, b"", "it is there already"),
        ("Say.Hello", {"Micro-Topic": "notes"}, b"", "takes no events"),
        ("Say.Refused", {"Micro-Stream": "1"}, b"", "not this one"),
        ("Hello", {}, b"", "names a service and an endpoint"),
        ("Say.Hello", {"Timeout": "soon"}, b"", "nanoseconds"),
    ],
)
async def test_it_is_asked(endpoint: str, more: dict[str, str], answer: bytes, error: str) -> None:
    """Calls are answered and fail; what is no call is refused."""
    async with open_place() as place:
        tunnel, place.gateway.answers = place.gateway.tunnel, None
        session = tunnel.open("here")
        headers = {"Micro-Service": "ours", "Micro-Endpoint": endpoint, "Content-Type": "application/json"}
        await place.gateway.flush()
        tunnel.say(session, {**headers, "Micro-Id": "7", **more}, b"{}")
        await place.gateway.flush()
        await until(lambda: bool(place.gateway.asked))
        (heard,) = place.gateway.asked
        assert (heard.session, heard.body, heard.headers["Micro-Id"]) == (session, answer, "7")
        assert error in heard.headers.get("Micro-Error", "")


OPENING = {
    "Micro-Service": "ours",
    "Micro-Endpoint": "Say.Chat",
    "Micro-Id": "7",
    "Micro-Stream": "7",
    "Content-Type": "application/json",
}


async def begun(place: Place) -> str:
    """Begins a stream from the other side, and returns its session."""
    place.gateway.answers = None
    session = place.gateway.tunnel.open("here")
    await place.gateway.flush()
    place.gateway.tunnel.say(session, OPENING, b"opened")
    return session


async def test_it_is_streamed() -> None:
    """What is said is passed on and answered in its order, until both have ended it."""
    async with open_place() as place:
        session = await begun(place)
        for more, body in (({}, b"a"), ({}, b"b"), ({"Micro-Error": "EOS"}, b"")):
            place.gateway.tunnel.say(session, {**OPENING, **more}, body)
        await place.gateway.flush()
        await until(lambda: len(place.gateway.asked) == 4)
        said = [(heard.body, heard.headers.get("Micro-Error", "")) for heard in place.gateway.asked]
        assert said == [(b"a", ""), (b"b", ""), (b"opened", ""), (b"", "EOS")]
        assert {heard.headers["Micro-Stream"] for heard in place.gateway.asked} == {"7"}


async def test_a_stream_that_its_caller_leaves_is_over() -> None:
    """However much was said of it."""
    async with open_place() as place:
        session = await begun(place)
        await place.gateway.flush()
        await until(lambda: hasattr(place, "echo"))
        place.gateway.tunnel.close(session)
        await place.gateway.flush()
        await until(lambda: place.echo.has_left)


async def test_a_fault_of_the_caller_ends_a_stream() -> None:
    """And the service learns of it."""
    async with open_place() as place:
        session = await begun(place)
        wrong = Conflict("it changed its mind").to_json()
        place.gateway.tunnel.say(session, {**OPENING, "Micro-Error": wrong}, b"")
        await place.gateway.flush()
        await until(lambda: bool(place.gateway.asked))
        assert "it changed its mind" in place.gateway.asked[0].headers["Micro-Error"]


async def test_it_streams_there() -> None:
    """What opens the stream, what is said and the end are messages of one session; what is answered comes back."""
    async with open_place() as place:
        place.gateway.answers = ({}, b"hello")
        place.gateway.last = ({"Micro-Error": "EOS"}, b"")
        assert await place.talk(b"a", b"b") == [b"hello"] * 3
        assert [heard.body for heard in place.gateway.asked] == [b"{}", b"a", b"b", b""]
        assert len({heard.session for heard in place.gateway.asked}) == 1


async def test_a_stream_fails_as_it_does_there() -> None:
    """With the fault that was said."""
    async with open_place() as place:
        place.gateway.answers = ({"Micro-Error": Conflict("it is there already").to_json()}, b"")
        with pytest.raises(Conflict, match="it is there already"):
            await place.talk(b"a")


async def test_what_nobody_takes_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """What there was room for is had, and then it is said why no more comes."""
    backlog = Backlog()
    heard = Heard("here", "s", {}, b"x" * 10)
    monkeypatch.setattr(bounds, "EVENTS_MAX", 3)
    for _ in range(5):
        backlog.put(heard)
    assert [await backlog.get() for _ in range(3)] == [heard] * 3
    with pytest.raises(TooManyRequests, match="read faster"):
        await backlog.get()
    monkeypatch.setattr(bounds, "BYTES_MAX", 15)
    backlog = Backlog()
    backlog.put(heard)
    backlog.put(heard)
    await backlog.get()
    with pytest.raises(TooManyRequests):
        await backlog.get()


async def test_it_says_that_it_leaves() -> None:
    """Or its routes would be believed for a minute and a half."""
    async with open_place() as place:
        place.task.cancel()
        await asyncio.gather(place.task, return_exceptions=True)
        assert place.found == {}
        await until(lambda: place.gateway.methods[-1] == "close")


async def test_a_link_that_ends_is_dialled_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was found over it is gone meanwhile, and a call under way ends."""
    monkeypatch.setattr(module, "REDIAL_SECONDS", 0.1)
    async with open_place() as place:
        place.gateway.answers = None
        asking = asyncio.get_running_loop().create_task(place.ask())
        await until(lambda: bool(place.gateway.asked))
        place.gateway.tunnel.leave()
        await place.gateway.flush()
        with pytest.raises(Unavailable, match="outcome unknown"):
            await asking
        assert place.found == {}
        with pytest.raises(Fault, match="nobody in the go-micro network"):
            await place.ask()
        await until(lambda: "go.greeter" in place.found)


async def test_a_link_is_dialled_again_after_what_nobody_foresaw(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The owner is told the error, and the network is there again."""
    monkeypatch.setattr(module, "REDIAL_SECONDS", 0.1)
    async with open_place() as place:
        good = place.neighbour._offered

        def offered() -> list[str]:
            place.neighbour._offered = good
            raise ValueError("nobody thought of this")

        place.neighbour._offered = offered
        await until(lambda: place.found == {})
        await until(lambda: "go.greeter" in place.found)
    assert "nobody thought of this" in caplog.text
