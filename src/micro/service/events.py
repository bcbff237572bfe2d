"""The desk where events are handed in and subscriptions taken: between links and the broker."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Protocol

from micro.errors import Conflict, Fault, TooLarge
from micro.mucp import headers as names
from micro.mucp.event import Block, Opened, Published
from micro.mucp.headers import Headers, encode
from micro.network.link import Link
from micro.ports import Clock, Entropy
from micro.service.broker.broker import EPHEMERAL_ID, Broker, Member, Output, StoredEvent, Subscription, check_name
from micro.service.broker.directory import LogDirectory, LogPlace, split_log
from micro.service.broker.turns import Part
from micro.service.cost import ASKED
from micro.service.gate import Gate
from micro.service.identifier import Identifiers
from micro.service.subscriber import OURS, Elsewhere, Subscriber
from micro.trust.policy import Caller

__all__ = ["ACCOUNT", "Copying", "EventDesk", "publisher_of"]

Done = Callable[[Fault | None], None]

ACCOUNT = "account:"
"""What stands before an account where else a service's name stands, which has no colon."""


def publisher_of(caller: Caller, nid: str) -> str:
    """Returns the name under which a caller publishes: its node, and after a slash its service or `account:` and id."""
    node = caller.nid or nid
    if caller.user:
        return f"{node}/{ACCOUNT}{caller.account}"
    return f"{node}/{caller.service}" if caller.service else node


UPSTREAMS_MAX = 64
"""How many logs of other nodes one subscriber is given the events of."""
UNHEARD = "the rules of this node do not let it publish on {}, so its events are not heard; see `micro auth list rules`"
RELINK_SECONDS = 5.0
"""A log of another node that ended a subscription is asked again after so long."""

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


class Copying(Protocol):
    """What has logs copied, and serves copies, as the desk needs it: `micro.node.copying.Copying`."""

    def check(self, topic: str, size: int) -> None:
        """Raises the reason why an event of `size` bytes is not to be published now, if there is one."""

    def awaited(self, topic: str, timeout_milliseconds: int, done: Done) -> Done:
        """Returns what is to be called once an event is on this node's disk, so that `done` is once it is copied."""

    def followed(self, topic: str, outputs: Iterable[str]) -> None:
        """Takes note that an event of a topic is done, and that others entered the logs of these topics with that."""

    def refusal(self, caller: Caller, topic: str, nid: str) -> Fault | None:
        """Returns None where a caller may subscribe to the copy of another node's log that is here, else the fault."""

    def subscribe(self, caller: Caller, topic: str, nid: str, queue: str | None, member: Member) -> Subscription:
        """Adds a member at the copy of another node's log; raises a fault where it may not."""


class EventDesk:
    """Takes events and subscriptions that come over links, for `micro.service.router.Router`."""

    def __init__(
        self,
        broker: Broker,
        directory: LogDirectory,
        *,
        nid: str,
        gate: Gate,
        clock: Clock,
        entropy: Entropy,
        link_to: Callable[[LogPlace], Link | None],
        copying: Copying,
        part: Callable[[Link, str], Part] = lambda link, queue: True,
    ) -> None:
        """Takes events for `broker`; `part` says which events of a queue a subscriber over a link is to have."""
        self.broker = broker
        self._part_of = part
        self._copying = copying
        self._directory = directory
        self._link_to = link_to
        directory.watch(self._relink_all)
        self._gate = gate
        self._subscribers: dict[tuple[Link, int], Subscriber] = {}
        self._relinking: set[Subscriber] = set()
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
        done: Done = partial(_answer, link, event.number)
        if event.number:
            try:
                self._copying.check(desk.topic, len(event.body))
            except Fault as refusal:
                link.fail(event.number, refusal, refused=True)
                return
            done = self._copying.awaited(desk.topic, event.timeout_milliseconds, done)
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
        name = str(headers.get(names.TOPIC, ""))
        try:
            topic, only = split_log(name)
            if headers.get(names.QUEUE):
                check_name("queue", headers[names.QUEUE])  # the log's node would say so, and only once it is found
        except Fault as malformed:
            link.fail(event.number, malformed, refused=True)
            return
        fault = self._refused(link, topic, only)
        if fault is not None:
            link.fail(event.number, fault, refused=True)
            return
        subscriber = Subscriber(self, link, event)
        event.exchange.owner = subscriber
        link.session.note(event.number, {names.TOPIC: topic})
        try:
            subscriber.subscription = self._place(link, subscriber)
        except Fault as error:
            link.fail(event.number, error)
            return
        self._subscribers[link, event.number] = subscriber
        subscriber.share(self._part(subscriber))
        if not link.facts.caller.peer:
            self._directory.want(name)
        self.relink(subscriber)

    def _refused(self, link: Link, topic: str, only: str) -> Fault | None:
        caller = link.facts.caller
        if caller.peer and only not in ("", self._nid):  # it is judged by its owner's rules, which came with the copy
            return self._copying.refusal(caller, topic, only)
        return _refused(self._gate.may_subscribe, self._gate, caller, topic)

    def _place(self, link: Link, subscriber: Subscriber) -> Subscription:
        """Returns a subscriber's place at the log that is here, or where it takes none of it."""
        topic, only, queue, caller = subscriber.topic, subscriber.only, subscriber.queue, link.facts.caller
        if only in ("", self._nid):
            return self.broker.subscribe(topic, queue, subscriber)
        return self._copying.subscribe(caller, topic, only, queue, subscriber) if caller.peer else Elsewhere()

    def _part(self, subscriber: Subscriber) -> Part:
        return self._part_of(subscriber.link, f"{subscriber.topic} {subscriber.queue or ''}")

    def share_again(self) -> None:
        """Has events shared out anew: generations get other parts of the traffic than before."""
        for subscriber in list(self._subscribers.values()):
            if subscriber.share(self._part(subscriber)):
                self.relink(subscriber)

    def judge_again(self) -> None:
        """Ends the subscriptions of those who may have them no longer."""
        for subscriber in list(self._subscribers.values()):
            subscriber.judge(self._refused(subscriber.link, subscriber.topic, subscriber.only))
        self._relink_all()

    def complete(self, link: Link, number: int, sequence: int, outputs: list[Output], done: Done) -> None:
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
        if fault is not None or subscriber is None:
            done(fault)
        else:
            subscriber.complete(sequence, publisher_of(caller, self._nid), outputs, done)

    def subscribed(self) -> list[tuple[str, str, str]]:
        """Returns the subscriptions of other nodes to topics of this one: topic, node and queue, "" without one."""
        return [
            (subscriber.topic, link.facts.caller.nid, subscriber.queue or "")
            for (link, _), subscriber in self._subscribers.items()
            if link.facts.caller.peer and subscriber.only in ("", self._nid)
        ]

    def upstreams(self) -> list[tuple[Subscriber, str, str, str]]:
        """Returns the logs of other nodes that subscribers here are to have: by whom, and as in `Subscriber.logs`."""
        return [(subscriber, *line) for subscriber in self._subscribers.values() for line in subscriber.logs()]

    def publish_all(self, publisher: str, outputs: list[Output], done: Done) -> None:
        """Publishes what follows from an event of another node; `done` is called once it is copied as is wanted."""
        copied = self._copied(outputs, done)
        if copied is not None:
            self.broker.publish_all(publisher, outputs, copied)

    def complete_here(self, topic: str, outputs: list[Output], complete: Callable[[Done], None], done: Done) -> None:
        """Completes an event of this node's log of a topic.

        `done` is called once what follows is copied as is wanted, or that took as long as a publisher waits: it is on
        this node's disk then, with the mark that the event is done, and is copied as soon as that can be. Until then
        the copies of the event's log are not told that it is done.
        """
        is_kept = False
        copied = self._copied(outputs, lambda fault: done(None if is_kept else fault))
        if copied is None:
            return

        def kept(fault: Fault | None) -> None:
            nonlocal is_kept
            if fault is not None:
                done(fault)
                return
            is_kept = True
            self._copying.followed(topic, {output.topic for output in outputs})
            copied(None)

        complete(kept)

    def _copied(self, outputs: list[Output], done: Done) -> Done | None:
        """Returns what is to be called once the outputs are on this node's disk; None where they may not be, now."""
        try:
            for output in outputs:
                self._copying.check(output.topic, len(output.body))
        except Fault as refusal:
            done(refusal)
            return None
        for topic in sorted({output.topic for output in outputs}):
            done = self._copying.awaited(topic, 0, done)
        return done

    def relink(self, subscriber: Subscriber) -> None:
        """Has a subscriber of this node's subscribe to the logs of other nodes, too, as far as they are in reach."""
        if subscriber.link.facts.caller.peer or subscriber.subscription is None:
            return  # another node asks every log itself; were it asked for in turn, events would go round
        if subscriber.part is not True:  # their nodes know of no generations here
            subscriber.follow({})
            return
        places = self._directory.find(subscriber.name)
        heard = [place for place in places if self._gate.may_hear(place.origin, subscriber.topic)]
        links = {place: self._link_to(place) for place in heard[:UPSTREAMS_MAX]}
        subscriber.follow({place: link for place, link in links.items() if link is not None and link.closed is None})
        unheard = {place.origin: UNHEARD.format(subscriber.topic) for place in places if place not in heard}
        subscriber.lacks({**self._directory.missing(subscriber.name), **unheard})

    def refused(self, topic: str, place: LogPlace) -> None:
        """Takes note that another node does not let this one subscribe."""
        self._directory.refused(topic, place)

    def relink_later(self, subscriber: Subscriber) -> None:
        """Does that once more after a while, however much did not go well meanwhile."""
        if subscriber not in self._relinking:
            self._relinking.add(subscriber)
            asyncio.get_running_loop().call_later(RELINK_SECONDS, self._relink_now, subscriber)

    def _relink_now(self, subscriber: Subscriber) -> None:
        self._relinking.discard(subscriber)
        self.relink(subscriber)

    def _relink_all(self) -> None:
        for subscriber in list(self._subscribers.values()):
            self.relink(subscriber)

    def forget(self, link: Link, number: int) -> None:
        """A subscription has ended."""
        subscriber = self._subscribers.pop((link, number), None)
        if subscriber is not None and not link.facts.caller.peer:
            self._directory.release(subscriber.name)

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
                if event.is_compared:
                    varying[names.COST] = ASKED
                extra = encode(varying)
            self._tail_of, self._tail = event, (extra + event.body, len(extra))
        return self._tail
