"""Logarithms in whole numbers."""

from __future__ import annotations

from decimal import Decimal, localcontext

import pytest

from micro.runtime.evolution.logarithm import BIT, log2_down, log2_up

FRACTIONS = [(1, 1), (2, 1), (1, 2), (3, 2), (1, 3), (400, 1), (10_000, 9_999), (9_999, 10_000), (1, 64), (10**30, 7)]


def exact(numerator: int, denominator: int) -> Decimal:
    with localcontext() as context:
        context.prec = 60
        return (Decimal(numerator) / Decimal(denominator)).ln() / Decimal(2).ln() * BIT


@pytest.mark.parametrize(("numerator", "denominator"), FRACTIONS)
def test_a_logarithm_is_never_above_the_true_one_and_hardly_below(numerator: int, denominator: int) -> None:
    """A logarithm is never above the true one and hardly below."""
    true = exact(numerator, denominator)
    assert true - Decimal("1.001") < log2_down(numerator, denominator) <= true + Decimal("1e-40")


@pytest.mark.parametrize(("numerator", "denominator"), FRACTIONS)
def test_rounded_up_it_is_never_below(numerator: int, denominator: int) -> None:
    """Rounded up it is never below."""
    true = exact(numerator, denominator)
    assert true - Decimal("1e-40") <= log2_up(numerator, denominator) < true + Decimal("1.001")


def test_powers_of_two_are_exact() -> None:
    """Powers of two are exact."""
    assert [log2_down(2**power) for power in (0, 1, 10)] == [0, BIT, 10 * BIT]
    assert log2_down(1, 8) == log2_up(1, 8) == -3 * BIT
