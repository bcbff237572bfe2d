"""How far the queues of a log may be said to have come: no event is done before what follows from it is safe.

Pure.

A function takes an event from a queue and gives others, in one transaction of its node's disk. If that disk is lost,
the event has to come again unless its outputs are at their copies. So its copies are told that it is done after those
have the outputs, and not before:

    the queues have come so far             the newest events of the logs into which functions of them published
    those are safe                          the copies are told how far the queues had come then

What was done before the node was started may have had outputs in any log that has copies: it waits for all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import msgspec

from micro.service.broker.cursor import Cursor

__all__ = ["Confirming", "Extent"]


class Extent(msgspec.Struct, frozen=True):
    """The newest event of a log, and up to which one enough copies have it."""

    last: int
    safe: int


class _Look(msgspec.Struct, frozen=True):
    """How far the queues have come at some time, and up to where logs have to be safe before that is told."""

    cursors: Mapping[str, Cursor]
    needed: Mapping[str, int]


class Confirming:
    """The queues of one log.

    Args:
        cursors: returns how far they have come now.
        extents: returns how far each log with copies goes now.
    """

    def __init__(
        self, cursors: Callable[[], Mapping[str, Cursor]], extents: Callable[[], Mapping[str, Extent]]
    ) -> None:
        self._cursors = cursors
        self._extents = extents
        self._followed: set[str] | None = None
        self._look: _Look | None = None
        self._told: Mapping[str, Cursor] = {}

    def follow(self, topics: Iterable[str]) -> None:
        """An event of a queue is done, and with that others entered the logs of these topics."""
        if self._followed is not None:
            self._followed.update(topics)

    def cursors(self) -> Mapping[str, Cursor]:
        """Returns how far the queues may be said to have come."""
        extents = self._extents()
        if self._look is None or self._is_safe(self._look, extents):
            self._tell()
            followed = extents if self._followed is None else self._followed & extents.keys()
            self._look = _Look(dict(self._cursors()), {topic: extents[topic].last for topic in followed})
            self._followed = set()
            if self._is_safe(self._look, extents):
                self._tell()
        return self._told

    def _tell(self) -> None:
        if self._look is not None:
            self._told, self._look = self._look.cursors, None

    @staticmethod
    def _is_safe(look: _Look, extents: Mapping[str, Extent]) -> bool:
        """A log of which no copies are wanted any more is as safe as it is to be."""
        return all(topic not in extents or extents[topic].safe >= last for topic, last in look.needed.items())
