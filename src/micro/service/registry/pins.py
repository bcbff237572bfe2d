"""Pins: to which nodes an unowned name was bound when it was first used here.

Pure.

Nobody owns a name yet, so many nodes may offer `greeter`, and a new one may come at any time to catch calls that were
meant for another. The first use binds the name to the nodes that offer it then; what others offer later is not taken
until the name is pinned anew. Whoever runs out of pinned nodes gets none, and is told so, instead of a stranger.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from micro.errors import TooManyRequests

__all__ = ["NODES_MAX", "PINS_MAX", "Pins"]

PINS_MAX: Final = 10_000
"""So many names are pinned."""

NODES_MAX: Final = 64
"""A name is pinned to so many nodes."""


class Pins:
    """Names and the nodes they are pinned to.

    Args:
        pinned: those of before.
    """

    def __init__(self, pinned: Mapping[str, Iterable[str]]) -> None:
        self._pinned = {name: tuple(nids)[:NODES_MAX] for name, nids in list(pinned.items())[:PINS_MAX]}

    def get(self, name: str) -> tuple[str, ...] | None:
        """Returns the nodes that a name is pinned to, or None where it is not pinned."""
        return self._pinned.get(name)

    def use(self, name: str, nids: Iterable[str]) -> tuple[tuple[str, ...], bool]:
        """Returns those of the nodes that offer a name which it means, and whether this use has pinned it.

        Raises:
            TooManyRequests: `PINS_MAX` names are pinned.
        """
        offering = tuple(dict.fromkeys(nids))
        pinned = self._pinned.get(name)
        if pinned is not None:
            return tuple(nid for nid in offering if nid in pinned), False
        if not offering:
            return (), False
        self.pin(name, offering)
        return offering[:NODES_MAX], True

    def pin(self, name: str, nids: Iterable[str]) -> None:
        """Pins a name to nodes, anew where it was pinned.

        Raises:
            TooManyRequests: `PINS_MAX` names are pinned.
        """
        if name not in self._pinned and len(self._pinned) >= PINS_MAX:
            raise TooManyRequests(f"{PINS_MAX} names are pinned already; unpin one first")
        self._pinned[name] = tuple(dict.fromkeys(nids))[:NODES_MAX]

    def add(self, name: str, nid: str) -> tuple[str, ...]:
        """Pins a name to one more node, and returns all that it is pinned to.

        Raises:
            TooManyRequests: `PINS_MAX` names are pinned, or this one to `NODES_MAX` nodes.
        """
        known = self._pinned.get(name, ())
        if nid not in known and len(known) >= NODES_MAX:
            raise TooManyRequests(f"{name[:80]!r} is pinned to {NODES_MAX} nodes already; unpin it first")
        self.pin(name, (*known, nid))
        return self._pinned[name]

    def unpin(self, name: str) -> bool:
        """Takes a pin away, so that the next use pins anew; False where there was none."""
        return self._pinned.pop(name, None) is not None

    def everything(self) -> dict[str, tuple[str, ...]]:
        """Returns all pins, by name."""
        return dict(sorted(self._pinned.items()))
