"""The client that waits, for programs without a loop."""

from __future__ import annotations

import asyncio
from itertools import islice
from pathlib import Path

import pytest

from micro.errors import BadRequest, NoNode
from micro.node.blocking import BlockingClient
from micro.node.client import Client
from micro.node.node import Node
from tests.network.places import StartNode, run
from tests.waiting import until


def script(home: str) -> list[object]:
    """Does what a script would do, and returns what it got."""
    with BlockingClient(home=home) as client:
        seen: list[object] = [client.call("greeter", "Say.Hello", {"name": "Ann"})]
        seen.append(list(client.stream("greeter", "Say.Count", {"to": 3})))
        seen.append(list(islice(client.stream("greeter", "Say.Count", {"to": 1_000_000}), 2)))
        with pytest.raises(BadRequest):
            client.call("greeter", "Say.Hello", {"name": 1})
        for n in range(3):
            client.publish("letters", {"n": n})
        seen.append([event.value["n"] for event in islice(client.subscribe("letters", "reader"), 3)])
        return seen


async def test_a_script_without_a_loop(start_node: StartNode, greeter_folder: Path) -> None:
    """Calls, streams, publishing and subscribing wait for what they ask."""
    node: Node = await start_node()
    await run(node, greeter_folder)

    seen = await asyncio.to_thread(script, str(node.home.path))

    assert seen == ["Hello Ann", [0, 1, 2], [0, 1], [0, 1, 2]]


def listen(home: str, told: list[str]) -> list[object]:
    """Listens to a topic until an event came."""
    with BlockingClient(home=home) as client:
        return [event.value for event in islice(client.subscribe("letters", on_waiting=told.append), 1)]


async def test_a_script_is_told_why_nothing_comes(start_node: StartNode) -> None:
    """In each form in which it changes."""
    node: Node = await start_node()
    told: list[str] = []
    listening = asyncio.create_task(asyncio.to_thread(listen, str(node.home.path), told))
    desk = node.eventing.desk
    await until(lambda: [each.topic for each in desk._subscribers.values()] == ["letters"])
    (subscriber,) = desk._subscribers.values()
    subscriber.lacks({"a-node": "it announces no log"})
    await until(lambda: told == ["it announces no log"])
    subscriber.lacks({})
    await until(lambda: told == ["it announces no log", ""])
    async with Client(home=str(node.home.path)) as client:
        await client.publish("letters", {"n": 1})
    assert await listening == [{"n": 1}]


def test_no_node(home: Path) -> None:
    """Without a node it says so, and leaves no thread behind."""
    client = BlockingClient(home=str(home))
    with pytest.raises(NoNode, match="micro server"):
        client.call("greeter", "Say.Hello")
    client.close()
