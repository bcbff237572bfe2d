"""The delays before a service starts again."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from micro.runtime.backoff import DELAY_SECONDS_MAX, HEALTHY_SECONDS, QUICK_SECONDS, Backoff


def delays(count: int, *, chance: float = 1.0) -> list[float]:
    """Returns the delays of a service that ends as soon as it has started."""
    backoff, now, found = Backoff(), 0.0, []
    for _ in range(count):
        found.append(backoff.delay(now, 0.0, chance))
        now += found[-1]
    return found


def test_three_are_quick_then_they_double() -> None:
    """Three restarts come at once, and after that each waits twice as long, up to a minute."""
    assert delays(11) == [0.2, 0.2, 0.2, 1, 2, 4, 8, 16, 32, 60, 60]


def test_chance_takes_up_to_half_of_it() -> None:
    """Luck spreads many services that fail together."""
    assert delays(5, chance=0.0) == [0.1, 0.1, 0.1, 0.5, 1.0]


def test_a_healthy_life_clears_the_record() -> None:
    """Who lived for a minute is quick again."""
    backoff = Backoff()
    for now in range(6):
        backoff.delay(now, 0.0, 1.0)

    assert backoff.delay(100.0, HEALTHY_SECONDS, 1.0) == QUICK_SECONDS


def test_rare_ends_stay_quick() -> None:
    """A service that ends every eleven seconds is back at once each time."""
    backoff = Backoff()

    assert {backoff.delay(now, 11.0, 1.0) for now in range(0, 200, 11)} == {QUICK_SECONDS}


@given(st.lists(st.tuples(st.floats(0, 1000), st.floats(0, 200), st.floats(0, 1)), max_size=60))
def test_a_delay_is_bounded(ends: list[tuple[float, float, float]]) -> None:
    """Whatever happens, a delay is more than nothing and at most a minute."""
    backoff, now = Backoff(), 0.0
    for passed, lived, chance in ends:
        now += passed
        assert 0 < backoff.delay(now, lived, chance) <= DELAY_SECONDS_MAX
