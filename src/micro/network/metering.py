"""What strangers may ask of this node: for each of them one meter over all its links.

A stranger is a node that this one's owner did not ask for. Each exchange that it opens, and each event that it
publishes, takes a token; without one it is refused with a 429 that says when to come again, and nothing was begun.
Bytes are no such yes or no: whoever sends more than his share is read more slowly, which the far end feels as
back-pressure, so that nothing is lost. Links of the owner, of his services and of neighbours that he asked for have no
meter.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from micro.errors import TooManyRequests
from micro.trust.rates import Bucket

__all__ = ["BURST_SECONDS", "METERS_MAX", "Meter", "Meters", "Rates"]

BURST_SECONDS: Final = 5.0
"""After a silence so many seconds' worth may be taken at once."""

METERS_MAX: Final = 20_000
"""So many strangers are counted apart. A meter that is full again says nothing and gives way first."""

FORGOTTEN_PART: Final = 8
"""Where all of them are in use, one in so many is forgotten."""


@dataclass(frozen=True, slots=True)
class Rates:
    """What one stranger may take in the long run.

    Attributes:
        exchanges_per_second: calls, streams and subscriptions that it opens, and events that it publishes.
        bytes_per_second: what it may send.
    """

    exchanges_per_second: float = 1_000.0
    bytes_per_second: float = 33_554_432.0


class Meter:
    """What one stranger has left."""

    __slots__ = ("_bytes", "_exchanges", "_now", "_rates")

    def __init__(self, rates: Rates, now: Callable[[], float]) -> None:
        self._rates = rates
        self._now = now
        exchanges, octets = rates.exchanges_per_second, rates.bytes_per_second
        self._exchanges = Bucket(exchanges, exchanges * BURST_SECONDS, now())
        self._bytes = Bucket(octets, octets * BURST_SECONDS, now())

    def refusal(self, count: int = 1) -> TooManyRequests | None:
        """Takes `count` exchanges, and returns None, or the fault to answer with where there are not so many.

        More than a burst of events in one message count as a burst, else they could never come.
        """
        rate, now = self._rates.exchanges_per_second, self._now()
        count = min(count, int(rate * BURST_SECONDS))
        if self._exchanges.take(now, count):
            return None
        seconds = max(0.001, self._exchanges.seconds_until(now, count))
        return TooManyRequests(
            f"this node answers {rate:g} exchanges a second of a node that its owner did not ask for; "
            f"try again in {seconds:.3f} s"
        )

    def heard(self, count: int) -> float:
        """Counts bytes that came, and returns for how many seconds no more is to be read, 0 for no pause."""
        return self._bytes.charge(self._now(), count)

    def is_full(self) -> bool:
        """Says whether it is like a new one."""
        now = self._now()
        return self._exchanges.is_full(now) and self._bytes.is_full(now)


class Meters:
    """The meters of all strangers, by node id.

    Args:
        rates: what each may take.
        now: a clock that never goes back, in seconds.
        meters_max: how many are kept.
    """

    def __init__(self, rates: Rates, now: Callable[[], float], *, meters_max: int = METERS_MAX) -> None:
        self._rates = rates
        self._now = now
        self._meters_max = meters_max
        self._meters: dict[str, Meter] = {}

    def __len__(self) -> int:
        """Returns how many are kept."""
        return len(self._meters)

    def of(self, nid: str) -> Meter:
        """Returns the meter of a node; all its links share it."""
        found = self._meters.get(nid)
        if found is None:
            if len(self._meters) >= self._meters_max:
                self._make_room()
            found = self._meters[nid] = Meter(self._rates, self._now)
        return found

    def _make_room(self) -> None:
        """Forgets those that are full; where none is, a part of those kept longest, so that this is rare."""
        self._meters = {nid: meter for nid, meter in self._meters.items() if not meter.is_full()}
        if len(self._meters) >= self._meters_max:
            for nid in list(self._meters)[: max(1, self._meters_max // FORGOTTEN_PART)]:
                del self._meters[nid]
