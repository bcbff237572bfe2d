"""How long to wait before a service that ended is started again.

Pure.

A service that ends now and then is back at once; one that cannot live is tried ever more rarely, so that it costs its
node next to nothing, and a little chance keeps many of them from starting in the same moment.
"""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["Backoff"]

QUICK_RESTARTS_MAX = 3
"""So many restarts within `WINDOW_SECONDS` are quick."""

WINDOW_SECONDS = 30.0
QUICK_SECONDS = 0.2
SLOW_SECONDS = 1.0
DELAY_SECONDS_MAX = 60.0
HEALTHY_SECONDS = 60.0
"""Who lived so long starts with a clean record."""

DOUBLINGS_MAX = 6


@dataclass
class Backoff:
    """The record of one service."""

    quick: list[float] = field(default_factory=list)
    slow: int = 0

    def delay(self, now: float, lived_seconds: float, chance: float) -> float:
        """Counts an end and returns how many seconds to wait.

        Args:
            now: a clock that never goes back.
            lived_seconds: how long the instance that ended had lived.
            chance: evenly from 0 to 1; the delay is between half and all of what it would be.
        """
        if lived_seconds >= HEALTHY_SECONDS:
            self.quick, self.slow = [], 0
        self.quick = [time for time in self.quick if now - time < WINDOW_SECONDS]
        if not self.slow and len(self.quick) < QUICK_RESTARTS_MAX:
            self.quick.append(now)
            return QUICK_SECONDS * (0.5 + chance / 2)
        self.slow = min(self.slow + 1, DOUBLINGS_MAX + 1)
        return min(DELAY_SECONDS_MAX, SLOW_SECONDS * 2.0 ** (self.slow - 1)) * (0.5 + chance / 2)
