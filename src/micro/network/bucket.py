"""A bucket of tokens: what somebody may still take, which grows with time up to a burst.

Pure.
"""

from __future__ import annotations

__all__ = ["Bucket"]


class Bucket:
    """Holds at most `burst` tokens and gains `per_second`; it begins full.

    Args:
        per_second: more than 0.
        burst: how many tokens there are after a long silence.
        now: a clock that never goes back, in seconds.
    """

    __slots__ = ("_at", "_burst", "_left", "_per_second")

    def __init__(self, per_second: float, burst: float, now: float) -> None:
        self._per_second = per_second
        self._burst = burst
        self._left = burst
        self._at = now

    def take(self, count: float, now: float) -> bool:
        """Takes `count` tokens if there are so many, and says whether there were."""
        left = self._fill(now)
        if left < count:
            return False
        self._left = left - count
        return True

    def charge(self, count: float, now: float) -> float:
        """Takes `count` tokens that are spent already, and returns in how many seconds nothing is owed, 0 for now."""
        self._left = left = self._fill(now) - count
        return -left / self._per_second if left < 0 else 0.0

    def seconds_until(self, count: float, now: float) -> float:
        """Returns in how many seconds there are `count` tokens, if nobody takes any meanwhile."""
        return max(0.0, count - self._fill(now)) / self._per_second

    def is_full(self, now: float) -> bool:
        """Says whether this bucket is like a new one."""
        return self._fill(now) >= self._burst

    def _fill(self, now: float) -> float:
        left = self._left + (now - self._at) * self._per_second
        self._left = left = min(left, self._burst)
        self._at = now
        return left
