"""How often a secret may be tried: so seldom that trying them out takes for ever.

Pure.

Each key has tries that grow back with time; one that was right is given back, so whoever knows the secret is never
stopped by his own asking.
"""

from __future__ import annotations

from typing import Final

__all__ = ["KEYS_MAX", "TRIES", "TRIES_PER_SECOND", "Attempts"]

TRIES: Final = 10
"""Wrong secrets in a row before one has to wait."""

TRIES_PER_SECOND: Final = 0.1
"""How fast tries grow back: one in ten seconds, 8,640 a day."""

KEYS_MAX: Final = 10_001
"""How many keys are remembered: as many as there can be accounts, and one for all that are none."""


class Attempts:
    """Tries left, by key."""

    def __init__(self) -> None:
        self._left: dict[str, tuple[float, float]] = {}

    def take(self, key: str, now: float) -> bool:
        """Takes one try; False if none is left.

        Args:
            key: whose secret it is.
            now: a clock that never goes back, in seconds.
        """
        left, at = self._left.pop(key, (float(TRIES), now))
        left = min(float(TRIES), left + (now - at) * TRIES_PER_SECOND)
        if len(self._left) >= KEYS_MAX:
            del self._left[next(iter(self._left))]
        self._left[key] = (left - 1 if left >= 1 else left, now)
        return left >= 1

    def give_back(self, key: str) -> None:
        """Gives a try back: the secret was right."""
        left, at = self._left.get(key, (float(TRIES), 0.0))
        self._left[key] = (min(float(TRIES), left + 1), at)
