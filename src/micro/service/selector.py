"""Which of many instances gets the next exchange.

Pure.

The rules, in order:

1. Only instances that serve, of the version asked for. A draining one gets nothing new.
2. An instance that failed five times in a row is ejected for 30 s, the next time for 60 s, up to 300 s. At most half of
   the instances are ejected at once: beyond that, those due back first are used again, since when most seem broken the
   trouble is probably elsewhere, and one cannot be worse off by trying.
3. One on this node before one elsewhere, while any here is not ejected.
4. Of two drawn at random by weight, the one with less in flight for its weight.

One `Seat` stands for one instance as this caller sees it; it counts what is in flight and what failed. For a service
with one instance a pick is a dictionary look-up and two comparisons.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Sequence
from itertools import accumulate

from micro.errors import NotFound, Unavailable
from micro.service.registry.instance import Instance, InstanceKey, matches

__all__ = ["Seat", "Selector", "is_failure", "unknown_version"]

FAILURES_MAX = 5
"""So many failures in a row, and an instance is ejected."""

EJECTION_SECONDS = 30.0
EJECTION_SECONDS_MAX = 300.0
CALM_SECONDS = 300.0
"""An instance that did well for so long after an ejection is as good as new."""

SERVICES_MAX = 20_000
"""So many services are remembered by one selector; the one longest known is forgotten first."""

VERSIONS_SHOWN_MAX = 8
VERSION_CHARACTERS_MAX = 64

FAILURE_CODES = frozenset({408, 500, 503})
"""Faults that speak against the instance; the others speak against the request."""


def is_failure(code: int) -> bool:
    """Tells whether a fault of this code counts against the instance that answered with it."""
    return code in FAILURE_CODES


class Seat:
    """One instance as one selector sees it.

    Attributes:
        instance: the instance.
        in_flight: exchanges begun and not finished.
        ejected_until: not picked before this time, in the selector's time.
    """

    __slots__ = ("_ejections", "_failures", "_group", "ejected_until", "in_flight", "instance")

    def __init__(self, instance: Instance, group: _Group) -> None:
        self.instance = instance
        self.in_flight = 0
        self.ejected_until = 0.0
        self._failures = 0
        self._ejections = 0
        self._group = group

    def begin(self) -> None:
        """Notes that an exchange begins."""
        self.in_flight += 1

    def end(self, ok: bool, now: float) -> None:
        """Notes that an exchange ended, well or by a failure of the instance."""
        self.in_flight -= 1
        if ok:
            self._failures = 0
            if self._ejections and now >= self.ejected_until + CALM_SECONDS:
                self._ejections = 0
            return
        self._failures += 1
        if self._failures >= FAILURES_MAX and now >= self.ejected_until:
            self._ejections += 1
            self._failures = 0
            self.ejected_until = now + min(EJECTION_SECONDS_MAX, EJECTION_SECONDS * self._ejections)
            self._group.trouble_until = max(self._group.trouble_until, self.ejected_until)

    def load(self) -> float:
        """Returns what is in flight in relation to the instance's weight."""
        return self.in_flight / max(1, self.instance.weight)


class _Group:
    """The seats of one service, arranged for the instances as they are now."""

    __slots__ = ("instances", "only", "preferred", "seats", "serving", "trouble_until")

    def __init__(self) -> None:
        self.instances: Sequence[Instance] = ()
        self.seats: dict[InstanceKey, Seat] = {}
        self.serving: Sequence[Seat] = ()
        self.preferred = _Draw(())
        self.only: Seat | None = None
        self.trouble_until = 0.0

    def arrange(self, instances: Sequence[Instance]) -> None:
        """Takes the instances as they are now; those known keep their counts."""
        seats = {}
        for instance in instances:
            seat = self.seats.get(instance.key) or Seat(instance, self)
            seat.instance = instance
            seats[instance.key] = seat
        self.instances = instances
        self.seats = seats
        self.serving = [seat for seat in seats.values() if seat.instance.state == "serving"]
        self.only = self.serving[0] if len(self.serving) == 1 else None
        self.preferred = _Draw(_near(_weighty(self.serving)))


class _Draw:
    """Seats of which one is to be drawn; what their weights mean is worked out once."""

    __slots__ = ("bounds", "seats")

    def __init__(self, seats: Sequence[Seat]) -> None:
        self.seats = seats
        weights = [seat.instance.weight for seat in seats]
        self.bounds = [] if len(set(weights)) <= 1 else list(accumulate(weights))

    def less_loaded(self, chance: Callable[[], float]) -> Seat:
        """Draws two seats by weight, and returns the one with less to do; the first drawn if equal."""
        seats, bounds = self.seats, self.bounds
        if len(seats) == 1:
            return seats[0]
        if bounds:
            first, second = (seats[bisect_right(bounds, chance() * bounds[-1], 0, len(seats) - 1)] for _ in range(2))
            return second if second.load() < first.load() else first
        # One number for two different seats: every ordered pair is equally likely.
        others = len(seats) - 1
        at, other = divmod(min(int(chance() * len(seats) * others), len(seats) * others - 1), others)
        first, second = seats[at], seats[other + (other >= at)]
        return second if second.in_flight < first.in_flight else first


class Selector:
    """Picks instances for one caller or one node.

    Args:
        chance: returns a number from 0 up to (not including) 1.
    """

    def __init__(self, chance: Callable[[], float]) -> None:
        self._chance = chance
        self._groups: dict[str, _Group] = {}

    def pick(
        self,
        service: str,
        instances: Sequence[Instance],
        now: float,
        *,
        version: str = "",
        exclude: Collection[InstanceKey] = (),
    ) -> Seat:
        """Picks an instance; call `begin` on the seat, and `end` when the exchange is over.

        Args:
            service: the service's name.
            instances: what the registry knows of it; pass the same object until it changes (as `View` does).
            now: the time in seconds, of a clock that never goes back.
            version: the version asked for (`1.2` means any 1.2.x), "" for any.
            exclude: keys of instances that were tried already; they are used only if there are no others.

        Raises:
            NotFound: nothing of this service, or of this version, is known.
            Unavailable: all instances are draining.
        """
        group = self._groups.get(service)
        if group is None or group.instances is not instances:
            group = self._arranged(service, instances)
        if not version:
            if group.only is not None:
                return group.only
            if group.preferred.seats and group.trouble_until <= now and not exclude:
                return group.preferred.less_loaded(self._chance)
        return _Draw(self._candidates(group, service, now, version, exclude)).less_loaded(self._chance)

    def _candidates(
        self, group: _Group, service: str, now: float, version: str, exclude: Collection[InstanceKey]
    ) -> Sequence[Seat]:
        """Returns those of which one is drawn, when the usual answer will not do."""
        seats = group.serving
        if version:
            seats = [seat for seat in seats if matches(seat.instance.version, version)]
        if not seats:
            raise _nothing(service, group.instances, version)
        seats = _weighty(seats)
        if group.trouble_until > now:
            seats = _healthy(seats, now)
        if exclude:
            seats = [seat for seat in seats if seat.instance.key not in exclude] or seats
        return _near(seats)

    def seats(self, service: str) -> Iterable[Seat]:
        """Returns the seats of a service, for status and metrics."""
        group = self._groups.get(service)
        return tuple(group.seats.values()) if group else ()

    def forget(self, service: str) -> None:
        """Forgets a service and all counts of its instances."""
        self._groups.pop(service, None)

    def _arranged(self, service: str, instances: Sequence[Instance]) -> _Group:
        group = self._groups.get(service)
        if group is None:
            if len(self._groups) >= SERVICES_MAX:
                del self._groups[next(iter(self._groups))]
            group = self._groups[service] = _Group()
        group.arrange(instances)
        return group


def _weighty(seats: Sequence[Seat]) -> Sequence[Seat]:
    """Returns the seats without those of weight 0, which get traffic only where there is nothing else."""
    return [seat for seat in seats if seat.instance.weight] or seats


def _near(seats: Sequence[Seat]) -> Sequence[Seat]:
    """Returns the seats on this node, or all where there are none here."""
    return [seat for seat in seats if seat.instance.local] or seats


def _healthy(seats: Sequence[Seat], now: float) -> Sequence[Seat]:
    """Returns the seats without those ejected, of which there are at most half: the latest to come back stay out."""
    ejected = sorted((seat for seat in seats if seat.ejected_until > now), key=lambda seat: -seat.ejected_until)
    out = {seat.instance.key for seat in ejected[: len(seats) // 2]}
    return [seat for seat in seats if seat.instance.key not in out]


def _nothing(service: str, instances: Sequence[Instance], version: str) -> NotFound | Unavailable:
    if not instances:
        return NotFound(f"no instance of {service!a} is registered; `micro services` lists what runs")
    return unknown_version(service, instances, version) or Unavailable(
        f"all {len(instances)} instances of {service} are draining; try again in a moment"
    )


def unknown_version(service: str, instances: Sequence[Instance], version: str) -> NotFound | None:
    """Returns the fault for a version that none of the instances is of, or None where one is, or there are none."""
    versions = sorted({instance.version for instance in instances})
    if not version or not versions or any(matches(found, version) for found in versions):
        return None
    runs, asked = ", ".join(versions[:VERSIONS_SHOWN_MAX]), version[:VERSION_CHARACTERS_MAX]
    return NotFound(f"{service} runs in version {runs}, not {asked!a}; ask for one of these", id=service)
