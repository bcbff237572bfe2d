"""What a call cost: told with its answer where that was asked for, in fuel by guests, in processor time by processes.

Pure.

A node asks by the header `Micro-Cost` for calls that it compares, and is answered by the same header: a whole number
and its unit. Of an event that it compares it asks likewise, and is told before the acknowledgement: the event's
sequence, how many microseconds it was handled for, and the cost. Only the subscriber knows that time, for an event may
wait there until others are handled. What is told is a claim: it is bounded by what is possible, and two claims are
compared in one unit only.
"""

from __future__ import annotations

import re
from typing import NamedTuple

__all__ = ["ASKED", "FUEL", "MICROSECONDS", "Cost", "Handled", "read_cost", "read_handled", "told_of"]

ASKED = "asked"
"""What a request says that wants to be told."""

FUEL, MICROSECONDS = "fuel", "microseconds"
_TOLD = re.compile(rf"([0-9]{{1,18}}) ({FUEL}|{MICROSECONDS})")
_HANDLED = re.compile(r"([0-9]{1,19}) ([0-9]{1,15}) (.{1,64})")
_SECOND_MICROSECONDS = 1_000_000

PROCESSORS_MAX = 1_024
"""No exchange keeps more processors busy than this: claims beyond are cut."""

SLACK = {FUEL: 100_000, MICROSECONDS: 1_000}
"""What costs more by less than this was not clearly dearer: a fraction of a millisecond of any processor."""


class Cost(NamedTuple):
    """What one exchange cost."""

    amount: int
    unit: str

    def is_dearer(self, other: Cost) -> bool:
        """Whether this is clearly more than another cost of the same unit."""
        return self.amount > max(2 * other.amount, other.amount + SLACK[self.unit])

    def __str__(self) -> str:
        return f"{self.amount} {self.unit}"


def read_cost(told: object, seconds: float) -> Cost | None:
    """Returns what an answer that took so long says it cost, None where it says nothing that can be true."""
    found = _TOLD.fullmatch(str(told))
    if found is None:
        return None
    amount, unit = int(found[1]), found[2]
    if unit == MICROSECONDS:
        amount = min(amount, int(seconds * PROCESSORS_MAX * _SECOND_MICROSECONDS))
    return Cost(amount, unit)


class Handled(NamedTuple):
    """What handling one event took: seconds, and the cost where that was told."""

    seconds: float
    cost: Cost | None


def told_of(sequence: int, seconds: float, cost: Cost) -> str:
    """Returns how a subscriber says what handling an event took."""
    return f"{sequence} {max(0, int(seconds * _SECOND_MICROSECONDS))} {cost}"


def read_handled(told: object) -> tuple[int, Handled] | None:
    """Returns the sequence of an event and what handling it took, None where nothing is said that can be true."""
    found = _HANDLED.fullmatch(str(told))
    if found is None:
        return None
    seconds = int(found[2]) / _SECOND_MICROSECONDS
    return int(found[1]), Handled(seconds, read_cost(found[3], seconds))
