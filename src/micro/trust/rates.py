"""How often somebody may do something: a bucket of tokens that fills with time, for one or for each of many.

Pure.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

__all__ = ["Bucket", "Rates"]

SENDERS_MAX = 20_000

Sender = TypeVar("Sender", bound=Hashable)


class Bucket:
    """A bucket of tokens, full at first.

    Args:
        per_second: how many tokens it gains.
        burst: how many it holds.
        now: a clock that never goes back, in seconds.
    """

    __slots__ = ("_at", "_burst", "_left", "_per_second")

    def __init__(self, per_second: float, burst: float, now: float) -> None:
        self._per_second = per_second
        self._burst = burst
        self._left = float(burst)
        self._at = now

    def take(self, now: float, count: float = 1) -> bool:
        """Takes `count` tokens at `now`, and says whether there were so many; where not, none is taken."""
        left = self._fill(now)
        if left < count:
            return False
        self._left = left - count
        return True

    def charge(self, now: float, count: float) -> float:
        """Takes `count` tokens that are spent already, and returns in how many seconds nothing is owed, 0 for now."""
        self._left = left = self._fill(now) - count
        return -left / self._per_second if left < 0 else 0.0

    def seconds_until(self, now: float, count: float) -> float:
        """Returns in how many seconds there are `count` tokens, if nobody takes any meanwhile."""
        return max(0.0, count - self._fill(now)) / self._per_second

    def is_full(self, now: float) -> bool:
        """Says whether this bucket is like a new one."""
        return self._fill(now) >= self._burst

    def give_back(self, count: float = 1) -> None:
        """Gives tokens back, as far as there is room."""
        self._left = min(self._burst, self._left + count)

    def _fill(self, now: float) -> float:
        left = self._left + (now - self._at) * self._per_second
        self._left = left = min(left, self._burst)
        self._at = now
        return left


class Rates(Generic[Sender]):
    """Buckets by sender.

    Args:
        per_second: how many tokens a bucket gains.
        burst: how many it holds.
        senders_max: how many buckets are kept; the one longest untouched gives way, and is full when it comes again.
    """

    def __init__(self, per_second: float, burst: float, *, senders_max: int = SENDERS_MAX) -> None:
        self._per_second = per_second
        self._burst = burst
        self._senders_max = senders_max
        self._buckets: dict[Sender, Bucket] = {}

    def allow(self, sender: Sender, now: float, count: int = 1) -> bool:
        """Takes `count` tokens of a sender, and says whether there were so many; `now` never goes back."""
        bucket = self._buckets.pop(sender, None) or Bucket(self._per_second, self._burst, now)
        if len(self._buckets) >= self._senders_max:
            del self._buckets[next(iter(self._buckets))]
        self._buckets[sender] = bucket
        return bucket.take(now, count)

    def give_back(self, sender: Sender) -> None:
        """Gives a sender a token back."""
        bucket = self._buckets.get(sender)
        if bucket is not None:
            bucket.give_back()
