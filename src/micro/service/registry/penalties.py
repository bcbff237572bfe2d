"""What became of something that was sent to a super node, and what it costs whoever sent it.

Pure.

Every sender has an account. Honest mistakes (a record that ended on its way, an older one that came later) cost next to
nothing and are forgotten within seconds; what no honest program does costs so much that two or three of it end the
link, and the sender is not let in for a while.
"""

from __future__ import annotations

from enum import Enum
from types import MappingProxyType
from typing import Any, Final

__all__ = ["BANISHED_SECONDS", "COST_MAX", "COST_SECONDS", "SENDERS_MAX", "Penalties", "Verdict"]

COST_MAX: Final = 100.0
"""Whoever reaches this is not listened to."""

COST_SECONDS: Final = 1.0
"""One of an account's costs is forgotten in so long."""

BANISHED_SECONDS: Final = 300.0
"""How long whoever reached `COST_MAX` is refused."""

SENDERS_MAX: Final = 10_000
"""So many accounts are kept; the one longest unchanged gives way."""


class Verdict(Enum):
    """What became of a record, a presence or a beat."""

    TAKEN = "taken"
    KNOWN = "known"
    """It says nothing new."""
    OUTDATED = "outdated"
    """A newer one is held: it was late, or is replayed."""
    EXPIRED = "expired"
    """Its time is over, or is not yet."""
    UNKNOWN = "unknown"
    """A beat without its presence."""
    FULL = "full"
    """There is no room: its node, its name or the super node has as many as it may."""
    MISPLACED = "misplaced"
    """It belongs to shards that are not held here."""
    LATER = "of a kind that only a newer program knows"
    """Its node has signed it, and may well have a reason."""
    MALFORMED = "malformed"
    """It is nothing that an honest program writes."""
    FORGED = "forged"
    """Its signature is not that of the node it names."""
    FLOOD = "flood"
    """It came faster than it may."""


COSTS: Final = MappingProxyType(
    {
        Verdict.OUTDATED: 1.0,
        Verdict.EXPIRED: 2.0,
        Verdict.FULL: 1.0,
        Verdict.MISPLACED: 1.0,
        Verdict.LATER: 1.0,
        Verdict.FLOOD: 5.0,
        Verdict.MALFORMED: 40.0,
        Verdict.FORGED: 50.0,
    }
)
"""What each costs; the others are free."""


class Penalties:
    """The accounts, by sender.

    Args:
        senders_max: how many are kept.
    """

    def __init__(self, senders_max: int = SENDERS_MAX) -> None:
        self._senders_max = senders_max
        self._accounts: dict[str, tuple[float, float]] = {}
        self._banished: dict[str, float] = {}

    def __len__(self) -> int:
        """Returns how many accounts and bans are kept."""
        return len(self._accounts) + len(self._banished)

    def charge(self, sender: str, verdict: Verdict, now: float) -> bool:
        """Charges a sender, and returns whether that was too much: its link is to be closed.

        Args:
            sender: its node id.
            verdict: what became of what it sent.
            now: a clock that never goes back, in seconds; the same for every method.
        """
        cost = COSTS.get(verdict, 0.0)
        if not cost:
            return False
        total = self.account(sender, now) + cost
        self._accounts.pop(sender, None)
        if total < COST_MAX:
            _keep(self._accounts, sender, (total, now), self._senders_max)
            return False
        self._banished.pop(sender, None)
        _keep(self._banished, sender, now + BANISHED_SECONDS, self._senders_max)
        return True

    def account(self, sender: str, now: float) -> float:
        """Returns what a sender's account stands at."""
        total, since = self._accounts.get(sender, (0.0, now))
        return max(0.0, total - (now - since) / COST_SECONDS)

    def banished_seconds(self, sender: str, now: float) -> float:
        """Returns for how long a sender is still refused, 0 where it is not."""
        until = self._banished.get(sender)
        if until is None:
            return 0.0
        if until <= now:
            del self._banished[sender]
            return 0.0
        return until - now


def _keep(table: dict[str, Any], sender: str, value: Any, most: int) -> None:
    """Puts a value at the end of a bounded table; the first one, unchanged for longest, gives way."""
    if len(table) >= most:
        del table[next(iter(table))]
    table[sender] = value
