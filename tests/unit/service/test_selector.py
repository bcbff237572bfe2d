"""The selector: who gets the next exchange."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from micro.errors import NotFound, Unavailable
from micro.service.registry.instance import Instance
from micro.service.selector import (
    CALM_SECONDS,
    EJECTION_SECONDS,
    EJECTION_SECONDS_MAX,
    FAILURES_MAX,
    SERVICES_MAX,
    Seat,
    Selector,
    is_failure,
)


def instances(count: int, **fields: Any) -> tuple[Instance, ...]:
    return tuple(
        replace(Instance("greeter", "1.0.0", str(number), "bhere", local=True), **fields) for number in range(count)
    )


def chances(*numbers: float) -> Callable[[], float]:
    """Returns a chance that gives these numbers, then the last for ever."""
    left = list(numbers)
    return lambda: left.pop(0) if len(left) > 1 else left[0]


def fail(seat: Seat, now: float, times: int = FAILURES_MAX) -> None:
    for _ in range(times):
        seat.begin()
        seat.end(False, now)  # noqa: FBT003


def pick(selector: Selector, among: Sequence[Instance], now: float = 0.0, **wishes: Any) -> str:
    return selector.pick("greeter", among, now, **wishes).instance.id


def seat_of(selector: Selector, id: str) -> Seat:
    return next(seat for seat in selector.seats("greeter") if seat.instance.id == id)


@pytest.fixture
def selector() -> Selector:
    return Selector(random.Random(7).random)


def test_the_only_instance_is_picked() -> None:
    """Without asking chance."""
    assert pick(Selector(chances()), instances(1)) == "0"


def test_the_only_instance_is_picked_even_while_it_fails() -> None:
    """There is nothing better."""
    selector, only = Selector(chances()), instances(1)
    fail(selector.pick("greeter", only, 0.0), 0.0)

    assert pick(selector, only) == "0"


@pytest.mark.parametrize(
    ("chance", "busy", "expected"), [(0.0, "0", "1"), (0.0, "1", "0"), (0.55, "1", "2"), (0.99, "2", "1")]
)
def test_of_two_the_less_loaded_is_picked(chance: float, busy: str, expected: str) -> None:
    """For three: 0.0 draws 0 and 1, 0.55 draws 1 and 2, 0.99 draws 2 and 1."""
    selector, three = Selector(lambda: chance), instances(3)
    selector.pick("greeter", three, 0.0)
    seat_of(selector, busy).begin()

    assert pick(selector, three) == expected


def test_the_two_drawn_are_different() -> None:
    """Whatever chance says, even more than it may."""
    for count in (2, 3, 10):
        for chance in (0.0, 0.1, 0.5, 0.9, 1 - 2**-53, 1.0):
            selector = Selector(lambda: chance)  # noqa: B023
            first = selector.pick("greeter", instances(count), 0.0)
            first.begin()

            assert selector.pick("greeter", first._group.instances, 0.0) is not first


def test_all_get_their_share(selector: Selector) -> None:
    """Equal instances are picked about equally often."""
    ten = instances(10)
    counts = Counter(pick(selector, ten) for _ in range(10_000))

    assert all(800 < counts[str(number)] < 1200 for number in range(10))


def test_what_is_in_flight_is_spread(selector: Selector) -> None:
    """With two choices the fullest has hardly more than the average."""
    ten = instances(10)
    for _ in range(1000):
        selector.pick("greeter", ten, 0.0).begin()

    assert max(seat.in_flight for seat in selector.seats("greeter")) <= 104


def test_weights_are_shares(selector: Selector) -> None:
    """A new generation gets its two of a hundred, not nothing and not half."""
    two = (replace(instances(1)[0], id="old", weight=98), replace(instances(1)[0], id="new", weight=2))
    counts = Counter(pick(selector, two) for _ in range(10_000))

    assert 120 < counts["new"] < 280


def test_load_is_measured_by_weight() -> None:
    """One of ten at weight 10 is less than one of two at weight 2."""
    two = (replace(instances(1)[0], id="big", weight=10), replace(instances(1)[0], id="small", weight=2))
    selector = Selector(chances(0.0, 0.0, 0.0, 0.99))
    selector.pick("greeter", two, 0.0)
    seat_of(selector, "big").in_flight = 4
    seat_of(selector, "small").in_flight = 1

    assert pick(selector, two) == "big"


def test_weight_zero_gets_nothing(selector: Selector) -> None:
    """While there is anything else."""
    two = (*instances(1), replace(instances(1)[0], id="shadow", weight=0))

    assert {pick(selector, two) for _ in range(100)} == {"0"}


def test_weight_zero_is_better_than_nobody(selector: Selector) -> None:
    """As is asking for its version."""
    two = (*instances(1), replace(instances(1)[0], id="shadow", weight=0, version="2.0.0"))

    assert (pick(selector, two[1:]), pick(selector, two, version="2")) == ("shadow", "shadow")


def test_one_here_is_picked_before_one_elsewhere(selector: Selector) -> None:
    """However busy it is."""
    both = (*instances(1), *instances(5, local=False, nid="bthere"))
    for _ in range(50):
        selector.pick("greeter", both, 0.0).begin()

    assert seat_of(selector, "0").instance.nid == "bhere"
    assert pick(selector, both) == "0"


def test_one_elsewhere_helps_while_ours_is_ejected(selector: Selector) -> None:
    """And no longer."""
    both = (*instances(1), replace(instances(1)[0], id="remote", local=False, nid="bthere"))
    fail(selector.pick("greeter", both, 0.0), 0.0)

    assert (pick(selector, both, EJECTION_SECONDS - 0.1), pick(selector, both, EJECTION_SECONDS)) == ("remote", "0")


def test_a_draining_instance_gets_nothing_new(selector: Selector) -> None:
    """It is on its way out."""
    two = (*instances(1), replace(instances(1)[0], id="draining", state="draining"))

    assert {pick(selector, two) for _ in range(100)} == {"0"}


def test_all_draining_is_unavailable(selector: Selector) -> None:
    """It is worth trying again in a moment."""
    with pytest.raises(Unavailable, match="draining"):
        pick(selector, instances(2, state="draining"))


def test_nobody_is_not_found(selector: Selector) -> None:
    """The fault says what to do next."""
    with pytest.raises(NotFound, match="micro services"):
        pick(selector, ())


def test_a_version_can_be_asked_for(selector: Selector) -> None:
    """1.2 is any 1.2.x."""
    two = (*instances(1), replace(instances(1)[0], id="new", version="1.2.7"))

    assert {pick(selector, two, version="1.2") for _ in range(50)} == {"new"}


def test_a_version_that_does_not_run_is_not_found(selector: Selector) -> None:
    """The fault names those that do."""
    with pytest.raises(NotFound, match=r"version 1\.0\.0"):
        pick(selector, instances(2), version="3")


def test_a_retry_goes_elsewhere(selector: Selector) -> None:
    """To one that was not tried."""
    two = instances(2)

    assert {pick(selector, two, exclude={two[0].key}) for _ in range(50)} == {"1"}


def test_a_retry_goes_anywhere_if_all_were_tried(selector: Selector) -> None:
    """Better than giving up."""
    two = instances(2)

    assert pick(selector, two, exclude={found.key for found in two}) in {"0", "1"}


def test_five_failures_in_a_row_eject(selector: Selector) -> None:
    """Four do not."""
    three = instances(3)
    selector.pick("greeter", three, 0.0)
    fail(seat_of(selector, "0"), 0.0)
    fail(seat_of(selector, "1"), 0.0, times=FAILURES_MAX - 1)

    assert {pick(selector, three, 1.0) for _ in range(100)} == {"1", "2"}


def test_one_success_between_failures_forgives(selector: Selector) -> None:
    """Only failures in a row speak against an instance."""
    selector.pick("greeter", instances(2), 0.0)
    seat = seat_of(selector, "0")
    fail(seat, 0.0, times=FAILURES_MAX - 1)
    seat.begin()
    seat.end(True, 0.0)  # noqa: FBT003
    fail(seat, 0.0, times=FAILURES_MAX - 1)

    assert seat.ejected_until == 0.0


def test_every_ejection_is_longer_than_the_last(selector: Selector) -> None:
    """30 s, 60 s, 90 s and so on, but never more than 300 s."""
    selector.pick("greeter", instances(2), 0.0)
    seat, now, waits = seat_of(selector, "0"), 0.0, []
    for _ in range(12):
        fail(seat, now)
        waits.append(seat.ejected_until - now)
        now = seat.ejected_until

    assert waits == [min(EJECTION_SECONDS_MAX, EJECTION_SECONDS * number) for number in range(1, 13)]


def test_failures_while_ejected_do_not_count(selector: Selector) -> None:
    """What was in flight fails too, for the same reason."""
    selector.pick("greeter", instances(2), 0.0)
    seat = seat_of(selector, "0")
    fail(seat, 0.0, times=10 * FAILURES_MAX)

    assert seat.ejected_until == EJECTION_SECONDS


def test_good_conduct_is_rewarded(selector: Selector) -> None:
    """After a calm time the next ejection is short again."""
    selector.pick("greeter", instances(2), 0.0)
    seat = seat_of(selector, "0")
    fail(seat, 0.0)
    calm = EJECTION_SECONDS + CALM_SECONDS
    seat.begin()
    seat.end(True, calm)  # noqa: FBT003
    fail(seat, calm)

    assert seat.ejected_until == calm + EJECTION_SECONDS


@pytest.mark.parametrize(
    ("count", "broken", "used"), [(4, 1, 3), (4, 2, 2), (4, 3, 2), (4, 4, 2), (5, 5, 3), (2, 2, 1), (1, 1, 1)]
)
def test_at_most_half_are_ejected(selector: Selector, count: int, broken: int, used: int) -> None:
    """When most fail, those due back first are tried."""
    some = instances(count)
    selector.pick("greeter", some, 0.0)
    for number in range(broken):
        fail(seat_of(selector, str(number)), float(number))

    assert {pick(selector, some, 10.0) for _ in range(200)} == {
        *map(str, range(broken, count)),
        *map(str, range(used - (count - broken))),
    }


def test_counts_survive_a_change_of_the_registry(selector: Selector) -> None:
    """A known instance keeps what is in flight and what failed."""
    seat = selector.pick("greeter", instances(1), 0.0)
    seat.begin()
    selector.pick("greeter", (*instances(2),), 0.0)

    assert seat_of(selector, "0") is seat


def test_an_instance_that_left_is_forgotten(selector: Selector) -> None:
    """Its seat goes with it."""
    selector.pick("greeter", instances(3), 0.0)
    selector.pick("greeter", instances(1), 0.0)

    assert [seat.instance.id for seat in selector.seats("greeter")] == ["0"]


def test_a_service_can_be_forgotten(selector: Selector) -> None:
    """With all counts."""
    pick(selector, instances(1))
    selector.forget("greeter")

    assert selector.seats("greeter") == ()


def test_the_memory_of_a_selector_is_bounded(selector: Selector) -> None:
    """Whoever asks for ever new names fills nothing."""
    only = instances(1)
    for number in range(SERVICES_MAX + 10):
        selector.pick(f"s-{number}", only, 0.0)

    assert len(selector._groups) == SERVICES_MAX


@pytest.mark.parametrize(
    ("code", "expected"),
    [(400, False), (404, False), (408, True), (429, False), (499, False), (500, True), (503, True)],
)
def test_only_some_faults_speak_against_the_instance(code: int, expected: bool) -> None:
    """The others speak against the request."""
    assert is_failure(code) is expected
