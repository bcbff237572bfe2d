"""How the copies of one log follow it, and up to where enough of them have it.

Pure.

A log is copied to the first super nodes of a list that answer. What is on the disks of as many as are wanted is safe:

    candidates, by the map:    A         B         C         D
    chosen of them (2):        A                   C                   B does not answer, or has no room
    has on disk, up to:        17                  12
    safe, up to:               12                                      whoever published 1 to 12 is told so

    a super node is         it becomes                            when
    chosen, not open        open, with what it has                it answers the opening
    open                    open with more                        it says that more is on its disk
    chosen                  away, for a while                     it fails for too long, or refuses
    away                    a candidate                           the while is over
    chosen, and no more     left, to be told to drop its copy     the map changed, and enough others have all it has

Nothing that was safe becomes less safe by a change of the map: whoever is to drop its copy has it until as many of the
chosen as are wanted have what was safe. After a restart of the log's node nobody knows what that was; all that the log
had by then may have been, and is asked for in its place: the *floor*.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

__all__ = ["AWAY_SECONDS", "FULL_SECONDS", "SILENT_SECONDS", "Replication"]

SILENT_SECONDS: Final = 5.0
"""A super node that does not answer for so long is replaced by the next one."""

AWAY_SECONDS: Final = 60.0
"""Whoever was replaced because it did not answer is no choice for so long."""

FULL_SECONDS: Final = 60.0
"""And whoever has no room, or does not want a copy, for so long."""


LEAVING_MAX: Final = 16
"""So many that are to drop their copies are remembered; a copy that is forgotten ends with its events."""


class _Copy(msgspec.Struct):
    """One super node.

    Attributes:
        last: the newest event on its disk, as it said; 0 before it answered.
        is_open: whether it has answered the opening since it was chosen, or lost.
        failing: since when it was asked and does not answer, or None.
        away: until when it is no choice.
    """

    last: int = 0
    is_open: bool = False
    failing: float | None = None
    away: float = 0.0


class Replication:
    """The copies of one log.

    Attributes:
        wanted: how many there are to be.
        candidates: who may keep one, the first choice first.
        chosen: who keeps one now, or is to.
        leaving: who has one that is to be dropped once it is not needed.
        safe: up to this event as many have the log on disk as are wanted.
        generation: the number of the choice, one more for each change.
        floor: up to this event others may have been told that it is safe, before this began.
    """

    def __init__(self, wanted: int, *, chosen: Sequence[str] = (), generation: int = 0, last: int = 0) -> None:
        """Begins, or goes on with the super nodes that were chosen before; the log goes up to `last` now."""
        self.wanted = wanted
        self.candidates: tuple[str, ...] = ()
        self.chosen: tuple[str, ...] = tuple(chosen)
        self.leaving: tuple[str, ...] = ()
        self.safe = 0
        self.generation = generation
        self.floor = last if chosen else 0
        self._copies = {nid: _Copy() for nid in self.chosen}

    # -- what happens -------------------------------------------------------------------------------------------------

    def place(self, candidates: Sequence[str], wanted: int, now: float) -> None:
        """The map, or the number of copies that are wanted, may have changed."""
        self.candidates, self.wanted = tuple(candidates), wanted
        self._choose(now)

    def opened(self, nid: str, last: int, now: float) -> None:
        """A super node answered: its copy goes up to `last`."""
        copy = self._copies.get(nid)
        if copy is not None:
            copy.is_open, copy.failing, copy.last = True, None, last
            self._reckon(now)

    def stored(self, nid: str, last: int, now: float) -> None:
        """A super node has the log up to `last` on its disk."""
        copy = self._copies.get(nid)
        if copy is not None and copy.is_open:
            copy.failing, copy.last = None, max(copy.last, last)
            self._reckon(now)

    def asked(self, nid: str, now: float) -> None:
        """A super node is asked something; its silence counts from here, however long the call may take to fail."""
        copy = self._copies.get(nid)
        if copy is not None and copy.failing is None:
            copy.failing = now

    def answered(self, nid: str) -> None:
        """A super node answered."""
        copy = self._copies.get(nid)
        if copy is not None:
            copy.failing = None

    def failed(self, nid: str, now: float) -> None:
        """A super node did not answer; what it has is asked anew before anything is sent to it."""
        copy = self._copies.get(nid)
        if copy is not None:
            copy.is_open = False
            copy.failing = now if copy.failing is None else copy.failing
            self.tick(now)

    def refused(self, nid: str, now: float) -> None:
        """A super node does not keep the copy: it has no room, or is none any more."""
        copy = self._copies.get(nid)
        if copy is not None:
            copy.is_open, copy.failing, copy.away = False, None, now + FULL_SECONDS
            self._choose(now)

    def dropped(self, nid: str) -> None:
        """A super node that was leaving has dropped its copy."""
        if nid in self.leaving:
            self.leaving = tuple(other for other in self.leaving if other != nid)
            self._copies.pop(nid, None)

    def tick(self, now: float) -> None:
        """Lets time pass: whoever is silent for too long is replaced if it can be; whoever was away may come back."""
        spare = sum(nid not in self.chosen and self._may(nid, now) for nid in self.candidates)
        for nid in self.chosen:
            copy = self._copies[nid]
            if spare > 0 and copy.failing is not None and now - copy.failing >= SILENT_SECONDS:
                copy.away, copy.failing = now + AWAY_SECONDS, None
                spare -= 1
        self._choose(now)

    # -- what is to be done -------------------------------------------------------------------------------------------

    def is_open(self, nid: str) -> bool:
        """Says whether a super node has answered, so that events may be sent to it."""
        return nid in self._copies and self._copies[nid].is_open

    def last(self, nid: str) -> int:
        """Returns up to which event a super node has the log."""
        return self._copies[nid].last if nid in self._copies else 0

    def droppable(self) -> list[str]:
        """Returns those that are leaving and not needed any more."""
        if not self.wanted:
            return list(self.leaving)
        held = sorted((self._copies[nid].last for nid in self.chosen if self._copies[nid].is_open), reverse=True)
        is_held = len(held) >= self.wanted and held[self.wanted - 1] >= max(self.safe, self.floor)
        return list(self.leaving) if is_held else []

    @property
    def is_short(self) -> bool:
        """Whether there are fewer super nodes to choose than copies are wanted."""
        return len(self.chosen) < self.wanted

    # -- within -------------------------------------------------------------------------------------------------------

    def _choose(self, now: float) -> None:
        """Keeps those who are chosen while they may be, and fills up with the first who may."""
        kept = [nid for nid in self.chosen if nid in self.candidates and self._may(nid, now)][: self.wanted]
        fresh = [nid for nid in self.candidates if nid not in kept and self._may(nid, now)]
        chosen = tuple(kept + fresh[: self.wanted - len(kept)])
        if chosen == self.chosen:
            return
        for nid in chosen:
            copy = self._copies.setdefault(nid, _Copy())
            if nid not in self.chosen:  # whoever comes back may have lost what it had, and is asked anew
                copy.is_open, copy.failing = False, None
        gone = [nid for nid in self.chosen if nid not in chosen]
        self.leaving = tuple(nid for nid in (*self.leaving, *gone) if nid not in chosen)[-LEAVING_MAX:]
        self.chosen = chosen
        self.generation += 1
        known = {*self.chosen, *self.leaving}
        self._copies = {nid: copy for nid, copy in self._copies.items() if nid in known or copy.away > now}
        self._reckon(now)

    def _may(self, nid: str, now: float) -> bool:
        """Says whether a super node may be chosen now."""
        return nid not in self._copies or self._copies[nid].away <= now

    def _reckon(self, now: float) -> None:
        held = sorted(
            (
                copy.last
                for nid, copy in self._copies.items()
                if (copy.is_open or nid in self.leaving) and copy.away <= now
            ),
            reverse=True,
        )
        if len(held) >= self.wanted > 0:
            self.safe = max(self.safe, held[self.wanted - 1])
