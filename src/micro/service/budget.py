"""When a failed call may be sent again, and after how long.

Pure.

A retry helps when one instance is in trouble and harms when all are: then retries are the load that keeps them down. So
a budget lets retries be a tenth of the calls, and a few each second for callers that call little; and a call is sent
again only where doing it twice is as good as once, or where it was never sent at all.
"""

from __future__ import annotations

from dataclasses import dataclass

from micro.errors import Fault, TooManyRequests, Unavailable
from micro.ports import Entropy

__all__ = ["ATTEMPTS_MAX", "BURST_PER_SECOND", "RETRY_RATIO_PERCENT", "RetryBudget", "RetryPolicy", "is_unknown"]

ATTEMPTS_MAX = 3
"""A call is sent once and at most twice again."""

RETRY_RATIO_PERCENT = 10
"""Retries as a share of calls."""

BURST_PER_SECOND = 10.0
"""And so many retries each second whatever the number of calls, saved up for at most one second."""

EARNED_PERCENT_MAX = 100 * 100
"""Calls earn at most a hundred retries ahead: a good hour does not pay for a storm."""

UNAVAILABLE_SECONDS = 0.02
"""Back-off before the first retry of a 503: another instance may be healthy now."""

TOO_MANY_SECONDS = 0.2
"""Back-off before the first retry of a 429: the one who said so needs rest."""

BACK_OFF_SECONDS_MAX = 2.0
DOUBLINGS_MAX = 16
CHANCE_BYTES = 4

UNKNOWN = "outcome unknown"
"""A 503 whose detail begins so may have been done: its link died after the call was sent."""


class RetryBudget:
    """How many retries are left, for one client and one service."""

    __slots__ = ("_earned_percent", "_saved", "_time")

    def __init__(self) -> None:
        self._earned_percent = 0
        self._saved = BURST_PER_SECOND
        self._time: float | None = None

    def called(self) -> None:
        """Notes a call, not a retry; ten of them earn one retry."""
        self._earned_percent = min(EARNED_PERCENT_MAX, self._earned_percent + RETRY_RATIO_PERCENT)

    def may_retry(self, now: float) -> bool:
        """Takes one retry out of the budget; False if none is left.

        Args:
            now: the time in seconds, of a clock that never goes back.
        """
        if self._time is not None and now > self._time:
            self._saved = min(BURST_PER_SECOND, self._saved + (now - self._time) * BURST_PER_SECOND)
        self._time = now if self._time is None else max(now, self._time)
        if self._earned_percent >= 100:
            self._earned_percent -= 100
        elif self._saved >= 1:
            self._saved -= 1
        else:
            return False
        return True


def is_unknown(fault: Fault) -> bool:
    """Tells whether nobody knows if the call was done."""
    return fault.detail.startswith(UNKNOWN)


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """What may be sent again, and when.

    Attributes:
        attempts_max: how often a call is sent at most, the first time included.
    """

    attempts_max: int = ATTEMPTS_MAX

    def retriable(self, fault: Fault, *, idempotent: bool) -> bool:
        """Tells whether a call that failed so may be sent again at all.

        Only a 503 or a 429 may: and only if it was refused before anything was done (its OPEN was never written, or
        was sent back untouched), or its endpoint says that twice is as good as once. So an unknown outcome is
        repeated for idempotent endpoints only.
        """
        return fault.code in (Unavailable.code, TooManyRequests.code) and (idempotent or fault.refused)

    def delay(self, attempt: int, entropy: Entropy, *, code: int = Unavailable.code) -> float:
        """Returns how many seconds to wait before an attempt; it doubles each time.

        The upper half of the wait is chance, so that callers who failed together do not come back together.

        Args:
            attempt: the number of attempts made so far, 1 before the first retry.
            entropy: where the chance comes from.
            code: the fault's: after a 429 the wait is longer.
        """
        first = TOO_MANY_SECONDS if code == TooManyRequests.code else UNAVAILABLE_SECONDS
        whole = min(BACK_OFF_SECONDS_MAX, first * (1 << min(max(0, attempt - 1), DOUBLINGS_MAX)))
        chance = int.from_bytes(entropy.random_bytes(CHANCE_BYTES)) / (1 << 8 * CHANCE_BYTES)
        return whole * (0.5 + 0.5 * chance)

    def after(
        self, fault: Fault, *, attempt: int, idempotent: bool, remaining_seconds: float, entropy: Entropy
    ) -> float | None:
        """Returns how long to wait before sending a failed call again, or None if it must not be; then ask the budget.

        Args:
            fault: how the last attempt failed.
            attempt: the number of attempts made so far.
            idempotent: whether the endpoint says so of itself.
            remaining_seconds: what is left of the deadline; a retry that could only begin later is none.
            entropy: for the wait.
        """
        if attempt >= self.attempts_max or not self.retriable(fault, idempotent=idempotent):
            return None
        seconds = self.delay(attempt, entropy, code=fault.code)
        return seconds if seconds < remaining_seconds else None
