"""A node that publishes loses its events, and not its key: functions of events that were done, and those that were not.

How a log as such is taken back is in `tests/unit/node/test_taking_back.py`, with a kill in `test_copies_kills.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from micro.errors import Fault, Unavailable
from micro.node.front import Client
from micro.node.node import Node
from micro.service.copies.keeping import Copies
from micro.service.once import call_once
from micro.service.subscription import Event, place_of
from tests.network.places import StartNode, client_of, until
from tests.network.test_copies import Town, export, kept_at, reader, soon, town
from tests.network.test_exports import nothing_comes, numbers, take

__all__ = ["soon", "town"]

NAME = "billing"


async def lose(node: Node, start_node: StartNode) -> Node:
    """Throws a node's events away, and starts it again."""
    await node.stop()
    for path in [*node.home.path.glob("broker.db*"), node.home.path / "copies.json"]:
        path.unlink()
    return await start_node(str(node.home.path), network=True)


async def bill(client: Client, count: int) -> list[str]:
    """Completes events of `orders`, each with one of `bills` whose id follows from it; returns their ids."""
    found: list[str] = []
    async with client.subscribe("orders", NAME) as events:
        async for event in events:
            await complete(event)
            found.append(event.id)
            if len(found) == count:
                break
    return found


async def complete(event: Event) -> None:
    subscription, sequence = place_of(event)
    output = {"topic": "bills", "id": f"bill-{event.id}", "body": b"{}", "content_type": "application/json"}
    request = {"subscription": subscription.exchange.number, "sequence": sequence, "outputs": [output]}
    await call_once(subscription.link, "events", "Events.Complete", request)


def told(supers: list[Node], topic: str = "orders") -> list[list[int]]:
    """Returns which events of a topic each copy knows to be done."""
    return [
        cursor.done_of(range(1, 100))
        for other in supers
        for kept in kept_at(other).all()
        for queue, cursor in kept_at(other).broker.cursors(kept.name).items()
        if (kept.topic, queue) == (topic, NAME)
    ]


def bills(node: Node) -> list[str]:
    """Returns the ids in the log of `bills`."""
    return [event.id for _, event in node.broker.read("bills", 1, count=100, size=10**6)]


@pytest.mark.usefixtures("soon")
async def test_an_event_whose_outputs_are_lost_comes_again(
    start_node: StartNode, town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its copies were not told that it is done: so each effect is there, once, after the loss."""
    supers, node = town
    write, is_busy = Copies.write, True

    def busy(self: Copies, nid: str, said: Any, done: Callable[[int, Fault | None], None]) -> None:
        if said["topic"] == "bills" and is_busy:
            raise Unavailable("busy")
        write(self, nid, said, done)

    monkeypatch.setattr(Copies, "write", busy)
    monkeypatch.setattr("micro.service.copies.acknowledging.COPIED_SECONDS", 1.0)
    async with client_of(node) as client:
        for topic in ("orders", "bills"):
            await export(client, topic=topic)
        await client.publish("orders", {}, id="nothing")
        async with client.subscribe("orders", NAME) as events:
            await (await anext(aiter(events))).ack()
        await until(lambda: told(supers) == [[1], [1]])
        await client.publish("orders", {}, id="one")
        assert await bill(client, 1) == ["one"]
        assert bills(node) == ["bill-one"]
        assert node.broker.cursors("orders")[NAME].done_of([1, 2]) == [1, 2]
        await client.publish("orders", {}, id="two")
    with pytest.raises(AssertionError, match="in vain"):  # many times as long as it takes to tell
        await until(lambda: told(supers) != [[1], [1]], 3.0)

    node = await lose(node, start_node)
    is_busy = False
    async with client_of(node) as client:
        assert await bill(client, 2) == ["one", "two"]
        assert bills(node) == ["bill-one", "bill-two"]
        await until(lambda: told(supers) == [[1, 2, 3], [1, 2, 3]])


@pytest.mark.usefixtures("soon")
async def test_outputs_that_are_copied_come_once(
    start_node: StartNode, town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A function is answered once they are at the copies; what it makes anew of its event is no second one."""
    supers, node = town
    async with client_of(node) as client:
        for topic in ("orders", "bills"):
            await export(client, topic=topic)
        for id in ("one", "two"):
            await client.publish("orders", {}, id=id)
        await bill(client, 1)
        copies = [kept_at(other).broker.bounds(kept.name) for other in supers for kept in kept_at(other).all()]
        assert sorted(copies) == [(1, 1), (1, 1), (1, 2), (1, 2)]
        await until(lambda: told(supers) == [[1], [1]])
        assert await bill(client, 1) == ["two"]

    monkeypatch.setattr(Copies, "cursors", lambda self, nid, said: None)
    for other in supers:  # as if the node had been lost before it told that, which it may do a moment later
        for kept in kept_at(other).all():
            if kept.topic == "orders":
                kept_at(other).broker._topics.get(kept.name).inboxes.pop(NAME)  # type: ignore[union-attr]
    node = await lose(node, start_node)
    async with client_of(node) as client:
        assert await bill(client, 2) == ["one", "two"]
        assert bills(node) == ["bill-one", "bill-two"]
        async with client.subscribe("orders", NAME) as events:
            assert await nothing_comes(events)


@pytest.mark.usefixtures("soon")
async def test_what_a_super_node_handed_out_does_not_come_again(start_node: StartNode, town: Town) -> None:
    """It stood in while the node was away with its disk; the queue goes on behind what was acknowledged there."""
    supers, node = town
    async with client_of(node) as client:
        await export(client)
        for number in range(10):
            await client.publish("orders", {"n": number})
    await node.stop()
    far = await reader(start_node, supers)
    async with client_of(far) as client, client.subscribe(f"orders@{node.nid}", "work") as events:
        assert numbers(await take(events, 4)) == [0, 1, 2, 3]
    node = await lose(node, start_node)
    async with client_of(node) as client, client.subscribe("orders", "work") as events:
        assert sorted(numbers(await take(events, 6))) == [4, 5, 6, 7, 8, 9]
        assert await nothing_comes(events)
    assert node.broker.bounds("orders") == (1, 10)
