"""What the rounds come to: medians of the ratios of each round, with their spread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median, quantiles

from benchmarks.lines import UNIT, Bound, Line
from benchmarks.round import Round

__all__ = [
    "MOOD_SHARE_MAX",
    "Spread",
    "bound_spread",
    "fsync_spread",
    "line_spread",
    "processor_microseconds",
    "spread_of",
    "strangers",
]

MOOD_SHARE_MAX = 0.25
"""A round whose bare echo differs more from the median is repeated."""


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of the rounds, and the middle half of them."""

    median: float
    low: float
    high: float
    rounds: int


def spread_of(values: Sequence[float]) -> Spread | None:
    """Returns the middle of some figures, and its surroundings; None where there is none."""
    if not values:
        return None
    if len(values) == 1:
        return Spread(values[0], values[0], values[0], 1)
    low, _, high = quantiles(values, n=4, method="inclusive")
    return Spread(median(values), low, high, len(values))


def line_spread(line: Line, rounds: Sequence[Round]) -> Spread | None:
    """Returns a line's ratios over the rounds that have both of its trials; None where none has."""
    ratios = []
    for found in rounds:
        ours, theirs = found.figures.get(line.subject), found.figures.get(line.reference)
        if ours is None or theirs is None:
            continue
        if line.figure == "p50":
            ratios.append(ours.p50_seconds / theirs.p50_seconds)
        else:
            ratios.append(ours.per_second / theirs.per_second)
    return spread_of(ratios)


def bound_spread(bound: Bound, rounds: Sequence[Round]) -> Spread | None:
    """Returns a bound's figures over the rounds: a part of the bar for a time, else as they are."""
    part = bound.bar if bound.unit == "s" else 1.0
    return spread_of([found.bounds[bound.key] / part for found in rounds if bound.key in found.bounds])


def fsync_spread(rounds: Sequence[Round]) -> Spread | None:
    """Returns how many calls to the bare echo an fsync takes, by p50; None where no round has called it."""
    echoes = [(found, found.figures[UNIT].p50_seconds) for found in rounds if UNIT in found.figures]
    return spread_of([found.fsync_seconds / seconds for found, seconds in echoes])


def processor_microseconds(line: Line, rounds: Sequence[Round]) -> tuple[float, float]:
    """Returns the processor time of a call, client and server together: ours, and the reference's."""
    pairs = [
        (found.figures[line.subject].processor_seconds * 1e6, found.figures[line.reference].processor_seconds * 1e6)
        for found in rounds
        if line.subject in found.figures and line.reference in found.figures
    ]
    return median(pair[0] for pair in pairs), median(pair[1] for pair in pairs)


def strangers(rounds: Sequence[Round]) -> list[int]:
    """Returns which rounds were measured in another mood of the machine than most."""
    middle = median(found.mood for found in rounds)
    return [at for at, found in enumerate(rounds) if abs(found.mood - middle) > MOOD_SHARE_MAX * middle]
