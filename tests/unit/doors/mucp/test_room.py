"""What a client has the door keep for it is bounded, however it asks, and nothing of it is lost."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from micro.doors.api.limits import Limits
from micro.doors.mucp.connection import OUTPUT_BYTES_MAX, Connection
from micro.errors import Fault
from micro.mucp.http.asker import Answered, Failed
from micro.mucp.http.reader import Message, MessageReader
from micro.service.service import Service
from tests.unit.doors.mucp.guest import WAIT_SECONDS, Place, open_place

READ_BYTES = 262_144
"""As much is read at once."""


@asynccontextmanager
async def gated(limits: Limits | None = None) -> AsyncIterator[tuple[Place, asyncio.Event]]:
    """Opens a place with an endpoint that answers once the event is set."""
    gate = asyncio.Event()
    service = Service("gate")

    @service.endpoint("Gate.Wait")
    async def wait(padding: str = "") -> str:
        await gate.wait()
        return "open"

    async with open_place(limits) as place:
        place.node.platform.add(service)
        yield place, gate


def request(place: Place, service: str, endpoint: str, body: bytes, *lines: str) -> bytes:
    said = (f"Host: 127.0.0.1:{place.port}", "Content-Type: application/json", f"Content-Length: {len(body)}")
    named = (f"Micro-Service: {service}", f"Micro-Endpoint: {endpoint}")
    return "\r\n".join(("POST / HTTP/1.1", *said, *named, *lines, "", "")).encode() + body


def kept_bytes(place: Place) -> int:
    """Returns what waits for the only client, or is on its way to it."""
    (connection,) = place.door._inside.places.guests()
    assert isinstance(connection, Connection)
    assert connection._transport is not None
    return connection.acceptor.waiting_bytes + connection._transport.get_write_buffer_size()


async def settled(place: Place) -> int:
    """Returns how much waits once nothing changes."""
    before, now = -1, 0
    async with asyncio.timeout(WAIT_SECONDS):
        while now != before or not now:
            await asyncio.sleep(0.3)
            before, now = now, kept_bytes(place)
    return now


async def answers(reader: asyncio.StreamReader, count: int) -> list[Message]:
    """Returns so many answers."""
    parser = MessageReader(requests=False)
    found: list[Message] = []
    async with asyncio.timeout(WAIT_SECONDS):
        while len(found) < count:
            found += parser.receive(await reader.read(READ_BYTES))
    return found


def codes(messages: list[Message]) -> Counter[int]:
    """Returns how often each code came; 200 stands for an answer."""
    errors = [dict(message.pairs).get(b"Micro-Error") for message in messages]
    return Counter(Fault.parse(error.decode()).code if error else 200 for error in errors)


async def test_answers_behind_a_slow_call_hold_the_reading() -> None:
    """What the client sends meanwhile stays with it, and is served later."""
    name = b"x" * 100_000
    async with gated() as (place, gate):
        reader, writer = await asyncio.open_connection("127.0.0.1", place.port)
        writer.write(request(place, "gate", "Gate.Wait", b"{}"))
        asked = request(place, "greeter", "Say.Hello", b'{"name":"%s"}' % name)
        writer.write(asked * 12)
        before = await settled(place)
        assert before > OUTPUT_BYTES_MAX
        writer.write(asked * 28)
        assert await settled(place) == before
        gate.set()
        assert codes(await answers(reader, 41)) == {200: 41}
        writer.close()


async def test_answers_that_were_asked_for_at_once_share_the_room_of_bodies() -> None:
    """Short requests may have long answers; those that have no room become faults, each in its turn."""
    async with gated(Limits(bodies_bytes_max=2_000_000)) as (place, gate):
        reader, writer = await asyncio.open_connection("127.0.0.1", place.port)
        asked = request(place, "greeter", "Say.Hello", b'{"name":"%s","times":1000}' % (b"x" * 992))
        writer.write(request(place, "gate", "Gate.Wait", b"{}") + asked * 20)
        assert await settled(place) <= OUTPUT_BYTES_MAX + 2_100_000
        gate.set()
        found = await answers(reader, 21)
        assert codes(found) == {200: 4, 503: 17}
        assert codes(found[:4]) == {200: 4}
        writer.write(asked)
        assert codes(await answers(reader, 1)) == {200: 1}
        writer.close()


async def test_short_messages_of_a_stream_wait_without_their_headers() -> None:
    """Some bytes each, and kilobytes once they are HTTP: they are written as the client reads, the end behind them."""
    async with open_place() as place:
        reader, writer = await asyncio.open_connection("127.0.0.1", place.port)
        asked = request(place, "greeter", "Say.Count", b'{"to":5000}', "Micro-Stream: 1", f"Micro-Id: {'i' * 4_000}")
        writer.write(asked * 2)  # as go-micro's clients, which send what opens a stream again
        assert await settled(place) <= OUTPUT_BYTES_MAX + READ_BYTES
        *said, end = await answers(reader, 5_001)
        assert [message.body for message in said] == [b'{"result":%d}' % number for number in range(5_000)]
        assert (b"Micro-Error", b"EOS") in end.pairs
        writer.write(request(place, "greeter", "Say.Hello", b"{}"))
        assert codes(await answers(reader, 1)) == {200: 1}
        writer.close()


async def test_a_body_takes_its_room_until_it_is_answered() -> None:
    """Not only until it has come: another one is refused meanwhile, and served afterwards."""
    body = b'{"padding":"%s"}' % (b"x" * 100_000)
    async with gated(Limits(bodies_bytes_max=150_000)) as (place, gate), place.guest() as first:
        first.writer.write(first.asker.call("gate", "Gate.Wait", body))
        await first.writer.drain()
        async with asyncio.timeout(WAIT_SECONDS):
            while place.door._inside.places.bodies_bytes < len(body):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        async with place.guest() as second:
            failed = await second.call("Gate.Wait", body, service="gate")
            assert isinstance(failed, Failed)
            assert failed.fault.code == 503
        gate.set()
        assert await first.next() == Answered(b'{"result":"open"}')
        async with place.guest() as third:
            assert await third.call("Gate.Wait", body, service="gate") == Answered(b'{"result":"open"}')
