"""How long a source is left alone between two looks."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from micro.runtime.source.pace import (
    HINT_WINDOW_SECONDS,
    JITTER_SHARE,
    TROUBLE_CHARACTERS_MAX,
    HintRate,
    Pace,
    Sighting,
    answered,
    failed,
)

START = 1_000_000_000.0
HOUR = 3600.0
SEEN = answered(Sighting(), "a", START)


def quiet(seconds: float) -> Sighting:
    """A source that has not changed for so long when it was looked at."""
    return replace(SEEN, looked=START + seconds)


def test_a_source_that_changed_is_looked_at_every_minute() -> None:
    """At first, and never more often."""
    assert [Pace().wait(quiet(age), 0.0) for age in (0, 60, 480)] == [60, 60, 60]


def test_a_quiet_source_is_looked_at_ever_more_rarely() -> None:
    """An eighth of its silence, up to an hour."""
    waits = [Pace().wait(quiet(hours * HOUR), 0.0) for hours in (1, 2, 4, 8, 24, 1000)]

    assert waits == [450, 900, 1800, 3600, 3600, 3600]


def test_a_change_brings_back_the_minute() -> None:
    """However long it had been quiet."""
    after = answered(quiet(100 * HOUR), "b", START + 101 * HOUR)

    assert (after.changed, Pace().wait(after, 0.0)) == (START + 101 * HOUR, 60)


def test_the_same_answer_is_no_change() -> None:
    """What it was is what it is, since it was."""
    assert answered(SEEN, "a", START + 9).changed == START


def test_a_source_that_does_not_answer_is_asked_ever_more_rarely() -> None:
    """Each failure doubles the wait, up to the same hour."""
    sighting, waits = SEEN, []
    for _ in range(8):
        sighting = failed(sighting, "nobody there", START)
        waits.append(Pace().wait(sighting, 0.0))

    assert waits == [120, 240, 480, 960, 1920, 3600, 3600, 3600]


def test_an_answer_ends_the_trouble() -> None:
    """What was wrong is forgotten with it, and what was known before is not."""
    lost = failed(SEEN, "x" * 10_000, START + 1)
    found = answered(lost, "a", START + 2)

    assert (lost.revision, len(lost.trouble), lost.failures) == ("a", TROUBLE_CHARACTERS_MAX, 1)
    assert (found.changed, found.trouble, found.failures) == (START, "", 0)


@given(
    st.builds(
        Sighting,
        revision=st.just("a"),
        changed=st.floats(0, 2e9),
        looked=st.floats(0, 2e9),
        failures=st.integers(0, 10_000),
    ),
    st.floats(0, 1),
    st.floats(0, 2e9),
)
def test_no_wait_is_out_of_bounds(sighting: Sighting, chance: float, now: float) -> None:
    """Whatever happened, and however the date jumps, a source is asked once a minute at most, and once an hour."""
    pace = Pace()
    wait = pace.wait(sighting, chance)

    assert 60 <= wait <= HOUR * (1 + JITTER_SHARE)
    assert 0 <= pace.left(sighting, now, chance) <= wait


def test_chance_only_delays() -> None:
    """Up to a quarter, so that many sources drift apart and none comes too early."""
    assert [Pace().wait(SEEN, chance) for chance in (0.0, 1.0)] == [60, 75]


def test_what_is_left_of_a_wait() -> None:
    """A node that starts again waits for the rest; what was never seen is looked at now."""
    assert [Pace().left(SEEN, START + after, 0.0) for after in (0, 45, 60, 1e6)] == [60, 15, 0, 0]
    assert Pace().left(Sighting(), START, 0.0) == 0


@given(st.lists(st.floats(0, 30), max_size=60), st.integers(1, 5))
def test_hints_are_rationed(gaps: list[float], limit: int) -> None:
    """Within any minute no more of them count than are allowed, whenever they come."""
    rate, now, taken = HintRate(limit), 0.0, list[float]()
    for gap in gaps:
        now += gap
        free = rate.free(now)
        assert free >= now
        rate.take(free)
        taken.append(free)

    taken.sort()
    assert all(b - a >= HINT_WINDOW_SECONDS - 1e-6 for a, b in zip(taken, taken[limit:], strict=False))


def test_the_first_hints_count_at_once() -> None:
    """Who pushes now and then does not wait."""
    rate = HintRate(2)
    for now in (0.0, 1.0):
        assert rate.free(now) == now
        rate.take(now)

    assert rate.free(2.0) == HINT_WINDOW_SECONDS
