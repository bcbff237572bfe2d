"""What the decision promises, over many simulated lives of newcomers: seeds are fixed, and one looks after every pair.

Calls are given out by a real trial. Several are under way at once, and those that fail take longer, so that the answers
that come first are better than those that come later.
"""

from __future__ import annotations

import heapq
import math
import random
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from micro.runtime.evolution.decision import Standing, decide, newcomer
from micro.runtime.evolution.evidence import Evidence, Pairs, Terms
from micro.service.trial import Half, Trial
from tests.conftest import Campaign

IN_FLIGHT = 8
LATE = 20
"""An answer takes one call, one that fails as many as this."""


@dataclass(frozen=True)
class Version:
    """A version that fails so often of ten thousand, and takes so long."""

    fails: int
    seconds: Callable[[random.Random], float] = lambda chance: 0.01 * chance.lognormvariate(0.0, 0.5)


@dataclass
class Life:
    """What became of a newcomer."""

    standing: Standing
    calls: int
    had: int
    most: float
    """The largest part of the calls that it had while it was a canary, at any moment."""


def evidence_of(trial: Trial) -> Evidence:
    return Evidence(Pairs(*trial.answers.listed(), trial.open), Pairs(*trial.speed.listed(), trial.open))


def live(seed: int, new: Version, parent: Version, terms: Terms, calls_max: int, *, drift: bool = False) -> Life:
    """Lets a newcomer live until it is decided about, or calls are over."""
    chance = random.Random(seed)
    standing = newcomer(terms)
    trial = Trial(2, standing.weight)
    ends: list[tuple[int, int, Half, int, float]] = []
    compared = had = 0
    most = 0.0
    for calls in range(1, calls_max + 1):
        given = trial.assign("Say.Hello", chance.random)
        is_newcomer = given.is_newcomer if isinstance(given, Half) else given
        had += is_newcomer
        if standing.state == "canary":
            most = max(most, had / calls)
        if isinstance(given, Half):
            of = new if is_newcomer else parent
            trouble = 2_000 if drift and calls // 500 % 2 else 0  # at times everybody fails more often
            code = 500 if chance.randrange(10_000) < of.fails + trouble else 0
            due = calls + (LATE if code else 1) * IN_FLIGHT
            heapq.heappush(ends, (due, calls, given, code, of.seconds(chance)))
        while ends and ends[0][0] <= calls:
            _, _, half, code, seconds = heapq.heappop(ends)
            half.end(code, seconds)
        if trial.answers.better + trial.answers.same + trial.answers.worse != compared:
            compared = trial.answers.better + trial.answers.same + trial.answers.worse
            before, standing = standing, decide(standing, evidence_of(trial), terms).standing
            if standing.state in ("active", "zero"):
                break
            if standing.weight != before.weight:
                trial.weigh(standing.weight)
    return Life(standing, calls, had, most)


def allowed(runs: int, level: int) -> int:
    """Returns how many of so many runs may go wrong: more do with a probability below a thousandth at the level."""
    probability, tail, count = 1 / level, 1.0, -1
    while tail > 1e-3:
        count += 1
        tail -= math.comb(runs, count) * probability**count * (1 - probability) ** (runs - count)
    return count


@pytest.mark.parametrize("drift", [False, True])
def test_one_that_is_no_better_than_tolerated_is_not_adopted_more_often_than_the_level_says(
    campaign: Campaign, drift: bool
) -> None:
    """The hardest case is one that is worse by the tolerance and not by a bit more."""
    name = "lives of newcomers that are too bad" + (" in times that change" if drift else "")
    runs = campaign(name, share=150, full=4_000)
    terms = Terms(level=20, canary_weight=5_000)
    lives = (live(seed, Version(500), Version(300), terms, 1_600, drift=drift) for seed in range(runs))
    assert sum(life.standing.state in ("ramping", "active") for life in lives) <= allowed(runs, terms.level)


def test_without_a_tolerance_one_that_is_just_as_good_is_not_adopted_more_often_than_the_level_says(
    campaign: Campaign,
) -> None:
    """Without a tolerance one that is just as good is not adopted more often than the level says."""
    runs = campaign("lives of newcomers that are no better", share=150, full=4_000)
    terms = Terms(level=20, canary_weight=5_000, answers_tolerance=0, speed_tolerance=0)
    lives = (live(seed, Version(1_000), Version(1_000), terms, 1_600) for seed in range(runs))
    assert sum(life.standing.state in ("ramping", "active") for life in lives) <= allowed(runs, terms.level)


def test_one_that_is_just_as_good_is_not_put_to_zero_more_often_than_the_level_says(campaign: Campaign) -> None:
    """One that is just as good is not put to zero more often than the level says."""
    runs = campaign("lives of newcomers that are as good", share=150, full=4_000)
    terms = Terms(level=20, canary_weight=5_000)
    lives = (live(seed, Version(300), Version(300), terms, 1_600) for seed in range(runs))
    assert sum(life.standing.state == "zero" for life in lives) <= allowed(runs, terms.level)


@pytest.mark.parametrize(
    "worse",
    [
        Version(10_000),
        Version(3_000),
        Version(1_500),
        Version(100, lambda chance: 0.1 * chance.lognormvariate(0.0, 0.5)),
    ],
    ids=["always fails", "fails often", "fails sometimes", "is slow"],
)
def test_a_worse_one_never_has_more_than_a_twentieth_of_the_calls_and_ends_at_zero(worse: Version) -> None:
    """A worse one never has more than a twentieth of the calls and ends at zero."""
    lives = [live(seed, worse, Version(100), Terms(), 40_000) for seed in range(8)]
    assert all(life.standing.state == "zero" for life in lives)
    assert max(life.most for life in lives) <= 0.05


def test_a_better_one_wins() -> None:
    """A better one wins."""
    lives = [live(seed, Version(20), Version(1_500), Terms(), 40_000) for seed in range(8)]
    assert all(life.standing.state == "active" for life in lives)
    assert max(life.most for life in lives) <= 0.05


def test_one_that_is_as_good_as_its_parent_wins_mostly() -> None:
    """One that is as good as its parent wins mostly."""
    lives = [live(seed, Version(20), Version(20), Terms(), 60_000) for seed in range(12)]
    assert sum(life.standing.state == "active" for life in lives) >= 11
