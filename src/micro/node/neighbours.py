"""What a link to a neighbour brings: its services into the catalog, and our events to its subscribers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from micro.errors import Fault, LinkClosed, MicroError
from micro.mucp import headers as names
from micro.mucp.headers import Headers, encode
from micro.mucp.message import Form
from micro.network.link import Link
from micro.network.owner import Owner
from micro.node.following import Following
from micro.ports import Clock
from micro.service.broker.broker import Broker, Member, StoredEvent, Subscription
from micro.service.registry.catalog import Catalog

__all__ = ["Neighbours"]

TOPICS_MAX = 256
AWAY_MAX = 64
"""Neighbours whose services are remembered while they are away."""
RETRY_SECONDS = 1.0

log = logging.getLogger("micro.network")


class _Neighbour:
    """One neighbour while its link lives."""

    def __init__(self, nid: str, link: Link, following: Following) -> None:
        self.nid = nid
        self.link = link
        self.following = following
        self.task: asyncio.Task[None] | None = None
        self.forwarding: dict[str, Subscription] = {}


class Neighbours:
    """Follows the registries of neighbours, and forwards events to those that subscribe."""

    def __init__(
        self,
        catalog: Catalog,
        broker: Broker,
        *,
        nid: str,
        clock: Clock,
        changed: Callable[[], None],
        may_send: Callable[[str, str], bool],
    ) -> None:
        self._catalog = catalog
        self._broker = broker
        self._nid = nid
        self._clock = clock
        self._changed = changed
        self._may_send = may_send
        self._known: dict[str, _Neighbour] = {}
        self._away: dict[str, frozenset[str]] = {}

    def had(self, service: str) -> bool:
        """Says whether a neighbour that is away now had a service of this name."""
        return any(service in services for services in self._away.values())

    def up(self, nid: str, link: Link) -> None:
        """Takes a neighbour in whose link is new."""
        self._away.pop(nid, None)
        self.down(nid, "another link took its place")
        following = Following(self._catalog, self._clock, nid, link, lambda word: self._heard(found, word))
        found = self._known[nid] = _Neighbour(nid, link, following)
        found.task = asyncio.get_running_loop().create_task(self._follow(found))

    def down(self, nid: str, reason: str) -> None:
        """Forgets the services of a neighbour that is gone; its events wait."""
        found = self._known.pop(nid, None)
        if found is None:
            return
        if found.task is not None:
            found.task.cancel()
        for subscription in found.forwarding.values():
            subscription.close()
        self._away[nid] = frozenset(instance.service for instance in self._catalog.holding(nid))
        if len(self._away) > AWAY_MAX:
            del self._away[next(iter(self._away))]
        if self._catalog.drop_node(nid):
            self._changed()

    async def _follow(self, found: _Neighbour) -> None:
        while found.link.closed is None:
            try:
                await found.following.watch()
            except (Fault, LinkClosed) as error:
                log.info("the registry of %s cannot be followed: %s", found.nid, error)
            if found.link.closed is None:
                await asyncio.sleep(RETRY_SECONDS)

    def _heard(self, found: _Neighbour, word: str) -> None:
        if word != "beat":
            self._forward(found)
            self._changed()

    # -- events -----------------------------------------------------------------------------------------------------

    def judge_again(self) -> None:
        """Sends each neighbour the topics that it may have now, and no others."""
        for found in self._known.values():
            self._forward(found)

    def _forward(self, found: _Neighbour) -> None:
        """Subscribes, in the neighbour's name, to the topics that its services subscribe to."""
        wanted: set[str] = set()
        for description in self._descriptions(found):
            wanted.update(str(topic.get("topic", "")) for topic in description.get("topics", ()))
        wanted = {topic for topic in wanted if self._may_send(found.nid, topic)}
        for topic in list(found.forwarding):
            if topic not in wanted:
                found.forwarding.pop(topic).close()
        for topic in sorted(wanted)[:TOPICS_MAX]:
            if topic and topic not in found.forwarding:
                self._subscribe(found, topic)

    def _descriptions(self, found: _Neighbour) -> list[dict[str, Any]]:
        hashes = set()
        for instance in self._catalog.holding(found.nid):
            view = self._catalog.lookup(instance.service)
            description = view.description_of(instance) if view is not None else None
            if description is not None:
                hashes.add(description.hash)
        return [found.following.descriptions[name] for name in hashes if name in found.following.descriptions]

    def _subscribe(self, found: _Neighbour, topic: str) -> None:
        forwarder = _Forwarder(self._nid, found.link)
        try:
            forwarder.subscription = self._broker.subscribe(topic, f"node.{found.nid}", forwarder)
        except MicroError as error:
            log.info("events of %s are not forwarded to %s: %s", topic, found.nid, error)
            return
        found.forwarding[topic] = forwarder.subscription
        forwarder.subscription.resume()


class _Forwarder(Member):
    """A member of a topic's queue that publishes each event at a neighbour."""

    def __init__(self, nid: str, link: Link) -> None:
        self._nid = nid
        self._link = link
        self._draining: asyncio.Task[None] | None = None
        self.subscription: Subscription | None = None

    def deliver(self, sequence: int, event: StoredEvent) -> bool:
        subscription, link = self.subscription, self._link
        if subscription is None or link.closed is not None:
            return False
        if link.full:
            if self._draining is None:
                self._draining = asyncio.get_running_loop().create_task(self._drain(subscription))
            return False
        if event.publisher.partition("/")[0] != self._nid:  # it came from another node: it is not ours to pass on
            asyncio.get_running_loop().call_soon(subscription.acknowledge, sequence)
            return True
        said = {names.TOPIC: event.topic, **event.headers}
        extra = encode({names.ID: event.id, names.CALLER: event.publisher})
        try:
            prefix = link.session.begin(Form.PUBLISH, said, 0, extra)
            link.call(_Forwarded(subscription, sequence), prefix, event.body)
        except LinkClosed:
            return False
        except Fault as fault:  # this event does not fit; those behind it may
            loop = asyncio.get_running_loop()
            loop.call_soon(subscription.negative, sequence, RETRY_SECONDS, fault.detail)
        return True

    async def _drain(self, subscription: Subscription) -> None:
        """Goes on when the link takes more."""
        await self._link.drained()
        self._draining = None
        subscription.resume()

    def dropped(self, count: int) -> None:
        """A queue drops nothing."""


class _Forwarded(Owner):
    """One event on its way to a neighbour."""

    __slots__ = ("_sequence", "_subscription")

    def __init__(self, subscription: Subscription, sequence: int) -> None:
        self._subscription = subscription
        self._sequence = sequence

    def replied(self, body: bytes, headers: Headers | None) -> None:
        self._subscription.acknowledge(self._sequence)

    def failed(self, fault: Fault, *, refused: bool) -> None:
        self._subscription.negative(self._sequence, RETRY_SECONDS, fault.detail)
