"""Functions from events to events on a real node: what follows from an event is published once, whatever crashes."""

from __future__ import annotations

import asyncio
import os
import signal
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from micro.errors import BadRequest, Forbidden
from micro.node.front import Client
from micro.node.node import Node
from micro.service.once import call_once
from tests.network.places import StartNode, client_of, pid_of, run, until

BILLING = '''
import asyncio
import os
from collections.abc import AsyncIterator, Iterator

import msgspec

from micro import Context, Event, Service

service = Service("billing")


class Order(msgspec.Struct):
    number: int
    lines: int = 1


class Invoice(msgspec.Struct):
    order: int
    line: int


@service.function("orders", emits="invoices")
async def bill(order: Order, context: Context) -> AsyncIterator[Invoice]:
    """Write an invoice for each line of an order."""
    if order.number < 0:
        raise ValueError("no such order")
    for line in range(order.lines):
        await asyncio.sleep(0.005)
        yield Invoice(order.number, line)


@service.function("invoices", emits="letters", queue="post")
def post(invoice: Invoice) -> bytes | None:
    """Write a letter, but not for the first line."""
    return b"%d/%d" % (invoice.order, invoice.line) if invoice.line else None


@service.function("letters")
async def note(event: Event, body: bytes) -> None:
    print("letter", event.id, body.decode(), flush=True)


@service.function("many", emits="invoices")
def too_many(count: int) -> Iterator[Invoice]:
    for number in range(count):
        yield Invoice(number, 0)


@service.endpoint("Say.Instance")
async def instance() -> str:
    return os.environ["MICRO_INSTANCE"]


service.run()
'''


@pytest.fixture
def billing_folder(tmp_path: Path) -> Path:
    """Returns a folder with the source of the service `billing`."""
    folder = tmp_path / "billing"
    folder.mkdir()
    (folder / "main.py").write_text(BILLING)
    return folder


async def kept(client: Client, topic: str, count: int) -> list[Any]:
    """Returns the first events of a topic, and makes sure that there are no more."""
    found = []
    async with client.subscribe(topic, queue="all") as events, asyncio.timeout(30):
        async for event in events:
            found.append(event)
            await event.ack()
            if len(found) == count:
                break
        else:
            raise AssertionError("the subscription ended")
    (state,) = [t for t in (await client.call("node", "Node.Topics"))["topics"] if t["topic"] == topic]
    assert state["messages"] == count
    return found


async def test_events_flow_through_functions(start_node: StartNode, billing_folder: Path) -> None:
    """Typed in and out, one or many or none, waiting or plain, from topic to topic."""
    node = await start_node()
    async with client_of(node) as client:
        await client.publish("orders", {"number": 1, "lines": 3}, id="first")
        await run(node, billing_folder)
        invoices = await kept(client, "invoices", 3)
        letters = await kept(client, "letters", 2)

    assert [event.value for event in invoices] == [{"order": 1, "line": line} for line in range(3)]
    assert {event.publisher for event in invoices} == {f"{node.nid}/billing"}
    assert sorted(event.body for event in letters) == [b"1/1", b"1/2"]

    async def noted() -> bool:
        lines = [line.line for line in await node.supervisor.tail("billing")]
        return all(any(f"letter {event.id} {event.body.decode()}" in line for line in lines) for event in letters)

    await until(noted)


async def test_a_service_describes_its_functions(start_node: StartNode, billing_folder: Path) -> None:
    """With what they take and give, so that anybody can draw how events flow."""
    node = await start_node()
    await run(node, billing_folder)
    async with client_of(node) as client:
        found = await client.call("registry", "Registry.Get", {"name": "billing"})

    bill = found["functions"][0]
    assert {field: bill[field] for field in ("name", "topic", "queue", "emits", "yields", "description")} == {
        "name": "bill",
        "topic": "orders",
        "queue": "billing.bill",
        "emits": "invoices",
        "yields": True,
        "description": "Write an invoice for each line of an order.",
    }
    assert set(bill["event"]["properties"]) == {"number", "lines"}
    assert set(bill["result"]["properties"]) == {"order", "line"}
    assert {"topic": "invoices", "queue": "post"} in found["topics"]


async def test_a_function_that_fails_publishes_nothing_and_tries_again(
    start_node: StartNode, billing_folder: Path
) -> None:
    """Whether it raises, is given what it does not take, or gives more than may follow from one event."""
    node = await start_node()
    await run(node, billing_folder)
    async with client_of(node) as client:
        await client.publish("orders", {"number": -1})
        await client.publish("orders", {"number": "one"})
        await client.publish("many", 257)
        await client.publish("many", 256)

        async def failed() -> bool:
            said = "\n".join([line.line for line in await node.supervisor.tail("billing", 1_000)])
            return all(f"(attempt {attempt})" in said for attempt in (1, 2)) and "TooLarge" in said

        await until(failed)
        topics = {topic["topic"]: topic for topic in (await client.call("node", "Node.Topics"))["topics"]}

    assert topics["invoices"]["messages"] == 256
    waiting = [queue["in_flight"] + queue["delayed"] + queue["waiting"] for queue in topics["orders"]["queues"]]
    assert waiting == [2]


async def test_a_function_publishes_only_what_its_service_may(start_node: StartNode, billing_folder: Path) -> None:
    """Where a rule refuses a topic to a service, its functions emit nothing there either, and the event waits."""
    node = await start_node()
    async with client_of(node) as client:
        refused = {"type": "topic", "name": "invoices", "endpoint": "Publish"}
        wish = {"id": "no", "resource": refused, "scope": "service:billing", "access": "denied", "priority": 2}
        await client.call("auth", "Rules.Create", wish)
        await client.publish("orders", {"number": 1, "lines": 3})
        await run(node, billing_folder)

        async def refused_twice() -> bool:
            said = [line.line for line in await node.supervisor.tail("billing", 1_000)]
            return sum("Forbidden" in line for line in said) >= 2

        await until(refused_twice)
        assert "invoices" not in {
            t["topic"] for t in (await client.call("node", "Node.Topics"))["topics"] if t["messages"]
        }
        await client.call("auth", "Rules.Delete", {"id": "no"})
        assert len(await kept(client, "invoices", 3)) == 3


async def crash(node: Node, client: Client) -> None:
    """Kills the instance of `billing` with -9, and waits for the next one."""
    instance = await client.call("billing", "Say.Instance")
    os.kill(pid_of(node, "billing"), signal.SIGKILL)

    async def back() -> bool:
        return bool(await client.call("billing", "Say.Instance") != instance)

    await until(back, 30)


async def test_each_effect_happens_once_over_crashes(start_node: StartNode, billing_folder: Path) -> None:
    """The service is killed with -9 in the middle of its work, and the node is started again."""
    node = await start_node()
    await run(node, billing_folder)
    async with client_of(node) as client:
        for number in range(300):
            await client.publish("orders", {"number": number, "lines": 2}, id=str(number))
            if number in (80, 160):
                await crash(node, client)
    home = str(node.home.path)
    await node.stop()
    node = await start_node(home)
    async with client_of(node) as client:
        for number in range(300):  # whoever does not know whether it got through publishes again
            await client.publish("orders", {"number": number, "lines": 2}, id=str(number))
        invoices = await kept(client, "invoices", 600)
        letters = await kept(client, "letters", 300)

    assert set(Counter((event.value["order"], event.value["line"]) for event in invoices).values()) == {1}
    assert sorted(event.body for event in letters) == sorted(b"%d/1" % number for number in range(300))


async def test_what_a_function_made_is_said_by_its_service_alone(start_node: StartNode, billing_folder: Path) -> None:
    """Over the link of the subscription; a peer may not speak for it, and nobody completes what was never delivered."""
    far, near = await start_node(network=True), await start_node(network=True)
    async with client_of(far) as owner, client_of(near) as client:
        ticket = (await owner.call("network", "Network.Ticket"))["ticket"]
        await client.call("network", "Network.Connect", {"ticket": ticket})
        await until(lambda: near.peers is not None and near.peers.link(far.nid))
        link = near.peers.link(far.nid) if near.peers is not None else None
        assert link is not None
        request = {"subscription": 1, "sequence": 1, "outputs": [{"topic": "invoices", "id": "x", "body": ""}]}

        with pytest.raises(Forbidden):
            await call_once(link, "events", "Events.Complete", request)
        with pytest.raises(Exception, match="has ended"):
            await owner.call("events", "Events.Complete", request)
        with pytest.raises(BadRequest):
            await owner.call("events", "Events.Complete", {"subscription": 1})


async def test_the_flow_is_known_to_the_owner(start_node: StartNode, billing_folder: Path) -> None:
    """From topic to topic, on which nodes."""
    node = await start_node()
    await run(node, billing_folder)
    async with client_of(node) as client:
        steps = (await client.call("events", "Events.Flow"))["steps"]

    assert [(step["topic"], step["function"], step["emits"]) for step in steps] == [
        ("invoices", "post", "letters"),
        ("letters", "note", ""),
        ("many", "too_many", "invoices"),
        ("orders", "bill", "invoices"),
    ]
    assert {tuple(step["nodes"]) for step in steps} == {(node.nid,)}


async def test_a_replay_makes_nothing_twice(start_node: StartNode, billing_folder: Path) -> None:
    """Functions get their events again, and what they make of them is known."""
    node = await start_node()
    await run(node, billing_folder)
    async with client_of(node) as client:
        for number in range(20):
            await client.publish("orders", {"number": number, "lines": 2})
        await kept(client, "letters", 20)
        before = node.broker.stats()
        again = await client.call("events", "Events.Replay", {"topic": "orders", "queue": "billing.bill"})
        await until(lambda: node.broker.stats()["acknowledged"] >= before["acknowledged"] + 20)

        assert (again["sequence"], again["events"]) == (1, 20)
        assert node.broker.stats()["duplicates"] - before.get("duplicates", 0) == 40
        await kept(client, "invoices", 40)


async def test_kept_events_are_read_from_a_point_in_time(start_node: StartNode) -> None:
    """With their ids and dates, as many as there are or are asked for; by the owner alone."""
    node = await start_node()
    async with client_of(node) as client:
        for number in range(150):
            await client.publish("orders", {"number": number}, id=str(number))
        everything = [event async for event in reading(client, {"topic": "orders"})]
        later = [event async for event in reading(client, {"topic": "orders", "since": everything[100]["time"]})]
        few = [event async for event in reading(client, {"topic": "orders", "limit": 70})]
        nothing = [
            event async for event in reading(client, {"topic": "orders", "since": everything[-1]["time"] + 1_000})
        ]

    assert [event["id"] for event in everything] == [str(number) for number in range(150)]
    assert later == everything[100:]
    assert few == everything[:70]
    assert nothing == []
    assert everything[3]["publisher"] == node.nid


async def reading(client: Client, request: dict[str, Any]) -> AsyncIterator[dict[str, Any]]:
    async with client.stream("events", "Events.Read", request) as events:
        async for event in events:
            yield event
