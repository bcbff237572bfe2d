"""The service `events`: how events flow, those that are kept, and what functions made of theirs."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from micro.errors import Fault, Unavailable
from micro.mucp import headers as names
from micro.node.exports import Exports, Owned
from micro.node.replicator import Replicator
from micro.service.broker.broker import Broker, Output, StoredEvent
from micro.service.context import Context
from micro.service.events import EventDesk
from micro.service.flow import steps_of
from micro.service.function import Given
from micro.service.registry.catalog import LIST_MAX, Catalog
from micro.service.service import Service

__all__ = ["events_service"]

READ_EVENTS = 64
READ_BYTES = 262_144
"""So many kept events are read at once, of about so many bytes."""

SUBSCRIBERS_MAX = 1000
"""So many subscribers are listed."""

TOPICS_MAX = 64
"""The network is asked for those of so many topics."""

Known = Callable[[str], Awaitable[tuple[str, ...]]]


class EventsControl:
    """The endpoints."""

    def __init__(
        self,
        desk: EventDesk,
        broker: Broker,
        catalog: Catalog,
        exports: Exports,
        *,
        known: Known,
        replicator: Replicator,
    ) -> None:
        self._desk = desk
        self._broker = broker
        self._catalog = catalog
        self._exports = exports
        self._known = known
        self._replicator = replicator

    async def complete(
        self, subscription: int, sequence: int, context: Context, outputs: list[Given] | None = None
    ) -> dict[str, Any]:
        """Acknowledges an event of a queue and publishes what follows from it: both are on disk, or neither is.

        Args:
            subscription: the exchange, on this link, over which the event came.
            sequence: its sequence there.
            outputs: what follows from it.
        """
        given = [
            Output(each.topic, each.id, {names.CONTENT_TYPE: each.content_type}, each.body) for each in outputs or []
        ]
        await _told(lambda done: self._desk.complete(context.link, subscription, sequence, given, done))
        return {"completed": True}

    async def flow(self) -> dict[str, Any]:
        """Lists how events flow: each step from a topic through a service's function, or to its subscriber."""
        views = [view for view in self._catalog.list(LIST_MAX) if view.subscribes]
        described = [{**view.describe(), "nodes": [{"nid": nid} for nid in view.nids]} for view in views]
        return {"steps": steps_of(described)}

    async def read(self, topic: str, since: float = 0.0, limit: int = 0) -> AsyncIterator[dict[str, Any]]:
        """Yields the kept events of a topic, in order, up to the newest at the time.

        Args:
            topic: whose.
            since: those taken at this date or later, in seconds since 1970; 0 for all.
            limit: how many at most; 0 for all.
        """
        sequence, left = self._broker.since(topic, since), limit or None
        while left != 0:
            count = READ_EVENTS if left is None else min(left, READ_EVENTS)
            events = self._broker.read(topic, sequence, count=count, size=READ_BYTES)
            for number, event in events:
                yield _shown(number, event)
            if not events:
                return
            sequence = events[-1][0] + 1
            left = None if left is None else left - len(events)

    async def replay(self, topic: str, queue: str, since: float = 0.0) -> dict[str, Any]:
        """Has a queue get the kept events of a topic again, from a date on; a queue that is new begins there.

        Args:
            topic: whose.
            queue: to which of its queues.
            since: those taken at this date or later, in seconds since 1970; 0 for all.
        """
        sequence, counts = self._broker.since(topic, since), list[int]()
        await _told(lambda done: counts.append(self._broker.replay(topic, queue, sequence, done)))
        return {"topic": topic, "queue": queue, "sequence": sequence, "events": counts[0]}

    async def drop(self, topic: str, queue: str) -> dict[str, Any]:
        """Forgets a queue that nobody is at, with the events that wait in it; other queues keep theirs.

        Args:
            topic: whose.
            queue: which of its queues.
        """
        counts = list[int]()
        await _told(lambda done: counts.append(self._broker.drop(topic, queue, done)))
        return {"topic": topic, "queue": queue, "events": counts[0]}

    async def export(self, topic: str, exported: bool = True, replicas: int | None = None) -> dict[str, Any]:
        """Opens a topic to other nodes, or closes it; that counts above what its service says.

        Args:
            topic: which.
            exported: false closes it.
            replicas: how many super nodes keep a copy of its log; left as it is where this is not given.
        """
        hopeless = self._replicator.hopeless() if replicas else ""
        if hopeless:
            raise Unavailable(f"replicas: {hopeless}")
        owned = _owned(self._exports.export(topic, exported=exported, replicas=replicas))
        older = await self._replicator.older(topic) if replicas else []
        return {**owned, "older": older} if older else owned

    async def copies(self) -> dict[str, Any]:
        """Lists the topics of which super nodes keep copies: which ones, and up to which event they have it.

        And which older logs of a topic lie at them that the topic's log does not go on with.
        """
        return {"nid": self._replicator.nid, "topics": self._replicator.status()}

    async def exports(self) -> dict[str, Any]:
        """Lists the topics that belong to a service, or that were opened to other nodes, or closed."""
        return {"topics": [_owned(owned) for owned in self._exports.all()]}

    async def subscribers(self, topic: str = "") -> dict[str, Any]:
        """Lists the other nodes that subscribe to topics of this one, or say in the network that they do.

        Args:
            topic: of this one alone; "" for all.
        """
        linked = Counter((name, nid) for name, nid, _ in self._desk.subscribed() if topic in ("", name))
        topics = [owned.topic for owned in self._exports.all() if owned.exported and topic in ("", owned.topic)]
        said = {(name, nid) for name in topics[:TOPICS_MAX] for nid in await self._known(name)}
        found = sorted({*linked, *said})
        lines = [
            {"topic": name, "nid": nid, "subscriptions": linked[name, nid], "announced": (name, nid) in said}
            for name, nid in found[:SUBSCRIBERS_MAX]
        ]
        return {"subscribers": lines, "total": len(found)}

    async def subscriptions(self, topic: str = "") -> dict[str, Any]:
        """Lists the logs of other nodes that subscribers here are given, or wait for: each with its state and why.

        Args:
            topic: of this one alone; "" for all.
        """
        lines = [
            {
                "name": subscriber.name,
                "nid": nid,
                "queue": subscriber.queue or "",
                "subscriber": subscriber.link.facts.caller.service,
                "state": state,
                "reason": reason,
            }
            for subscriber, nid, state, reason in self._desk.upstreams()
            if topic in ("", subscriber.topic, subscriber.name)
        ]
        found = sorted(lines, key=lambda line: tuple(line.values()))
        return {"subscriptions": found[:SUBSCRIBERS_MAX], "total": len(found)}


def _owned(owned: Owned) -> dict[str, Any]:
    said = {"topic": owned.topic, "service": owned.service, "exported": owned.exported}
    return {**said, "replicas": owned.replicas}


async def _told(start: Callable[[Callable[[Fault | None], None]], object]) -> None:
    """Starts what calls back with a fault or None, waits for that, and raises the fault."""
    told: asyncio.Future[Fault | None] = asyncio.get_running_loop().create_future()

    def done(fault: Fault | None) -> None:
        if not told.done():
            told.set_result(fault)

    start(done)
    fault = await told
    if fault is not None:
        raise fault


def _shown(sequence: int, event: StoredEvent) -> dict[str, Any]:
    said = {"sequence": sequence, "id": event.id, "publisher": event.publisher, "time": event.time}
    return {**said, "content_type": event.headers.get(names.CONTENT_TYPE, ""), "body": event.body}


def events_service(
    desk: EventDesk, broker: Broker, catalog: Catalog, exports: Exports, *, known: Known, replicator: Replicator
) -> Service:
    """Returns the service; `known` says who announces in the network that it subscribes to a topic of this node."""
    endpoints = EventsControl(desk, broker, catalog, exports, known=known, replicator=replicator)
    service = Service("events", description="The events that this node keeps.", platform=True)
    service.add("Events.Complete", endpoints.complete)
    service.add("Events.Flow", endpoints.flow, idempotent=True)
    service.add("Events.Read", endpoints.read, idempotent=True)
    service.add("Events.Replay", endpoints.replay)
    service.add("Events.Drop", endpoints.drop)
    service.add("Events.Export", endpoints.export)
    service.add("Events.Exports", endpoints.exports, idempotent=True)
    service.add("Events.Subscribers", endpoints.subscribers, idempotent=True)
    service.add("Events.Subscriptions", endpoints.subscriptions, idempotent=True)
    service.add("Events.Copies", endpoints.copies, idempotent=True)
    return service
