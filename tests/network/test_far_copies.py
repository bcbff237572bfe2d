"""Copies as a subscriber meets them, who names a log and knows nothing of super nodes."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from micro.errors import Fault, Forbidden
from micro.node.front import Client
from micro.node.log_copies import HELD_MAX
from micro.node.node import Node
from micro.service.broker.directory import LogPlace
from tests.network.places import StartNode, client_of, until
from tests.network.test_backbone import network
from tests.network.test_copies import Town, Writer, export, handled, holders, reader, serving
from tests.network.test_exports import nothing_comes, numbers, publish, take


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Copies are served after a moment of silence."""
    monkeypatch.setattr("micro.service.copies.messages.UNHEARD_SECONDS", 2.0)
    monkeypatch.setattr("micro.node.serving.LOOK_SECONDS", 0.2)
    monkeypatch.setattr("micro.node.serving.AGAIN_SECONDS", 1.0)
    monkeypatch.setattr("micro.node.copier.CURSORS_SECONDS", 0.2)


@pytest.fixture
async def town(start_node: StartNode) -> Town:
    """Returns three super nodes, and a node that publishes with copies."""
    supers = await network(start_node, 3)
    node = await start_node(network=True, join=supers[0].ticket().encode())
    async with client_of(node) as client:
        await export(client)
    return supers, node


async def published(node: Node, *numbers: int) -> None:
    async with client_of(node) as client:
        await publish(client, *numbers)


def places(seeker: Node, name: str) -> list[LogPlace]:
    return list(seeker.eventing.directory.find(name))


async def test_a_subscription_goes_on_while_the_node_is_away(start_node: StartNode, town: Town) -> None:
    """At the copies that there are, and at the log itself when it is back; never at both, and nothing comes twice."""
    supers, node = town
    itself = [LogPlace(node.nid, node.nid)]
    name = f"orders@{node.nid}"
    await published(node, 1)
    far = await reader(start_node, supers)
    async with client_of(far) as client, client.subscribe(name, "work") as events:
        assert numbers(await take(events, 1)) == [1]
        assert places(far, name) == itself
        copies = sorted(LogPlace(node.nid, other.nid) for other, _ in holders(supers))
        await until(lambda: all(handled(other) == 1 for other, _ in holders(supers)))
        await node.stop()
        await until(lambda: places(far, name) == copies)  # the third has none, and is left
        await until(lambda: any(serving(other, node) for other in supers))
        assert await nothing_comes(events)
        again = await start_node(str(node.home.path), network=True)
        await until(lambda: places(far, name) == itself)
        assert far._outside is not None
        assert far._outside.logs.copies.find("orders", node.nid) == []
        await published(again, 2)
        assert numbers(await take(events, 1)) == [2]
        assert await nothing_comes(events)
        assert far.peers is not None
        assert far.peers.known == {}


async def test_a_bare_name_means_no_strangers_copy(start_node: StartNode, town: Town) -> None:
    """Until the owner of the subscriber's node pins it."""
    supers, node = town
    await published(node, 1, 2)
    await node.stop()
    far = await reader(start_node, supers)
    async with client_of(far) as client, client.subscribe("orders", "work") as events:
        await until(lambda: any(serving(other, node) for other in supers))
        assert await nothing_comes(events, 2.0)
        assert places(far, "orders") == []
        await client.call("network", "Network.Pin", {"name": f"topic:orders@{node.nid}"})
        assert numbers(await take(events, 2)) == [1, 2]


async def test_a_bare_name_means_a_neighbour_that_is_away(start_node: StartNode, town: Town) -> None:
    """Whose log was known here; as soon as its owner and ours are strangers again, no more."""
    supers, node = town
    await published(node, 1, 2)
    near = await reader(start_node, supers)
    async with client_of(near) as client:
        await client.call("network", "Network.Connect", {"ticket": node.ticket().encode()})
        await until(lambda: places(near, "orders"))
        await node.stop()
        async with client.subscribe("orders", "late") as events:
            assert numbers(await take(events, 2)) == [1, 2]
            await client.call("network", "Network.Disconnect", {"nid": node.nid})
            await until(lambda: places(near, "orders") == [])


async def test_whose_events_are_heard_is_said_at_the_subscriber(start_node: StartNode, town: Town) -> None:
    """Of a copy as of the log: its node is judged, not the super node."""
    supers, node = town
    await published(node, 1)
    far = await reader(start_node, supers)
    about = {"type": "topic", "name": "orders", "endpoint": "Publish"}
    async with client_of(far) as client:
        for other in supers:
            rule = {"id": other.nid[:20], "scope": f"node:{other.nid}", "access": "denied", "priority": 5}
            await client.call("auth", "Rules.Create", {**rule, "resource": about})
        no = {"id": "no", "scope": f"node:{node.nid}", "access": "denied", "priority": 5, "resource": about}
        await client.call("auth", "Rules.Create", no)
        await node.stop()
        async with client.subscribe(f"orders@{node.nid}", "work") as events:
            await until(lambda: any(serving(other, node) for other in supers))
            assert await nothing_comes(events, 2.0)
            await client.call("auth", "Rules.Delete", {"id": "no"})
            assert numbers(await take(events, 1)) == [1]


class Asker:
    """A node that asks a super node for a copy, whatever its own directory says."""

    def __init__(self, node: Node, super_node: Node) -> None:
        self._node = node
        self._super = super_node

    async def subscribe(self, name: str) -> Any:
        assert self._node._outside is not None
        client = Client(home=str(self._node.home.path))
        client._ways._node = await self._node._outside.reach.link(self._super.ticket())
        return await client.subscribe_raw(name, "work")


@pytest.fixture
async def place(start_node: StartNode) -> tuple[Node, Node, Node]:
    """Returns a super node, a node that has copies there, and one that asks for them."""
    [super_node] = await network(start_node, 1)
    one, other = [await start_node(network=True, join=super_node.ticket().encode()) for _ in range(2)]
    return super_node, one, other


async def test_a_copy_is_closed_unless_its_rules_open_it(place: tuple[Node, Node, Node]) -> None:
    """To nodes that are refused, of logs that are unknown, by nodes that keep nothing; also while nothing is served."""
    super_node, one, other = place
    writer, asker = Writer(one, super_node), Asker(other, super_node)
    name = f"orders@{one.nid}"
    with pytest.raises(Forbidden, match="here is no copy"):
        await asker.subscribe(name)
    await writer.open(everybody=False)
    with pytest.raises(Forbidden, match="here is no copy"):
        await asker.subscribe(name)
    await writer.open(everybody=True)
    await asker.subscribe(name)
    for wrong in (f"invoices@{one.nid}", f"orders@{other.nid}"):
        with pytest.raises(Forbidden, match="here is no copy"):
            await asker.subscribe(wrong)
    with pytest.raises(Forbidden, match="keeps no log"):
        await Asker(one, other).subscribe(name)
    assert super_node.eventing.desk.subscribed() == []  # it is no subscription to a topic of that node


async def test_what_its_owner_said_last_holds_for_all_copies(place: tuple[Node, Node, Node]) -> None:
    """Also for what is open, and for the copy of what the log was before it was set back."""
    super_node, one, other = place
    writer, asker = Writer(one, super_node), Asker(other, super_node)
    await writer.open(everybody=True)
    raw = await asker.subscribe(f"orders@{one.nid}")
    came: asyncio.Task[Any] = asyncio.ensure_future(anext(aiter(raw)))
    await writer.open(log="00000002", everybody=False)
    super_node.eventing.judge_again()
    with pytest.raises(Fault, match="here is no copy"):
        await asyncio.wait_for(came, 10)


async def test_no_more_are_held_than_may_have_a_copy(start_node: StartNode) -> None:
    """Though the map makes more of them candidates; another takes the place of one that is gone."""
    supers = await network(start_node, 6)
    ticket = supers[0].ticket().encode()
    node, far = [await start_node(network=True, join=ticket) for _ in range(2)]
    for other in supers:
        await Writer(node, other).open()
    await node.stop()
    name = f"orders@{node.nid}"
    async with client_of(far) as client, client.subscribe(name, "work"):
        await until(lambda: len(places(far, name)) == HELD_MAX)
        gone = next(other for other in supers[1:] if LogPlace(node.nid, other.nid) in places(far, name))
        await gone.stop()
        await until(lambda: len(set(places(far, name)) - {LogPlace(node.nid, gone.nid)}) == HELD_MAX)
        assert len(places(far, name)) == HELD_MAX
    await until(lambda: places(far, name) == [])
