"""What strangers may ask of this node: for each of them one meter over all its links.

A stranger is a node that this one's owner did not ask for. What it asks is of four kinds, and each has a rate of its
own, so that whoever floods one of them has not used up another. Each exchange that it opens, and each event that it
publishes, takes a token; without one it is refused with a 429 that says when to come again, and nothing was begun.
Bytes are no such yes or no: whoever sends more than his share is read more slowly, which the far end feels as
back-pressure, so that nothing is lost. Links of the owner, of his services and of neighbours that he asked for have no
meter.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Final

from micro.errors import TooManyRequests
from micro.trust.rates import Bucket

__all__ = ["BURST_SECONDS", "LOOKUPS_BURST_SECONDS", "METERS_MAX", "Asked", "Meter", "Meters", "Rates"]

BURST_SECONDS: Final = 5.0
"""After a silence so many seconds' worth may be taken at once."""
LOOKUPS_BURST_SECONDS: Final = 20.0
"""The same for lookups: who begins asks much, and keeps the answers."""

METERS_MAX: Final = 20_000
"""So many strangers are counted apart. A meter that is full again says nothing and gives way first."""

FORGOTTEN_PART: Final = 8
"""Where all of them are in use, one in so many is forgotten."""


class Asked(Enum):
    """A kind of what is asked; its value is the word for it in a refusal."""

    CALLS = "calls, streams and subscriptions"
    EVENTS = "events"
    LOOKUPS = "lookups in the registry"
    WRITES = "writes to the registry"


@dataclass(frozen=True, slots=True)
class Rates:
    """What one stranger may take in the long run.

    Attributes:
        calls_per_second: calls, streams and subscriptions that it opens.
        events_per_second: what it publishes.
        lookups_per_second: what it asks a super node for.
        writes_per_second: homes that it opens at a super node, and parcels that it hands over.
        bytes_per_second: what it may send.
    """

    calls_per_second: float = 1_000.0
    events_per_second: float = 1_000.0
    lookups_per_second: float = 20.0
    writes_per_second: float = 100.0
    bytes_per_second: float = 33_554_432.0

    def of(self, asked: Asked) -> tuple[float, float]:
        """Returns how many of a kind come in a second, and how many at once after a silence."""
        match asked:
            case Asked.CALLS:
                return self.calls_per_second, self.calls_per_second * BURST_SECONDS
            case Asked.EVENTS:
                return self.events_per_second, self.events_per_second * BURST_SECONDS
            case Asked.LOOKUPS:
                return self.lookups_per_second, self.lookups_per_second * LOOKUPS_BURST_SECONDS
            case Asked.WRITES:
                return self.writes_per_second, self.writes_per_second * BURST_SECONDS


class Meter:
    """What one stranger has left. A bucket is made when it is first needed: most strangers ask for one or two kinds."""

    __slots__ = ("_buckets", "_bytes", "_now", "_rates")

    def __init__(self, rates: Rates, now: Callable[[], float]) -> None:
        self._rates = rates
        self._now = now
        octets = rates.bytes_per_second
        self._bytes = Bucket(octets, octets * BURST_SECONDS, now())
        self._buckets: dict[Asked, Bucket] = {}

    def refusal(self, asked: Asked, count: int = 1) -> TooManyRequests | None:
        """Takes `count` of a kind, and returns None, or the fault to answer with where there are not so many.

        More than a burst of events in one message count as a burst, else they could never come.
        """
        rate, burst = self._rates.of(asked)
        now = self._now()
        bucket = self._buckets.get(asked)
        if bucket is None:
            bucket = self._buckets[asked] = Bucket(rate, burst, now)
        count = min(count, int(burst))
        if bucket.take(now, count):
            return None
        seconds = max(0.001, bucket.seconds_until(now, count))
        return TooManyRequests(
            f"this node takes {rate:g} {asked.value} a second of a node that its owner did not ask for; "
            f"try again in {seconds:.3f} s"
        )

    def heard(self, count: int) -> float:
        """Counts bytes that came, and returns for how many seconds no more is to be read, 0 for no pause."""
        return self._bytes.charge(self._now(), count)

    def is_full(self) -> bool:
        """Says whether it is like a new one."""
        now = self._now()
        return self._bytes.is_full(now) and all(bucket.is_full(now) for bucket in self._buckets.values())


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
