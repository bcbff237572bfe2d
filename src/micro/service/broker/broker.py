"""What a broker is: topics, members that receive events, and the events themselves.

Pure.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import msgspec

from micro.errors import BadRequest, Fault, TooLarge
from micro.mucp.batch import Batch
from micro.service.broker.cursor import Cursor
from micro.service.broker.turns import Part
from micro.service.cost import Handled

__all__ = [
    "EPHEMERAL_ID",
    "NAME_CHARACTERS_MAX",
    "Broker",
    "Ephemeral",
    "Limits",
    "Member",
    "Output",
    "QueueReport",
    "StoredEvent",
    "Subscription",
    "TopicReport",
    "check_event",
    "check_name",
    "event_bytes",
]

NAME_CHARACTERS_MAX = 128
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}\Z")
"""What a topic or a queue may be called."""

ID_CHARACTERS_MAX = 128
PUBLISHER_CHARACTERS_MAX = 256
HEADERS_MAX = 64
HEADERS_CHARACTERS_MAX = 16_384
EPHEMERAL_ID = "\0"
"""The id of an event that nobody keeps and that has none; no header may be spelled so, so no publisher's id is it."""

EVENT_BYTES = 256
"""What an event is reckoned to cost beside its body and headers: row, index and bookkeeping."""


class StoredEvent(msgspec.Struct, frozen=True, gc=False):
    """One event as the broker holds it.

    Attributes:
        id: given by the publisher; the same (publisher, id) on a topic is kept once.
        topic: where it was published.
        publisher: who published it.
        headers: as published; the broker reads none of them.
        body: the bytes of the event.
        time: when the broker took it, in seconds since 1970.
        attempt: 1 for the first delivery to a queue, one more for each further one.
        is_compared: whether its member is to tell what handling it takes: `Subscription.told`.
    """

    id: str
    topic: str
    publisher: str
    headers: Mapping[str, str]
    body: bytes
    time: float
    attempt: int = 1
    is_compared: bool = False


class Output(msgspec.Struct, frozen=True, gc=False):
    """An event that follows from another, for `Subscription.complete`.

    Attributes:
        topic: where it is to be published.
        id: the same whenever it follows from the same event, so that it enters the log once.
        headers: as for `Broker.publish`.
        body: the event.
    """

    topic: str
    id: str
    headers: Mapping[str, str]
    body: bytes


class Ephemeral:
    """Several events of one publisher that nobody keeps, as they came: one piece, taken apart only where need be.

    Attributes:
        publisher, topic, headers, time: of each, as in `StoredEvent`.
        batch: the events.
    """

    __slots__ = ("_events", "batch", "headers", "publisher", "time", "topic")

    def __init__(self, publisher: str, topic: str, headers: Mapping[str, str], batch: Batch, time: float) -> None:
        self.publisher = publisher
        self.topic = topic
        self.headers = headers
        self.batch = batch
        self.time = time
        self._events: list[StoredEvent] | None = None

    def events(self) -> list[StoredEvent]:
        """Returns the events one by one."""
        if self._events is None:
            self._events = [
                StoredEvent(EPHEMERAL_ID, self.topic, self.publisher, self.headers, body, self.time)
                for body in self.batch.bodies()
            ]
        return self._events


class Limits(msgspec.Struct, frozen=True):
    """The bounds of a broker.

    A log keeps the newest `kept_messages` within `kept_bytes` and `kept_seconds`. What a queue still needs is kept
    beyond the first two up to the `backlog_` limits, where publishers are refused instead of events being lost; a
    queue without members has this claim for `away_seconds`. Nothing outlives `kept_seconds`.
    """

    kept_seconds: float = 7 * 86_400.0
    kept_messages: int = 10_000
    kept_bytes: int = 64 * 1024 * 1024
    backlog_messages: int = 1_000_000
    backlog_bytes: int = 1024 * 1024 * 1024
    away_seconds: float = 3_600.0
    ids_kept: int = 200_000
    """Ids per topic by which duplicates are recognised, also after their events have left the log."""
    acknowledge_seconds: float = 30.0
    """A delivery that is not acknowledged for so long is made again."""
    attempts: int = 16
    """Deliveries of one event to one queue before it goes to the dead-letter topic."""
    in_flight: int = 256
    """Deliveries to one member that wait for its acknowledgement."""
    unfinished: int = 4_096
    """Events of one queue that were delivered and are neither acknowledged nor dead, those put off included."""
    delay_seconds: float = 3_600.0
    """The longest time an event can be put off."""
    buffered_messages: int = 256
    """Events held in memory for one queue, or for one subscriber without a queue that has no credit."""
    buffered_bytes: int = 4 * 1024 * 1024
    topics: int = 10_000
    queues: int = 64
    """Queues of one topic."""
    members: int = 1_024
    """Subscribers of one topic, with and without a queue."""
    body_bytes: int = 4 * 1024 * 1024
    outputs: int = 256
    """Events that follow from one, and are published with its acknowledgement."""
    outputs_bytes: int = 2 * 1024 * 1024
    """What they are reckoned to cost together; so much fits into one message of a link, in base64."""
    uncommitted_bytes: int = 64 * 1024 * 1024
    """Events on their way to the disk; more are refused."""
    disk_bytes: int = 8 * 1024 * 1024 * 1024
    """The size of the whole log, all topics together."""


class Member(Protocol):
    """Whoever receives events: one subscriber."""

    __slots__ = ()

    def deliver(self, sequence: int, event: StoredEvent) -> bool:
        """Takes an event, or returns False where there is no credit now: it is offered again after `resume`.

        `sequence` is what `Subscription.acknowledge` wants; 0 means that there is nothing to acknowledge.
        """

    def deliver_all(self, events: Ephemeral) -> int:
        """Takes events with nothing to acknowledge, from the first on, and returns for how many it has credit.

        Where it raises it has taken none.
        """
        for count, event in enumerate(events.events()):
            if not self.deliver(0, event):
                return count
        return events.batch.count

    def dropped(self, count: int) -> None:
        """Tells a subscriber without a queue that it missed `count` events, before the next one it gets."""


class Subscription(Protocol):
    """One member's place at a topic."""

    def acknowledge(self, sequence: int) -> None:
        """The event was handled and never comes again. What is not in flight here is ignored."""

    def told(self, sequence: int, handled: Handled) -> None:
        """The member says what handling an event took, and acknowledges it next. Any other is ignored."""

    def complete(
        self, sequence: int, publisher: str, outputs: Sequence[Output], done: Callable[[Fault | None], None]
    ) -> None:
        """The event was handled, and these follow from it. Never raises.

        In one transaction the event is marked as done and the outputs enter their logs, or neither happens.

        Args:
            sequence: of the event, in flight to this member of a queue.
            publisher: who publishes the outputs.
            outputs: at most `Limits.outputs`, with `Limits.outputs_bytes` together.
            done: called once: with None when all is on disk, else with the fault: `Conflict` where the event is not
                this member's any more, so that somebody else's outputs count.
        """

    def negative(self, sequence: int, delay_seconds: float = 0.0, error: str = "") -> None:
        """The event was not handled: it comes again after the delay, here or at another member of the queue."""

    def resume(self) -> None:
        """The member has credit again."""

    def share(self, part: Part) -> None:
        """Says which events the member is to have from now on: all that come to its turn, none, or a part."""

    def close(self) -> None:
        """The member leaves; what it has not acknowledged goes to the others at once, or waits."""


class QueueReport(msgspec.Struct, frozen=True):
    """One queue of a topic: its members, events not handed out yet, in flight, and put off."""

    queue: str
    members: int
    waiting: int
    in_flight: int
    delayed: int


class TopicReport(msgspec.Struct, frozen=True):
    """One topic: how much its log keeps, its queues, and the subscribers without a queue."""

    topic: str
    messages: int
    bytes: int
    subscribers: int
    queues: tuple[QueueReport, ...]


class Broker(Protocol):
    """Takes events and brings them to whoever subscribed, now or later. Everything is called on one event loop."""

    async def start(self) -> None:
        """Opens what the broker keeps."""

    async def stop(self) -> None:
        """Saves what is open and ends; nothing is delivered afterwards."""

    def publish(
        self,
        publisher: str,
        topic: str,
        id: str,
        headers: Mapping[str, str],
        body: bytes,
        done: Callable[[Fault | None], None],
        *,
        durable: bool = True,
    ) -> None:
        """Publishes an event. Never raises.

        Args:
            publisher: who says so, as the node knows it; with `id` it names the event.
            topic: see `NAME`.
            id: the publisher's own name for the event, 1 to 128 characters.
            headers: at most 64, 16,384 characters together.
            body: the event.
            done: called once: with None when the event is on disk (and was before, if it is a duplicate), else with the
                fault. It may be called before `publish` returns.
            durable: False brings the event to those who are subscribed now, at most once, and touches no disk.
        """

    def publish_all(self, publisher: str, outputs: Sequence[Output], done: Callable[[Fault | None], None]) -> None:
        """Publishes several events in one transaction: all, or none. Never raises.

        Args:
            publisher, outputs, done: as for `Subscription.complete`.
        """

    def spread(self, publisher: str, topic: str, headers: Mapping[str, str], batch: Batch) -> None:
        """Brings events to those who are subscribed now, as `publish` does where `durable` is False. Never raises."""

    def subscribe(self, topic: str, queue: str | None, member: Member) -> Subscription:
        """Adds a member. With a queue it shares the topic's events with the queue's other members, from the earliest
        kept event on, each until acknowledged; without one it gets every event published from now on, at most once.

        Raises:
            Fault: a name is wrong, or a limit is reached.
        """

    def since(self, topic: str, time: float) -> int:
        """Returns the sequence of the earliest kept event of a topic that was taken at `time` or later, in seconds
        since 1970; of the next one to come where there is none.

        Raises:
            Fault: there is no such topic.
        """

    def bounds(self, topic: str) -> tuple[int, int]:
        """Returns the sequences of the first and the last event kept of a topic; (1, 0) where there never was one.

        Where nothing is kept any more the first is the one after the last.
        """

    def cursors(self, topic: str) -> Mapping[str, Cursor]:
        """Returns how far each queue of a topic has come."""

    def surpass(
        self, topic: str, queue: str, cursor: Cursor, done: Callable[[Fault | None], None] | None = None
    ) -> None:
        """Has a queue come as far as it came elsewhere, too: what is done there is not delivered here any more.

        A queue that went back here, and not there, or the other way round, stays as it is.

        Args:
            done: called once the queue's new place is on disk, else with the fault. The queue has it at once.

        Raises:
            Fault: the queue's name is wrong, or there are too many.
        """

    def read(self, topic: str, sequence: int, *, count: int, size: int) -> Sequence[tuple[int, StoredEvent]]:
        """Returns kept events of a topic from a sequence on: at most `count`, no more once they exceed `size` bytes.

        Raises:
            Fault: there is no such topic, or the disk failed.
        """

    def replay(self, topic: str, queue: str, sequence: int, done: Callable[[Fault | None], None]) -> int:
        """Has a queue begin again at a sequence, as far as its events are kept; a queue that is new begins there.

        What is in flight or waits to be delivered again is not delivered twice for that. A queue that has not come so
        far stays where it is.

        Args:
            topic, queue: which; the topic exists.
            sequence: the first event that is to come again.
            done: called once the queue's new place is on disk, else with the fault. The queue has it at once.

        Returns:
            How many events come again.

        Raises:
            Fault: there is no such topic, the queue's name is wrong, or there are too many.
        """

    def drop(self, topic: str, queue: str, done: Callable[[Fault | None], None]) -> int:
        """Forgets a queue that nobody is at, or raises a `Fault`; returns how many events waited in it."""

    def tick(self, now: float) -> None:
        """Lets time pass: `now` is `Clock.monotonic`, in seconds. To be called about every 100 ms."""

    def topics(self) -> list[TopicReport]:
        """Returns all topics, by name."""

    def stats(self) -> dict[str, int]:
        """Returns counters since the start."""


def check_name(kind: str, name: str) -> None:
    """Raises `BadRequest` unless `name` may name a topic or a queue; `kind` says which."""
    if not NAME.match(name):
        shown = name if len(name) <= NAME_CHARACTERS_MAX else name[:32] + "…"
        raise BadRequest(
            f"{kind}: {shown!r} is no name; expected a letter or digit, then up to 127 letters, digits, '.', '_' or '-'"
        )


def check_event(publisher: str, id: str, headers: Mapping[str, str], body: bytes, limits: Limits) -> int:
    """Returns what an event is reckoned to cost in bytes, or raises a `Fault` that names the limit it breaks."""
    if not 1 <= len(id) <= ID_CHARACTERS_MAX:
        raise BadRequest(f"id: expected 1 to {ID_CHARACTERS_MAX} characters, got {len(id)}")
    if len(publisher) > PUBLISHER_CHARACTERS_MAX:
        raise BadRequest(f"publisher: expected at most {PUBLISHER_CHARACTERS_MAX} characters, got {len(publisher)}")
    if len(body) > limits.body_bytes:
        raise TooLarge(
            f"body: {len(body):,} bytes exceed the limit of {limits.body_bytes:,}; publish a reference to it"
        )
    size = event_bytes(headers, body)
    if len(headers) > HEADERS_MAX or size - len(body) - EVENT_BYTES > HEADERS_CHARACTERS_MAX:
        raise TooLarge(
            f"headers: {len(headers)} with {size - len(body) - EVENT_BYTES:,} characters; "
            f"at most {HEADERS_MAX} with {HEADERS_CHARACTERS_MAX:,} are allowed"
        )
    return size


def event_bytes(headers: Mapping[str, str], body: bytes) -> int:
    """Returns what an event is reckoned to cost in bytes."""
    size = EVENT_BYTES + len(body)
    for name, value in headers.items():
        size += len(name) + len(value)
    return size
