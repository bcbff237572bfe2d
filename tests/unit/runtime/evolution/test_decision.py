"""The decision about a newcomer."""

from __future__ import annotations

from dataclasses import replace

import pytest

from micro.runtime.evolution.betting import WHOLE
from micro.runtime.evolution.decision import Standing, decide, newcomer
from micro.runtime.evolution.evidence import Evidence, Pairs, Terms

TERMS = Terms()
CANARY = newcomer(TERMS)
ALIKE = Evidence(answers=Pairs(same=400), speed=Pairs(better=10, same=380, worse=10))


def test_one_begins_with_a_canarys_weight() -> None:
    """One begins with a canary's weight."""
    assert CANARY == Standing("canary", 500)


def test_without_evidence_it_stays_a_canary() -> None:
    """Without evidence it stays a canary."""
    decision = decide(CANARY, Evidence(), TERMS)
    assert decision.standing == CANARY
    (reason,) = decision.reasons
    assert reason.startswith("it gets 5 % of the calls at most: 0 pairs of concurrent calls say 1 : 1 that it is ")
    assert reason.endswith("no worse in its answers, and 100 : 1 is asked for")


def test_one_that_does_as_well_ramps_and_says_why() -> None:
    """One that does as well ramps and says why."""
    decision = decide(CANARY, ALIKE, TERMS)
    assert decision.standing == Standing("ramping", 1_000, stepped_at=400)
    assert "fails and refuses no more often than its parent" in decision.reasons[0]
    assert "in 400 pairs of concurrent calls" in decision.reasons[0]


def test_one_whose_calls_fail_goes_to_zero_and_says_why() -> None:
    """One whose calls fail goes to zero and says why."""
    decision = decide(CANARY, Evidence(answers=Pairs(worse=15, same=20)), TERMS)
    assert decision.standing == Standing("zero", 0)
    assert decision.reasons[0].startswith(
        "fails or refuses more often than its parent: its call went worse 15 times, and the parent's 0 times"
    )


@pytest.mark.parametrize("quality", ["speed", "cost"])
def test_one_that_is_slower_or_dearer_goes_to_zero_though_it_answers(quality: str) -> None:
    """One that is slower or dearer goes to zero though it answers."""
    decision = decide(CANARY, replace(ALIKE, **{quality: Pairs(worse=200, same=150, better=50)}), TERMS)
    assert decision.standing == Standing("zero", 0)


def test_one_is_not_adopted_while_a_single_quality_is_open() -> None:
    """One is not adopted while a single quality is open."""
    decision = decide(CANARY, replace(ALIKE, cost=Pairs(same=10)), TERMS)
    assert decision.standing == CANARY
    assert "no worse in its cost" in decision.reasons[0]


def test_one_that_crashes_again_and_again_goes_to_zero() -> None:
    """One that crashes again and again goes to zero."""
    decision = decide(CANARY, replace(ALIKE, crashes=Pairs(worse=13)), TERMS)
    assert decision.standing == Standing("zero", 0)
    assert "crashes more often" in decision.reasons[0]


def test_a_crash_alone_does_not_decide() -> None:
    """A crash alone does not decide."""
    assert decide(CANARY, replace(ALIKE, crashes=Pairs(worse=1)), TERMS).standing.state == "ramping"


def test_pairs_that_await_an_answer_count_against_whatever_is_claimed() -> None:
    """Pairs that await an answer count against whatever is claimed."""
    for_it = replace(ALIKE, answers=Pairs(same=400, open=8), speed=Pairs(same=400, open=8))
    assert decide(CANARY, for_it, TERMS).standing == CANARY
    against_it = Evidence(answers=Pairs(worse=14, open=5), speed=Pairs(same=14, open=5))
    assert decide(CANARY, against_it, TERMS).standing == CANARY
    assert decide(CANARY, Evidence(answers=Pairs(worse=14)), TERMS).standing.state == "zero"


def test_a_ramp_doubles_with_pairs_and_ends_active() -> None:
    """A ramp doubles with pairs and ends active."""
    standing = decide(CANARY, ALIKE, TERMS).standing
    weights, count = [standing.weight], 400
    while standing.state == "ramping":
        waiting = decide(standing, replace(ALIKE, answers=Pairs(same=count + TERMS.step_pairs - 1)), TERMS)
        assert waiting.standing == standing
        count += TERMS.step_pairs
        standing = decide(standing, replace(ALIKE, answers=Pairs(same=count)), TERMS).standing
        weights.append(standing.weight)
    assert weights == [1_000, 2_000, 4_000, 8_000, 10_000]
    assert standing.state == "active"


def test_one_shown_worse_while_it_ramps_goes_to_zero() -> None:
    """One shown worse while it ramps goes to zero."""
    bad = Evidence(answers=Pairs(same=400, worse=20))
    assert decide(Standing("ramping", 4_000, 400), bad, TERMS).standing == Standing("zero", 0)


@pytest.mark.parametrize("standing", [Standing("active", WHOLE), Standing("zero", 0)])
def test_what_is_decided_stays(standing: Standing) -> None:
    """What is decided stays."""
    assert decide(standing, Evidence(answers=Pairs(worse=1_000)), TERMS).standing == standing
