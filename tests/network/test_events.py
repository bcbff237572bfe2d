"""Events that nobody keeps, from a program through a node to whoever listens: one by one, and many together."""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack

import pytest

from micro.mucp.codec import BYTES
from micro.node.front import Client
from micro.node.node import Node
from micro.service.subscription import Event, Subscription
from tests.network.places import StartNode, client_of
from tests.unit.mucp import wire

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
