"""Laws of the selector and of the retry budget, for any history."""

from __future__ import annotations

from typing import Literal

from hypothesis import given
from hypothesis import strategies as st

from micro.errors import Fault, NotFound, Unavailable
from micro.service.budget import BURST_PER_SECOND, RetryBudget
from micro.service.registry.instance import Instance, matches
from micro.service.selector import Seat, Selector

SAID: list[tuple[str, str, str, Literal["serving", "draining"], int]] = [
    ("b0", "a", "1.0.0", "serving", 100),
    ("b0", "b", "1.0.0", "serving", 100),
    ("b0", "c", "1.1.0", "draining", 100),
    ("b1", "a", "1.0.0", "serving", 50),
    ("b1", "b", "1.1.0", "serving", 0),
    ("b2", "a", "2.0.0", "serving", 7),
]
KNOWN = [
    Instance("greeter", version, f"{nid}{id}", nid, local=nid == "b0", state=state, weight=weight)
    for nid, id, version, state, weight in SAID
]
INSTANCES = st.lists(st.sampled_from(KNOWN), unique=True, max_size=6).map(tuple)
STEPS = st.lists(
    st.tuples(
        INSTANCES,
        st.floats(0, 60),
        st.sampled_from(["", "", "", "1", "1.1", "3"]),
        st.booleans(),
        st.floats(0, 1, exclude_max=True),
        st.integers(1, 8),
    ),
    max_size=40,
)


def check(seat: Seat, selector: Selector, instances: tuple[Instance, ...], now: float, version: str) -> None:
    """Asserts that the rules of the selector's docstring hold for one pick."""
    fitting = [
        s for s in selector.seats("greeter") if s.instance.state == "serving" and matches(s.instance.version, version)
    ]
    weighty = [s for s in fitting if s.instance.weight] or fitting
    ejected = [s for s in weighty if s.ejected_until > now]
    assert seat in weighty
    assert seat.instance in instances
    if seat in ejected:  # panic: more than half are ejected, and the others among them come back no earlier
        assert len(ejected) > len(weighty) // 2
        longer = [s for s in ejected if s.ejected_until >= seat.ejected_until and s is not seat]
        assert len(longer) >= len(weighty) // 2
    if not seat.instance.local:
        assert all(s in ejected for s in weighty if s.instance.local)


@given(STEPS)
def test_a_pick_keeps_all_rules(steps: list[tuple[tuple[Instance, ...], float, str, bool, float, int]]) -> None:
    """Never a draining one, never one that is ejected unless most are, never one elsewhere while one here is well."""
    luck = [0.0]
    selector, now = Selector(lambda: luck[0]), 0.0
    for instances, seconds, version, ok, chance, times in steps:
        now += seconds
        luck[0] = chance
        try:
            seat = selector.pick("greeter", instances, now, version=version)
        except (NotFound, Unavailable):
            assert not [i for i in instances if i.state == "serving" and matches(i.version, version)]
            continue
        check(seat, selector, instances, now, version)
        for _ in range(times):
            seat.begin()
            seat.end(ok, now)


@given(STEPS)
def test_what_began_and_ended_leaves_nothing_in_flight(
    steps: list[tuple[tuple[Instance, ...], float, str, bool, float, int]],
) -> None:
    """Counts of exchanges are those that are open."""
    selector, open_seats = Selector(lambda: 0.5), []
    for instances, now, version, ok, _, _ in steps:
        try:
            seat = selector.pick("greeter", instances, now, version=version)
        except Fault:
            continue
        seat.begin()
        open_seats.append(seat)
        if ok:
            open_seats.pop(0).end(ok, now)

    for seat in selector.seats("greeter"):
        assert seat.in_flight == sum(1 for other in open_seats if other is seat)


@given(st.lists(st.tuples(st.floats(0, 5), st.integers(0, 300), st.integers(0, 300)), max_size=60))
def test_retries_stay_within_the_budget(steps: list[tuple[float, int, int]]) -> None:
    """Over any window: a tenth of its calls, ten each second, and what may be saved up."""
    budget, now = RetryBudget(), 0.0
    history: list[tuple[float, int, int]] = []
    for seconds, calls, tries in steps:
        now += seconds
        for _ in range(calls):
            budget.called()
        history.append((now, calls, sum(budget.may_retry(now) for _ in range(tries))))

    for begin in range(len(history)):
        for end in range(begin, len(history)):
            window = history[begin : end + 1]
            elapsed = window[-1][0] - window[0][0]
            earned = sum(calls for _, calls, _ in window) / 10 + (elapsed + 1) * BURST_PER_SECOND
            saved = 100 if begin else 0
            assert sum(retries for _, _, retries in window) <= earned + saved + 1e-6
