"""A broker of copies: logs of other nodes, event by event under the numbers that they have there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import apsw

from micro.errors import Fault, Forbidden
from micro.service.broker.actions import Drop
from micro.service.broker.broker import Limits, StoredEvent, event_bytes
from micro.service.broker.cursor import Cursor
from micro.service.broker.delivery import Numbered
from micro.service.broker.embedded import EmbeddedBroker
from micro.service.broker.pieces import Piece, Told, write_piece
from micro.store.database import Group

if TYPE_CHECKING:
    from micro.ports import Clock, Disk

__all__ = ["CopyBroker"]

YEARS_SECONDS = 100 * 365 * 86_400.0
ENDLESS = 1 << 40
LIMITS = Limits(
    kept_seconds=YEARS_SECONDS,
    kept_messages=ENDLESS,
    kept_bytes=ENDLESS,
    backlog_messages=ENDLESS,
    backlog_bytes=ENDLESS,
    disk_bytes=ENDLESS,
    attempts=ENDLESS,
)
"""What a copy keeps is for its origin to say, and for whoever counts what origins have here; nothing is dropped, and
nothing declared dead, on a copy's own account."""


class _Pieces(Group):
    """Writes pieces; the result of each is the copy's newest sequence, and what was new of it."""

    def __init__(self, finished: Callable[[Piece, tuple[int, int]], None]) -> None:
        self._finished = finished

    def apply(self, connection: apsw.Connection, items: list[Piece]) -> list[object]:
        """Writes each behind what its copy has; what a copy has already is not written again."""
        return [write_piece(connection, item) for item in items]

    def forget(self) -> None:
        """Nothing is remembered outside the database."""

    def finish(self, items: list[Piece], results: Sequence[Any]) -> None:
        """Tells who handed the pieces in."""
        for item, result in zip(items, results, strict=True):
            if isinstance(result, Fault):
                item.done(0, result)
            else:
                self._finished(item, result)
                item.done(result[0], None)


class CopyBroker(EmbeddedBroker):
    """Keeps copies of logs, and hands their events to queues as the logs' own nodes do.

    Its topics are copies. Nobody publishes on them: their events come from the log's node alone, `copy`. What may go
    is said from outside, too: `shorten`, `forget`.

    Args:
        disk, path, clock, threaded: as for `EmbeddedBroker`.
        check: raises a fault unless a text may be the name of a copy.
    """

    def __init__(
        self, disk: Disk, path: Path, clock: Clock, *, check: Callable[[str], object], threaded: bool = True
    ) -> None:
        super().__init__(disk, path, clock, limits=LIMITS, threaded=threaded)
        self._check_name = check
        self._pieces = _Pieces(self._copied)

    @property
    def names(self) -> list[str]:
        """All copies, by name."""
        return self._log.names

    def _check(self, name: str) -> None:
        self._check_name(name)
        super()._check("a-copy")  # whether it is open

    def publish(self, publisher: str, topic: str, *arguments: Any, **options: Any) -> None:
        """Refuses: see the class."""
        done: Callable[[Fault | None], None] = arguments[-1]
        done(Forbidden(f"{topic} is the copy of another node's log; publish there"))

    def _record(self, event: StoredEvent, done: Callable[[Fault | None], None]) -> None:
        """Writes nothing: what left the copy before a queue had it, left the log."""
        done(None)

    def copy(self, name: str, events: Sequence[Numbered], done: Told) -> None:
        """Takes events of a log.

        Args:
            name: the copy.
            events: in the order of the log. Those that are here already are compared with what is here, and not written
                again; the first that is not has to follow on the newest that is, unless there never was any.
            done: called with the newest that is on disk here, once it is, else with the fault: `Conflict` where some
                are missing in between, or another event has the number of one.
        """
        topic = self._topic(name)
        topic.used = self._topics.now
        self._database.submit(self._pieces, Piece(self._log.number(name), topic, events, done))

    def _copied(self, piece: Piece, result: tuple[int, int]) -> None:
        """Hands on what is new, now that it is on disk."""
        topic, new = piece.topic, list(piece.events[len(piece.events) - result[1] :])
        if not new:
            return
        if not topic.messages:  # the copy begins with the first that is kept there
            topic.first = new[0][0]
        size = sum(event_bytes(event.headers, event.body) for _, event in new)
        self._topics.committed(topic, new, size)
        for sequence, event in new:
            self._courier.spread(topic, sequence, event)
        self._courier.work()

    def shorten(self, name: str, first: int, before: float) -> None:
        """Lets go of events before a sequence, and of those taken before a date, in seconds since 1970."""
        topic = self._topic(name)
        if topic.messages and not topic.is_trimming:
            topic.is_trimming = True
            needed = min(max(first, topic.first), topic.last + 1)
            self._keeper.shorten(topic, Drop(topic, before, 0, 0, needed))

    def follow(self, name: str, queue: str, cursor: Cursor) -> None:
        """Has a queue come as far as it has at the log's own node, and go back where it went back there.

        Raises:
            Fault: the queue's name is wrong, or there are too many.
        """
        self._topics.surpass(self._topic(name), queue, cursor, follows=True)
        self._courier.rouse()

    def members(self, name: str) -> int:
        """Returns how many subscribe to a copy here."""
        return self._topic(name).members

    def size(self, name: str) -> int:
        """Returns what the events of a copy are reckoned to cost, in bytes."""
        return self._topic(name).bytes

    def tail(self, name: str) -> StoredEvent | None:
        """Returns the newest event of a copy, None where it has none."""
        first, last = self.bounds(name)
        found = self._log.after(name, last - 1, count=1, size=1) if last >= first else []
        return found[0][1] if found else None

    def forget(self, name: str) -> None:
        """Drops a copy with all its events; its members have left."""
        topic = self._topics.get(name)
        if topic is not None:
            self._topics.forget(topic)
        if name in self._log:
            self._log.forget_topic(name)
