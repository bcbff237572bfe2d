"""Programs that say MUCP over HTTP reach the services of a node, and nobody reaches what he may not."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio

from micro.doors.api.limits import Limits
from micro.mucp.http.asker import Answered, Ended, Failed, Said
from tests.unit.doors.mucp.guest import TOKEN, Place, open_place

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def place() -> AsyncIterator[Place]:
    """A place for all tests."""
    async with open_place() as found:
        yield found


def head(place: Place, *lines: str, method: str = "POST", host: str = "") -> bytes:
    """Returns the head of a call of `Say.Hello` that ends its connection."""
    usual = ("Connection: close", "Micro-Service: greeter", "Micro-Endpoint: Say.Hello", "Content-Length: 2")
    host = host or f"127.0.0.1:{place.port}"
    return "\r\n".join((f"{method} / HTTP/1.1", f"Host: {host}", *usual, *lines, "", "")).encode()


def told(answer: bytes) -> int:
    """Returns the code of the fault in an answer whose status says nothing."""
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    (said,) = [line for line in answer.split(b"\r\n") if line.startswith(b"Micro-Error: ")]
    return int(json.loads(said.removeprefix(b"Micro-Error: "))["code"])


async def test_calls_one_after_the_other(place: Place) -> None:
    """A connection is kept, in JSON and with a deadline."""
    async with place.guest() as guest:
        assert await guest.call("Say.Hello", b'{"name":"Ann"}') == Answered(b'{"result":"Hello Ann"}')
        assert await guest.call("Say.Hello", timeout_milliseconds=5_000) == Answered(b'{"result":"Hello world"}')


@pytest.mark.parametrize(
    ("kind", "body", "answer"),
    [
        ("application/json; charset=utf-8", b'{"name":"Ann"}', b'{"result":"Hello Ann"}'),
        ("application/json-rpc", b'{"name":"Ann"}', b'{"result":"Hello Ann"}'),
        ("application/protobuf", b"\x0a\x03Ann", b"\x0a\x09Hello Ann"),
        ("application/proto-rpc", b"\x0a\x03Ann", b"\x0a\x09Hello Ann"),
        ("application/grpc", b"\x0a\x03Ann", b"\x0a\x09Hello Ann"),
        ("application/grpc+json", b'{"name":"Ann"}', b'{"result":"Hello Ann"}'),
    ],
)
async def test_every_content_type_is_served(place: Place, kind: str, body: bytes, answer: bytes) -> None:
    """Typed endpoints answer in the wrapping they were asked in."""
    async with place.guest(kind) as guest:
        assert await guest.call("Say.Hello", body) == Answered(answer)


async def test_curl_is_enough(place: Place) -> None:
    """Two headers and a body, with the content type that curl sends unasked."""
    answer = await place.raw(head(place, "Content-Type: application/x-www-form-urlencoded") + b"{}")
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert answer.endswith(b'{"result":"Hello world"}')


async def test_faults_come_as_they_are(place: Place) -> None:
    """With their code, where they arose, and what helps."""
    async with place.guest() as guest:
        failed = await guest.call("Say.Fail", b'{"code":409}')
        assert isinstance(failed, Failed)
        assert (failed.fault.code, failed.fault.id) == (409, "greeter.Say.Fail")
        missing = await guest.call("Say.Hello", service="nobody")
        assert isinstance(missing, Failed)
        assert missing.fault.code == 404
        wrong = await guest.call("Say.Hello", b'{"nam":"Ann"}')
        assert isinstance(wrong, Failed)
        assert wrong.fault.code == 400


async def test_a_deadline_is_kept(place: Place) -> None:
    """In nanoseconds on the wire; the call is withdrawn from the service."""
    place.seen.cancelled.clear()
    async with place.guest() as guest:
        late = await guest.call("Say.Slow", timeout_milliseconds=50)
        assert isinstance(late, Failed)
        assert late.fault.code == 408
    async with asyncio.timeout(30):
        await place.seen.cancelled.wait()


async def test_whoever_leaves_ends_his_calls(place: Place) -> None:
    """Nobody works for a client that is gone."""
    place.seen.started.clear()
    place.seen.cancelled.clear()
    async with place.guest() as guest:
        guest.writer.write(guest.asker.call("greeter", "Say.Slow", b"{}"))
        async with asyncio.timeout(30):
            await place.seen.started.wait()
    async with asyncio.timeout(30):
        await place.seen.cancelled.wait()


async def test_streams_go_both_ways(place: Place) -> None:
    """A body that a go-micro client sends to open is no parameter; each item is answered, and the end is told."""
    async with place.guest() as guest:
        guest.open("Say.Chat", b'{"name":""}', service="chatter")
        for name in ("a", "b"):
            guest.item(b'{"name":"%s"}' % name.encode())
            assert await guest.next() == Said(b'{"msg":"echo %s"}' % name.encode())
        guest.item(b'{"name":"bye"}')
        assert await guest.next() == Ended()
        assert await guest.call("Say.Hello", b'{"name":"Ann"}') == Answered(b'{"result":"Hello Ann"}')


async def test_an_end_of_the_client_is_told_to_the_service(place: Place) -> None:
    """The handler reads to the end, and ends."""
    async with place.guest() as guest:
        guest.open("Say.Chat", service="chatter")
        guest.writer.write(guest.asker.end())
        assert await guest.next() == Ended()


@pytest.mark.parametrize("is_generated", [True, False])
async def test_parameters_of_a_stream_come_either_way(place: Place, is_generated: bool) -> None:
    """In the first item, as generated clients of go-micro send them, or in the body that opens it."""
    async with place.guest() as guest:
        guest.open("Say.Count", b'{"to":1}' if is_generated else b'{"to":2}')
        if is_generated:
            guest.item(b'{"to":2}')
        assert [await guest.next() for _ in range(3)] == [Said(b'{"result":0}'), Said(b'{"result":1}'), Ended()]


async def test_a_client_that_does_not_read_stops_the_service(place: Place) -> None:
    """Nothing piles up in the node: the stream waits until its client reads."""
    async with place.guest() as guest:
        guest.open("Say.Forever")
        before = -1
        async with asyncio.timeout(60):
            while place.seen.sent != before:
                before = place.seen.sent
                await asyncio.sleep(0.3)
        assert isinstance(await guest.next(), Said)


async def test_headers_travel_on_but_no_proof(place: Place) -> None:
    """Metadata reaches the service; the token, and who one would like to be, do not."""
    said = {"X_Test": "1", "Micro_Meta_A": "b", "Micro_Caller": "owner", "Micro_From_Service": "admin"}
    async with place.guest(Authorization=f"Bearer {TOKEN}", **said) as guest:
        await guest.call("Say.Headers")
    found = place.seen.headers
    assert (found["X-Test"], found["Micro-Meta-A"]) == ("1", "b")
    assert "Authorization" not in found
    assert "admin" not in found.values()


async def test_nobody_is_anonymous_without_leave(place: Place) -> None:
    """Without a token one may call, and not publish or control; a wrong one is told."""
    async with place.guest() as guest:
        assert await guest.call("Say.Who") == Answered(b'{"result":"an anonymous caller"}')
        for service, endpoint in (("node", "Node.Stop"), ("store", "Store.Read"), ("auth", "Auth.Accounts")):
            refused = await guest.call(endpoint, service=service)
            assert isinstance(refused, Failed)
            assert refused.fault.code == 401
    assert b'"code":401' in await place.raw(head(place, "Micro-Topic: notes") + b"{}")
    wrong = head(place, "Authorization: Bearer nonsense")
    assert b'"code":401' in await place.raw(wrong + b"{}")


async def test_the_owner_publishes(place: Place) -> None:
    """An event on the port of calls is on disk when it is answered."""
    event = head(place, "Micro-Topic: notes", "Micro-Id: e1", f"Authorization: Bearer {TOKEN}")
    answer = await place.raw(event + b"{}")
    assert b"Micro-Error" not in answer
    assert [topic.topic for topic in place.node.broker.topics()] == ["notes"]


@pytest.mark.parametrize(
    "line",
    ["Origin: http://evil.example", "Origin: null", "Sec-Fetch-Site: cross-site", "Origin: http://127.0.0.1:1"],
)
async def test_a_page_may_not_ask(place: Place, line: str) -> None:
    """Whatever a browser sends for a page is refused, wherever the page is from."""
    answer = await place.raw(head(place, line) + b"{}")
    assert b'"code":403' in answer
    assert b"Hello" not in answer


async def test_another_host_is_refused(place: Place) -> None:
    """A name that leads here by DNS rebinding is none of ours."""
    assert b'"code":403' in await place.raw(head(place, host=f"evil.example:{place.port}") + b"{}")


async def test_a_proxy_speaks_for_somebody_else(place: Place) -> None:
    """Whoever it speaks for is on another machine, and sends a token."""
    assert b'"code":401' in await place.raw(head(place, "X-Forwarded-For: 192.0.2.1") + b"{}")


async def test_what_is_no_such_message_ends_the_connection(place: Place) -> None:
    """With a word that says what this port is."""
    answer = await place.raw(head(place, method="GET"))
    assert answer.startswith(b"HTTP/1.1 405 ")
    assert b"asked by POST" in answer


async def test_a_slow_request_is_given_up() -> None:
    """So nobody holds a place by sending a little of it."""
    async with open_place(Limits(body_idle_seconds=0.1, sweep_seconds=0.05)) as place:
        answer = await place.raw(head(place))
    assert told(answer) == 408


async def test_a_body_that_is_too_large_is_told_so_to_who_writes_all_of_it(place: Place) -> None:
    """go-micro reads no answer before its whole request is written."""
    large = head(place).replace(b"Content-Length: 2", b"Content-Length: 10000000") + bytes(10_000_000)
    assert told(await place.raw(large)) == 413


async def test_bodies_together_are_bounded() -> None:
    """A body that has no room is refused before it is whole."""
    async with open_place(Limits(bodies_bytes_max=100_000)) as place:
        large = head(place).replace(b"Content-Length: 2", b"Content-Length: 1000000") + bytes(500_000)
        answer = await place.raw(large)
    assert told(answer) == 503


async def test_one_too_many_is_turned_away() -> None:
    """With a fault as go-micro reads them, and it has its place once another one left."""
    async with open_place(Limits(connections_local_max=1)) as place:
        async with place.guest() as guest:
            await guest.call("Say.Hello")
            async with place.guest() as turned_away:
                failed = await turned_away.call("Say.Hello")
            assert isinstance(failed, Failed)
            assert failed.fault.code == 429
            assert "1 connections of programs on this machine are open" in failed.fault.detail
        async with asyncio.timeout(30):
            while b"Micro-Error" in await place.raw(head(place) + b"{}"):  # noqa: ASYNC110
                await asyncio.sleep(0.01)


async def test_programs_of_this_machine_have_many_connections(place: Place) -> None:
    """go-micro opens one for each call that is under way, and they all have the same address."""
    async with AsyncExitStack() as stack:
        guests = [await stack.enter_async_context(place.guest()) for _ in range(200)]
        answers = await asyncio.gather(*(guest.call("Say.Hello") for guest in guests))
    assert answers == [Answered(b'{"result":"Hello world"}')] * 200


async def test_many_streams_that_say_much_at_once_all_end(place: Place) -> None:
    """What stopped because the link into the node had much to write goes on once that is written."""
    count, name = 10, b"x" * 20_000

    async def talk() -> int:
        async with place.guest() as guest:
            guest.open("Say.Chat", service="chatter")
            for _ in range(count):
                guest.item(b'{"name":"%s"}' % name)
            guest.item(b'{"name":"bye"}')
            heard = 0
            while isinstance(await guest.next(), Said):
                heard += 1
            return heard

    assert await asyncio.gather(*(talk() for _ in range(30))) == [count] * 30


async def test_a_door_that_closes_says_so() -> None:
    """Streams end with 503, and a call under way is answered."""
    async with open_place() as place, place.guest() as talking, place.guest() as calling:
        talking.open("Say.Quiet")
        assert isinstance(await talking.next(), Said)
        calling.writer.write(calling.asker.call("greeter", "Say.Hello", b"{}"))
        assert isinstance(await calling.next(), Answered)
        await place.door.stop()
        failed = await talking.next()
        assert isinstance(failed, Failed)
        assert failed.fault.code == 503
