"""One topic: the bounds of its log, its queues and its subscribers.

Pure.
"""

from __future__ import annotations

import msgspec

from micro.service.broker.broker import Limits, QueueReport, TopicReport
from micro.service.broker.inbox import Inbox
from micro.service.broker.listener import Listener
from micro.service.broker.turns import Membership

__all__ = ["Place", "Topic"]


class Topic:
    """A log's bounds, and who listens to it.

    Attributes:
        name: the topic's name.
        first, last: the sequences of the oldest kept and the newest event; `first` is `last + 1` where nothing is kept.
        bytes: what the log keeps.
        needed: the oldest sequence that a queue with a claim has not finished, as of the last `tick`.
        inboxes: the queues, by name.
        audience: the subscribers without a queue.
        used: when an event last came, on the clock of `tick`.
        is_trimming: whether a request to shorten the log is under way.
    """

    def __init__(self, name: str, *, first: int = 1, last: int = 0, size: int = 0) -> None:
        self.name = name
        self.first = first
        self.last = last
        self.bytes = size
        self.needed = first
        self.inboxes: dict[str, Inbox] = {}
        self.audience: tuple[Listener, ...] = ()
        self.used = 0.0
        self.is_trimming = False

    @property
    def messages(self) -> int:
        """How many events the log keeps."""
        return self.last - self.first + 1

    @property
    def members(self) -> int:
        """How many subscribers it has, with and without a queue."""
        return len(self.audience) + sum(len(inbox.turns.members) for inbox in self.inboxes.values())

    def needs(self, limits: Limits, now: float) -> int:
        """Returns the oldest sequence some queue still has a claim on."""
        floors = [
            inbox.floor + 1
            for inbox in self.inboxes.values()
            if inbox.turns or now - inbox.away_since < limits.away_seconds
        ]
        return max(self.first, min(floors, default=self.last + 1))

    def report(self) -> TopicReport:
        """Returns its figures."""
        queues = (
            QueueReport(
                queue=inbox.queue,
                members=len(inbox.turns.members),
                waiting=max(0, self.last - inbox.handed_out) + inbox.given_back,
                in_flight=inbox.in_flight,
                delayed=inbox.delayed,
            )
            for inbox in self.inboxes.values()
        )
        return TopicReport(self.name, self.messages, self.bytes, len(self.audience), tuple(queues))


class Place(msgspec.Struct):
    """Where a member sits: at a topic, and there in a queue (`inbox`, `member`) or not (`listener`)."""

    topic: Topic
    inbox: Inbox | None = None
    member: Membership | None = None
    listener: Listener | None = None
