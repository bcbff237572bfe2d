"""The desk where events are handed in and subscriptions taken: between links and the broker."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from functools import partial

from micro.errors import Conflict, Fault, TooLarge
from micro.mucp import headers as names
from micro.mucp.event import Block, Opened, Published
from micro.mucp.headers import Headers, encode
from micro.mucp.limits import BATCHES_VERSION
from micro.network.link import Link
from micro.network.owner import Owner
from micro.ports import Clock, Entropy
from micro.service.broker.broker import EPHEMERAL_ID, Broker, Ephemeral, Member, Output, StoredEvent, Subscription
from micro.service.gate import Gate
from micro.service.identifier import Identifiers
from micro.trust.policy import Caller

__all__ = ["ACCOUNT", "EventDesk", "publisher_of"]

ACCOUNT = "account:"
"""What stands before an account where else a service's name stands, which has no colon."""

OURS = (
    names.ID,
    names.TOPIC,
    names.QUEUE,
    names.CALLER,
    names.ACCOUNT,
    names.SCOPES,
    names.FROM_NODE,
    names.FROM_SERVICE,
    names.TIMESTAMP,
    names.ATTEMPT,
)
"""Headers of an event that its keeper writes; what a publisher puts there does not count."""


def publisher_of(caller: Caller, nid: str) -> str:
    """Returns the name under which a caller publishes: its node, and after a slash its service or `account:` and id."""
    node = caller.nid or nid
    if caller.user:
        return f"{node}/{ACCOUNT}{caller.account}"
    return f"{node}/{caller.service}" if caller.service else node


HEADERS_MAX = names.HEADERS_MAX - 8
"""Headers an event may bring: its keeper adds those in `OURS` when it hands the event out."""
HEADER_BYTES_MAX = names.HEADER_BYTES_MAX - 2_048


def _too_many(headers: Mapping[str, str]) -> Fault | None:
    """Says why an event with these headers could never be handed out, or None where it can."""
    if len(headers) <= 1:
        return None
    size = sum(len(name) + len(value.encode("utf-8", "surrogatepass")) + 3 for name, value in headers.items())
    if len(headers) <= HEADERS_MAX and size <= HEADER_BYTES_MAX:
        return None
    return TooLarge(
        f"headers: {len(headers)} with {size} bytes; an event brings at most {HEADERS_MAX}, of {HEADER_BYTES_MAX} bytes"
    )


def _refused(may: Callable[[Caller, str], Fault | None], gate: Gate, caller: Caller, topic: str) -> Fault | None:
    """Returns why a caller may not, as it is known now."""
    try:
        return may(gate.known(caller), topic)
    except Fault as unknown:
        return unknown


class _Desk:
    """What the headers of one block mean for the events published under them."""

    __slots__ = ("fault", "headers", "number", "publisher", "topic")

    def __init__(self, headers: Headers, caller: Caller, nid: str, gate: Gate) -> None:
        self.number = gate.number
        self.topic = str(headers.get(names.TOPIC, ""))
        self.publisher = publisher_of(caller, nid)
        self.headers: Mapping[str, str] = {k: v for k, v in headers.items() if k not in OURS}
        self.fault = _refused(gate.may_publish, gate, caller, self.topic) or _too_many(self.headers)


def _answer(link: Link, number: int, fault: Fault | None) -> None:
    """Tells a publisher, if it wants to know and is still there, how its event fared."""
    if not number or link.closed is not None:
        return
    if fault is None:
        link.reply(number, b"")
    else:
        link.fail(number, fault)


class EventDesk:
    """Takes events and subscriptions that come over links, for `micro.service.router.Router`."""

    def __init__(self, broker: Broker, *, nid: str, gate: Gate, clock: Clock, entropy: Entropy) -> None:
        self.broker = broker
        self._gate = gate
        self._subscribers: dict[tuple[Link, int], _Subscriber] = {}
        self._nid = nid
        self._identifiers = Identifiers(clock, entropy)
        self._tail_of: StoredEvent | None = None
        self._tail = (b"", 0)

    def _desk(self, link: Link, block: Block) -> _Desk:
        desk = block.route
        if type(desk) is not _Desk or desk.number != self._gate.number:
            desk = block.route = _Desk(block.headers, link.facts.caller, self._nid, self._gate)
        return desk

    def published(self, link: Link, event: Published) -> None:
        """Takes events that nobody keeps; nobody is told where they are refused."""
        desk = self._desk(link, event.block)
        if desk.fault is None:
            self.broker.spread(desk.publisher, desk.topic, desk.headers, event.batch)

    def publish(self, link: Link, event: Opened) -> None:
        """Takes an event; a publish with an exchange number is answered once the event is on disk."""
        desk = self._desk(link, event.block)
        if desk.fault is not None:
            link.fail(event.number, desk.fault, refused=True)
            return
        id, headers, publisher = "", desk.headers, desk.publisher
        if event.extra is not None:
            id = dict.pop(event.extra, names.ID, "")
            if event.extra:
                publisher, headers = self._said(link.facts.caller, event.extra, desk)
                fault = _too_many(headers)
                if fault is not None:
                    link.fail(event.number, fault, refused=True)
                    return
        if not id:
            id = self._identifiers.new() if event.number else EPHEMERAL_ID
        done = partial(_answer, link, event.number)
        self.broker.publish(publisher, desk.topic, id, headers, event.body, done, durable=event.number != 0)

    @staticmethod
    def _said(caller: Caller, extra: Headers, desk: _Desk) -> tuple[str, Mapping[str, str]]:
        """Returns the publisher and the headers of an event that brings headers of its own."""
        publisher = desk.publisher
        origin = extra.get(names.CALLER, "") if caller.peer else ""
        if origin and origin.partition("/")[0] == caller.nid:  # a node speaks for its own services only
            publisher = origin
        more = {k: v for k, v in extra.items() if k not in OURS}
        return publisher, {**desk.headers, **more} if more else desk.headers

    def subscribe(self, link: Link, event: Opened) -> None:
        """Takes a subscription; headers on it say that it is in force."""
        assert event.exchange is not None
        headers = event.block.headers
        topic, queue = str(headers.get(names.TOPIC, "")), headers.get(names.QUEUE)
        fault = self._refused(link, topic)
        if fault is not None:
            link.fail(event.number, fault, refused=True)
            return
        subscriber = _Subscriber(self, link, event)
        event.exchange.owner = subscriber
        link.session.note(event.number, {names.TOPIC: topic})
        try:
            subscriber.subscription = self.broker.subscribe(topic, queue, subscriber)
            self._subscribers[link, event.number] = subscriber
        except Fault as error:
            link.fail(event.number, error)

    def _refused(self, link: Link, topic: str) -> Fault | None:
        return _refused(self._gate.may_subscribe, self._gate, link.facts.caller, topic)

    def judge_again(self) -> None:
        """Ends the subscriptions of those who may have them no longer."""
        for subscriber in list(self._subscribers.values()):
            subscriber.judge(self._refused(subscriber.link, subscriber.topic))

    def complete(
        self, link: Link, number: int, sequence: int, outputs: list[Output], done: Callable[[Fault | None], None]
    ) -> None:
        """Completes an event of the subscription `number` of a link, and publishes what follows; see the broker's."""
        subscriber = self._subscribers.get((link, number))
        caller = link.facts.caller
        fault: Fault | None = None
        if subscriber is None or subscriber.subscription is None:
            fault = Conflict(f"subscription {number} of this link has ended; its events come again to another")
        for topic in {output.topic for output in outputs}:
            fault = fault or _refused(self._gate.may_publish, self._gate, caller, topic)
        for output in outputs:
            fault = fault or _too_many(output.headers)
        if fault is not None or subscriber is None or subscriber.subscription is None:
            done(fault)
            return
        subscriber.subscription.complete(sequence, publisher_of(caller, self._nid), outputs, done)

    def forget(self, link: Link, number: int) -> None:
        """A subscription has ended."""
        self._subscribers.pop((link, number), None)

    def tail(self, event: StoredEvent) -> tuple[bytes, int]:
        """Returns an event's varying headers and body as one piece, and how long the headers are.

        Many subscribers get the same event one after the other, so the last piece is kept.
        """
        if event is not self._tail_of:
            extra = b""
            if event.id != EPHEMERAL_ID:
                varying = {names.ID: event.id, names.TIMESTAMP: f"{event.time:.6f}"}
                if event.attempt > 1:
                    varying[names.ATTEMPT] = str(event.attempt)
                extra = encode(varying)
            self._tail_of, self._tail = event, (extra + event.body, len(extra))
        return self._tail


class _Subscriber(Owner, Member):
    """One subscription that came over a link: a member of the broker on one side, an exchange on the other."""

    __slots__ = (
        "_block",
        "_desk",
        "_draining",
        "_exchange",
        "_extra",
        "_headers",
        "_publisher",
        "link",
        "subscription",
        "topic",
    )

    def __init__(self, desk: EventDesk, link: Link, event: Opened) -> None:
        assert event.exchange is not None
        self._desk = desk
        self.link = link
        self._exchange = event.exchange
        self.topic = str(event.block.headers.get(names.TOPIC, ""))
        self._headers: Mapping[str, str] | None = None
        self._publisher = ""
        self._block, self._extra = 0, b""
        self._draining: asyncio.Task[None] | None = None
        self.subscription: Subscription | None = None

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

    # -- the link's side --------------------------------------------------------------------------------------------

    def credited(self, count: int) -> None:
        if self.subscription is not None:
            self.subscription.resume()

    def acknowledged(self, sequences: list[int], delay_milliseconds: int | None) -> None:
        if self.subscription is None:
            return
        for sequence in sequences:
            if delay_milliseconds is None:
                self.subscription.acknowledge(sequence)
            else:
                self.subscription.negative(sequence, delay_milliseconds / 1000)

    def cancelled(self) -> None:
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
