"""Events over HTTP, for the owner."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect

from micro.doors.api import events as door_events
from tests.unit.doors.api.house import TOKEN, House

pytestmark = pytest.mark.asyncio(loop_scope="module")

OWNER = {"Authorization": f"Bearer {TOKEN}"}


class EventStream:
    """Reads server-sent events from a socket."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader = reader

    async def next(self) -> tuple[str, Any]:
        """Returns the next event's name and data."""
        name = ""
        async with asyncio.timeout(10):
            while True:
                line = (await self._reader.readuntil(b"\n")).strip()
                if line.startswith(b"event: "):
                    name = line[7:].decode()
                elif line.startswith(b"data: "):
                    return name, json.loads(line[6:])


@asynccontextmanager
async def listening(house: House, path: str) -> AsyncIterator[EventStream]:
    reader, writer = await asyncio.open_connection("127.0.0.1", house.port)
    head = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{house.port}\r\nAuthorization: {OWNER['Authorization']}\r\n\r\n"
    writer.write(head.encode())
    status = await reader.readuntil(b"\r\n\r\n")
    assert b" 200 " in status
    try:
        yield EventStream(reader)
    finally:
        writer.close()


def socket(house: House, path: str) -> connect:
    return connect(f"ws://127.0.0.1:{house.port}{path}", additional_headers=OWNER)


async def received(wire: ClientConnection) -> Any:
    async with asyncio.timeout(10):
        return json.loads(await wire.recv())


async def publish(house: House, topic: str, value: Any) -> str:
    reply = await house.post(f"/api/publish/{topic}", value, owner=True)
    assert reply.status == 200
    return str(reply.json["id"])


async def test_an_event_reaches_whoever_listens(house: House) -> None:
    """With its id, its topic, its time and its value."""
    async with listening(house, "/api/subscribe/plain") as events:
        id = await publish(house, "plain", {"n": 1})

        _, event = await events.next()

    assert (event["id"], event["topic"], event["value"], event["attempt"]) == (id, "plain", {"n": 1}, 1)
    assert event["time"] > 1.7e9


async def test_an_event_of_bytes_comes_in_base64(house: House) -> None:
    """JSON has no bytes."""
    async with listening(house, "/api/subscribe/bytes") as events:
        await house.ask(
            "POST", "/api/publish/bytes", b"\xff\0", headers={"content-type": "application/octet-stream"}, owner=True
        )

        _, event = await events.next()

    assert base64.b64decode(event["body"]) == b"\xff\0"


async def test_a_queue_keeps_what_nobody_heard(house: House) -> None:
    """Published first, subscribed later; acknowledged by itself it does not come again."""
    await publish(house, "kept", {"n": 1})
    async with listening(house, "/api/subscribe/kept?queue=q") as events:
        assert (await events.next())[1]["value"] == {"n": 1}
        await publish(house, "kept", {"n": 2})
        assert (await events.next())[1]["value"] == {"n": 2}

    async with listening(house, "/api/subscribe/kept?queue=q") as events:
        await publish(house, "kept", {"n": 3})
        assert (await events.next())[1]["value"] == {"n": 3}


async def test_an_event_is_acknowledged_over_a_web_socket(house: House) -> None:
    """What was acknowledged does not come again, what was not does."""
    first, second = await publish(house, "acked", 1), await publish(house, "acked", 2)
    async with socket(house, "/api/subscribe/acked?queue=q") as wire:
        assert [(await received(wire))["id"], (await received(wire))["id"]] == [first, second]
        await wire.send(json.dumps({"ack": [first]}))
        await asyncio.sleep(0.1)

    async with socket(house, "/api/subscribe/acked?queue=q") as wire:
        event = await received(wire)
    assert (event["id"], event["attempt"]) == (second, 2)


async def test_an_event_is_given_back_over_a_web_socket(house: House) -> None:
    """It comes again at once."""
    id = await publish(house, "back", 1)
    async with socket(house, "/api/subscribe/back?queue=q") as wire:
        await received(wire)
        await wire.send(json.dumps({"nack": [id], "delay_seconds": 0}))

        again = await received(wire)

    assert (again["id"], again["attempt"]) == (id, 2)


async def test_an_event_is_acknowledged_beside_server_sent_events(house: House) -> None:
    """The first event says where to."""
    id = await publish(house, "beside", 1)
    async with listening(house, "/api/subscribe/beside?queue=q&ack=manual") as events:
        name, told = await events.next()
        await events.next()
        reply = await house.post(told["acknowledge"], {"ack": [id, "unknown"]}, owner=True)

    assert (name, reply.json) == ("subscribed", {"settled": 1})


async def lacking(house: House, topic: str, why: str) -> None:
    """Has whoever subscribes to a topic lack the log of a node; with "" it is had again."""
    desk = house.node.eventing.desk
    async with asyncio.timeout(10):
        while not (found := [each for each in desk._subscribers.values() if each.topic == topic]):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    (subscriber,) = found
    subscriber.lacks({"a-node": why} if why else {})


async def test_a_listener_hears_why_nothing_comes(house: House) -> None:
    """As an event of another name between the others, and once more when it waits no longer."""
    async with listening(house, "/api/subscribe/far") as stream:
        await lacking(house, "far", "it announces no log")
        assert await stream.next() == ("waiting", {"waiting": "it announces no log"})
        await publish(house, "far", {"n": 1})
        assert (await stream.next())[1]["value"] == {"n": 1}
        await lacking(house, "far", "")
        assert await stream.next() == ("waiting", {"waiting": ""})


async def test_a_web_socket_hears_why_nothing_comes(house: House) -> None:
    """As a message that is no event."""
    async with socket(house, "/api/subscribe/farther?queue=q") as wire:
        await lacking(house, "farther", "it refuses")
        assert await received(wire) == {"waiting": "it refuses"}
        id = await publish(house, "farther", {"n": 1})
        assert (await received(wire))["id"] == id


async def test_what_ended_cannot_be_acknowledged(house: House) -> None:
    """A subscription that is gone says so."""
    assert (await house.post("/api/subscribe/beside/gone", {"ack": []}, owner=True)).status == 404


async def test_the_same_id_twice_is_one_event(house: House) -> None:
    """A publisher who is not sure publishes again."""
    async with listening(house, "/api/subscribe/once") as events:
        for _ in range(2):
            await house.post("/api/publish/once?id=mine", 1, owner=True)
        await publish(house, "once", 2)

        assert [(await events.next())[1]["value"] for _ in range(2)] == [1, 2]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/api/publish/a", 401),
        ("GET", "/api/subscribe/a", 401),
        ("POST", "/api/subscribe/a/b", 401),
        ("GET", "/api/publish/a", 405),
    ],
)
async def test_events_are_the_owner_s(house: House, method: str, path: str, status: int) -> None:
    """Nobody else publishes or listens."""
    assert (await house.ask(method, path)).status == status


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/publish/a", b"{"),
        ("/api/publish/a?nope=1", b"1"),
        ("/api/publish/a?durable=x", b"1"),
        ("/api/publish", b"1"),
    ],
)
async def test_a_bad_event_is_refused(house: House, path: str, body: bytes) -> None:
    """No JSON where JSON is said, unknown options, no topic."""
    reply = await house.ask("POST", path, body, headers={"content-type": "application/json"}, owner=True)

    assert reply.status == 400


async def test_a_word_that_is_none_ends_the_subscription(house: House) -> None:
    """Whoever says something else is told what is expected."""
    async with socket(house, "/api/subscribe/words?queue=q") as wire:
        await wire.send('{"acknowledge": 1}')
        await wire.wait_closed()

    assert wire.close_code == 4400


async def test_no_more_comes_than_may_wait_for_a_word(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """The third event comes once the first was acknowledged."""
    monkeypatch.setattr(door_events, "UNACKNOWLEDGED_MAX", 2)
    ids = [await publish(house, "room", number) for number in range(3)]
    async with socket(house, "/api/subscribe/room?queue=q") as wire:
        assert [(await received(wire))["id"] for _ in range(2)] == ids[:2]
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(wire.recv(), 0.2)
        await wire.send(json.dumps({"ack": ids[:1]}))

        assert (await received(wire))["id"] == ids[2]


async def test_what_has_ended_is_not_acknowledged_any_more(house: House) -> None:
    """Its place is forgotten with the connection."""
    async with listening(house, "/api/subscribe/over?queue=q&ack=manual") as events:
        place = (await events.next())[1]["acknowledge"]
    for _ in range(500):
        if (await house.post(place, {"ack": []}, owner=True)).status == 404:
            return
        await asyncio.sleep(0.02)
    raise AssertionError("the subscription is still known")


async def test_subscriptions_that_wait_are_bounded(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """One too many is told so before it begins."""
    monkeypatch.setattr(door_events, "SUBSCRIPTIONS_MAX", 0)

    assert (await house.get("/api/subscribe/many?queue=q&ack=manual", owner=True)).status == 503


async def test_what_is_not_durable_is_not_kept(house: House) -> None:
    """Only who listens at that moment gets it."""
    await publish(house, "light?durable=false", 1)
    await publish(house, "light", 2)
    async with listening(house, "/api/subscribe/light?queue=q") as events:
        assert (await events.next())[1]["value"] == 2


async def test_an_id_of_the_publisher_may_stand_in_a_header(house: House) -> None:
    """As it does on links."""
    assert (await house.post("/api/publish/named", 1, owner=True, micro_id="mine")).json["id"] == "mine"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/publish/a/b"),
        ("POST", "/api/publish/a/b/c"),
        ("GET", "/api/subscribe/a/b"),
        ("POST", "/api/subscribe/a/b/c"),
    ],
)
async def test_a_topic_is_one_part_of_a_path(house: House, method: str, path: str) -> None:
    """What follows is not left out in silence: nobody who writes to `a/b` means the topic `a`."""
    reply = await house.ask(method, path, b"1", headers={"Content-Type": "application/json", **OWNER})

    assert reply.status == 404
    assert "ends with its topic" in reply.json["detail"]
