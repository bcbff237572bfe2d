"""Which lease ends next.

Pure.

A queue of ends of leases. Renewal costs nothing here: an entry that was renewed is found alive when its old time comes
and is put back with its new one. So one entry has one place in the queue, except where its lease became shorter.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterable

from micro.service.registry.holding import Entry

__all__ = ["Leases"]

SPARE_MAX = 64
"""So many outdated places are never worth tidying up."""


class Leases:
    """The queue; times are in the catalog's time."""

    def __init__(self) -> None:
        self._queue: list[tuple[float, int, Entry]] = []
        self._order = itertools.count()

    def put(self, entry: Entry) -> None:
        """Queues an entry by the end of its lease."""
        heapq.heappush(self._queue, (entry.expires, next(self._order), entry))

    def next(self) -> float | None:
        """Returns a time not after the next end of a lease, or None while nothing is leased."""
        return self._queue[0][0] if self._queue else None

    def end(self, now: float) -> tuple[Entry, ...]:
        """Takes out all entries whose lease ended at or before `now`; they are not alive any more."""
        ended: list[Entry] = []
        while self._queue and self._queue[0][0] <= now:
            _, _, entry = heapq.heappop(self._queue)
            if not entry.alive:
                continue
            if entry.expires > now:
                self.put(entry)
            else:
                entry.alive = False
                ended.append(entry)
        return tuple(ended)

    def tidy(self, count: int, entries: Iterable[Entry]) -> None:
        """Builds the queue anew from the `count` living entries where most of it is outdated."""
        if len(self._queue) > 2 * count + SPARE_MAX:
            self._queue = [(entry.expires, next(self._order), entry) for entry in entries]
            heapq.heapify(self._queue)
