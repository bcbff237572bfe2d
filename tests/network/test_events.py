"""Events that nobody keeps, from a program through a node to whoever listens: one by one, and many together."""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from micro.mucp.codec import BYTES
from micro.node.front import Client
from micro.node.node import Node
from micro.service.subscription import Event, Subscription
from tests.network.places import StartNode, client_of, run, until
from tests.unit.mucp import wire

LISTENER = """
import asyncio
from typing import Any

from micro import Context, Event, Service

listener = Service("listener")
got = {"inline": [], "waiting": [], "queue": []}


@listener.subscribe("news")
async def inline(event: Event) -> None:
    got["inline"].append(event.value["n"])
    if event.value["n"] == 1:
        raise ValueError("one is too few")


@listener.subscribe("news")
async def waiting(event: Event, context: Context) -> None:
    await asyncio.sleep(0)
    got["waiting"].append(event.value["n"])


@listener.subscribe("kept", queue="listener")
async def queue(event: Event) -> None:
    got["queue"].append([event.value["n"], event.attempt])
    if event.value["n"] == 1 and event.attempt == 1:
        raise ValueError("not yet")


@listener.endpoint("Say.Got")
async def say_got() -> dict[str, list[Any]]:
    return got


listener.run()
"""
SMALL, LARGE = b"x" * 100, b"y" * 50_000


async def take(events: Subscription, count: int) -> list[Event]:
    """Returns the next events, and leaves off in the middle of those that came together."""
    found: list[Event] = []
    async with asyncio.timeout(20):
        async for event in events:
            found.append(event)
            if len(found) == count:
                return found
    raise AssertionError("the subscription ended")


async def listeners(stack: AsyncExitStack, node: Node, count: int) -> list[Subscription]:
    """Returns subscriptions without a queue, each over a link of its own."""
    found = []
    for _ in range(count):
        client = await stack.enter_async_context(client_of(node))
        found.append(await stack.enter_async_context(client.subscribe("news")))
    return found


async def tell(client: Client, bodies: list[bytes]) -> None:
    """Publishes without waiting in between."""
    for body in bodies:
        await client.publish_raw("news", body, content_type=BYTES, durable=False)


async def test_every_listener_gets_every_event_in_order(start_node: StartNode) -> None:
    """However large, whether they travel alone or together, and far beyond one window of credit."""
    node = await start_node()
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(client_of(node))
        everybody = await listeners(stack, node, 3)
        for round_number in range(40):
            bodies = [b"%d %d " % (round_number, number) + SMALL for number in range(150)]
            bodies[round_number] += LARGE
            await tell(client, bodies)
            for events in everybody:
                assert [event.body for event in await take(events, len(bodies))] == bodies


async def test_an_event_says_where_it_comes_from(start_node: StartNode) -> None:
    """Topic, publisher and content type; no time and nothing to acknowledge, since it is kept nowhere."""
    node = await start_node()
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(client_of(node))
        (events,) = await listeners(stack, node, 1)
        for number in range(3):
            await client.publish("news", {"n": number}, durable=False)
        first, second, third = await take(events, 3)
        await second.ack()

    assert [event.value["n"] for event in (first, second, third)] == [0, 1, 2]
    assert (first.topic, first.content_type, first.time, first.attempt) == ("news", "application/json", 0.0, 1)
    assert (first.publisher, first.id, first.settled) == (node.nid, "", True)


async def test_an_event_with_headers_of_its_own_keeps_its_place(start_node: StartNode) -> None:
    """It travels alone, and those around it together."""
    node = await start_node()
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(client_of(node))
        (events,) = await listeners(stack, node, 1)
        await tell(client, [b"a", b"b"])
        await client.publish_raw("news", b"c", durable=False, id="mine", headers={"X-Colour": "red"})
        await tell(client, [b"d"])
        found = await take(events, 4)

    assert [event.body for event in found] == [b"a", b"b", b"c", b"d"]
    assert [(event.id, event.headers.get("x-colour")) for event in found[1:3]] == [("", None), ("mine", "red")]


async def test_members_of_a_queue_share_what_is_published_together(start_node: StartNode) -> None:
    """Each event goes to one of them, and they need not acknowledge it."""
    node = await start_node()
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(client_of(node))
        members = [await stack.enter_async_context(client.subscribe("news", "queue")) for _ in range(2)]
        await tell(client, [b"%d" % number for number in range(20)])
        found = [await take(member, 10) for member in members]

    assert sorted(int(event.body) for events in found for event in events) == list(range(20))
    assert all(event.settled for events in found for event in events)


async def test_an_iteration_may_stand_within_another(start_node: StartNode) -> None:
    """Whoever takes one more event by the way gets the next, and the outer iteration goes on after it."""
    node = await start_node()
    got: list[bytes] = []
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(client_of(node))
        (events,) = await listeners(stack, node, 1)
        bodies = [b"%04d" % number for number in range(2_600)]  # several frames, of an odd and an even number
        await tell(client, [b"first", *bodies])
        async with asyncio.timeout(20):
            async for event in events:
                got.append(event.body)
                if len(got) % 3 == 1:
                    got.append((await anext(aiter(events))).body)
                if len(got) == 2_601:
                    break

    assert got == [b"first", *bodies]


async def test_handlers_of_a_service_get_them(start_node: StartNode, tmp_path: Path) -> None:
    """Those that never wait, where they stand, and those that do; one that failed costs no other event."""
    node = await start_node()
    (tmp_path / "listener").mkdir()
    (tmp_path / "listener" / "main.py").write_text(LISTENER)
    await run(node, tmp_path / "listener")
    async with client_of(node) as client:

        async def listens() -> bool:
            await client.publish("news", {"n": -1}, durable=False)
            found = await client.call("listener", "Say.Got")
            return all(found[name] for name in ("inline", "waiting"))

        await until(listens)
        for number in range(100):
            await client.publish("news", {"n": number}, durable=False)
        for number in range(20):
            await client.publish("kept", {"n": number})

        async def done() -> bool:
            found = await client.call("listener", "Say.Got")
            return 99 in found["inline"] and 99 in found["waiting"] and len(found["queue"]) == 21

        await until(done, 20.0)
        found = await client.call("listener", "Say.Got")

    for name in ("inline", "waiting"):
        assert [number for number in found[name] if number >= 0] == list(range(100))
    assert found["queue"] == [*([number, 1] for number in range(20)), [1, 2]]


@pytest.mark.parametrize("topic", ["no name", "", "news.dead"])
async def test_what_may_not_be_published_is_dropped(start_node: StartNode, topic: str) -> None:
    """Nobody asked for an answer, so nobody is told; the link lives on."""
    node = await start_node()
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(client_of(node))
        (events,) = await listeners(stack, node, 1)
        await client.publish_raw(topic, b"a", durable=False)
        await tell(client, [b"b"])

        assert [event.body for event in await take(events, 1)] == [b"b"]


async def test_one_that_speaks_version_1_is_understood(start_node: StartNode) -> None:
    """It gets and publishes events one by one, beside others that get and publish them together."""
    node = await start_node()
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(client_of(node))
        (events,) = await listeners(stack, node, 1)
        reader, writer = await asyncio.open_unix_connection(node.home.node_socket)
        topic = ("Micro-Topic", "news")
        writer.write(wire.hello() + wire.define(0, topic) + wire.opening(1, wire.SUBSCRIBE))
        frames = await _frames(reader, until=wire.HEADERS)
        assert json.loads(frames[0][2])["versions"] == [1, 2]
        await tell(client, [b"a", b"b"])
        writer.write(wire.opening(0, wire.PUBLISH, b"c") + wire.opening(0, wire.PUBLISH, b"d"))
        found: list[bytes] = []
        while len(found) < 4:
            kind, number, payload = (await _frames(reader))[0]
            assert kind in (wire.DEFINE, wire.EVENT)
            if kind == wire.EVENT:
                assert number == 1
                found.append(payload[12:])
        writer.close()

        assert sorted(found) == [b"a", b"b", b"c", b"d"]
        assert [event.body for event in await take(events, 4)] == found


async def _frames(reader: asyncio.StreamReader, until: int | None = None) -> list[tuple[int, int, bytes]]:
    """Reads one frame, or frames up to one of a kind."""
    found: list[tuple[int, int, bytes]] = []
    async with asyncio.timeout(20):
        while not found or (until is not None and found[-1][0] != until):
            head = await reader.readexactly(9)
            payload = await reader.readexactly(int.from_bytes(head[:4], "big"))
            found.append((head[4], int.from_bytes(head[5:], "big"), payload))
    return found
