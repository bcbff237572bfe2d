"""Topics across nodes: local unless exported; queues whose members are on several nodes; what waits, and for whom."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from micro.errors import Conflict, Fault, Forbidden
from micro.mucp import headers as names
from micro.mucp.headers import encode
from micro.mucp.message import Form
from micro.node.front import Client
from micro.node.node import Node
from micro.service.broker.directory import LogPlace
from micro.service.subscription import Event, Subscription
from tests.network.places import StartNode, client_of, run, until
from tests.network.test_functions import BILLING, crash, reading


class Town:
    """Two linked nodes, each with a client of its owner."""

    def __init__(self, start_node: StartNode, stack: AsyncExitStack) -> None:
        self._start = start_node
        self._stack = stack
        self.far: Node
        self.near: Node
        self.owner: Client
        self.client: Client

    async def build(self) -> Town:
        self.far, self.near = await self._start(network=True), await self._start(network=True)
        await self._clients()
        ticket = (await self.owner.call("network", "Network.Ticket"))["ticket"]
        await self.client.call("network", "Network.Connect", {"ticket": ticket})
        await self.linked()
        return self

    @property
    def place(self) -> LogPlace:
        return LogPlace(self.far.nid, self.far.nid)

    async def _clients(self) -> None:
        self.owner = await self._stack.enter_async_context(client_of(self.far))
        self.client = await self._stack.enter_async_context(client_of(self.near))

    async def linked(self) -> None:
        """Waits until each knows the other."""

        def both() -> bool:
            ends = [(self.far, self.near.nid), (self.near, self.far.nid)]
            return all(node.peers is not None and node.peers.link(nid) is not None for node, nid in ends)

        await until(both, 30)

    async def restart(self, *, far: bool = True, near: bool = True) -> None:
        """Stops nodes and starts them again in their homes."""
        for node, wanted in ((self.far, far), (self.near, near)):
            if wanted:
                await node.stop()
        if far:
            self.far = await self._start(str(self.far.home.path), network=True)
        if near:
            self.near = await self._start(str(self.near.home.path), network=True)
        await self._clients()
        await self.linked()

    async def export(self, topic: str, *, exported: bool = True) -> None:
        """Opens a topic of the far node, and waits until the near one knows."""
        await self.owner.call("events", "Events.Export", {"topic": topic, "exported": exported})
        await until(lambda: (self.place in self.near.eventing.logs.find(topic)) == exported)

    async def queue(self, client: Client, queue: str | None = "work", topic: str = "orders") -> Subscription:
        """Subscribes, and returns what is to be iterated."""
        return await self._stack.enter_async_context(client.subscribe(topic, queue))


@pytest.fixture
async def town(start_node: StartNode) -> AsyncIterator[Town]:
    async with AsyncExitStack() as stack:
        yield await Town(start_node, stack).build()


async def take(events: Subscription, count: int, *, acknowledges: bool = True) -> list[Event]:
    """Returns the next events."""
    found: list[Event] = []
    async with asyncio.timeout(20):
        async for event in events:
            found.append(event)
            if acknowledges:
                await event.ack()
            if len(found) == count:
                return found
    raise AssertionError("the subscription ended")


async def nothing_comes(events: Subscription, seconds: float = 0.3) -> bool:
    """Returns whether no event comes for a while."""
    try:
        async with asyncio.timeout(seconds):
            async for _ in events:
                return False
    except TimeoutError:
        return True
    return True


async def publish(client: Client, *numbers: int, topic: str = "orders") -> None:
    for number in numbers:
        await client.publish(topic, {"n": number}, id=str(number))


def numbers(events: list[Event]) -> list[int]:
    return [event.value["n"] for event in events]


async def test_a_topic_is_local_unless_it_is_exported(town: Town) -> None:
    """Whoever subscribes elsewhere gets nothing of it, then all that is kept, and nothing more once it is closed."""
    await publish(town.owner, 1, 2)
    events = await town.queue(town.client)
    assert await nothing_comes(events)
    await town.export("orders")
    assert numbers(await take(events, 2)) == [1, 2]
    await town.export("orders", exported=False)
    await publish(town.owner, 3)
    await publish(town.client, 4)
    assert numbers(await take(events, 1)) == [4]
    assert await nothing_comes(events)


async def test_an_event_arrives_as_it_was_published(town: Town) -> None:
    """With its id, date, headers, publisher and body, whatever its publisher claims to be."""
    await town.export("orders")
    claim = {"X-Colour": "red", names.CALLER: f"{town.near.nid}/bank"}
    await town.owner.publish_raw("orders", b"\x00body", content_type="image/png", id="mine", headers=claim)
    (event,) = await take(await town.queue(town.client), 1)

    assert (event.id, event.body, event.content_type, event.attempt) == ("mine", b"\x00body", "image/png", 1)
    assert event.headers["X-Colour"] == "red"
    assert event.publisher == town.far.nid
    assert abs(event.time - town.far.ports.clock.now()) < 60


async def test_a_neighbour_publishes_in_the_name_of_its_own_services_alone(town: Town) -> None:
    """Whatever other name stands on its event, its own stands in the log."""
    await town.export("orders")
    link = town.near.peers.link(town.far.nid) if town.near.peers is not None else None
    assert link is not None
    claims = [f"{town.near.nid}/bank", f"{town.far.nid}/bank", "owner", "/bank"]
    for claim in claims:
        answer = link.future()
        prefix = link.session.begin(Form.PUBLISH, {names.TOPIC: "orders"}, 10_000, encode({names.CALLER: claim}))
        link.call(answer, prefix, b"{}")
        await answer
    events = await take(await town.queue(town.owner), len(claims))

    assert [event.publisher for event in events] == [claims[0], *[town.near.nid] * 3]


async def test_members_of_a_queue_share_its_events_wherever_they_are(town: Town) -> None:
    """Each event goes to one of them, and the log's node keeps the place of the queue."""
    await town.export("orders")
    here, there = await town.queue(town.owner), await town.queue(town.client)
    await until(lambda: [q.members for t in town.far.broker.topics() for q in t.queues] == [2])
    await publish(town.owner, *range(100))
    first, second = await asyncio.gather(take(here, 50), take(there, 50))

    assert sorted(numbers(first) + numbers(second)) == list(range(100))
    await until(lambda: [(q.waiting, q.in_flight) for t in town.far.broker.topics() for q in t.queues] == [(0, 0)])
    assert [topic.messages for topic in town.near.broker.topics()] == [0]


async def test_what_a_member_does_not_acknowledge_goes_to_another(town: Town) -> None:
    """Acknowledgements go to the log's node: an event is not done because it reached the member's node."""
    await town.export("orders")
    await publish(town.owner, 1, 2, 3)
    there = await town.queue(town.client)
    held = await take(there, 3, acknowledges=False)
    await held[0].ack()
    await held[1].nack()
    again = await take(there, 1)
    assert (numbers(again), again[0].attempt) == ([2], 2)
    await there.close()
    here = await take(await town.queue(town.owner), 1)

    assert (numbers(here), here[0].attempt) == ([3], 2)


async def test_what_a_lost_node_held_goes_to_the_others(town: Town) -> None:
    """Its link is gone, and so are its members."""
    await town.export("orders")
    await publish(town.owner, *range(10))
    await take(await town.queue(town.client), 10, acknowledges=False)
    await town.near.stop()

    assert sorted(numbers(await take(await town.queue(town.owner), 10))) == list(range(10))


async def test_what_nobody_has_taken_waits_for_whoever_comes(town: Town) -> None:
    """Also over restarts of both nodes; a queue goes on where it was, and a new one begins with the earliest kept."""
    await town.export("orders")
    await publish(town.owner, *range(5))
    assert numbers(await take(await town.queue(town.client), 2)) == [0, 1]
    await until(lambda: [q.in_flight + q.waiting for t in town.far.broker.topics() for q in t.queues] == [3])
    await town.restart()
    assert sorted(numbers(await take(await town.queue(town.client), 3))) == [2, 3, 4]
    assert numbers(await take(await town.queue(town.client, "late"), 5)) == list(range(5))


async def test_a_subscription_outlives_the_node_it_gets_events_from(town: Town) -> None:
    """It goes on when the node is back, without its subscriber's doing."""
    await town.export("orders")
    events = await town.queue(town.client)
    await publish(town.owner, 1)
    assert numbers(await take(events, 1)) == [1]
    await until(lambda: [q.in_flight + q.waiting for t in town.far.broker.topics() for q in t.queues] == [0])
    await town.restart(near=False)
    await publish(town.owner, 2)
    assert numbers(await take(events, 1)) == [2]


async def test_without_a_queue_everybody_hears_everything(town: Town) -> None:
    """On every node, also what nobody keeps, and in order."""
    await town.export("orders")
    people = [await town.queue(town.client, None), await town.queue(town.client, None)]
    await until(lambda: [t.subscribers for t in town.far.broker.topics()] == [2])
    for number in range(50):
        await town.owner.publish("orders", {"n": number}, durable=number % 2 == 0)
    await publish(town.client, 50)

    for events in people:
        found = numbers(await take(events, 51, acknowledges=False))
        assert [n for n in found if n < 50 and n % 2 == 0] == list(range(0, 50, 2))
        assert sorted(found) == list(range(51))


async def test_a_slow_subscriber_elsewhere_gets_all_of_its_queue(town: Town) -> None:
    """Far more than fits on the way waits in the log, and comes as it is taken."""
    await town.export("orders")
    for number in range(400):
        await town.owner.publish_raw("orders", b"%04d" % number + bytes(4_000), content_type="image/png")
    events = await town.queue(town.client)
    await asyncio.sleep(0.3)
    found = await take(events, 400)

    assert sorted(event.body[:4] for event in found) == [b"%04d" % number for number in range(400)]


async def test_rules_say_which_nodes_may(town: Town) -> None:
    """A node that a topic is denied is not told of it, and gets and publishes nothing."""
    await town.export("orders")
    events = await town.queue(town.client)
    await publish(town.owner, 1)
    await take(events, 1)
    rule = {"id": "no", "scope": f"node:{town.near.nid}", "access": "denied"}
    about = {"type": "topic", "name": "orders", "endpoint": "*"}
    await town.owner.call("auth", "Rules.Create", {**rule, "resource": about, "priority": 5})
    await until(lambda: not town.near.eventing.logs.find("orders"))
    await publish(town.owner, 2)
    assert await nothing_comes(events)
    await town.owner.call("auth", "Rules.Delete", {"id": "no"})
    assert numbers(await take(events, 1)) == [2]


async def test_rules_say_whose_events_are_heard(town: Town) -> None:
    """A node that may not publish on a topic here does not bring its own to our subscribers either."""
    await town.export("orders")
    events = await town.queue(town.client)
    await publish(town.owner, 1)
    await take(events, 1)
    await until(lambda: [q.in_flight + q.waiting for t in town.far.broker.topics() for q in t.queues] == [0])
    rule = {"id": "no", "scope": f"node:{town.far.nid}", "access": "denied", "priority": 5}
    about = {"type": "topic", "name": "orders", "endpoint": "Publish"}
    await town.client.call("auth", "Rules.Create", {**rule, "resource": about})
    await publish(town.owner, 2)
    assert await nothing_comes(events)
    await town.client.call("auth", "Rules.Delete", {"id": "no"})
    assert numbers(await take(events, 1)) == [2]


async def test_a_node_asks_in_vain_for_what_is_not_exported(town: Town) -> None:
    """Neither to subscribe nor to publish; where it is exported it may do both."""
    link = town.near.peers.link(town.far.nid) if town.near.peers is not None else None
    assert link is not None

    async def asked() -> list[type[Fault]]:
        client = Client(home=str(town.near.home.path))
        client._ways._node = link
        refused = []
        for ask in (client.subscribe_raw("orders"), client.publish_raw("orders", b"{}")):
            try:
                await ask
            except Fault as fault:
                refused.append(type(fault))
        return refused

    assert await asked() == [Forbidden, Forbidden]
    await town.export("orders")
    assert await asked() == []


KEEPER = """
from micro import Service

service = Service("{name}")
service.topic("orders", export=True)
service.topic("secrets")
service.run()
"""


def keeper(folder: Path, name: str) -> Path:
    (folder / name).mkdir()
    (folder / name / "main.py").write_text(KEEPER.format(name=name))
    return folder / name


async def owned(client: Client) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await client.call("events", "Events.Exports"))["topics"]
    return found


async def test_a_topic_belongs_to_the_service_that_says_so(town: Town, tmp_path: Path) -> None:
    """It exports it; no other service may; and the node's owner has the last word, also after a restart."""
    await run(town.far, keeper(tmp_path, "shop"))
    await until(lambda: town.near.eventing.logs.find("orders") == [town.place])
    assert await owned(town.owner) == [
        {"topic": "orders", "service": "shop", "exported": True, "replicas": 0},
        {"topic": "secrets", "service": "shop", "exported": False, "replicas": 0},
    ]
    with pytest.raises(AssertionError, match="belongs to the service shop"):
        await run(town.far, keeper(tmp_path, "rival"))
    await town.export("orders", exported=False)
    await town.restart(near=False)
    await until(lambda: town.far.catalog.lookup("shop"))
    assert [each["exported"] for each in await owned(town.owner)] == [False, False]
    with pytest.raises(Conflict):
        town.far.eventing.exports.declare("rival", [{"topic": "orders"}])


async def test_a_function_takes_events_of_another_node(town: Town, tmp_path: Path) -> None:
    """What follows is kept on its own node, each once, although it is killed with -9 in the middle of its work."""
    folder = tmp_path / "billing"
    folder.mkdir()
    (folder / "main.py").write_text(BILLING)
    await town.export("orders")
    await run(town.near, folder)
    for number in range(200):
        await town.owner.publish("orders", {"number": number, "lines": 2}, id=str(number))
        if number in (60, 120):
            await crash(town.near, town.client)

    async def done() -> bool:
        return [q.waiting + q.in_flight + q.delayed for t in town.far.broker.topics() for q in t.queues] == [0]

    await until(done, 30)
    invoices = [event async for event in reading(town.client, {"topic": "invoices"})]

    assert len(invoices) == len({event["body"] for event in invoices}) == 400
    assert {event["publisher"] for event in invoices} == {f"{town.near.nid}/billing"}
    assert [topic.topic for topic in town.far.broker.topics() if topic.messages] == ["orders"]
