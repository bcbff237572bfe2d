"""The kit passes this implementation, and finds what is wrong with one in which a fault was planted."""

from __future__ import annotations

import asyncio
import itertools
import os
import tempfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from micro.doors.conformance import kit, peer, spelling
from micro.doors.conformance.check import Outcome
from micro.doors.mucp.exchanges import Pending
from micro.doors.mucp.opening import open_mucp
from micro.errors import BadRequest, NotFound, Unavailable
from micro.mucp import headers as header_codec
from micro.mucp.event import Opened
from micro.mucp.exchange import Exchange
from micro.mucp.frame import Kind
from micro.mucp.hearing import Hearing
from micro.mucp.http import acceptor
from micro.mucp.http.acceptor import Acceptor
from micro.mucp.message import Form
from micro.mucp.session import Session
from micro.network.link import Link
from micro.node.config import NodeConfig
from micro.node.engines import system_ports
from micro.node.node import Node
from micro.service import forward, router
from micro.service.broker.seat import Seat
from micro.service.router import Router
from tests.unit.doors.api.house import open_house

pytestmark = pytest.mark.asyncio(loop_scope="module")

PATIENT_SECONDS = 50.0
FAULTY_SECONDS = 2.0
"""How long a check waits for what a planted fault keeps from coming."""

NO_TOPICS = "no events are kept here: there are no topics"
_numbers = itertools.count()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def node() -> AsyncIterator[Node]:
    """A node with both of its doors for MUCP."""
    with tempfile.TemporaryDirectory(prefix="micro-") as home:  # a path short enough for sockets
        node = Node(NodeConfig(home=home, api=False, network=False, mdns=False, mucp_port=0), system_ports())
        await node.start()
        await open_mucp(node)
        yield node
        await node.stop()


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Has the kit wait for a machine that has much else to do."""
    monkeypatch.setattr(peer, "WAIT_SECONDS", PATIENT_SECONDS)
    monkeypatch.setattr(spelling, "WAIT_SECONDS", PATIENT_SECONDS)


async def outcomes(address: str, words: tuple[str, ...] = (), token: str = "") -> list[Outcome]:
    """Makes the checks with one of the words as their name, or all."""
    checks = [check for check in kit.checks_for(address) if not words or check.name in words]
    assert len(checks) >= len(words)
    made = kit.run(address, token=token, new_name=lambda: f"{os.getpid()}-{next(_numbers)}", checks=checks)
    return [outcome async for outcome in made]


def socket_of(node: Node) -> str:
    return f"unix:{node.home.node_socket}"


def differing(found: list[Outcome], state: str = "failed") -> dict[str, str]:
    return {outcome.check.name: outcome.seen for outcome in found if outcome.state == state}


async def test_this_implementation_passes(node: Node) -> None:
    """All of it, over the owner's socket."""
    found = await outcomes(socket_of(node))

    assert [outcome.to_dict() for outcome in found if outcome.state != "passed"] == []
    assert len(found) >= 90


OF_THE_OWNER = {"http-stream-end", "http-stream-over", "http-event", "http-posted-event"}


async def test_it_passes_in_the_http_spelling(node: Node) -> None:
    """With the owner's token all of it, and anonymous as anybody on this machine all that needs no rights."""
    address = f"http://{node.condition.addresses['mucp']}"
    found = await outcomes(address, token=node.token)
    anybody = await outcomes(address)

    assert [outcome.to_dict() for outcome in found if outcome.state != "passed"] == []
    assert len(found) >= 32
    assert differing(anybody) == {}
    skipped = differing(anybody, "skipped")
    assert set(skipped) == OF_THE_OWNER
    assert all("token" in why for why in skipped.values())


async def test_who_keeps_no_topics_need_not(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    """A service that is only asked says 404, and that nothing was done."""
    opened = Router.opened

    def refusing(router: Router, link: Link, event: Opened) -> None:
        if event.form in (Form.PUBLISH, Form.SUBSCRIBE) and event.number:
            link.fail(event.number, NotFound("there are no topics"), refused=True)
        else:
            opened(router, link, event)

    monkeypatch.setattr(Router, "opened", refusing)
    found = await outcomes(socket_of(node), ("publish", "listen"))

    assert differing(found, "skipped") == dict.fromkeys(("publish", "listen"), NO_TOPICS)


async def test_what_needs_rights_is_skipped_without() -> None:
    """And says what to do about it; the rest passes over a WebSocket too."""
    async with open_house() as house:
        found = await outcomes(f"ws://127.0.0.1:{house.port}/mucp")

    assert differing(found) == {}
    skipped = differing(found, "skipped")
    assert {"call", "stream", "publish"} <= set(skipped)
    assert all("token" in why for why in skipped.values())


def no_pong(self: Any, number: int, payload: bytes, events: list[Any]) -> None:
    """Answers with other bytes."""
    self._frame(Kind.PONG, 0, bytes(8))


def as_error(original: Callable[..., None]) -> Callable[..., None]:
    def fail(self: Any, number: int, fault: Any, *, refused: bool = False) -> None:
        original(self, number, fault)

    return fail


def unchecked(self: Exchange, size: int) -> bool:
    self.receive_window -= size + 9
    return False


def deaf(*arguments: Any, **options: Any) -> None:
    """Does nothing."""


def careless(original: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
    def decode(block: bytes) -> Any:
        try:
            return original(block)
        except Exception:  # noqa: BLE001 - this is the fault
            return original(b"")

    return decode


def short(original: Callable[..., None]) -> Callable[..., None]:
    """Gives less than was given."""

    def grant(self: Any, exchange: Any, count: int) -> None:
        original(self, exchange, count - 1)

    return grant


FAULTS: list[tuple[str, Any, str, Any, tuple[str, ...]]] = [
    ("a PONG with other bytes", Hearing, "_on_ping", no_pong, ("greets", "any-chunks")),
    ("nothing is REFUSED", Session, "fail", as_error(Session.fail), ("unknown-service", "extra-headers")),
    ("credit is not looked at", Exchange, "take", unchecked, ("refused: DATA without credit",)),
    ("credit is taken without end", Exchange, "credit", deaf, ("refused: credit beyond the window",)),
    ("credit is passed on short", Session, "grant", short(Session.grant), ("credit",)),
    ("a CANCEL stays here", Router, "withdrawn", deaf, ("cancel",)),
    ("a caller is believed", router, "IDENTITY", (), ("who-asks",)),
    (
        "wrong headers are taken",
        header_codec,
        "decode",
        careless(header_codec.decode),
        ("headers: the same name twice, in two cases",),
    ),
    ("a NACK is ignored", Seat, "negative", deaf, ("nack",)),
]


@pytest.mark.parametrize(("what", "place", "name", "fault", "names"), FAULTS, ids=[each[0] for each in FAULTS])
async def test_a_planted_fault_is_found(
    node: Node, monkeypatch: pytest.MonkeyPatch, what: str, place: Any, name: str, fault: Any, names: tuple[str, ...]
) -> None:
    """By the checks that are for it."""
    monkeypatch.setattr(peer, "WAIT_SECONDS", FAULTY_SECONDS)
    monkeypatch.setattr(place, name, fault)
    if name == "IDENTITY":
        monkeypatch.setattr(forward, name, fault)

    found = await outcomes(socket_of(node), names)

    assert set(differing(found)) == set(names)
    assert all(differing(found).values())


def other_body(original: Callable[..., None]) -> Callable[..., None]:
    def answer(self: Any, exchange: Any, body: bytes, content_type: str = "") -> None:
        original(self, exchange, b"[]", content_type)

    return answer


def unnamed(original: Callable[..., Any]) -> Callable[..., Any]:
    def lines(exchange: Any, content_type: str) -> list[tuple[str, str]]:
        return [line for line in original(exchange, content_type) if line[0] != header_codec.STREAM]

    return lines


def behind_streams(original: Callable[..., None]) -> Callable[..., None]:
    def answer(self: Any, exchange: Any, body: bytes, content_type: str = "") -> None:
        if not self._streams:
            original(self, exchange, body, content_type)

    return answer


def forgetful(original: Callable[..., None]) -> Callable[..., None]:
    def hear(self: Any, head: Any, message: Any, events: list[Any]) -> None:
        self._over.clear()
        original(self, head, message, events)

    return hear


def lossy(original: Callable[..., None]) -> Callable[..., None]:
    def begin(self: Any, prefix: bytes, body: bytes, milliseconds: int) -> None:
        if not self._exchange.head.topic:
            original(self, prefix, body, milliseconds)
            return
        self._writer.acceptor.answer(self._exchange, b"")
        self._exchange.owner = None
        self._writer.say()

    return begin


def well(self: Any, exchange: Any, fault: Any) -> None:
    self.end(exchange)


HTTP_FAULTS: list[tuple[str, Any, str, Any, tuple[str, ...]]] = [
    ("an answer is another", Acceptor, "answer", other_body(Acceptor.answer), ("http-call", "http-event")),
    ("messages of streams are nameless", acceptor, "_lines", unnamed(acceptor._lines), ("http-stream",)),
    ("a stream stops calls", Acceptor, "answer", behind_streams(Acceptor.answer), ("http-stream-and-call",)),
    ("a fault is a good end", Acceptor, "fail", well, ("http-stream-error",)),
    ("a stream has no end", Acceptor, "end", deaf, ("http-stream-end",)),
    ("streams come again", Acceptor, "_hear_stream", forgetful(Acceptor._hear_stream), ("http-stream-over",)),
    ("events are lost", Pending, "begin", lossy(Pending.begin), ("http-event", "http-posted-event")),
]


@pytest.mark.parametrize(
    ("what", "place", "name", "fault", "names"), HTTP_FAULTS, ids=[each[0] for each in HTTP_FAULTS]
)
async def test_a_fault_of_the_http_spelling_is_found(
    node: Node, monkeypatch: pytest.MonkeyPatch, what: str, place: Any, name: str, fault: Any, names: tuple[str, ...]
) -> None:
    """By the checks that are for it."""
    monkeypatch.setattr(spelling, "WAIT_SECONDS", FAULTY_SECONDS)
    monkeypatch.setattr(place, name, fault)

    found = await outcomes(f"http://{node.condition.addresses['mucp']}", names, token=node.token)

    assert set(differing(found)) == set(names)
    assert all(differing(found).values())


async def test_an_implementation_that_says_nothing_fails_everything(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes the connection, reads, and that is all."""
    monkeypatch.setattr(peer, "WAIT_SECONDS", 0.2)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(65_536):
            pass
        writer.close()

    server = await asyncio.start_unix_server(serve, str(home / "s"))
    try:
        found = await outcomes(f"unix:{home / 's'}")
    finally:
        server.close()

    assert {outcome.state for outcome in found} == {"failed"}


async def test_an_implementation_that_speaks_something_else_fails(home: Path) -> None:
    """Its bytes are read as frames, and none is believed."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"\0\0\0\x05\0\0\0\0\0hello" + b"SSH-2.0-server\r\n" * 10)
        await writer.drain()
        writer.close()

    server = await asyncio.start_unix_server(serve, str(home / "s"))
    try:
        found = await outcomes(f"unix:{home / 's'}", ("greets", "call", "stream"))
    finally:
        server.close()

    assert set(differing(found)) == {"greets", "call", "stream"}


@pytest.mark.parametrize("address", ["", "nowhere", "tcp:7000", "tcp:host:port", "ftp://a", "http://a/path", "ws:/"])
async def test_what_is_no_address_is_told(address: str) -> None:
    """Before anything is tried."""
    with pytest.raises(BadRequest):
        await outcomes(address)


@pytest.mark.parametrize(
    "address", ["unix:/nowhere/at/all", "tcp:127.0.0.1:1", "ws://127.0.0.1:1/mucp", "http://127.0.0.1:1"]
)
async def test_nobody_there_is_told(address: str) -> None:
    """Once, and not for each check."""
    with pytest.raises(Unavailable):
        await outcomes(address)
