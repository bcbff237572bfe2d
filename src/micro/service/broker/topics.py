"""The broker's heart: topics, who gets which event, what is kept and what is refused.

Pure.

A **topic** is a log of events and whoever listens to it. Three kinds of listener meet three promises:

    who                          gets                                     promise
    subscriber without a queue   every event from now on                  at most once; told how many it missed
    members of a queue           every event from the earliest kept on,   at least once: until acknowledged, or dead
                                 each event to one of them                after so many attempts
    nobody, yet                  the log is the inbox: a queue that comes later starts at the earliest kept event

An event is **durable** (in the log before its publisher hears so, and before anybody gets it) or **ephemeral** (handed
to those who are there, kept nowhere). Within a topic the log's order is the order of publishing. A queue keeps it until
something has to be delivered again. The same (publisher, id) enters the log once.

What is **kept**: the newest events within the `kept_` limits of `Limits`, and beyond them what a queue still needs;
where that reaches the `backlog_` limits publishers are refused. So what was acknowledged to a publisher is not dropped
before a queue had it, unless it outlives `kept_seconds` or the queue stays away too long; then the dead-letter topic
says so.

The machine never waits and never does anything. Its owner tells it what happened, and asks for `actions`; each of these
is to be done, and answered, before the next is taken:

    happened                                       call
    an event came: may it enter?                   check
    events are in the log                          committed
    a member came, has credit again, left          subscribe, resume, leave
    a queue is to begin again somewhere            rewind
    a member has handled an event, or could not    acknowledge, negative
    it has, with what follows from it: may it?     completing
    that is on disk                                completed
    time passed                                    tick
    the log lost its front                         trimmed

    action    do                                                   answer
    Deliver   give the event to the member                         refuse, if it has no credit
    Missed    tell the member how many events it missed
    Read      read the log after a sequence                        inbox.load
    Reread    read the events with these sequences once more       inbox.recall
    Bury      write a dead letter                                  inbox.buried
    Mourn     write that events expired before a queue had them
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress

from micro.errors import Conflict, Fault, TooManyRequests
from micro.service.broker.actions import Action, Bury, Deliver, Drop, Missed, Mourn, Read, Reread
from micro.service.broker.broker import Limits, check_name
from micro.service.broker.cursor import Cursor
from micro.service.broker.delivery import Numbered
from micro.service.broker.inbox import Inbox
from micro.service.broker.listener import Listener
from micro.service.broker.topic import Place, Topic
from micro.service.broker.turns import Part
from micro.service.cost import Handled

__all__ = ["Topics"]

TRIM_SLACK = 9 / 8
"""A log is shortened when it exceeds its limits by this factor: strides cost less than a step at every event."""


class Topics:
    """All topics in use. `now` is monotonic and set by `tick`; the queues of `detained` topics are given nothing."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.now = 0.0
        self.detained: Collection[str] = ()
        self._topics: dict[str, Topic] = {}
        self._stirred: dict[str, Topic] = {}
        self._awake: dict[str, Topic] = {}

    def __iter__(self) -> Iterator[Topic]:
        return iter(list(self._topics.values()))

    def get(self, name: str) -> Topic | None:
        """Returns a topic that was restored, or None."""
        return self._topics.get(name)

    def restore(self, topic: Topic, cursors: Mapping[str, Cursor]) -> None:
        """Takes up a topic with what was saved of its queues."""
        topic.used = self.now
        for queue, cursor in cursors.items():
            topic.inboxes[queue] = Inbox(topic.name, queue, self.limits, cursor, now=self.now)
            topic.inboxes[queue].tail = topic.last
        topic.needed = topic.needs(self.limits, self.now)
        self._topics[topic.name] = topic

    def clear(self) -> None:
        """Drops all topics from memory."""
        for topic in self:
            self.forget(topic)

    def forget(self, topic: Topic) -> None:
        """Drops a topic from memory."""
        for held in (self._topics, self._stirred, self._awake):
            held.pop(topic.name, None)

    # -- events -------------------------------------------------------------------------------------------------------

    def check(self, topic: Topic) -> None:
        """Raises `TooManyRequests` while a queue is so far behind that one more event would have to push one out."""
        behind = topic.last - topic.needed + 1
        if behind >= self.limits.backlog_messages or topic.bytes >= self.limits.backlog_bytes:
            slowest = min(topic.inboxes.values(), key=lambda inbox: inbox.floor, default=None)
            queue = f" of queue {slowest.queue}" if slowest else ""
            raise TooManyRequests(
                f"topic {topic.name} is full: {behind:,} events{queue} wait to be handled "
                f"(limits {self.limits.backlog_messages:,} and {self.limits.backlog_bytes:,} bytes); "
                "start more of its subscribers, or publish more slowly"
            )

    def committed(self, topic: Topic, events: Sequence[Numbered], size: int) -> None:
        """The log has new events, in order: the queues may have them now. The audience is its owner's to tell."""
        topic.last = max(topic.last, events[-1][0])
        topic.bytes += size
        topic.used = self.now
        if not topic.inboxes:
            topic.needed = topic.last + 1
        for inbox in topic.inboxes.values():
            for sequence, event in events:
                inbox.offer(sequence, event)
            self._stirred[topic.name] = topic

    def restored(self, topic: Topic, first: int, last: int, size: int, cursors: Iterable[tuple[str, Cursor]]) -> None:
        """Events that the log had lost are in it again, and its queues had come so far; see `RestoringBroker`."""
        is_whole = topic.last == 0
        topic.first = topic.first if topic.messages else first
        topic.last, topic.bytes = last, topic.bytes + size
        for inbox in topic.inboxes.values():  # who came meanwhile has missed nothing
            inbox.tail = max(inbox.tail, last)
            if is_whole and inbox.handed_out < first - 1:
                inbox.surpass(Cursor(first - 1))
        for queue, cursor in cursors:
            if is_whole and queue in topic.inboxes:  # of one that began here just now it is told how it was before
                topic.inboxes[queue].rewinds = max(topic.inboxes[queue].rewinds, cursor.rewinds)
            with suppress(Fault):
                self.surpass(topic, queue, cursor)
        topic.needed = topic.needs(self.limits, self.now)
        self.stir(topic)

    def trimmed(self, topic: Topic, first: int, size: int) -> None:
        """The log now begins at `first` and holds `size` bytes."""
        topic.is_trimming = False
        topic.bytes = size
        if first > topic.first:
            topic.first = first
            for inbox in topic.inboxes.values():
                inbox.trimmed(first)
            self.stir(topic)

    # -- members ------------------------------------------------------------------------------------------------------

    def subscribe(self, topic: Topic, queue: str | None, handle: object) -> Place:
        """Gives a member its place. A queue that is new starts before the earliest kept event.

        Raises:
            Fault: the queue's name is wrong, or the topic has as many queues or members as it may.
        """
        if topic.members >= self.limits.members:
            raise TooManyRequests(f"topic {topic.name} has {self.limits.members:,} subscribers, which is the limit")
        topic.used = self.now
        if queue is None:
            listener = Listener(handle)
            topic.audience = (*topic.audience, listener)
            return Place(topic, listener=listener)
        inbox = self._inbox(topic, queue)
        member = inbox.turns.join(handle, self.limits.in_flight)
        self.stir(topic)
        return Place(topic, inbox, member)

    def _inbox(self, topic: Topic, queue: str, start: int | None = None, rewinds: int = 0) -> Inbox:
        """Returns a queue of a topic; one that is new starts with event `start`, else with the earliest kept."""
        inbox = topic.inboxes.get(queue)
        if inbox is None:
            check_name("queue", queue)
            if len(topic.inboxes) >= self.limits.queues:
                raise TooManyRequests(f"topic {topic.name} has {self.limits.queues} queues, which is the limit")
            cursor = Cursor((topic.first if start is None else start) - 1, rewinds=rewinds)
            inbox = topic.inboxes[queue] = Inbox(topic.name, queue, self.limits, cursor, now=self.now)
            inbox.tail = topic.last
            inbox.is_changed = True
        return inbox

    def rewind(self, topic: Topic, queue: str, sequence: int) -> tuple[Inbox, int]:
        """Has a queue begin again at an event, and returns it and how many come again; see `Broker.replay`."""
        first = max(sequence, topic.first)
        is_new = queue not in topic.inboxes
        inbox = self._inbox(topic, queue, first, rewinds=1)
        count = topic.last + 1 - first if is_new else inbox.rewind(first)
        topic.needed = topic.needs(self.limits, self.now)
        self.stir(topic)
        return inbox, count

    def surpass(self, topic: Topic, queue: str, cursor: Cursor, *, follows: bool = False) -> Inbox:
        """Has a queue come as far as it came elsewhere, too, and returns it; see `Broker.surpass`.

        Where it went back at one place and not at the other it stays as it is, or goes back to there, if it follows.
        """
        inbox = self._inbox(topic, queue, rewinds=cursor.rewinds)
        if inbox.rewinds != cursor.rewinds:
            if not follows:
                return inbox
            inbox.go_back(topic.first, cursor.rewinds)
        inbox.surpass(cursor)
        topic.needed = topic.needs(self.limits, self.now)
        self.stir(topic)
        return inbox

    def leave(self, place: Place) -> None:
        """A member is gone; what it had not acknowledged is delivered again at once."""
        topic = place.topic
        if place.inbox is not None and place.member is not None:
            place.inbox.leave(place.member, self.now)
            self.stir(topic)
        if place.listener is not None:
            place.listener.is_paused = True
            topic.audience = tuple(listener for listener in topic.audience if listener is not place.listener)

    def resume(self, place: Place) -> None:
        """A member has credit again."""
        if place.listener is not None:
            place.listener.is_paused = False
        elif place.inbox is not None and place.member is not None:
            place.inbox.resume(place.member)
        self.stir(place.topic)

    def share(self, place: Place, part: Part) -> None:
        """Says which events a member is to have; one without a queue has all or nothing."""
        if place.listener is not None:
            place.listener.is_muted = part is not True
        elif place.inbox is not None and place.member is not None:
            place.inbox.turns.share(place.member, part)
        self.stir(place.topic)

    def acknowledge(self, place: Place, sequence: int) -> bool:
        """A member has handled an event, which ends it for the queue; returns whether it was its to end."""
        if place.inbox is None or place.member is None:
            return False
        self.stir(place.topic)
        return place.inbox.acknowledge(place.member, sequence)

    def told(self, place: Place, sequence: int, handled: Handled) -> None:
        """A member says what handling an event took."""
        if place.inbox is not None and place.member is not None:
            place.inbox.told(place.member, sequence, handled)

    def completing(self, place: Place, sequence: int) -> Inbox:
        """Returns the queue in which a member may complete an event, which ends it once `completed`.

        Raises:
            Conflict: it is not the member's to end.
        """
        if place.inbox is None or place.member is None or not place.inbox.holds(place.member, sequence):
            raise Conflict(
                f"event {sequence} of {place.topic.name} is not in flight here: it was done, or given to another member"
            )
        return place.inbox

    def completed(self, inbox: Inbox, sequence: int) -> None:
        """An event is marked as done on disk, whoever has it now."""
        topic = self._topics.get(inbox.topic)
        if topic is not None and inbox.finish(sequence):
            self.stir(topic)

    def negative(self, place: Place, sequence: int, delay_seconds: float, error: str) -> bool:
        """A member could not handle an event, which is delivered again; returns whether it was in flight to it."""
        if place.inbox is None or place.member is None:
            return False
        self.stir(place.topic)
        return place.inbox.negative(place.member, sequence, delay_seconds, error, self.now)

    def refuse(self, action: Deliver) -> None:
        """Answers `Deliver`: the member has no credit."""
        if isinstance(action.source, Listener):
            action.source.refuse(action.sequence, action.event)
        elif action.delivery is not None:
            action.source.refuse(action.delivery)

    def tick(self, now: float) -> None:
        """Lets time pass for all that wait for it."""
        self.now = now
        for topic in list(self._awake.values()):
            inboxes = topic.inboxes.values()
            for inbox in inboxes:
                inbox.tick(now)
            topic.needed = topic.needs(self.limits, now)
            if any(inbox.is_awake or inbox.is_changed for inbox in inboxes):
                self._stirred[topic.name] = topic
            else:
                del self._awake[topic.name]

    def stir(self, topic: Topic) -> None:
        """Has it looked at what is to be done for a topic."""
        self._stirred[topic.name] = topic
        self._awake[topic.name] = topic

    # -- what is to be done -------------------------------------------------------------------------------------------

    def actions(self) -> Iterator[Action]:
        """Yields what is to be done now, until there is nothing more."""
        while self._stirred:
            name = next(iter(self._stirred))
            topic = self._stirred.pop(name)
            for listener in topic.audience:
                yield from self._to_listener(listener)
            for inbox in list(topic.inboxes.values()) if name not in self.detained else ():
                yield from self._to_queue(inbox)

    def _to_listener(self, listener: Listener) -> Iterator[Action]:
        while listener.is_ready:
            if listener.missed:
                missed, listener.missed = listener.missed, 0
                yield Missed(listener.handle, missed)
            held = listener.take()
            if held is not None:
                yield Deliver(listener.handle, held[0], held[1], listener)

    def _to_queue(self, inbox: Inbox) -> Iterator[Action]:
        limits = self.limits
        while True:
            while (delivery := inbox.next(self.now)) is not None:
                yield Deliver(delivery.member.handle, delivery.sequence, delivery.event, inbox, delivery)
            while (entry := inbox.dying()) is not None:
                yield Bury(inbox, entry)
            is_read = False
            if wanted := inbox.wanted_again():
                before = inbox.waiting_again
                yield Reread(inbox, wanted, inbox.room_bytes)
                is_read = inbox.waiting_again <= before
            after = inbox.wanted_after()
            if after is not None:
                yield Read(inbox, after, limits.buffered_messages, inbox.room_bytes)
                is_read = is_read or inbox.wanted_after() != after
            if expired := inbox.take_expired():
                yield Mourn(inbox, expired)
            if not is_read:
                return

    # -- what is to be kept -------------------------------------------------------------------------------------------

    def changed(self) -> Iterator[Inbox]:
        """Yields the inboxes whose cursors are to be saved."""
        for topic in self._awake.values():
            for inbox in topic.inboxes.values():
                if inbox.is_changed:
                    yield inbox

    def excess(self, topic: Topic) -> bool:
        """Whether a log is so far beyond its limits that it should be shortened without waiting for `drops`."""
        limits = self.limits
        if topic.is_trimming or topic.needed <= topic.first:
            return False
        return topic.messages > limits.kept_messages * TRIM_SLACK or topic.bytes > limits.kept_bytes * TRIM_SLACK

    def drop(self, topic: Topic, time: float) -> Drop:
        """Returns how a log is to be shortened at this date."""
        topic.is_trimming = True
        topic.needed = topic.needs(self.limits, self.now)
        limits = self.limits
        return Drop(topic, time - limits.kept_seconds, limits.kept_messages, limits.kept_bytes, topic.needed)

    def idle_queues(self, topic: Topic) -> Iterable[Inbox]:
        """Returns the queues nobody has been at for long, and which stand where a new one would begin."""
        start = Cursor(topic.first - 1)
        return [
            inbox
            for inbox in topic.inboxes.values()
            if not inbox.turns
            and self.now - inbox.away_since > self.limits.kept_seconds
            and inbox.cursor() == start
            and not inbox.expired
        ]

    def is_idle(self, topic: Topic) -> bool:
        """Whether nothing is left of a topic that would be missed."""
        quiet = self.now - topic.used > self.limits.kept_seconds
        return quiet and not topic.messages and not topic.inboxes and not topic.audience
