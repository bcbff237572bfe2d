"""Copies of logs at super nodes: what they take, from whom and how much; and what publishers are told."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from typing import Any

import pytest

from micro.errors import BadRequest, Conflict, Forbidden, NotFound, TooLarge, Unavailable
from micro.node.node import Node
from micro.service.broker.broker import StoredEvent
from micro.service.copies import messages as said
from micro.service.copies.keeping import Copies, CopyLimits
from tests.network.places import StartNode, client_of, until
from tests.network.test_backbone import network
from tests.network.test_exports import nothing_comes, numbers, take

LOG = {"topic": "orders", "log": "0123abcd"}


class Writer:
    """A node that says to a super node what it likes."""

    def __init__(self, node: Node, super_node: Node) -> None:
        self._node = node
        self._ticket = super_node.ticket()

    async def call(self, endpoint: str, body: bytes) -> bytes:
        assert self._node._outside is not None
        return await self._node._outside.reach.call(self._ticket, endpoint, body, timeout_seconds=5)

    async def open(self, **fields: Any) -> dict[str, Any]:
        wish = {**LOG, "first": 1, "kept_seconds": 1_000_000_000, "generation": 1, "everybody": True, **fields}
        return said.OPENED.decode(await self.call("Copy.Open", said.OPEN.encode(wish)))

    async def write(self, *numbers: int, body: bytes = b"{}", first: int = 1, **fields: Any) -> int:
        events = [said.event_fields((number, event(number, body))) for number in numbers]
        message = said.WRITE.encode({**LOG, "first": first, "events": events, **fields})
        return int(said.WRITTEN.decode(await self.call("Copy.Write", message))["last"])


def event(number: int, body: bytes = b"{}") -> StoredEvent:
    return StoredEvent(f"id-{number}", "orders", "me", {"n": str(number)}, body, 1_700_000_000.0 + number)


def kept_at(super_node: Node) -> Copies:
    copies = super_node.eventing.copying.copies
    assert copies is not None
    return copies


@pytest.fixture
async def place(start_node: StartNode) -> tuple[Node, Writer, Writer]:
    """Returns a super node, and two nodes that write to it."""
    [super_node] = await network(start_node, 1)
    ticket = super_node.ticket().encode()
    one, other = [await start_node(network=True, join=ticket) for _ in range(2)]
    return super_node, Writer(one, super_node), Writer(other, super_node)


async def test_a_copy_takes_a_log_in_order(place: tuple[Node, Writer, Writer]) -> None:
    """A replay changes nothing, a gap is refused, and what the log lets go of goes."""
    super_node, writer, _ = place
    assert (await writer.open())["last"] == 0
    assert await writer.write(1, 2, 3) == 3
    assert await writer.write(2, 3, 4) == 4
    assert await writer.write(1, 2) == 4
    with pytest.raises(Conflict, match="does not follow on 4"):
        await writer.write(6, 7)
    with pytest.raises(BadRequest, match="does not follow on the one before"):
        await writer.write(5, 7)
    found = await writer.open()
    assert (found["last"], found["id"]) == (4, "id-4")

    assert await writer.write(5, first=4) == 5
    [kept] = kept_at(super_node).all()
    await until(lambda: kept_at(super_node).broker.bounds(kept.name) == (4, 5))
    assert (await writer.open(first=90))["last"] == 0  # what would follow on 5 is nowhere any more
    assert await writer.write(90, 91) == 91


async def test_a_node_writes_its_own_logs_alone(place: tuple[Node, Writer, Writer]) -> None:
    """Another's log of the same name is another log, which it can neither write, nor drop, nor look into."""
    super_node, writer, stranger = place
    await writer.open()
    await writer.write(1, 2)
    with pytest.raises(NotFound):
        await stranger.write(3)
    with pytest.raises(NotFound):
        await stranger.call("Copy.Learn", said.DROP.encode(LOG))
    await stranger.call("Copy.Drop", said.DROP.encode(LOG))
    await stranger.open()
    assert await stranger.write(1) == 1
    assert (await writer.open())["last"] == 2
    assert len({kept.name for kept in kept_at(super_node).all()}) == 2


async def test_what_is_too_large_is_refused(place: tuple[Node, Writer, Writer]) -> None:
    """Events, names, and what is no message at all."""
    _, writer, _ = place
    await writer.open()
    with pytest.raises(TooLarge):
        said.WRITE.encode({**LOG, "events": [said.event_fields((1, event(1, bytes(4_000_000))))]})
    with pytest.raises(TooLarge):
        await writer.call("Copy.Write", bytes(3_900_000))
    with pytest.raises(BadRequest):
        await writer.call("Copy.Write", b"\xff\xff\xff")
    for wrong in ({"topic": "a/b"}, {"topic": ""}, {"log": "xyz"}, {"log": "0123ABCD"}):
        with pytest.raises(BadRequest):
            await writer.open(**wrong)
    assert await writer.write(1) == 1


async def test_a_full_super_node_says_so(place: tuple[Node, Writer, Writer]) -> None:
    """For one node, while others still find room; for all; and for logs of one node."""
    super_node, writer, other = place
    copies = kept_at(super_node)
    copies.limits = CopyLimits(bytes=100_000, node_bytes=60_000, node_logs=2)
    await writer.open()
    assert await writer.write(1, body=bytes(50_000)) == 1
    with pytest.raises(TooLarge, match="60,000 are the limit"):
        await writer.write(2, body=bytes(20_000))
    await other.open()
    with pytest.raises(TooLarge, match="100,000 are the limit"):
        await other.write(1, body=bytes(52_000))
    assert await other.write(1, body=bytes(40_000)) == 1
    await other.open(log="00000002")
    with pytest.raises(TooLarge, match="2 logs"):
        await other.open(log="00000003")
    await writer.call("Copy.Drop", said.DROP.encode(LOG))
    assert await other.write(2, body=bytes(15_000)) == 2


async def test_copies_outlive_a_restart(start_node: StartNode, place: tuple[Node, Writer, Writer]) -> None:
    """What was said to be on disk is there, with what is known of it."""
    super_node, writer, _ = place
    await writer.open(everybody=False)
    await writer.write(1, 2, 3)
    [before] = kept_at(super_node).all()
    await super_node.stop()
    again = await start_node(str(super_node.home.path), network=True, super_node=True)
    [kept] = kept_at(again).all()
    assert kept == before
    assert kept_at(again).broker.bounds(kept.name) == (1, 3)
    assert kept_at(again).bytes > 0


async def test_what_is_too_old_goes(place: tuple[Node, Writer, Writer]) -> None:
    """Events as their log would let them go, and then the copy itself."""
    super_node, writer, _ = place
    copies = kept_at(super_node)
    await writer.open()
    await writer.write(1, 2, 3)
    [kept] = copies.all()
    copies.sweep()
    await asyncio.sleep(0.1)
    assert copies.broker.bounds(kept.name) == (1, 3)
    kept.kept_seconds = 3_600.0  # they are years old

    def are_gone() -> bool:
        copies.sweep()
        return copies.broker.bounds(kept.name) == (4, 3)

    await until(are_gone)
    assert copies.all() == [kept]
    kept.heard -= 7_200
    copies.sweep()
    assert copies.all() == []


# -- publishers -------------------------------------------------------------------------------------------------------

Town = tuple[list[Node], Node]


@pytest.fixture
async def town(start_node: StartNode) -> Town:
    """Returns three super nodes, and a node that publishes."""
    supers = await network(start_node, 3)
    return supers, await start_node(network=True, join=supers[0].ticket().encode())


def holders(supers: list[Node]) -> list[tuple[Node, int]]:
    """Returns who has a copy of `orders`, and how far."""
    return [
        (node, kept_at(node).broker.bounds(kept.name)[1])
        for node in supers
        if node.home.is_locked
        for kept in kept_at(node).all()
    ]


async def export(client: Any, replicas: int = 2, topic: str = "orders") -> None:
    await client.call("events", "Events.Export", {"topic": topic, "exported": True, "replicas": replicas})


async def test_an_acknowledged_event_is_at_two_super_nodes(town: Town) -> None:
    """Each, whatever many are published at once; and when copies are no longer wanted they go."""
    supers, node = town
    async with client_of(node) as client:
        await client.publish("orders", {"n": 0})  # before anybody wanted copies
        await export(client)
        for number in range(1, 4):
            await client.publish("orders", {"n": number})
            assert [last for _, last in holders(supers)] == [number + 1, number + 1]
        await asyncio.gather(*(client.publish("orders", {"n": number}) for number in range(300)))
        assert [last for _, last in holders(supers)] == [304, 304]
        [shown] = (await client.call("events", "Events.Copies"))["topics"]
        assert (shown["copied"], shown["waiting"], shown["trouble"]) == (304, 0, "")
        await client.call("events", "Events.Export", {"topic": "orders", "exported": False})
        await until(lambda: holders(supers) == [])


async def test_a_silent_super_node_is_replaced(town: Town) -> None:
    """By the third, which has the whole log before anything more is acknowledged."""
    supers, node = town
    async with client_of(node) as client:
        await export(client)
        for number in range(5):
            await client.publish("orders", {"n": number})
        await holders(supers)[0][0].stop()
        await client.publish("orders", {"n": 5})
        assert [last for _, last in holders(supers)] == [6, 6]


async def test_a_full_super_node_is_passed_over(town: Town) -> None:
    """The next one by the map has the copy."""
    supers, node = town
    kept_at(supers[0]).limits = CopyLimits(bytes=0)
    async with client_of(node) as client:
        await export(client)
        for number in range(3):
            await client.publish("orders", {"n": number}, id=f"id-{number}")
            kept_at(supers[0]).limits = CopyLimits(node_bytes=10)
        assert sorted(last for _, last in holders(supers) if last) == [3, 3]


async def test_too_few_copies_are_told(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """The event is kept, and once the copies are there it is acknowledged without being a second one."""
    supers, node = town
    async with client_of(node) as client:
        await export(client, replicas=3)
        await client.publish("orders", {"n": 1}, id="one")
        gone = next(other for other in supers if other.nid != supers[0].nid)
        await gone.stop()
        monkeypatch.setattr("micro.service.copies.acknowledging.COPIED_SECONDS", 2.0)
        with pytest.raises(Unavailable, match="kept here, and not yet copied"):
            await client.publish("orders", {"n": 2}, id="two")
        monkeypatch.setattr("micro.service.copies.acknowledging.COPIED_SECONDS", 600.0)
        with pytest.raises(Unavailable, match="kept here, and not yet copied"):  # the time that it gives is known there
            await client.publish("orders", {"n": 2}, id="two", timeout_seconds=3.0)
        [shown] = (await client.call("events", "Events.Copies"))["topics"]
        assert "fewer than 3 super nodes have said" in shown["trouble"]
        await export(client, replicas=2)
        await client.publish("orders", {"n": 2}, id="two")

        replicator = node.eventing.copying.replicator  # the dead one may be among the two, until it was silent for long
        await until(lambda: [each["trouble"] for each in replicator.status()] == [""])
        assert node.broker.bounds("orders") == (1, 2)


async def test_copies_need_a_network(start_node: StartNode) -> None:
    """Who wants copies is told so, at the export and at a publication; the event is kept."""
    alone = await start_node()
    async with client_of(alone) as client:
        with pytest.raises(Unavailable, match="without a network"):
            await export(client)
        alone.eventing.exports.declare("shop", [{"topic": "orders", "export": True, "replicas": 2}])
        with pytest.raises(Unavailable, match="kept here, and not yet copied: this node was started without"):
            await client.publish("orders", {"n": 1})
        assert alone.broker.bounds("orders") == (1, 1)


async def test_replicas_are_checked(start_node: StartNode) -> None:
    """As a service declares them, and as the owner does."""
    alone = await start_node()
    for wrong in ({"replicas": 4}, {"replicas": -1}, {"export": False}, {"topic": "o" * 60}):
        with pytest.raises(BadRequest, match="replicas"):
            alone.eventing.exports.declare("shop", [{"topic": "orders", "export": True, "replicas": 2, **wrong}])


# -- standing in ------------------------------------------------------------------------------------------------------


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Copies are served after a moment of silence."""
    monkeypatch.setattr("micro.service.copies.messages.UNHEARD_SECONDS", 2.0)
    monkeypatch.setattr("micro.node.serving.LOOK_SECONDS", 0.2)
    monkeypatch.setattr("micro.node.serving.AGAIN_SECONDS", 1.0)
    monkeypatch.setattr("micro.node.copier.CURSORS_SECONDS", 0.2)


async def reader(start_node: StartNode, supers: list[Node]) -> Node:
    """Returns a node that is nobody's neighbour, and never was linked with the one that publishes."""
    return await start_node(network=True, join=supers[0].ticket().encode())


@pytest.mark.usefixtures("soon")
async def test_a_log_outlives_its_node(start_node: StartNode, town: Town) -> None:
    """Whoever comes when it is gone is given every acknowledged event, in order, from one copy."""
    supers, node = town
    async with client_of(node) as client:
        await export(client)
        for number in range(20):
            await client.publish("orders", {"n": number})
    await node.stop()
    far = await reader(start_node, supers)
    async with client_of(far) as client, client.subscribe(f"orders@{node.nid}", "work") as events:
        found = await take(events, 20)
        assert numbers(found) == list(range(20))
        assert {event.publisher.partition("/")[0] for event in found} == {node.nid}
        assert await nothing_comes(events)


@pytest.mark.usefixtures("soon")
async def test_what_was_handled_meanwhile_is_not_handed_out_again(start_node: StartNode, town: Town) -> None:
    """The node comes back, learns what was acknowledged at the copy, and serves its log itself."""
    supers, node = town
    async with client_of(node) as client:
        await export(client)
        async with client.subscribe("orders", "work") as events:
            for number in range(10):
                await client.publish("orders", {"n": number})
            assert numbers(await take(events, 3)) == [0, 1, 2]
        await until(lambda: all(handled(other) == 3 for other, _ in holders(supers)))
    await node.stop()
    far = await reader(start_node, supers)
    async with client_of(far) as client:
        async with client.subscribe(f"orders@{node.nid}", "work") as events:
            assert numbers(await take(events, 4)) == [3, 4, 5, 6]
        again = await start_node(str(node.home.path), network=True)
        await until(lambda: again.broker.cursors("orders")["work"].done_of(range(1, 11)) == list(range(1, 8)))
        async with client_of(again) as owner, owner.subscribe("orders", "work") as events:
            assert numbers(await take(events, 3)) == [7, 8, 9]
        async with client.subscribe(f"orders@{node.nid}", "work") as events:
            assert await nothing_comes(events, 3)


def handled(super_node: Node) -> int:
    [kept] = kept_at(super_node).all()
    cursor = kept_at(super_node).broker.cursors(kept.name).get("work")
    return len(cursor.done_of(range(1, 100))) if cursor is not None else 0


@pytest.mark.usefixtures("soon")
async def test_a_super_node_has_what_it_serves(start_node: StartNode, town: Town) -> None:
    """Subscribers at whichever super node are given the log, also at the one that stands in."""
    supers, node = town
    async with client_of(node) as client:
        await export(client)
        for number in range(5):
            await client.publish("orders", {"n": number})
    await node.stop()
    await until(lambda: any(serving(other, node) for other in supers))
    stands_in = next(other for other in supers if serving(other, node))
    async with client_of(stands_in) as client, client.subscribe(f"orders@{node.nid}", "work") as events:
        assert numbers(await take(events, 5)) == list(range(5))


@pytest.mark.usefixtures("soon")
async def test_a_node_that_was_set_back_takes_its_log_back(start_node: StartNode, town: Town, tmp_path: Path) -> None:
    """What its older log has no more it has again, and goes on under the next number; whoever comes has all, once."""
    supers, node = town
    home = node.home.path
    async with client_of(node) as client:
        await export(client)
        await client.publish("orders", {"n": 0})
    await node.stop()
    shutil.copytree(home, tmp_path / "before", ignore=shutil.ignore_patterns("run"))
    node = await start_node(str(home), network=True)
    async with client_of(node) as client:
        for number in (1, 2):
            await client.publish("orders", {"n": number})
    await node.stop()
    for name in ("broker.db", "copies.json"):
        shutil.copy(tmp_path / "before" / name, home / name)
    for leftover in home.glob("broker.db-*"):
        leftover.unlink()
    node = await start_node(str(home), network=True)
    async with client_of(node) as client:
        await client.publish("orders", {"n": 3})
    assert node.broker.bounds("orders") == (1, 4)
    await node.stop()
    far = await reader(start_node, supers)
    async with client_of(far) as client, client.subscribe(f"orders@{node.nid}", "work") as events:
        assert numbers(await take(events, 4)) == [0, 1, 2, 3]
        assert await nothing_comes(events)


@pytest.mark.usefixtures("soon")
async def test_a_copy_leaks_nothing(start_node: StartNode, town: Town) -> None:
    """Its owner's rules hold at the copies: who may not have the log's events gets none of them there either."""
    supers, node = town
    async with client_of(node) as client:
        await export(client)
        resource = {"type": "topic", "name": "orders", "endpoint": "Subscribe"}
        rule = {"resource": resource, "scope": "node:*", "access": "denied", "priority": 5}
        await client.call("auth", "Rules.Create", {"id": "nobody", **rule})
        friend = await reader(start_node, supers)
        rule = {"resource": resource, "scope": f"node:{friend.nid}", "access": "granted", "priority": 6}
        await client.call("auth", "Rules.Create", {"id": "a-friend", **rule})
        await client.publish("orders", {"n": 1})
    await until(lambda: all(kept.others == {friend.nid} for other in supers for kept in kept_at(other).all()))
    await node.stop()
    far = await reader(start_node, supers)
    async with client_of(far) as client, client.subscribe(f"orders@{node.nid}", "work") as events:
        await until(lambda: any(serving(other, node) for other in supers))
        assert await nothing_comes(events, 3)
        async with client_of(friend) as other, other.subscribe(f"orders@{node.nid}", "work") as events_of_a_friend:
            assert numbers(await take(events_of_a_friend, 1)) == [1]


async def test_super_nodes_ask_each_other_how_copies_stand(place: tuple[Node, Writer, Writer]) -> None:
    """Nobody else is told."""
    _, writer, _ = place
    await writer.open()
    with pytest.raises(Forbidden, match="no super node"):
        await writer.call("Copy.Standing", said.STANDING.encode({**LOG, "key": bytes(32)}))


def serving(super_node: Node, node: Node) -> bool:
    found = super_node.eventing.copying._serving
    return found is not None and found.serves(node.nid, "orders")
