"""The directory of logs among neighbours: each tells the other, in the registry it watches, which topics it exports."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from micro.service.broker.directory import LogPlace, split_log

__all__ = ["AWAY_MAX", "LOGS_MAX", "NeighbourLogs"]

LOGS_MAX = 256
"""How many logs a node announces, and how many are believed of one neighbour."""
NAME_CHARACTERS_MAX = 128

AWAY_MAX = 64
"""Of so many neighbours that are away it is remembered which logs they had."""


class NeighbourLogs:
    """`micro.service.broker.directory.LogDirectory` for nodes that are linked.

    Args:
        may_follow: whether a neighbour may subscribe to a topic here, so that it is worth telling it.
        ring: wakes the watches of the registry, over which neighbours are told.
    """

    def __init__(self, may_follow: Callable[[str, str], bool], ring: Callable[[], None]) -> None:
        self.may_follow = may_follow
        self._ring = ring
        self._announced: dict[str, None] = {}
        self._heard: dict[str, frozenset[str]] = {}
        self._away: dict[str, frozenset[str]] = {}
        self._changed: list[Callable[[], None]] = []

    def announce(self, topic: str) -> None:
        """See `LogDirectory.announce`."""
        if topic not in self._announced and len(self._announced) < LOGS_MAX:
            self._announced[topic] = None
            self._ring()

    def withdraw(self, topic: str) -> None:
        """See `LogDirectory.withdraw`."""
        if topic in self._announced:
            del self._announced[topic]
            self._ring()

    @property
    def announced(self) -> list[str]:
        """The topics of which this node keeps a log for others, by name."""
        return sorted(self._announced)

    def want(self, name: str) -> None:
        """See `LogDirectory.want`: neighbours tell unasked."""

    def release(self, name: str) -> None:
        """See `LogDirectory.release`."""

    def find(self, name: str) -> Sequence[LogPlace]:
        """See `LogDirectory.find`."""
        topic, only = split_log(name)
        found = sorted(nid for nid, topics in self._heard.items() if topic in topics)
        return [LogPlace(nid, nid) for nid in found if only in ("", nid)]

    def away(self, topic: str) -> list[str]:
        """Returns the neighbours that are away, and told of a log of the topic when they were last there."""
        return sorted(nid for nid, topics in self._away.items() if topic in topics)

    def missing(self, name: str) -> Mapping[str, str]:
        """See `LogDirectory.missing`: who is no neighbour is no business of neighbours."""
        return {}

    def refused(self, topic: str, place: LogPlace) -> None:
        """See `LogDirectory.refused`: a neighbour tells when it is otherwise."""

    def watch(self, changed: Callable[[], None]) -> None:
        """See `LogDirectory.watch`."""
        self._changed.append(changed)

    # -- what neighbours tell each other ----------------------------------------------------------------------------

    def told(self, nid: str) -> list[str]:
        """Returns the topics that a neighbour is told of."""
        return [topic for topic in sorted(self._announced) if self.may_follow(nid, topic)]

    def hear(self, nid: str, topics: Any) -> None:
        """Takes note of what a neighbour said; what is no list of names says nothing."""
        names = topics if isinstance(topics, list) else []
        kept = [name for name in names if isinstance(name, str) and 0 < len(name) <= NAME_CHARACTERS_MAX]
        found = frozenset(kept[:LOGS_MAX])
        self._away.pop(nid, None)
        if found != self._heard.get(nid, frozenset()):
            self._heard[nid] = found
            self._tell()

    def lose(self, nid: str) -> None:
        """A neighbour is gone: what it said holds no more, and is remembered for the copies of its logs."""
        topics = self._heard.pop(nid, None)
        if topics:
            self._away[nid] = topics
            if len(self._away) > AWAY_MAX:
                del self._away[next(iter(self._away))]
            self._tell()

    def _tell(self) -> None:
        for changed in self._changed:
            changed()
