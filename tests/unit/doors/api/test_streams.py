"""Streams over plain HTTP."""

from __future__ import annotations

import asyncio
import base64
import json

import pytest

from micro.doors.api import streams
from tests.unit.doors.api.house import House

pytestmark = pytest.mark.asyncio(loop_scope="module")

EVENTS = "text/event-stream"


def items(body: bytes) -> list[object]:
    return [json.loads(line) for line in body.splitlines()]


async def test_a_link_to_a_stream_is_a_stream_of_events(house: House) -> None:
    """A browser's EventSource reads it as it is, and is told the end."""
    reply = await house.get("/api/greeter/Say.Count?to=2")

    assert reply.headers["content-type"] == EVENTS
    assert reply.body == b'data: {"result":0}\n\ndata: {"result":1}\n\nevent: end\ndata: {}\n\n'


async def test_a_posted_stream_is_one_message_a_line(house: House) -> None:
    """For programs, without anything around it."""
    reply = await house.post("/api/greeter/Say.Count", {"to": 2})

    assert reply.headers["content-type"] == "application/x-ndjson"
    assert reply.body == b'{"result":0}\n{"result":1}\n'


@pytest.mark.parametrize(
    ("method", "accept", "kind"), [("POST", EVENTS, EVENTS), ("GET", "application/x-ndjson", "application/x-ndjson")]
)
async def test_accept_chooses_the_form(house: House, method: str, accept: str, kind: str) -> None:
    """Whoever says what he wants gets it."""
    reply = await house.ask(method, "/api/greeter/Say.Ticks", headers={"accept": accept})

    assert reply.headers["content-type"] == kind


async def test_a_stream_that_fails_at_once_has_a_status(house: House) -> None:
    """Nothing was answered yet, so HTTP can say it."""
    reply = await house.get("/api/greeter/Say.Breaks")

    assert (reply.status, reply.json["detail"]) == (409, "it broke")


async def test_a_stream_that_fails_later_says_so_last(house: House) -> None:
    """As an event, or as a last line."""
    fault = {"id": "greeter.Say.Breaks", "code": 409, "detail": "it broke", "status": "Conflict"}

    events = (await house.get("/api/greeter/Say.Breaks?after=1")).body
    lines = (await house.post("/api/greeter/Say.Breaks", {"after": 1})).body

    assert events.startswith(b'data: {"result":0}\n\nevent: fault\ndata: {')
    assert items(lines) == [{"result": 0}, {"fault": fault}]


async def test_wrong_parameters_of_a_stream_are_a_bad_request(house: House) -> None:
    """As with a call."""
    assert (await house.get("/api/greeter/Say.Count?to=x")).status == 400


async def test_lines_are_the_messages_of_a_stream_that_takes_some(house: House) -> None:
    """Parameters stand in the query, messages in the body."""
    lines = b'{"result":"a"}\n{"result":"b"}\n'
    reply = await house.ask(
        "POST", "/api/greeter/Say.Room?prefix=*", lines, headers={"content-type": "application/x-ndjson"}
    )

    assert items(reply.body) == [{"result": "*a"}, {"result": "*b"}]


async def test_a_stream_of_numbers_has_one_answer(house: House) -> None:
    """Many messages in, one out."""
    lines = b"".join(b'{"result":%d}\n' % number for number in range(100))
    reply = await house.ask("POST", "/api/greeter/Say.Sum", lines, headers={"content-type": "application/x-ndjson"})

    assert items(reply.body) == [{"result": 4950}]


async def test_a_stream_of_bytes_is_bytes_or_base64(house: House) -> None:
    """As they are where that can be, in base64 within events."""
    plain = await house.post("/api/greeter/Say.Blocks", {"count": 2})
    events = await house.get("/api/greeter/Say.Blocks?count=1")

    assert (plain.headers["content-type"], plain.body) == ("application/octet-stream", b"\0\0\0\0\1\1\1\1")
    assert events.body.startswith(b"event: bytes\ndata: " + base64.b64encode(bytes(4)))


async def test_a_client_that_goes_away_ends_the_stream(house: House) -> None:
    """The service stops at once."""
    reader, writer = await asyncio.open_connection("127.0.0.1", house.port)
    writer.write(f"GET /api/greeter/Say.Forever HTTP/1.1\r\nHost: 127.0.0.1:{house.port}\r\n\r\n".encode())
    await reader.readuntil(b"data: ")
    writer.close()

    async with asyncio.timeout(10):
        await house.seen.cancelled.wait()


async def test_a_client_that_does_not_read_holds_the_service_back(house: House) -> None:
    """What is under way is bounded from the service to the socket."""
    reader, writer = await asyncio.open_connection("127.0.0.1", house.port, limit=1000)
    writer.write(f"GET /api/greeter/Say.Forever HTTP/1.1\r\nHost: 127.0.0.1:{house.port}\r\n\r\n".encode())
    await reader.readuntil(b"data: ")
    sent = -1
    while sent != house.seen.sent:  # until it is held back
        sent = house.seen.sent
        await asyncio.sleep(0.3)
    writer.close()

    assert sent * 1000 < 20_000_000
    async with asyncio.timeout(10):
        await house.seen.cancelled.wait()


async def test_a_stream_in_protobuf_needs_frames_of_its_own(house: House) -> None:
    """Lines cannot hold it, so another form is named."""
    reply = await house.ask("POST", "/api/greeter/Say.Ticks", headers={"content-type": "application/protobuf"})

    assert (reply.status, "WebSocket" in reply.json["detail"]) == (415, True)


async def test_a_silent_stream_of_events_gives_signs_of_life(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty comment now and then, for whoever stands between."""
    monkeypatch.setattr(streams, "BEAT_SECONDS", 0.02)
    reader, writer = await asyncio.open_connection("127.0.0.1", house.port)
    writer.write(f"GET /api/greeter/Say.Quiet HTTP/1.1\r\nHost: 127.0.0.1:{house.port}\r\n\r\n".encode())

    async with asyncio.timeout(10):
        await reader.readuntil(b"\r\n:\n\n")
    writer.close()
