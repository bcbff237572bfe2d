"""What changed in a catalog, in order, so that a watcher can catch up from where it stopped.

Pure.

Every change gets the next number. A watcher asks for what came after the last number it saw; the log keeps a bounded
history, and whoever asks for something older is told to read the whole catalog again (resync).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from itertools import islice
from typing import Literal

from micro.service.registry.instance import Instance

__all__ = ["CHANGES_MAX", "Change", "ChangeLog", "Changes"]

CHANGES_MAX = 4096
"""So many changes are kept for watchers that are behind."""


@dataclass(frozen=True, slots=True)
class Change:
    """One change.

    Attributes:
        number: its place in the log, rising by one.
        kind: an instance was added, its record or description changed, or it is gone.
        instance: the instance as it is now; for `removed`, as it was.
        description_hash: the hash of its description.
    """

    number: int
    kind: Literal["added", "changed", "removed"]
    instance: Instance
    description_hash: str


@dataclass(frozen=True, slots=True)
class Changes:
    """What a watcher gets.

    Attributes:
        number: ask for changes since this number next time.
        changes: in order; empty where nothing happened or where `resync` is true.
        resync: the history does not reach back: read the whole catalog, then go on from `number`.
    """

    number: int
    changes: tuple[Change, ...] = ()
    resync: bool = False


class ChangeLog:
    """The bounded history."""

    def __init__(self, changes_max: int = CHANGES_MAX) -> None:
        self.number = 0
        self._changes: deque[Change] = deque(maxlen=changes_max)

    def add(self, kind: Literal["added", "changed", "removed"], instance: Instance, description_hash: str) -> Change:
        """Appends a change and returns it with its number."""
        self.number += 1
        change = Change(self.number, kind, instance, description_hash)
        self._changes.append(change)
        return change

    def since(self, number: int, limit: int = CHANGES_MAX) -> Changes:
        """Returns at most `limit` changes after `number`, or says that the watcher must resync."""
        behind = self.number - number
        if behind < 0 or behind > len(self._changes):
            return Changes(self.number, resync=True)
        first = len(self._changes) - behind
        found = tuple(islice(self._changes, first, first + max(1, limit)))
        return Changes(found[-1].number if found else self.number, found)
