"""How often each sender may do something: a bucket of tokens for each, in a bounded table.

Pure.
"""

from __future__ import annotations

__all__ = ["Rates"]

SENDERS_MAX = 20_000


class Rates:
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
        self._buckets: dict[bytes, tuple[float, float]] = {}

    def allow(self, sender: bytes, now: float, count: int = 1) -> bool:
        """Takes `count` tokens of a sender, and says whether there were so many; `now` never goes back."""
        left, since = self._buckets.pop(sender, (self._burst, now))
        left = min(self._burst, left + (now - since) * self._per_second)
        enough = left >= count
        if len(self._buckets) >= self._senders_max:
            del self._buckets[next(iter(self._buckets))]
        self._buckets[sender] = (left - count if enough else left, now)
        return enough
