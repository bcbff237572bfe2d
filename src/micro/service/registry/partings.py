"""Which nodes whose home is here are linked, and which have parted for so long that they count as silent.

Pure.

Only the home of a node sees that its link broke. A node that lives is back within moments, here or at another home; one
that is not has most probably died, and its lease would have it found for a minute and a half.

    linked --its link broke--> parted --grace--> silent (said once)
    parted, silent --it came, here or elsewhere--> linked, or no business of ours

Where most nodes part at once it is this super node that was cut off, or stood still: they live, and all look for
another home at the same time, which takes longer.
"""

from __future__ import annotations

from typing import Final

__all__ = ["CROWD_MIN", "CUT_OFF_SECONDS", "GRACE_SECONDS", "SILENCE_SECONDS", "Partings"]

GRACE_SECONDS: Final = 4.0
"""A node whose link broke may take so long to come to a home again: it dials, and the first may not be there."""

SILENCE_SECONDS: Final = 8.5
"""And no longer after its last word, where the link was found dead.

The node heard its home at most one question (`HOME`: 2.5 s) later than the home heard it, and gives it up 5.5 s after
that. Then it dials.
"""

CUT_OFF_SECONDS: Final = 30.0
"""It may take so long where more nodes have parted than are linked: the longest pause of a node that seeks a home."""

CROWD_MIN: Final = 16
"""Fewer that part say nothing about this super node."""


class Partings:
    """The nodes that are linked, and those that parted; times are on a clock that never goes back."""

    def __init__(self) -> None:
        self._linked: dict[bytes, object] = {}
        self._parted: dict[bytes, float] = {}  # since when the grace counts

    def __len__(self) -> int:
        """Returns how many have parted and may come back."""
        return len(self._parted)

    def is_linked(self, key: bytes) -> bool:
        """Says whether a node has its home here now."""
        return key in self._linked

    def come(self, key: bytes) -> object:
        """A node takes its home here; returns its stay, which ends with `part` or `leave`."""
        stay = self._linked[key] = object()
        self._parted.pop(key, None)
        return stay

    def part(self, key: bytes, stay: object, now: float, silent_seconds: float = 0.0) -> None:
        """The link of a node broke, so long after its last word; an older stay than its last says nothing."""
        if self.leave(key, stay):
            self._parted[key] = now + min(0.0, SILENCE_SECONDS - GRACE_SECONDS - silent_seconds)

    def leave(self, key: bytes, stay: object) -> bool:
        """A node leaves over a link that goes on: it lives. Returns whether this was its last stay."""
        if self._linked.get(key) is not stay:
            return False
        del self._linked[key]
        return True

    def forget(self, key: bytes) -> None:
        """A node is elsewhere, or is over."""
        self._parted.pop(key, None)

    def due(self, now: float) -> list[bytes]:
        """Returns the nodes that have been away for too long, each once."""
        is_cut_off = len(self._parted) >= CROWD_MIN and len(self._parted) > len(self._linked)
        until = now - (CUT_OFF_SECONDS if is_cut_off else GRACE_SECONDS)
        found = [key for key, since in self._parted.items() if since <= until]
        for key in found:
            del self._parted[key]
        return found
