"""A trial: who gets a call, and how pairs compare."""

from __future__ import annotations

import random

import pytest

from micro.service.cost import FUEL, MICROSECONDS, Cost
from micro.service.trial import ENDPOINTS_MAX, PAIRS_OPEN_MAX, SLACK_MICROSECONDS, WHOLE, Half, Tally, Trial

SECONDS = SLACK_MICROSECONDS / 1e6


def pair_of(trial: Trial, endpoint: str = "Say.Hello") -> tuple[Half, Half]:
    """Returns the halves of the next pair, the newcomer's first."""
    halves: list[Half] = []
    chance = random.Random(1)
    while len(halves) < 2:
        given = trial.assign(endpoint, chance.random)
        if isinstance(given, Half):
            halves.append(given)
    first, second = halves
    return (first, second) if first.is_newcomer else (second, first)


@pytest.mark.parametrize("weight", [1, 500, 1_000, 3_000, 5_000, 8_000, 9_999])
def test_a_newcomer_never_has_more_than_its_share_and_hardly_less(weight: int) -> None:
    """A newcomer never has more than its share and hardly less."""
    trial, chance, had = Trial(2, weight), random.Random(weight), 0
    for calls in range(1, 20_001):
        given = trial.assign(f"Say.Hello{chance.randrange(3)}", chance.random)
        if isinstance(given, Half):
            had += given.is_newcomer
            given.end(0, 0.0)
        else:
            had += given
        assert had * WHOLE <= weight * calls
    assert had >= weight * 20_000 // WHOLE - 12


@pytest.mark.parametrize(("weight", "expected"), [(0, False), (WHOLE, True)])
def test_with_nothing_and_with_all_there_are_no_pairs(weight: int, expected: bool) -> None:
    """With nothing and with all there are no pairs."""
    trial = Trial(2, weight)
    assert all(trial.assign("Say.Hello", random.Random(1).random) is expected for _ in range(100))


def test_the_halves_of_a_pair_are_calls_of_one_endpoint_one_for_each_generation() -> None:
    """The halves of a pair are calls of one endpoint one for each generation."""
    trial, chance = Trial(2, 5_000), random.Random(7)
    firsts = {}
    for _ in range(2_000):
        endpoint = chance.choice(["A.A", "B.B"])
        given = trial.assign(endpoint, chance.random)
        if isinstance(given, Half):
            first = firsts.pop(endpoint, None)
            if first is None:
                firsts[endpoint] = given
            else:
                assert given.is_newcomer is not first.is_newcomer
            given.end(0, 0.0)
    assert trial.answers.same > 400


def test_a_fair_coin_says_which_half_comes_first() -> None:
    """A fair coin says which half comes first."""
    chance, first = random.Random(3), 0
    for _ in range(2_000):
        trial = Trial(2, 5_000)
        while not isinstance(given := trial.assign("A.A", chance.random), Half):
            pass
        first += given.is_newcomer
    assert 900 < first < 1_100


def test_a_pair_is_open_until_both_halves_have_ended() -> None:
    """A pair is open until both halves have ended."""
    trial = Trial(2, 500)
    newcomer, parent = pair_of(trial)
    assert trial.open == 1
    newcomer.end(500, SECONDS)
    assert (trial.open, trial.answers.listed()) == (1, [0, 0, 0])
    parent.end(0, SECONDS)
    assert (trial.open, trial.answers.listed()) == (0, [0, 0, 1])
    parent.end(500, SECONDS)
    assert trial.answers.listed() == [0, 0, 1]


@pytest.mark.parametrize(
    ("newcomer", "parent", "answers", "speed"),
    [
        ((0, 1), (0, 1), "same", "same"),
        ((500, 1), (0, 1), "worse", "worse"),
        ((0, 1), (404, 1), "better", "better"),
        ((404, 1), (0, 1), "worse", "worse"),
        ((404, 1), (500, 1), "better", "better"),
        ((408, 1), (404, 1), "worse", "worse"),
        ((499, 1), (429, 1), "worse", "worse"),
        ((0, 9), (0, 1), "same", "worse"),
        ((0, 1), (0, 9), "same", "better"),
        ((0, 2), (0, 1), "same", "same"),
        ((0, 200), (0, 100), "same", "same"),
        ((0, 201), (0, 100), "same", "worse"),
    ],
)
def test_pairs_compare(newcomer: tuple[int, int], parent: tuple[int, int], answers: str, speed: str) -> None:
    """Pairs compare."""
    trial = Trial(2, 500)
    halves = pair_of(trial)
    for half, (code, slacks) in zip(halves, (newcomer, parent), strict=True):
        half.end(code, slacks * SECONDS)
    names = ("better", "same", "worse")
    assert names[trial.answers.listed().index(1)] == answers
    assert names[trial.speed.listed().index(1)] == speed


@pytest.mark.parametrize("codes", [(404, 400), (500, 503)])
def test_a_pair_of_which_both_went_amiss_says_nothing(codes: tuple[int, int]) -> None:
    """Whoever asks for what neither can answer does not help a newcomer by it."""
    trial = Trial(2, 500)
    for half, code in zip(pair_of(trial), codes, strict=True):
        half.end(code, SECONDS)
    assert (trial.open, trial.answers.listed(), trial.speed.listed()) == (0, [0, 0, 0], [0, 0, 0])


@pytest.mark.parametrize(
    ("newcomer", "parent", "cost"),
    [
        (Cost(5_000, MICROSECONDS), Cost(1_000, MICROSECONDS), [0, 0, 1]),
        (Cost(1_000, MICROSECONDS), Cost(5_000, MICROSECONDS), [1, 0, 0]),
        (Cost(1_900, MICROSECONDS), Cost(1_000, MICROSECONDS), [0, 1, 0]),
        (Cost(900, MICROSECONDS), Cost(10, MICROSECONDS), [0, 1, 0]),
        (Cost(9_000_000, FUEL), Cost(1_000_000, FUEL), [0, 0, 1]),
        (Cost(9_000_000, FUEL), Cost(1_000, MICROSECONDS), [0, 0, 0]),
        (None, Cost(1_000, MICROSECONDS), [0, 0, 0]),
    ],
)
def test_what_calls_cost_is_compared_in_one_unit(newcomer: Cost | None, parent: Cost | None, cost: list[int]) -> None:
    """Clearly more is more than twice as much, and not only a trifle; who tells nothing is not compared."""
    trial = Trial(2, 5_000)
    its, before = pair_of(trial)
    its.end(0, SECONDS, newcomer)
    before.end(0, SECONDS, parent)
    assert trial.cost.listed() == cost
    assert trial.speed.listed() == [0, 1, 0]


def test_calls_of_endpoints_without_end_do_not_stop_a_trial() -> None:
    """Pairs of which the second call never comes make room for others."""
    trial, chance = Trial(2, 5_000), random.Random(2)
    for number in range(4_000):
        given = trial.assign(f"No.Such{number}", chance.random)
        if isinstance(given, Half):
            given.end(404, SECONDS)
    for _ in range(4_000):
        given = trial.assign("Say.Hello", chance.random)
        if isinstance(given, Half):
            given.end(0, SECONDS)
    assert trial.answers.same > 500


def test_what_is_open_is_bounded() -> None:
    """What is open is bounded."""
    trial, chance = Trial(2, 5_000), random.Random(5)
    for number in range(20_000):
        trial.assign(f"E.E{number % 7}", chance.random)
    assert trial.open == PAIRS_OPEN_MAX
    assert len(trial._waiting) <= ENDPOINTS_MAX
    scattered = Trial(2, 5_000)
    for number in range(5_000):
        scattered.assign(f"E.E{number}", chance.random)
    assert len(scattered._waiting) == ENDPOINTS_MAX


def test_a_tally_knows_how_long_calls_took() -> None:
    """A tally knows how long calls took."""
    tally = Tally()
    for microseconds in (100, 100, 100, 5_000):
        tally.add(0, microseconds)
    tally.add(500, 1_000_000)
    tally.add(404, 1_000_000)
    assert (tally.calls, tally.failed, tally.rejected) == (6, 1, 1)
    assert tally.quantile_microseconds(5_000) == 128
    assert tally.quantile_microseconds(10_000) == 2**20
    assert Tally().quantile_microseconds(5_000) == 0
