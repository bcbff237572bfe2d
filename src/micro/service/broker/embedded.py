"""The broker that lives in the node: a machine that says what is to happen, and a log that forgets nothing."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

from micro.errors import Fault, NotFound, TooLarge, TooManyRequests, Unavailable
from micro.mucp.batch import Batch
from micro.service.broker.append import Append, Appends
from micro.service.broker.broker import (
    EPHEMERAL_ID,
    Ephemeral,
    Limits,
    Member,
    Output,
    StoredEvent,
    Subscription,
    TopicReport,
    check_event,
    check_name,
    event_bytes,
)
from micro.service.broker.complete import Completion, Completions
from micro.service.broker.courier import Courier
from micro.service.broker.cursor import Cursor
from micro.service.broker.delivery import Numbered
from micro.service.broker.inbox import Inbox
from micro.service.broker.keeper import Keeper
from micro.service.broker.log import MIGRATIONS, Log
from micro.service.broker.seat import Seat
from micro.service.broker.topic import Place, Topic
from micro.service.broker.topics import Topics
from micro.store.database import Database

if TYPE_CHECKING:
    from micro.ports import Clock, Disk

__all__ = ["EmbeddedBroker"]

Done = Callable[[Fault | None], None]


def _unheard(fault: Fault | None) -> None:
    """Nobody asked what becomes of an ephemeral event."""


class EmbeddedBroker:
    """`micro.service.broker.broker.Broker` on one SQLite file.

    An event is on disk before its publisher is told so, and before anybody gets it. What queues have handled is saved
    at every `tick`, so a crash brings back at most what they acknowledged since the last one.

    Args:
        disk: where the file is.
        path: the file, `broker.db`.
        clock: for the dates of events, and the same that `tick` is told.
        limits: the bounds.
        threaded: False does without a writer's thread, for the simulated world.
    """

    def __init__(
        self, disk: Disk, path: Path, clock: Clock, *, limits: Limits | None = None, threaded: bool = True
    ) -> None:
        self._clock = clock
        self._limits = limits = limits if limits is not None else Limits()
        self._counters: Counter[str] = Counter()
        self._database = Database(disk, path, MIGRATIONS, threaded=threaded)
        appends = Appends(self._written)
        self._log = Log(self._database, appends, Completions(appends, self._completed), limits)
        self._topics = Topics(limits)
        self._courier = Courier(self._topics, self._log, clock, self._counters, self._record)
        self._keeper = Keeper(self._topics, self._log, clock, limits, self._topic, self._courier.rouse)
        self._uncommitted = 0
        self._is_open = False

    # -- life ---------------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Opens the log and reads which topics there are, but nothing they hold.

        Raises:
            EngineError: the file is damaged, or was written by a newer version.
        """
        self._database.open()
        self._log.open()
        self._topics.tick(self._clock.monotonic())
        self._courier.start(asyncio.get_running_loop())
        self._is_open = True

    async def stop(self) -> None:
        """Ends delivery, commits and answers what was published, and saves how far the queues have come."""
        if not self._is_open:
            return
        self._is_open = False
        self._courier.stop()
        self._keeper.save()
        await self._database.close()
        self._topics.clear()

    def tick(self, now: float) -> None:
        """See `Broker.tick`."""
        if self._is_open:
            self._topics.tick(now)
            self._courier.work()
            try:
                self._keeper.tick(now)
            except Fault as fault:  # the disk fails; the next tick tries again
                self._courier.report("the log cannot be kept in order", fault)

    # -- publishing ---------------------------------------------------------------------------------------------------

    def publish(
        self,
        publisher: str,
        topic: str,
        id: str,
        headers: Mapping[str, str],
        body: bytes,
        done: Done,
        *,
        durable: bool = True,
    ) -> None:
        """See `Broker.publish`."""
        try:
            size = check_event(publisher, id, headers, body, self._limits)
            place = self._admit(topic) if durable else self._present(topic)
        except Fault as fault:
            self._counters["refused"] += 1
            done(fault)
            return
        event = StoredEvent(id, topic, publisher, headers, body, self._clock.now())
        if durable:
            self._append(place, event, size, done)
        else:
            self._spread(place, event)
            done(None)

    def _admit(self, name: str) -> Topic:
        """Returns the topic, or raises the reason why it takes no event now."""
        topic = self._topic(name)
        self._topics.check(topic)
        if self._uncommitted >= self._limits.uncommitted_bytes:
            raise TooManyRequests(f"{self._uncommitted:,} bytes of events already wait for the disk; try again later")
        if self._keeper.is_full:
            limit = self._limits.disk_bytes
            raise TooManyRequests(f"the log has reached its limit of {limit:,} bytes; have waiting events handled")
        return topic

    def _present(self, name: str) -> Topic:
        """Returns the topic as far as it has listeners; an ephemeral event does not create one."""
        topic = self._topics.get(name)
        if topic is None:
            self._check(name)
            return Topic(name)
        return topic

    def _check(self, name: str) -> None:
        check_name("topic", name)
        if not self._is_open:
            raise Unavailable("the broker is stopped; start the node")

    def _topic(self, name: str) -> Topic:
        """Returns a topic, taking it up from the database if need be."""
        topic = self._topics.get(name)
        if topic is None:
            self._check(name)
            topic, cursors = self._log.topic(name)
            self._topics.restore(topic, cursors)
        return topic

    def _append(self, topic: Topic, event: StoredEvent, size: int, done: Done) -> None:
        topic.used = self._topics.now
        self._uncommitted += size
        self._log.append(topic, event, size, done)

    def _record(self, event: StoredEvent, done: Done) -> None:
        """Writes an event of the broker's own; limits on waiting ones do not hold for it."""
        try:
            topic = self._topic(event.topic)
        except Fault as fault:
            done(fault)
            return
        self._append(topic, event, event_bytes(event.headers, event.body), done)

    def _written(self, items: list[Append], results: Sequence[object]) -> None:
        """Events are committed, or failed: tells their publishers, then hands them on."""
        committed: dict[Topic, list[Numbered]] = {}
        sizes: dict[Topic, int] = {}
        for item, result in zip(items, results, strict=True):
            topic, fault = item.topic, None
            self._uncommitted -= item.size
            if type(result) is not int:
                self._counters["failed"] += 1
                fault = cast(Fault, result)
            elif not result:
                self._counters["duplicates"] += 1
            else:
                if topic not in committed:
                    committed[topic], sizes[topic] = [], 0
                committed[topic].append((result, item.event))
                sizes[topic] += item.size
            try:
                item.done(fault)
            except Exception as error:  # noqa: BLE001 - one publisher's mistake is not another's
                self._courier.report("a publisher's callback failed", error)
        for topic, events in committed.items():
            self._counters["published"] += len(events)
            self._topics.committed(topic, events, sizes[topic])
            if topic.audience and self._is_open:
                for sequence, event in events:
                    self._courier.spread(topic, sequence, event)
            if self._topics.excess(topic):
                self._keeper.trim(topic)
        self._courier.work()

    def spread(self, publisher: str, topic: str, headers: Mapping[str, str], batch: Batch) -> None:
        """See `Broker.spread`."""
        if len(batch.packed) > self._limits.body_bytes:  # one of them may be too large
            for body in batch.bodies():
                self.publish(publisher, topic, EPHEMERAL_ID, headers, body, _unheard, durable=False)
            return
        try:
            check_event(publisher, EPHEMERAL_ID, headers, b"", self._limits)
            place = self._present(topic)
        except Fault:
            self._counters["refused"] += batch.count
            return
        self._counters["spread"] += batch.count
        events = Ephemeral(publisher, topic, headers, batch, self._clock.now())
        self._courier.spread_all(place, events)
        if place.inboxes:
            for event in events.events():
                self._take_turns(place, event)

    def _spread(self, topic: Topic, event: StoredEvent) -> None:
        """Hands an ephemeral event to those who are there."""
        self._counters["spread"] += 1
        self._courier.spread(topic, 0, event)
        self._take_turns(topic, event)

    def _take_turns(self, topic: Topic, event: StoredEvent) -> None:
        """Hands an ephemeral event to one member of each queue."""
        for inbox in topic.inboxes.values():
            while (member := inbox.turns.take()) is not None:
                if self._courier.hand(cast(Member, member.handle), 0, event):
                    break
                member.is_paused = True

    # -- subscribing --------------------------------------------------------------------------------------------------

    def subscribe(self, topic: str, queue: str | None, member: Member) -> Subscription:
        """See `Broker.subscribe`. Nothing is delivered before it has returned."""
        place = self._topics.subscribe(self._topic(topic), queue, member)
        self._courier.rouse()
        return Seat(self, self._topics, self._courier, self._counters, place)

    def complete(self, place: Place, sequence: int, publisher: str, outputs: Sequence[Output], done: Done) -> None:
        """See `Subscription.complete`."""
        try:
            inbox = self._topics.completing(place, sequence)
            events = self._outputs(publisher, outputs)
        except Fault as fault:
            self._counters["refused"] += 1
            done(fault)
            return

        def finished(fault: Fault | None) -> None:
            if fault is None:
                self._counters["acknowledged"] += 1
                self._topics.completed(inbox, sequence)
            done(fault)

        self._complete(inbox, sequence, events, finished)

    def publish_all(self, publisher: str, outputs: Sequence[Output], done: Done) -> None:
        """See `Broker.publish_all`."""
        try:
            events = self._outputs(publisher, outputs)
        except Fault as fault:
            self._counters["refused"] += 1
            done(fault)
            return
        self._complete(None, 0, events, done)

    def _complete(
        self, inbox: Inbox | None, sequence: int, events: Sequence[tuple[Topic, StoredEvent, int]], done: Done
    ) -> None:
        for topic, _, size in events:
            topic.used = self._topics.now
            self._uncommitted += size
        self._log.complete(inbox, sequence, events, done)

    def _outputs(self, publisher: str, outputs: Sequence[Output]) -> list[tuple[Topic, StoredEvent, int]]:
        limits, now = self._limits, self._clock.now()
        if len(outputs) > limits.outputs:
            raise TooLarge(f"{len(outputs):,} events follow from one; at most {limits.outputs} may, publish the rest")
        events = []
        for output in outputs:
            size = check_event(publisher, output.id, output.headers, output.body, limits)
            event = StoredEvent(output.id, output.topic, publisher, output.headers, output.body, now)
            events.append((self._admit(output.topic), event, size))
        total = sum(size for _, _, size in events)
        if total > limits.outputs_bytes:
            limit = limits.outputs_bytes
            raise TooLarge(f"{total:,} bytes of events follow from one; at most {limit:,} may, publish references")
        return events

    def _completed(self, items: list[Completion], results: Sequence[list[int] | Fault]) -> None:
        """Events are done and their outputs committed, or neither."""
        written: list[Append] = []
        sequences: list[object] = []
        for item, result in zip(items, results, strict=True):
            fault = result if isinstance(result, Fault) else None
            written += item.outputs
            sequences += [result] * len(item.outputs) if isinstance(result, Fault) else result
            try:
                item.done(fault)
            except Exception as error:  # noqa: BLE001 - one member's mistake is not another's
                self._courier.report("a member's callback failed", error)
        self._written(written, sequences)

    # -- looking back -------------------------------------------------------------------------------------------------

    def since(self, topic: str, time: float) -> int:
        """See `Broker.since`."""
        return self._log.since(self._existing(topic), time)

    def read(self, topic: str, sequence: int, *, count: int, size: int) -> Sequence[Numbered]:
        """See `Broker.read`."""
        return self._log.after(self._existing(topic).name, sequence - 1, count=count, size=size)

    def bounds(self, topic: str) -> tuple[int, int]:
        """See `Broker.bounds`."""
        if topic not in self._log:
            return 1, 0
        found = self._topic(topic)
        return found.first, found.last

    def cursors(self, topic: str) -> Mapping[str, Cursor]:
        """See `Broker.cursors`."""
        if topic not in self._log:
            return {}
        return {queue: inbox.cursor() for queue, inbox in self._topic(topic).inboxes.items()}

    def surpass(self, topic: str, queue: str, cursor: Cursor, done: Done | None = None) -> None:
        """See `Broker.surpass`."""
        inbox = self._topics.surpass(self._topic(topic), queue, cursor)
        if done is not None:
            self._log.save(inbox, self._placed(inbox, done))
        self._courier.rouse()

    def replay(self, topic: str, queue: str, sequence: int, done: Done) -> int:
        """See `Broker.replay`."""
        inbox, count = self._topics.rewind(self._existing(topic), queue, sequence)
        self._log.rewind(inbox, self._placed(inbox, done))
        self._courier.rouse()
        return count

    def drop(self, topic: str, queue: str, done: Done) -> int:
        """See `Broker.drop`."""
        return self._keeper.drop(self._existing(topic), queue, done)

    @staticmethod
    def _placed(inbox: Inbox, done: Done) -> Callable[[object, Fault | None], None]:
        """Returns what is to be called once a queue's place, which is written now, is on disk, or is not."""
        inbox.is_changed = False

        def saved(_result: object, fault: Fault | None) -> None:
            inbox.is_changed = inbox.is_changed or fault is not None
            done(fault)

        return saved

    def _existing(self, name: str) -> Topic:
        if name not in self._log:
            self._check(name)
            raise NotFound(f"no topic is called {name}; `micro events list` shows those that are kept here")
        return self._topic(name)

    # -- looking ------------------------------------------------------------------------------------------------------

    def topics(self) -> list[TopicReport]:
        """See `Broker.topics`."""
        return [self._topic(name).report() for name in self._log.names] if self._is_open else []

    def stats(self) -> dict[str, int]:
        """Returns counters since the start, and what waits now.

        `published` events entered the log and `duplicates` did not; `refused` were told so, `failed` on the disk;
        `spread` were ephemeral. `delivered`, of which `redelivered`, went to members, of which `acknowledged` and
        `negative` came back; `missed` were too many for a subscriber without a queue; `dead` went to a dead-letter
        topic, `given_up` could not be handled there either; `expired` left the log before a queue had handled them.
        `uncommitted_bytes` wait for the disk.
        """
        return {**self._counters, "uncommitted_bytes": self._uncommitted}
