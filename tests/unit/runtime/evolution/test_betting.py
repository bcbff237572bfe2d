"""The bet behind the decision."""

from __future__ import annotations

from fractions import Fraction

import pytest

from micro.runtime.evolution.betting import STAKE_WHOLE, STAKES, WHOLE, strength
from micro.runtime.evolution.logarithm import BIT, log2_down


def factor(stake: int, worth: int, tolerance: int) -> Fraction:
    """Returns what a better multiplies by, as the module's theory has it."""
    share = Fraction(tolerance, WHOLE)
    return 1 + Fraction(stake, STAKE_WHOLE) * (worth + share) / (1 - share)


@pytest.mark.parametrize("tolerance", [-2_000, 0, 200, 2_000])
def test_strength_is_below_what_all_betters_have_together(tolerance: int) -> None:
    """Strength is below what all betters have together."""
    for up, level, down in [(0, 0, 0), (9, 0, 0), (3, 200, 1), (0, 500, 0), (5, 5, 5), (0, 3, 8), (40, 10, 20)]:
        together = sum(
            factor(stake, 1, tolerance) ** up
            * factor(stake, 0, tolerance) ** level
            * factor(stake, -1, tolerance) ** down
            for stake in STAKES
        ) / len(STAKES)
        assert strength(up, level, down, tolerance) <= log2_down(together.numerator, together.denominator) + 1


@pytest.mark.parametrize("tolerance", [-2_000, 0, 200, 2_000])
@pytest.mark.parametrize("stake", STAKES)
def test_nobody_can_expect_to_gain_where_the_claim_is_wrong(stake: int, tolerance: int) -> None:
    """Nobody can expect to gain where the claim is wrong."""
    share = Fraction(tolerance, WHOLE)
    for up in (max(Fraction(0), -share), Fraction(1, 5), (1 - share) / 2):
        down = up + share  # the most favourable case that is still none
        gains = up * factor(stake, 1, tolerance) + down * factor(stake, -1, tolerance)
        assert gains + (1 - up - down) * factor(stake, 0, tolerance) == 1


def test_without_pairs_nothing_is_said() -> None:
    """Without pairs nothing is said."""
    assert strength(0, 0, 0, 0) < 0


def test_what_speaks_for_a_claim_strengthens_it_and_what_speaks_against_it_weakens_it() -> None:
    """What speaks for a claim strengthens it and what speaks against it weakens it."""
    assert strength(10, 5, 0, 0) < strength(11, 5, 0, 0)
    assert strength(10, 5, 1, 0) < strength(10, 5, 0, 0)
    assert strength(0, 400, 0, 0) <= 0
    assert strength(0, 400, 0, 200) > 6 * BIT
