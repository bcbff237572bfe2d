"""A broker that can be given back what it lost: events under the numbers that they had in its logs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

from micro.errors import Fault, TooManyRequests, Unavailable
from micro.service.broker.broker import Broker, StoredEvent, event_bytes
from micro.service.broker.cursor import Cursor
from micro.service.broker.delivery import Numbered
from micro.service.broker.embedded import EmbeddedBroker
from micro.service.broker.inbox import Inbox
from micro.service.broker.pieces import Told
from micro.service.broker.topic import Topic

__all__ = ["LEARNED_QUEUES_MAX", "Restorable", "RestoringBroker"]

LEARNED_QUEUES_MAX: Final = 32
"""A queue that is not known here is taken over from a copy while the log has fewer than so many."""

Done = Callable[[Fault | None], None]


class Restorable(Broker, Protocol):
    """A broker whose logs can be restored.

    A log is detained first: what is published waits, in order, and takes no number, and queues are given nothing. Then
    it is restored, piece by piece. With its release the queues are where they had come to, here or elsewhere, they are
    given what they have not had, and what waited is published behind it.
    """

    def detain(self, topic: str) -> None:
        """Has a topic's queues wait, and what is published on it, within the limit on what waits for the disk."""

    def restore(self, topic: str, events: Sequence[Numbered], done: Told) -> None:
        """Puts events into the log of a topic that is detained, under the numbers that they had.

        Args:
            topic: which.
            events: without a gap. Those that are there are compared, and not written again; the first that is
                not has to follow on the newest that is, unless there never was any.
            done: called with the newest event that is on disk, or with the fault: `Conflict` where some are missing in
                between, or one has the publisher and id of another, `TooManyRequests` where there is no room for them.
        """

    def release(self, topic: str, cursors: Sequence[tuple[str, Cursor]], done: Done) -> None:
        """Ends the detention of a topic.

        Args:
            topic: which; nothing happens where it is not detained.
            cursors: how far queues had come; of queues that are not known as many are taken over as may be.
            done: called once that is on disk, or with the fault. The queues have it at once.
        """


class _Detained:
    """What waits for a topic, and what was restored of it meanwhile."""

    def __init__(self) -> None:
        self.waiting: list[tuple[Callable[[], None], Callable[[Fault], None]]] = []
        self.first = 0
        self.last = 0
        self.count = 0
        self.size = 0

    def add(self, events: Sequence[Numbered]) -> None:
        """More of the log was restored."""
        if events:
            self.first, self.last = self.first or events[0][0], events[-1][0]
            self.count += len(events)
            self.size += _size(events)


def _size(events: Sequence[Numbered]) -> int:
    return sum(event_bytes(event.headers, event.body) for _, event in events)


class RestoringBroker(EmbeddedBroker):
    """The broker of a node's own logs; see `Restorable`, and `EmbeddedBroker` for its arguments."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._detained: dict[str, _Detained] = {}
        self._topics.detained = self._detained.keys()

    async def stop(self) -> None:
        """Ends; what waits for a log was not published."""
        detained = list(self._detained.values())
        self._detained.clear()
        for each in detained:
            for _, fail in each.waiting:
                fail(Unavailable("the node is stopping, and the event is not kept; publish it again, with the same id"))
        await super().stop()

    def detain(self, topic: str) -> None:
        """See `Restorable`."""
        self._detained.setdefault(topic, _Detained())

    def restore(self, topic: str, events: Sequence[Numbered], done: Told) -> None:
        """See `Restorable`."""
        detained, place = self._detained[topic], self._topic(topic)
        place.is_trimming = True  # not before it is whole
        try:
            self._make_sure_of_room(place, detained, events)
        except Fault as fault:
            done(0, fault)
            return

        def written(result: tuple[int, int] | None, fault: Fault | None) -> None:
            if fault is not None or result is None:
                done(0, fault)
                return
            new = events[len(events) - result[1] :]
            detained.add(new)
            done(result[0], None)

        self._log.restore(place, events, written)

    def _make_sure_of_room(self, topic: Topic, detained: _Detained, events: Sequence[Numbered]) -> None:
        limits, name = self._limits, topic.name
        size = topic.bytes + detained.size + _size(events)
        count = topic.messages + detained.count + len(events)
        if self._keeper.is_full or size > limits.backlog_bytes or count > limits.backlog_messages:
            raise TooManyRequests(f"{name} has no room for {count:,} events of {size:,} bytes; have them handled")

    def release(self, topic: str, cursors: Sequence[tuple[str, Cursor]], done: Done) -> None:
        """See `Restorable`."""
        detained = self._detained.pop(topic, None)
        if detained is None:
            done(None)
            return
        place = self._topics.get(topic)
        if place is not None:
            place.is_trimming = False
            self._topics.stir(place)
            self._courier.rouse()
        inboxes = self._take_up(topic, detained, cursors) if detained.count or cursors else []
        for act, _ in detained.waiting:
            act()
        self._save(inboxes, done)

    def _take_up(self, name: str, detained: _Detained, cursors: Sequence[tuple[str, Cursor]]) -> list[Inbox]:
        topic = self._topic(name)
        known, allowed = set(topic.inboxes), list[tuple[str, Cursor]]()
        for queue, cursor in sorted(cursors, key=lambda each: -each[1].rewinds):
            if queue in known or len(known) < LEARNED_QUEUES_MAX:
                known.add(queue)
                allowed.append((queue, cursor))
        first, last = (detained.first, detained.last) if detained.count else (topic.first, topic.last)
        self._topics.restored(topic, first, last, detained.size, allowed)
        if self._topics.excess(topic):
            self._keeper.trim(topic)
        return list(topic.inboxes.values())

    def _save(self, inboxes: Sequence[Inbox], done: Done) -> None:
        left, fault = len(inboxes), None

        def saved(one: Fault | None) -> None:
            nonlocal left, fault
            left, fault = left - 1, fault or one
            if left == 0:
                done(fault)

        for inbox in inboxes:
            self._log.save(inbox, self._placed(inbox, saved))
        if not inboxes:
            done(None)

    # -- what waits ---------------------------------------------------------------------------------------------------

    def _append(self, topic: Topic, event: StoredEvent, size: int, done: Done) -> None:
        detained = self._detained.get(topic.name) if self._detained else None
        if detained is None:
            super()._append(topic, event, size, done)
            return
        self._uncommitted += size

        def act() -> None:
            self._uncommitted -= size
            self._append(self._topic(topic.name), event, size, done)

        def fail(fault: Fault) -> None:
            self._uncommitted -= size
            done(fault)

        detained.waiting.append((act, fail))

    def _complete(
        self, inbox: Inbox | None, sequence: int, events: Sequence[tuple[Topic, StoredEvent, int]], done: Done
    ) -> None:
        detained = next((self._detained[topic.name] for topic, _, _ in events if topic.name in self._detained), None)
        if detained is None:
            super()._complete(inbox, sequence, events, done)
            return
        size = sum(size for _, _, size in events)
        self._uncommitted += size

        def act() -> None:
            self._uncommitted -= size
            self._complete(inbox, sequence, events, done)

        def fail(fault: Fault) -> None:
            self._uncommitted -= size
            done(fault)

        detained.waiting.append((act, fail))
