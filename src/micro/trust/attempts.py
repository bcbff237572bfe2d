"""How often a secret may be tried: so seldom that trying them out takes for ever.

Pure.

Each key has tries that grow back with time; one that was right is given back, so whoever knows the secret is never
stopped by his own asking.
"""

from __future__ import annotations

from typing import Final

from micro.trust.rates import Rates

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
        self._rates: Rates[str] = Rates(TRIES_PER_SECOND, TRIES, senders_max=KEYS_MAX)

    def take(self, key: str, now: float) -> bool:
        """Takes one try; False if none is left.

        Args:
            key: whose secret it is.
            now: a clock that never goes back, in seconds.
        """
        return self._rates.allow(key, now)

    def give_back(self, key: str) -> None:
        """Gives a try back: the secret was right."""
        self._rates.give_back(key)
