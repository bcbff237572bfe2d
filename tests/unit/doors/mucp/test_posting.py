"""Events are posted to a node and by it, as among go-micro programs, and not twice to anybody."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from micro.doors.api.access import OWNER
from micro.doors.mucp import posting as module
from micro.doors.mucp.lan import OF_NODE
from micro.doors.mucp.posting import GROUPS_MAX, QUEUE_PREFIX, Postings
from micro.mucp.http.acceptor import Acceptor, Called
from micro.mucp.http.post import BROADCAST, BROKER, VIA, write_post
from micro.service.registry.mdns import Found
from micro.service.subscription import Subscription
from tests.unit.doors.mucp.guest import TOKEN, WAIT_SECONDS, Place, open_place


def posted(place: Place, *headers: str, body: bytes = b"", token: str = "", close: bool = True) -> bytes:
    """Returns the bytes of an event that is posted."""
    body = body or write_post("notes", "application/json", "7", {"X-Test": "1"}, b'{"name":"Ann"}')
    if token:
        body = body.replace(b'{"Header":{', b'{"Header":{"Authorization":"Bearer %b",' % token.encode())
    lines = ("POST /?id=notes-x HTTP/1.1", f"Host: 127.0.0.1:{place.port}", f"Content-Length: {len(body)}", *headers)
    last = ("Connection: close",) if close else ()
    return "\r\n".join((*lines, *last, "", "")).encode() + body


@pytest.mark.parametrize(
    ("trusts", "token", "code"), [(False, "", b"401"), (False, "wrong", b"401"), (False, TOKEN, b""), (True, "", b"")]
)
async def test_who_may_post(trusts: bool, token: str, code: bytes) -> None:
    """The owner with his token in the event's headers; others of this machine where the node trusts them."""
    async with open_place(trusts=trusts) as place, place.node.client(OWNER).subscribe("notes") as events:
        answer = await place.raw(posted(place, token=token))
        assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
        assert (b'"code":%b' % code in answer) if code else (b"Micro-Error" not in answer)
        if not code:
            async with asyncio.timeout(WAIT_SECONDS):
                event = await anext(aiter(events))
            assert (event.id, event.value, event.headers["X-Test"]) == ("7", {"name": "Ann"}, "1")
            assert event.headers[VIA] == place.node.nid
            assert "Authorization" not in event.headers


async def test_trust_is_for_events_of_this_machine_alone() -> None:
    """Not for a page in a browser, not behind a proxy, and not for calls of what is the owner's."""
    async with open_place(trusts=True) as place:
        for header, code in (("Origin: https://evil.example", b"403"), ("X-Forwarded-For: 1.2.3.4", b"401")):
            assert b'"code":%b' % code in await place.raw(posted(place, header))
        async with place.guest() as guest:
            event = await guest.call("Node.Stop", service="node")
            assert event.fault.code == 401  # type: ignore[union-attr]


async def test_an_event_without_an_id_gets_one() -> None:
    """Two that are alike are two."""
    async with open_place(trusts=True) as place, place.node.client(OWNER).subscribe("notes") as events:
        for _ in range(2):
            await place.raw(posted(place, body=write_post("notes", "application/json", "", {}, b"{}")))
        async with asyncio.timeout(WAIT_SECONDS):
            ids = [(await anext(events.events())).id for _ in range(2)]
        assert len({*ids, ""}) == 3


class Subscriber(asyncio.Protocol):
    """A program that is posted to, and answers or breaks off."""

    def __init__(self, into: asyncio.Queue[bytes], *, answers: bool | None) -> None:
        self._into = into
        self._answers = answers
        self._acceptor = Acceptor()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        for event in self._acceptor.receive(data):
            assert isinstance(event, Called)
            assert event.exchange.wrapped is not None
            if self._answers:
                self._into.put_nowait(event.exchange.wrapped.body)
                self._acceptor.answer(event.exchange, b"")
                self._transport.write(self._acceptor.output())
            if self._answers is not None:
                self._transport.close()


@asynccontextmanager
async def subscriber(*, answers: bool | None = True) -> AsyncIterator[tuple[int, asyncio.Queue[bytes]]]:
    """Opens one; gives its port, and what it hears."""
    into: asyncio.Queue[bytes] = asyncio.Queue()
    server = await asyncio.get_running_loop().create_server(lambda: Subscriber(into, answers=answers), "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], into


def found(port: int, node: str, version: str = BROADCAST, **metadata: str) -> Found:
    said = {"broker": "http", "topic": "notes", "secure": "false", **metadata}
    return Found(BROKER, version, node, "127.0.0.1", port, said)


@asynccontextmanager
async def postings(place: Place, *, groups: int) -> AsyncIterator[tuple[Postings, Callable[[], bool]]]:
    """Opens what posts events; gives it, and what says whether it subscribes as often as that."""
    seen = list[Subscription]()

    async def subscribe(topic: str, queue: str | None) -> Subscription:
        found = await place.node.client(OWNER).subscribe_raw(topic, queue)
        seen.append(found)
        return found

    opened = Postings(place.node.nid, subscribe)
    await opened.start()
    try:
        yield opened, lambda: len(seen) >= groups
    finally:
        await opened.stop()


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(WAIT_SECONDS):
        while not holds():  # noqa: ASYNC110 - it happens in many places
            await asyncio.sleep(0.01)


async def test_events_are_posted() -> None:
    """To all that take every event, and to one of each queue; a member that breaks off leaves it to another."""
    async with (
        open_place() as place,
        postings(place, groups=2) as (opened, is_ready),
        subscriber() as (first, one),
        subscriber() as (second, two),
        subscriber(answers=False) as (third, _),
    ):
        opened.heard(found(first, "notes-1"))
        opened.heard(found(second, "notes-2", "work"))
        opened.heard(found(third, "notes-3", "work"))
        await until(is_ready)
        for number in range(4):
            await place.node.client(OWNER).publish("notes", {"number": number})
        async with asyncio.timeout(WAIT_SECONDS):
            heard = [[await queue.get() for _ in range(4)] for queue in (one, two)]
        assert heard[0] == [b'{"number":%d}' % number for number in range(4)]
        assert sorted(heard[1]) == heard[0]
        assert (one.qsize(), two.qsize()) == (0, 0)
        (report,) = [each for each in place.node.broker.topics() if each.topic == "notes"]
        assert [each.queue for each in report.queues] == [f"{QUEUE_PREFIX}work"]


async def test_nobody_waits_for_another(monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that never answers keeps no event from the others."""
    monkeypatch.setattr(module, "POST_SECONDS", 10.0 * WAIT_SECONDS)
    async with (
        open_place() as place,
        postings(place, groups=2) as (opened, is_ready),
        subscriber() as (first, heard),
        subscriber(answers=None) as (second, _),
    ):
        opened.heard(found(second, "notes-2"))
        opened.heard(found(first, "notes-1"))
        await until(is_ready)
        for number in range(4):
            await place.node.client(OWNER).publish("notes", {"number": number})
        async with asyncio.timeout(WAIT_SECONDS):
            assert [await heard.get() for _ in range(4)] == [b'{"number":%d}' % number for number in range(4)]


async def test_who_never_answers_is_not_tried_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor as soon as he says again that he is there."""
    monkeypatch.setattr(module, "POST_SECONDS", 0.1)
    monkeypatch.setattr(module, "BARRED_SECONDS", 10.0 * WAIT_SECONDS)
    async with (
        open_place() as place,
        postings(place, groups=1) as (opened, is_ready),
        subscriber(answers=None) as (port, _),
    ):
        silent = found(port, "notes-1")
        opened.heard(silent)
        (group,) = vars(opened)["_groups"].values()
        await until(is_ready)
        assert group.members
        await place.node.client(OWNER).publish("notes", {})
        await until(lambda: not group.members)
        opened.heard(silent)
        assert not group.members


async def test_what_was_posted_here_is_not_posted_on() -> None:
    """Whoever posted it has posted it to all of them; what was posted to another node is news here."""
    async with open_place() as place, postings(place, groups=1) as (opened, is_ready), subscriber() as (port, heard):
        opened.heard(found(port, "notes-1"))
        await until(is_ready)
        client = place.node.client(OWNER)
        await client.publish("notes", {"number": 1}, headers={VIA: place.node.nid})
        await client.publish("notes", {"number": 2}, headers={VIA: "another"})
        async with asyncio.timeout(WAIT_SECONDS):
            assert await heard.get() == b'{"number":2}'


async def test_who_is_no_subscriber_is_left_alone() -> None:
    """Another node, a broker of another kind, a name that is none, and more than can be looked after."""
    async with open_place() as place, postings(place, groups=1) as (opened, _), subscriber() as (port, heard):
        opened.heard(found(port, "notes-1", **{OF_NODE: "micro-1"}))
        opened.heard(found(port, "notes-2", broker="nats"))
        opened.heard(found(port, "notes-3", secure="true"))
        opened.heard(found(port, "notes-4", topic="no topic"))
        opened.heard(found(port, "notes-5", "no queue"))
        assert not vars(opened)["_groups"]
        for number in range(GROUPS_MAX + 5):
            opened.heard(found(port, f"{number}", topic=f"t{number}"))
        assert len(vars(opened)["_groups"]) == GROUPS_MAX
        assert heard.empty()
