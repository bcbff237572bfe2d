"""One subscription that came over a link: a member of the broker on one side, an exchange on the other."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Protocol

from micro.errors import BadRequest, Cancelled, Conflict, Fault, Forbidden, LinkClosed
from micro.mucp import headers as names
from micro.mucp.event import Opened
from micro.mucp.headers import Headers
from micro.mucp.limits import BATCHES_VERSION
from micro.network.link import Link
from micro.network.owner import Owner
from micro.service.broker.broker import Ephemeral, Member, Output, StoredEvent, Subscription
from micro.service.broker.directory import LogPlace
from micro.service.broker.turns import Part
from micro.service.cost import Handled, read_handled
from micro.service.handed import REMOTE_FIRST, Handed
from micro.service.trial import Share
from micro.service.upstream import Upstream
from micro.service.waiting import Waiting, shown
from micro.trust.identity import short

__all__ = ["OURS", "Elsewhere", "Subscriber"]

OURS = frozenset(
    {
        names.ID,
        names.TOPIC,
        names.QUEUE,
        names.CALLER,
        names.ACCOUNT,
        names.SCOPES,
        names.TOKEN,
        names.FROM_NODE,
        names.FROM_SERVICE,
        names.TIMESTAMP,
        names.ATTEMPT,
        names.COST,
    }
)
"""Headers of an event that its keeper writes; what a publisher puts there does not count."""

log = logging.getLogger("micro.events")


class Desk(Protocol):
    """What takes subscriptions, as a subscriber needs it: `micro.service.events.EventDesk`."""

    def publish_all(self, publisher: str, outputs: list[Output], done: Callable[[Fault | None], None]) -> None:
        """Publishes what follows from an event of another node."""

    def complete_here(
        self,
        topic: str,
        outputs: list[Output],
        complete: Callable[[Callable[[Fault | None], None]], None],
        done: Callable[[Fault | None], None],
    ) -> None:
        """Completes an event of this node's log of a topic, by a function that does so."""

    def tail(self, event: StoredEvent) -> tuple[bytes, int]:
        """Returns an event's varying headers and body as one piece, and how long the headers are."""

    def forget(self, link: Link, number: int) -> None:
        """A subscription has ended."""

    def refused(self, topic: str, place: LogPlace) -> None:
        """Another node does not let this one subscribe."""

    def relink_later(self, subscriber: Subscriber) -> None:
        """Has it subscribe to the logs of other nodes once more after a while."""


class Elsewhere:
    """The place of a subscriber at this node's log who wants nothing of it: `topic@nid` of another node."""

    def acknowledge(self, sequence: int) -> None:
        """There is nothing to acknowledge."""

    def told(self, sequence: int, handled: Handled) -> None:
        """There is nothing to compare."""

    def complete(
        self, sequence: int, publisher: str, outputs: Sequence[Output], done: Callable[[Fault | None], None]
    ) -> None:
        """There is nothing to complete."""
        done(Conflict(f"event {sequence} is none of this subscription, which takes nothing of this node's log"))

    def negative(self, sequence: int, delay_seconds: float = 0.0, error: str = "") -> None:
        """There is nothing to give back."""

    def share(self, part: Part) -> None:
        """There is nothing here to share."""

    def resume(self) -> None:
        """There is nothing to come."""

    def close(self) -> None:
        """There is nothing to leave."""


class Subscriber(Owner, Member):
    """One subscription that came over a link: a member of the broker on one side, an exchange on the other.

    Attributes:
        name: what was asked for, a topic or `topic@nid`.
        topic: the topic.
        only: the node behind the `@`, "" without one.
        queue: the queue that it is a member of, None where it is of none.
        subscription: the place at this node's log, None before the subscription begins and after it has ended.
        part: which events it is to have, as its generation gets traffic.
    """

    __slots__ = (
        "_block",
        "_desk",
        "_draining",
        "_exchange",
        "_extra",
        "_handed",
        "_headers",
        "_publisher",
        "_upstreams",
        "_waiting",
        "link",
        "name",
        "only",
        "part",
        "queue",
        "subscription",
        "topic",
    )

    def __init__(self, desk: Desk, link: Link, event: Opened) -> None:
        assert event.exchange is not None
        self._desk = desk
        self.link = link
        self._exchange = event.exchange
        self.name = str(event.block.headers.get(names.TOPIC, ""))
        self.topic, _, self.only = self.name.partition("@")
        self._headers: Mapping[str, str] | None = None
        self._publisher = ""
        self._block, self._extra = 0, b""
        self._draining: asyncio.Task[None] | None = None
        self.queue = event.block.headers.get(names.QUEUE)
        self._upstreams: dict[LogPlace, Upstream] = {}
        self._handed = Handed()
        self._waiting = Waiting()
        self.subscription: Subscription | None = None
        self.part: Part = True

    def share(self, part: Part) -> bool:
        """Says which events it is to have from now on; returns whether that is another part than before."""
        known = self.part
        if part is known or (isinstance(part, Share) and isinstance(known, Share) and part.trial is known.trial):
            return False
        self.part = part
        if self.subscription is not None:
            self.subscription.share(part)
        return True

    # -- the broker's side ------------------------------------------------------------------------------------------

    def deliver(self, sequence: int, event: StoredEvent) -> bool:
        if not self._can(event):
            return False
        link = self.link
        tail, extra_bytes = self._desk.tail(event)
        if self._extra:
            tail, extra_bytes = self._extra + tail, extra_bytes + len(self._extra)
        link.session.deliver(self._exchange, self._block, sequence, tail, extra_bytes)
        link.schedule()
        return True

    def deliver_all(self, events: Ephemeral) -> int:
        if not self._can(events):
            return 0
        session = self.link.session
        if session.version < BATCHES_VERSION or self._extra:
            return Member.deliver_all(self, events)
        session.spread(self._exchange, self._block, events.batch)
        self.link.schedule()
        return events.batch.count

    def _can(self, event: StoredEvent | Ephemeral) -> bool:
        """Whether there is room for an event, whose headers the peer then knows."""
        link = self.link
        if self._exchange.send_window <= 0 or link.closed is not None:
            return False
        if link.full:
            self._resume_when_drained()
            return False
        if event.headers is not self._headers or event.publisher != self._publisher:
            self._refer(event)
        return True

    def dropped(self, count: int) -> None:
        if self.link.closed is None:
            self.link.session.note(self._exchange.number, {names.DROPPED: str(count)})
            self.link.schedule()

    def _refer(self, event: StoredEvent | Ephemeral) -> None:
        headers = {names.TOPIC: self.topic, **event.headers, names.CALLER: event.publisher}
        self._block, self._extra = self.link.session.refer(headers)
        self._headers, self._publisher = event.headers, event.publisher

    def _resume_when_drained(self) -> None:
        if self._draining is None:
            self._draining = asyncio.get_running_loop().create_task(self._drain())

    async def _drain(self) -> None:
        await self.link.drained()
        self._draining = None
        self.credited(0)

    # -- logs of other nodes ----------------------------------------------------------------------------------------

    def follow(self, links: Mapping[LogPlace, Link]) -> None:
        """Subscribes to the logs at these places and at no others."""
        for place, upstream in list(self._upstreams.items()):
            if links.get(place) is not upstream.link:
                self._leave(upstream)
        for place, link in links.items():
            if place not in self._upstreams:
                try:
                    self._upstreams[place] = Upstream(self, link, place, self.queue, OURS)
                except (Fault, LinkClosed):  # so many exchanges are open on it, or it has just gone
                    self._desk.relink_later(self)

    def _leave(self, upstream: Upstream) -> None:
        if self._upstreams.get(upstream.place) is upstream:
            del self._upstreams[upstream.place]
        self._handed.leave(upstream)
        upstream.close()

    def parted(self, upstream: Upstream, fault: Fault) -> None:
        if self._upstreams.get(upstream.place) is upstream:
            self._leave(upstream)
            if isinstance(fault, Forbidden):
                self._desk.refused(self.topic, upstream.place)
            if isinstance(fault, BadRequest) and self.only:  # nobody else is asked, and this one will never take it
                self.judge(fault)
                return
            if upstream.link.closed is None and not isinstance(fault, Cancelled):
                self._refused(upstream.place, fault)
            self._desk.relink_later(self)

    def joined(self, upstream: Upstream) -> None:
        self._waiting.granted(upstream.place.origin)
        self._tell()

    def lacks(self, missing: Mapping[str, str]) -> None:
        """Takes note of the nodes whose logs are out of reach, of each why; the subscriber is told."""
        self._waiting.missing = missing
        self._tell()

    def _refused(self, place: LogPlace, fault: Fault) -> None:
        """Tells subscriber and owner once that a log's node refuses: it is asked again and again until it does not."""
        if place.nid != place.origin:  # another one may have the copy of a log
            return
        why = shown(fault.detail)
        if self._waiting.refused(place.origin, why):
            log.warning(
                "%s refuses a subscription to %s, which waits until it may: %s", short(place.nid), self.topic, why
            )
        self._tell()

    def _tell(self) -> None:
        """Tells the subscriber what it waits for, where that is something else than before."""
        why = self._waiting.news(is_settled=all(upstream.in_force for upstream in self._upstreams.values()))
        if why is not None and self.link.closed is None:
            self.link.session.note(self._exchange.number, {names.WAITING: why})
            self.link.schedule()

    def logs(self) -> list[tuple[str, str, str]]:
        """Returns the logs of other nodes that this subscriber is to have: node, state and why it is not had.

        The state is `open`, `asked`, `refused` or `sought`.
        """
        asked = {place.origin: "asked" for place in self._upstreams}
        asked |= {place.origin: "open" for place, upstream in self._upstreams.items() if upstream.in_force}
        return self._waiting.states(asked)

    def take(self, upstream: Upstream, sequence: int, event: StoredEvent) -> bool:
        handed = self._handed
        if sequence and handed.knows(upstream, sequence, event, asyncio.get_running_loop().time()):
            return True
        number = handed.next
        if number is None or not self.deliver(number if sequence else 0, event):
            return False
        if sequence:
            handed.hand(upstream, sequence, event)
        return True

    def complete(
        self, sequence: int, publisher: str, outputs: list[Output], done: Callable[[Fault | None], None]
    ) -> None:
        """Completes an event: one of another node's log is acknowledged there once what follows from it is on disk."""
        if self.subscription is None:
            done(Conflict("the subscription has ended; its events come again to another"))
        elif sequence < REMOTE_FIRST:
            complete = partial(self.subscription.complete, sequence, publisher, outputs)
            self._desk.complete_here(self.topic, outputs, complete, done)
        elif not self._handed.holds(sequence):
            done(Conflict("the link to the event's log was lost, or it was done; it comes again to some member"))
        else:

            def published(fault: Fault | None) -> None:
                if fault is None:
                    self._acknowledged_remote(sequence, None)
                done(fault)

            self._desk.publish_all(publisher, outputs, published)

    # -- the link's side --------------------------------------------------------------------------------------------

    def credited(self, count: int) -> None:
        if self.subscription is not None:
            self.subscription.resume()
        for upstream in list(self._upstreams.values()):
            upstream.drain()

    def noted(self, headers: Headers) -> None:
        if self.subscription is not None and (told := read_handled(headers.get(names.COST))) is not None:
            self.subscription.told(*told)

    def acknowledged(self, sequences: list[int], delay_milliseconds: int | None) -> None:
        if self.subscription is None:
            return
        for sequence in sequences:
            if sequence >= REMOTE_FIRST:
                self._acknowledged_remote(sequence, delay_milliseconds)
            elif delay_milliseconds is None:
                self.subscription.acknowledge(sequence)
            else:
                self.subscription.negative(sequence, delay_milliseconds / 1000)

    def _acknowledged_remote(self, sequence: int, delay_milliseconds: int | None) -> None:
        if delay_milliseconds is None:
            upstream = self._handed.acknowledge(sequence, asyncio.get_running_loop().time())
        else:
            upstream = self._handed.negative(sequence, delay_milliseconds)
        if upstream is not None:
            upstream.drain()

    def cancelled(self) -> None:
        for upstream in list(self._upstreams.values()):
            self._leave(upstream)
        if self.subscription is not None:
            self.subscription.close()
            self.subscription = None
            self._desk.forget(self.link, self._exchange.number)

    def judge(self, fault: Fault | None) -> None:
        """Ends the subscription if there is a reason."""
        if fault is not None:
            self.cancelled()
            if self.link.closed is None:
                self.link.fail(self._exchange.number, fault)

    def ended(self) -> None:
        self.cancelled()

    def failed(self, fault: Fault, *, refused: bool) -> None:
        self.cancelled()
