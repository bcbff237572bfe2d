"""Keeps the broker's house: saves cursors, shortens logs, forgets what nobody uses, watches the disk."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from micro.errors import Conflict, Fault, NotFound
from micro.service.broker.actions import Drop
from micro.service.broker.broker import Limits
from micro.service.broker.inbox import Inbox
from micro.service.broker.log import Log
from micro.service.broker.topic import Topic
from micro.service.broker.topics import Topics

if TYPE_CHECKING:
    from micro.ports import Clock

__all__ = ["Keeper"]

SWEEP_SECONDS = 60.0
"""How often every topic is looked at for events that are too old, and for queues and topics nobody uses."""

SWEEP_TOPICS_MAX = 64
"""How many topics are looked at in one tick."""

DISK_CHECK_SECONDS = 1.0


class Keeper:
    """What has to be done from time to time.

    Args:
        topics: the machine.
        log: the database.
        clock: for the age of events.
        limits: what may be kept.
        load: returns a topic by its name, from the database if need be.
        rouse: has done what follows from a shorter log.
    """

    def __init__(
        self,
        topics: Topics,
        log: Log,
        clock: Clock,
        limits: Limits,
        load: Callable[[str], Topic],
        rouse: Callable[[], None],
    ) -> None:
        self.is_full = False
        self._topics = topics
        self._log = log
        self._clock = clock
        self._limits = limits
        self._load = load
        self._rouse = rouse
        self._saving: set[tuple[str, str]] = set()
        self._to_sweep: list[str] = []
        self._sweep_at = self._check_at = 0.0

    def tick(self, now: float) -> None:
        """Does what is due; `now` is monotonic, in seconds."""
        self.save()
        if now >= self._check_at:
            self._check_at = now + DISK_CHECK_SECONDS
            self.is_full = self._log.bytes() >= self._limits.disk_bytes
        if now >= self._sweep_at and not self._to_sweep:
            self._sweep_at = now + SWEEP_SECONDS
            self._to_sweep = self._log.names
        for name in self._to_sweep[:SWEEP_TOPICS_MAX]:
            self._sweep(self._load(name))
        del self._to_sweep[:SWEEP_TOPICS_MAX]

    def save(self) -> None:
        """Has the cursors saved that changed, each at most once at a time."""
        for inbox in self._topics.changed():
            name = (inbox.topic, inbox.queue)
            if name in self._saving:
                continue
            self._saving.add(name)
            inbox.is_changed = False
            self._log.save(inbox, self._saved(inbox))

    def _saved(self, inbox: Inbox) -> Callable[[Any, Fault | None], None]:
        def done(_result: Any, fault: Fault | None) -> None:
            self._saving.discard((inbox.topic, inbox.queue))
            if fault is not None:
                inbox.is_changed = True

        return done

    def drop(self, topic: Topic, queue: str, done: Callable[[Fault | None], None]) -> int:
        """Forgets a queue, with what it has not handled; see `Broker.drop`.

        Raises:
            NotFound: the topic has no such queue.
            Conflict: somebody is at it, and would find another one in its place.
        """
        inbox = topic.inboxes.get(queue)
        if inbox is None:
            raise NotFound(f"{topic.name} has no queue {queue[:64]!r}; `micro events list` shows those it has")
        if inbox.turns:
            count = len(inbox.turns.members)
            whom = "a subscriber is" if count == 1 else f"{count} subscribers are"
            raise Conflict(f"{whom} at the queue {queue} of {topic.name}; it can be dropped when they have left")
        waiting = next(each.waiting + each.delayed for each in topic.report().queues if each.queue == queue)
        del topic.inboxes[queue]
        topic.needed = topic.needs(self._limits, self._topics.now)
        self._log.forget_queue(inbox, lambda _result, fault: done(fault))
        self._rouse()
        return waiting

    def trim(self, topic: Topic) -> None:
        """Has a log shortened to its limits, stride by stride."""
        self._trim(topic, lambda: None)

    def shorten(self, topic: Topic, drop: Drop) -> None:
        """Has a log shortened as is said, stride by stride."""
        self._stride(topic, lambda: drop, lambda: None)

    def _trim(self, topic: Topic, and_then: Callable[[], None]) -> None:
        self._stride(topic, lambda: self._topics.drop(topic, self._clock.now()), and_then)

    def _stride(self, topic: Topic, wanted: Callable[[], Drop], and_then: Callable[[], None]) -> None:
        def done(result: Any, fault: Fault | None) -> None:
            if fault is not None:
                topic.is_trimming = False  # a later sweep tries again
                return
            self._topics.trimmed(topic, result.first, result.bytes)
            self._rouse()
            if result.is_more:
                self._stride(topic, wanted, and_then)
            else:
                and_then()

        self._log.trim(wanted(), done)

    def _sweep(self, topic: Topic) -> None:
        if not topic.is_trimming:
            self._trim(topic, lambda: self._forget(topic))

    def _forget(self, topic: Topic) -> None:
        for inbox in self._topics.idle_queues(topic):
            if (inbox.topic, inbox.queue) not in self._saving:
                del topic.inboxes[inbox.queue]
                self._log.forget_queue(inbox)
        if self._topics.is_idle(topic):
            self._topics.forget(topic)
            self._log.forget_topic(topic.name)
