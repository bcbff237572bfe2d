"""A log of this node that has copies: its name, what of it can be copied, and whether a copy is a beginning of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from itertools import takewhile
from typing import Any

from micro.service.broker.broker import Broker
from micro.service.broker.cursor import Cursor
from micro.service.copies import messages as said
from micro.service.copies.replication import Replication

__all__ = ["CopiedLog"]


class CopiedLog:
    """What all copiers of one log share.

    Args:
        topic: whose log.
        name: the log's own name.
        replication: its copies.
        broker: where it is.
        cursors: returns how far its queues may be said to have come.
        describe: returns the fields of `OPEN` that say how the log is to be kept and served.
        changed: told when more is safe.
        set_back: told when a copy has what the log has no more: it is to have another name.
        call: calls an endpoint of a super node.

    Attributes:
        floor: the first event that can be copied.
        former: the name that the log had before it was given another one, "" where it was not.
        is_settled: whether it keeps its name now: it was given another one since the start, or a copy has begun under
            the one that it has. Else one super node could have it copied under ever new names.
        forked: the super nodes whose copies have events that the log, which keeps its name, does not have.
    """

    def __init__(
        self,
        topic: str,
        name: str,
        replication: Replication,
        broker: Broker,
        *,
        cursors: Callable[[], Mapping[str, Cursor]],
        describe: Callable[[], dict[str, Any]],
        changed: Callable[[], None],
        set_back: Callable[[], str],
        now: Callable[[], float],
        call: Callable[[str, str, bytes, float], Awaitable[bytes]],
    ) -> None:
        self.topic = topic
        self.name = name
        self.replication = replication
        self.broker = broker
        self.cursors = cursors
        self.describe = describe
        self.changed = changed
        self.set_back = set_back
        self.now = now
        self.call = call
        self.floor = 1
        self.former = ""
        self.is_settled = False
        self.forked: set[str] = set()

    def names(self) -> dict[str, Any]:
        """Returns the fields that name it."""
        return {"topic": self.topic, "log": self.name}

    def rename(self) -> None:
        """Gives the log another name, so that a copy which has more keeps it; once."""
        fresh = self.set_back()
        self.former, self.name, self.is_settled = self.name, fresh, True

    def bounds(self) -> tuple[int, int]:
        """Returns the first and the last event that can be copied."""
        first, last = self.broker.bounds(self.topic)
        return max(first, self.floor), last

    def piece(self, known: int) -> list[dict[str, Any]]:
        """Returns the fields of what follows on an event, as much as fits into one message."""
        events = list(self.broker.read(self.topic, known + 1, count=said.PIECE_EVENTS_MAX, size=said.PIECE_BYTES))
        small = list(takewhile(lambda each: len(each[1].body) <= said.EVENT_BYTES_MAX, events))
        if events and not small:  # it was published before copies were wanted
            self.floor = events[0][0] + 1
        found = said.piece_of(small)
        return found if found and found[0]["sequence"] == known + 1 else []

    def continues(self, answer: Mapping[str, Any]) -> bool:
        """Says whether a copy is a beginning of the log as it is, by what it answered to its opening."""
        last = answer["last"]
        if last > self.broker.bounds(self.topic)[1]:
            return False
        kept = self.broker.read(self.topic, last, count=1, size=1) if last else []
        if not kept or kept[0][0] != last:  # it has left the log by now
            return True
        ours = said.event_fields(kept[0])
        return all(ours[name] == answer[name] for name in ("id", "publisher", "time"))
