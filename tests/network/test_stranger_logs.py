"""Topics across an open network: nodes that were never connected find each other's logs, and nobody else intrudes."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from micro.errors import BadRequest, Forbidden, NotFound, TooManyRequests
from micro.network.link import Link
from micro.node.front import Client
from micro.node.node import Node
from micro.service.events import EventDesk
from micro.service.registry.finder import Finder
from micro.service.registry.finding import Offer
from micro.service.registry.record import mark_of_log
from micro.service.subscriber import Subscriber
from micro.service.subscription import Subscription
from micro.trust.identity import short
from tests.network.places import StartNode, client_of, run, typed, until
from tests.network.test_backbone import network, shows
from tests.network.test_exports import nothing_comes, numbers, publish, take
from tests.network.test_functions import BILLING

LOG = mark_of_log("orders")


class Country:
    """A network of one super node in which others know nothing but that one."""

    def __init__(self, start_node: StartNode, stack: AsyncExitStack) -> None:
        self._start = start_node
        self._stack = stack
        self.root: Node

    async def build(self) -> Country:
        [self.root] = await network(self._start, 1)
        return self

    async def settler(self, home: str | None = None) -> tuple[Node, Client]:
        """Returns a node that joined, or comes back, with a client of its owner."""
        node = await self._start(home, network=True, join=self.root.ticket().encode())
        return node, await self._stack.enter_async_context(client_of(node))

    async def publisher(self) -> tuple[Node, Client]:
        """Returns a node that exports the topic `orders`, once the network knows."""
        node, client = await self.settler()
        before = await self.announcing()
        await client.call("events", "Events.Export", {"topic": "orders"})
        await until(lambda: shows(self.root, LOG, sorted([*before, node.nid])))
        return node, client

    async def heard(self) -> tuple[tuple[Node, Client], tuple[Node, Client], Subscription]:
        """Returns a publisher, a subscriber that was never linked with it, and its queue, which has got event 1."""
        far, owner = await self.publisher()
        near, client = await self.settler()
        events = await self.queue(client, f"orders@{far.nid}")
        await publish(owner, 1)
        assert numbers(await take(events, 1)) == [1]
        return (far, owner), (near, client), events

    async def announcing(self) -> list[str]:
        assert self.root.backbone is not None
        assert self.root.backbone.finder is not None
        self.root.backbone.finder.forget(LOG)
        return [offer.nid for offer in await self.root.backbone.finder.find(LOG)]

    async def queue(self, client: Client, name: str, queue: str | None = "work") -> Subscription:
        return await self._stack.enter_async_context(client.subscribe(name, queue))


@pytest.fixture
async def country(start_node: StartNode) -> AsyncIterator[Country]:
    async with AsyncExitStack() as stack:
        yield await Country(start_node, stack).build()


def left(node: Node) -> list[int]:
    """Returns how many events each queue of a node has still to get done."""
    return [q.waiting + q.in_flight + q.delayed for topic in node.broker.topics() for q in topic.queues]


def reaches(seeker: Node, name: str, *providers: Node) -> bool:
    """Says whether just the logs of these strangers are in reach under a name."""
    return [place.nid for place in seeker.eventing.directory.find(name)] == sorted(node.nid for node in providers)


async def test_a_log_of_a_stranger_is_found_and_subscribed_to(country: Country) -> None:
    """By its node, with what was kept before; the two are linked for that, and are no neighbours."""
    far, owner = await country.publisher()
    await publish(owner, 1, 2)
    near, client = await country.settler()
    events = await country.queue(client, f"orders@{far.nid}")
    found = await take(events, 2)
    await publish(owner, 3)
    found += await take(events, 1)

    assert numbers(found) == [1, 2, 3]
    assert {(event.topic, event.publisher) for event in found} == {("orders", far.nid)}
    assert near.peers is not None
    assert near.peers.known == {}
    assert [topic.topic for topic in near.broker.topics()] == []
    await until(lambda: left(far) == [0])


async def test_nobody_intrudes_who_chose_the_same_name(country: Country) -> None:
    """A bare name is this node's and its neighbours'; a pin adds those it names, and nobody who comes later."""
    far, owner = await country.publisher()
    await publish(owner, 1)
    near, client = await country.settler()
    events = await country.queue(client, "orders")
    assert await nothing_comes(events, 2.0)
    assert near._outside is not None
    assert near._outside.logs.strangers.sought == []  # nor was anybody asked

    assert await client.call("network", "Network.Pin", {"name": "topic:orders"}) == {
        "name": "topic:orders",
        "nodes": [far.nid],
    }
    assert numbers(await take(events, 1)) == [1]
    late, squatter = await country.publisher()
    await publish(squatter, 66)
    await publish(client, 2)
    await publish(owner, 3)
    assert sorted(numbers(await take(events, 2))) == [2, 3]
    assert await nothing_comes(events, 2.0)
    assert late.nid not in [place.nid for place in near.eventing.directory.find("orders")]

    await client.call("network", "Network.Pin", {"name": f"topic:orders@{late.nid}"})
    assert numbers(await take(events, 1)) == [66]
    await client.call("network", "Network.Unpin", {"name": "topic:orders"})
    await publish(owner, 4)
    await publish(squatter, 67)
    assert await nothing_comes(events, 1.0)


async def test_a_log_that_comes_later_is_heard_of(country: Country) -> None:
    """Whoever subscribes before there is a log waits for it; what was published meanwhile is in it."""
    far, owner = await country.settler()
    _, client = await country.settler()
    events = await country.queue(client, f"orders@{far.nid}")
    await publish(owner, 1)
    assert await nothing_comes(events, 1.0)
    await owner.call("events", "Events.Export", {"topic": "orders"})
    assert numbers(await take(events, 1)) == [1]


async def test_members_of_a_queue_are_on_nodes_of_strangers(country: Country) -> None:
    """Each event goes to one of them, and what one holds when it is gone goes to the other."""
    far, owner = await country.publisher()
    homes = [await country.settler() for _ in range(2)]
    members = [await country.queue(client, f"orders@{far.nid}") for _, client in homes]
    await until(lambda: [q.members for t in far.broker.topics() for q in t.queues] == [2])
    await publish(owner, *range(40))
    shares = await asyncio.gather(*(take(events, 20) for events in members))
    assert sorted(number for share in shares for number in numbers(share)) == list(range(40))

    await publish(owner, *range(40, 60))
    await take(members[0], 10, acknowledges=False)
    await homes[0][0].stop()
    assert sorted(numbers(await take(members[1], 20))) == list(range(40, 60))


async def test_what_nobody_has_taken_waits_over_restarts_of_both(country: Country) -> None:
    """It is handed over to a subscriber that comes later, wherever publisher and subscriber are by then."""
    far, owner = await country.publisher()
    near, client = await country.settler()
    await publish(owner, *range(5))
    first = await country.queue(client, f"orders@{far.nid}")
    assert numbers(await take(first, 2)) == [0, 1]
    await until(lambda: left(far) == [3])
    await near.stop()
    await far.stop()
    far, owner = await country.settler(str(far.home.path))
    await publish(owner, 5)
    near, client = await country.settler(str(near.home.path))
    events = await country.queue(client, f"orders@{far.nid}")
    assert sorted(numbers(await take(events, 4))) == [2, 3, 4, 5]
    assert numbers(await take(await country.queue(client, f"orders@{far.nid}", "late"), 6)) == list(range(6))


async def test_a_provider_that_moved_is_found_again(country: Country, monkeypatch: pytest.MonkeyPatch) -> None:
    """The subscription goes on, without its subscriber's doing, when the log's node is back at another address."""
    monkeypatch.setattr("micro.node.subscribers.VISITED_MAX", 0)  # nor does that node come by itself
    far, owner = await country.publisher()
    _, client = await country.settler()
    events = await country.queue(client, f"orders@{far.nid}")
    await publish(owner, 1)
    assert numbers(await take(events, 1)) == [1]
    await until(lambda: left(far) == [0])
    before = far.ticket().addresses
    await far.stop()
    assert far._outside is not None
    far._outside._remembered.port = 0
    far, owner = await country.settler(str(far.home.path))
    assert far.ticket().addresses != before
    await publish(owner, 2)
    assert numbers(await take(events, 1)) == [2]


async def test_rules_judge_strangers_as_they_judge_neighbours(country: Country) -> None:
    """Who may have the events is said at the log; whose events are heard at the subscriber."""
    (far, owner), (near, client), events = await country.heard()
    for number, judge, judged, verb in ((2, owner, near, "Subscribe"), (3, client, far, "Publish")):
        await until(lambda: left(far) == [0])
        about = {"type": "topic", "name": "orders", "endpoint": verb}
        rule = {"id": "no", "scope": f"node:{judged.nid}", "access": "denied", "priority": 5, "resource": about}
        await judge.call("auth", "Rules.Create", rule)
        await publish(owner, number)
        assert await nothing_comes(events)
        await judge.call("auth", "Rules.Delete", {"id": "no"})
        assert numbers(await take(events, 1)) == [number]


async def test_a_refusal_is_told_to_the_owner_once(
    country: Country, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Though the log is asked again and again; and anew where it is refused after events had come."""
    monkeypatch.setattr("micro.service.events.RELINK_SECONDS", 0.1)
    far, owner = await country.publisher()
    near, client = await country.settler()
    about = {"type": "topic", "name": "orders", "endpoint": "Subscribe"}
    rule = {"id": "no", "scope": f"node:{near.nid}", "access": "denied", "priority": 5, "resource": about}

    def told() -> list[str]:
        return [record.getMessage() for record in caplog.records if record.name == "micro.events"]

    await owner.call("auth", "Rules.Create", rule)
    events = await country.queue(client, f"orders@{far.nid}")
    await until(lambda: len(told()) == 1)
    assert f"{short(far.nid)} refuses a subscription to orders" in told()[0]
    assert await nothing_comes(events)
    assert len(told()) == 1
    await owner.call("auth", "Rules.Delete", {"id": "no"})
    await publish(owner, 1)
    assert numbers(await take(events, 1)) == [1]
    await owner.call("auth", "Rules.Create", rule)
    await until(lambda: len(told()) == 2)


async def states(client: Client) -> list[tuple[str, str, str]]:
    found = (await client.call("events", "Events.Subscriptions", {"topic": "orders"}))["subscriptions"]
    return [(line["nid"], line["queue"], line["state"]) for line in found]


async def test_a_subscriber_is_told_what_it_waits_for(country: Country, monkeypatch: pytest.MonkeyPatch) -> None:
    """That there is no log, that it is refused, and, once it is let in, that it waits no longer; as its owner sees."""
    monkeypatch.setattr("micro.service.events.RELINK_SECONDS", 0.1)
    far, owner = await country.settler()
    near, client = await country.settler()
    events = await country.queue(client, f"orders@{far.nid}")
    told: list[str] = []
    events.on_waiting(told.append)
    await until(lambda: len(told) == 1)
    assert f"{short(far.nid)} announces no log of orders; its owner can open it there: `micro events export" in told[0]
    assert await states(client) == [(far.nid, "work", "sought")]

    about = {"type": "topic", "name": "orders", "endpoint": "Subscribe"}
    rule = {"id": "no", "scope": f"node:{near.nid}", "access": "denied", "priority": 5, "resource": about}
    await owner.call("auth", "Rules.Create", rule)
    await owner.call("events", "Events.Export", {"topic": "orders"})
    await until(lambda: "refuses, and is asked again" in told[-1])
    assert "`micro auth create rule`" in events.waiting
    assert await states(client) == [(far.nid, "work", "refused")]

    await owner.call("auth", "Rules.Delete", {"id": "no"})
    await publish(owner, 1)
    assert numbers(await take(events, 1)) == [1]
    await until(lambda: events.waiting == "")
    assert await states(client) == [(far.nid, "work", "open")]
    assert len(told) == 3


async def test_a_limit_that_is_reached_is_told(country: Country, monkeypatch: pytest.MonkeyPatch) -> None:
    """A log's node that has no room now is asked again, and the subscriber knows."""
    monkeypatch.setattr("micro.service.events.RELINK_SECONDS", 0.1)
    far, owner = await country.publisher()
    _, client = await country.settler()
    place = EventDesk._place

    def full(desk: EventDesk, link: Link, subscriber: Subscriber) -> object:
        if desk is far.eventing.desk and link.facts.caller.peer:
            raise TooManyRequests("the topic has as many members as it may; end one of them")
        return place(desk, link, subscriber)

    monkeypatch.setattr(EventDesk, "_place", full)
    events = await country.queue(client, f"orders@{far.nid}")
    await until(lambda: "as many members as it may" in events.waiting)
    monkeypatch.setattr(EventDesk, "_place", place)
    await publish(owner, 1)
    assert numbers(await take(events, 1)) == [1]


async def test_what_can_never_be_had_is_an_error_at_once(country: Country) -> None:
    """Though the log's node is not even known yet."""
    far, _ = await country.settler()
    _, client = await country.settler()
    with pytest.raises(BadRequest, match="queue"):
        await client.subscribe_raw(f"orders@{far.nid}", "no queue")


async def test_a_person_who_waits_is_told_why(country: Country) -> None:
    """Once, on the standard error; the events come all the same once they may."""
    far, owner = await country.settler()
    near, _ = await country.settler()
    command = ("subscribe", f"orders@{far.nid}", "--queue", "work", "--count", "1", "--raw")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "micro", "--home", str(near.home.path), *command),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    await until(lambda: _are_sought(near, "orders"))
    await owner.call("events", "Events.Export", {"topic": "orders"})
    await publish(owner, 1)
    out, err = await process.communicate()
    assert (process.returncode, out) == (0, b'{"n":1}'), err
    waiting = [line for line in err.decode().splitlines() if line.startswith("waiting: ")]
    assert len(waiting) == 1
    assert "announces no log of orders" in waiting[0]
    assert "waiting no longer: the events come now" in err.decode()


async def test_a_person_is_told_of_strangers_that_announce_a_bare_topic(country: Country) -> None:
    """And how to have their events; who named them already is told nothing."""
    far, owner = await country.publisher()
    near, _ = await country.settler()

    async def told() -> str:
        command = ("subscribe", "orders", "--queue", "work", "--count", "1", "--raw", "--timeout", "60")
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "micro", "--home", str(near.home.path), *command),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        assert process.stderr is not None
        line = ""
        while not line.startswith("waiting: "):
            line = (await process.stderr.readline()).decode()
            assert line, "it ended without a word of strangers"
        if process.returncode is None:
            process.send_signal(signal.SIGINT)
        await process.communicate()
        return line

    line = await told()
    assert "1 stranger announces orders" in line
    assert "network pin topic:orders`" in line
    assert near.backbone is not None
    near.backbone.pinned.add("topic:orders", far.nid)
    await publish(owner, 1)
    code, out, err = await typed(str(near.home.path), "subscribe", "orders", "--count", "1", "--queue", "w", "--raw")
    assert (code, out, "waiting" in err) == (0, '{"n":1}', False)


def _are_sought(node: Node, topic: str) -> bool:
    return any(state == "sought" for line, _, state, _ in node.eventing.desk.upstreams() if line.topic == topic)


async def test_what_is_closed_is_withdrawn(country: Country) -> None:
    """From the network and from whoever has it; so is all when the node stops."""
    far, owner = await country.publisher()
    _, client = await country.settler()
    events = await country.queue(client, f"orders@{far.nid}")
    await publish(owner, 1)
    assert numbers(await take(events, 1)) == [1]
    await until(lambda: left(far) == [0])
    await owner.call("events", "Events.Export", {"topic": "orders", "exported": False})
    await until(lambda: shows(country.root, LOG, []))
    await publish(owner, 2)
    assert await nothing_comes(events)
    await owner.call("events", "Events.Export", {"topic": "orders"})
    assert numbers(await take(events, 1)) == [2]
    await far.stop()
    await until(lambda: shows(country.root, LOG, []))


async def test_a_log_is_no_service(country: Country) -> None:
    """Whoever asks for a service by the name of a log's record gets nothing, and visits nobody."""
    far, _ = await country.publisher()
    near, client = await country.settler()
    with pytest.raises((BadRequest, NotFound)):
        await client.call("registry", "Registry.Get", {"name": LOG})
    with pytest.raises((BadRequest, NotFound)):
        await client.call(LOG, "Say.Hello")
    assert near.peers is not None
    assert near.peers.visits.link(far.nid) is None
    found = await client.call("registry", "Registry.Search", {"query": "orders", "everywhere": True})
    assert found["services"] == []


async def test_a_node_gives_its_own_log_alone(country: Country) -> None:
    """Another one cannot have it fetch the log of a third; what names no node is refused."""
    far, _ = await country.publisher()
    near, client = await country.settler()
    await country.queue(client, f"orders@{far.nid}")
    await until(lambda: reaches(near, f"orders@{far.nid}", far))
    stranger = Client(home=str(near.home.path))
    assert near._outside is not None
    stranger._ways._node = near._outside.logs.strangers.link(far.nid)
    with pytest.raises(Forbidden):
        await stranger.subscribe_raw(f"orders@{near.nid}")
    for name in ("orders@", "orders@nobody", "@", "a b"):
        with pytest.raises(BadRequest):
            await client.subscribe_raw(name)


async def subscribers(client: Client) -> list[tuple[str, int, bool]]:
    found = (await client.call("events", "Events.Subscribers", {"topic": "orders"}))["subscribers"]
    return [(line["nid"], line["subscriptions"], line["announced"]) for line in found]


async def test_the_owner_of_a_log_sees_who_subscribes(country: Country, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who is linked, and who says so in the network, also before there is a log; who has left is listed no longer."""
    monkeypatch.setattr("micro.node.stranger_logs.LINGER_SECONDS", 0.1)
    far, owner = await country.settler()
    near, client = await country.settler()
    events = [await country.queue(client, f"orders@{far.nid}", queue) for queue in ("work", "play")]
    await owner.call("events", "Events.Export", {"topic": "orders"})
    await until(lambda: _are(owner, [(near.nid, 2, True)]))
    await events[0].close()
    await until(lambda: _are(owner, [(near.nid, 1, True)]))
    await events[1].close()
    await until(lambda: _are(owner, []))


async def _are(client: Client, expected: list[tuple[str, int, bool]]) -> bool:
    return await subscribers(client) == expected


async def test_a_log_that_is_back_finds_its_subscribers(country: Country, monkeypatch: pytest.MonkeyPatch) -> None:
    """They need not look: whoever subscribes says so in the network, and is visited by the log's node."""
    (far, owner), (near, _), events = await country.heard()
    await until(lambda: left(far) == [0])
    monkeypatch.setattr("micro.service.registry.finder.Finder.find", lookers_of(far.nid))
    monkeypatch.setattr("micro.node.stranger_logs.SETTLE_SECONDS", 0.0)
    await far.stop()
    far, owner = await country.settler(str(far.home.path))
    await publish(owner, 2)
    assert numbers(await take(events, 1)) == [2]
    assert near.peers is not None
    assert near.peers.visits.guest(far.nid) is not None


def lookers_of(nid: str) -> Callable[..., Awaitable[tuple[Offer, ...]]]:
    """Returns how names are found where nobody finds the log of one node."""
    find = Finder.find

    async def found(finder: Finder, name: str) -> tuple[Offer, ...]:
        return () if name == f"{LOG}@{nid}" else await find(finder, name)

    return found


async def test_a_stranger_intrudes_neither_as_a_neighbour(country: Country) -> None:
    """Anybody in a network may link with a node; that lets him in where the node's owner connects to him, too."""
    far, owner = await country.publisher()
    await publish(owner, 1)
    near, client = await country.settler()
    events = await country.queue(client, "orders")
    await owner.call("network", "Network.Connect", {"ticket": near.ticket().encode()})
    await until(lambda: near.eventing.logs.find("orders"))
    assert await nothing_comes(events, 1.0)
    await client.call("network", "Network.Connect", {"ticket": far.ticket().encode()})
    assert numbers(await take(events, 1)) == [1]


async def test_a_neighbour_can_be_pinned(country: Country) -> None:
    """It came by itself, and its log is taken all the same once the owner says so."""
    far, owner = await country.publisher()
    await publish(owner, 1)
    near, client = await country.settler()
    events = await country.queue(client, "orders")
    await owner.call("network", "Network.Connect", {"ticket": near.ticket().encode()})
    await until(lambda: near.eventing.logs.find("orders"))
    await client.call("network", "Network.Pin", {"name": f"topic:orders@{far.nid}"})
    assert numbers(await take(events, 1)) == [1]


async def test_who_subscribed_before_the_network_was_there_is_heard(country: Country) -> None:
    """What is wanted while a node is being started is sought once it is in its network."""
    far, owner = await country.publisher()
    await publish(owner, 1)
    near = await country._start(network=True)
    client = await country._stack.enter_async_context(client_of(near))
    events = await country.queue(client, f"orders@{far.nid}")
    assert await nothing_comes(events)
    await client.call("network", "Network.Join", {"ticket": country.root.ticket().encode()})
    assert numbers(await take(events, 1)) == [1]


async def test_a_function_takes_events_of_a_stranger(country: Country, tmp_path: Path) -> None:
    """Named like any other log; what follows is kept on its own node."""
    far, owner = await country.publisher()
    near, client = await country.settler()
    (tmp_path / "billing").mkdir()
    (tmp_path / "billing" / "main.py").write_text(BILLING.replace('"orders"', f'"orders@{far.nid}"'))
    await run(near, tmp_path / "billing")
    for number in range(5):
        await owner.publish("orders", {"number": number, "lines": 2}, id=str(number))
    invoices = await take(await country.queue(client, "invoices"), 10)

    assert {event.publisher for event in invoices} == {f"{near.nid}/billing"}
    await until(lambda: left(far) == [0])


async def test_whoever_leaves_a_network_and_comes_back_goes_on(country: Country) -> None:
    """What is subscribed to is sought again, although nobody could be asked meanwhile."""
    far, owner = await country.settler()
    _, client = await country.settler()
    events = await country.queue(client, f"orders@{far.nid}")
    assert await nothing_comes(events)
    for _ in range(3):
        await client.call("network", "Network.Leave")
        await client.call("network", "Network.Join", {"ticket": country.root.ticket().encode()})
    await publish(owner, 1)
    await owner.call("events", "Events.Export", {"topic": "orders"})
    assert numbers(await take(events, 1)) == [1]


async def test_whoever_leaves_a_network_hears_no_strangers(country: Country) -> None:
    """Nor is heard by them, until it is in a network again: then a subscription goes on where it was."""
    (far, owner), (near, client), events = await country.heard()
    await owner.call("network", "Network.Leave")
    await publish(owner, 2)
    assert await nothing_comes(events)
    await until(lambda: reaches(near, f"orders@{far.nid}"))  # it may just be dialled once more, and refuse
    await owner.call("network", "Network.Join", {"ticket": country.root.ticket().encode()})
    assert numbers(await take(events, 1)) == [2]

    await client.call("network", "Network.Leave")
    assert reaches(near, f"orders@{far.nid}")
    await publish(owner, 3)
    assert await nothing_comes(events)
    await client.call("network", "Network.Join", {"ticket": country.root.ticket().encode()})
    assert numbers(await take(events, 1)) == [3]
