"""Retries: only where they are safe, only as many as help."""

from __future__ import annotations

import pytest

from micro.errors import Fault
from micro.service.budget import (
    ATTEMPTS_MAX,
    BACK_OFF_SECONDS_MAX,
    BURST_PER_SECOND,
    RetryBudget,
    RetryPolicy,
    is_unknown,
)

POLICY = RetryPolicy()


class Dice:
    """Entropy that always gives the same byte."""

    def __init__(self, byte: int = 0) -> None:
        self.byte = byte

    def random_bytes(self, count: int) -> bytes:
        return bytes([self.byte]) * count


def fault(code: int, *, refused: bool = False, detail: str = "") -> Fault:
    found = Fault.make(code, detail)
    found.refused = refused
    return found


def spent(budget: RetryBudget, now: float) -> int:
    count = 0
    while budget.may_retry(now):
        count += 1
    return count


def test_who_calls_little_may_retry_a_few_times_each_second() -> None:
    """Ten at once, then ten more after a second."""
    budget = RetryBudget()

    assert [spent(budget, now) for now in (0.0, 0.0, 0.5, 1.0, 100.0)] == [10, 0, 5, 5, 10]


def test_a_tenth_of_the_calls_may_be_retries() -> None:
    """Beside the few each second."""
    budget = RetryBudget()
    for _ in range(500):
        budget.called()

    assert spent(budget, 0.0) == 50 + BURST_PER_SECOND


def test_a_good_hour_does_not_pay_for_a_storm() -> None:
    """What is earned ahead is bounded."""
    budget = RetryBudget()
    for _ in range(100_000):
        budget.called()

    assert spent(budget, 0.0) == 100 + BURST_PER_SECOND


def test_a_clock_that_goes_back_earns_nothing() -> None:
    """Time counts once."""
    budget = RetryBudget()
    spent(budget, 10.0)
    budget.may_retry(0.0)

    assert spent(budget, 10.0) == 0


@pytest.mark.parametrize("code", [400, 401, 402, 403, 404, 408, 409, 413, 499, 500])
def test_most_faults_are_answers(code: int) -> None:
    """Asking again would give the same."""
    assert POLICY.retriable(fault(code, refused=True), idempotent=True) is False


@pytest.mark.parametrize("code", [429, 503])
@pytest.mark.parametrize(
    ("refused", "idempotent", "expected"), [(True, False, True), (False, True, True), (False, False, False)]
)
def test_a_call_is_sent_again_only_where_that_is_safe(
    code: int, refused: bool, idempotent: bool, expected: bool
) -> None:
    """It was not begun, or twice is as good as once."""
    assert POLICY.retriable(fault(code, refused=refused), idempotent=idempotent) is expected


def test_an_unknown_outcome_is_recognised() -> None:
    """By the beginning of its detail."""
    assert [is_unknown(fault(503, detail=detail)) for detail in ("outcome unknown: the link ended", "no instance")] == [
        True,
        False,
    ]


@pytest.mark.parametrize(("attempt", "expected"), [(1, 0.02), (2, 0.04), (3, 0.08), (100, BACK_OFF_SECONDS_MAX)])
def test_the_wait_doubles_and_is_bounded(attempt: int, expected: float) -> None:
    """With all the luck against it, it is the whole wait."""
    assert POLICY.delay(attempt, Dice(255)) == pytest.approx(expected)


def test_half_of_the_wait_is_chance() -> None:
    """With all the luck, it is half."""
    assert POLICY.delay(1, Dice(0)) == pytest.approx(0.01)


def test_who_said_too_many_gets_more_rest() -> None:
    """A 429 waits ten times as long."""
    assert POLICY.delay(1, Dice(0), code=429) == pytest.approx(0.1)


@pytest.mark.parametrize(("attempt", "expected"), [(1, True), (2, True), (ATTEMPTS_MAX, False)])
def test_a_call_is_sent_three_times_at_most(attempt: int, expected: bool) -> None:
    """Then its fault is the answer."""
    wait = POLICY.after(fault(503), attempt=attempt, idempotent=True, remaining_seconds=9.0, entropy=Dice())

    assert (wait is not None) is expected


@pytest.mark.parametrize(("remaining_seconds", "expected"), [(0.0101, 0.01), (0.01, None), (0.0, None), (-1.0, None)])
def test_nothing_is_sent_after_the_deadline(remaining_seconds: float, expected: float | None) -> None:
    """A retry that could only begin then is none."""
    wait = POLICY.after(fault(503), attempt=1, idempotent=True, remaining_seconds=remaining_seconds, entropy=Dice())

    assert wait == expected


def test_what_is_not_safe_gets_no_wait() -> None:
    """However much time is left."""
    assert POLICY.after(fault(503), attempt=1, idempotent=False, remaining_seconds=9.0, entropy=Dice()) is None
