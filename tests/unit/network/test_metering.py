"""What strangers may ask of a node."""

from __future__ import annotations

import re

import pytest

from micro.network.metering import BURST_SECONDS, LOOKUPS_BURST_SECONDS, Asked, Meters, Rates

RATES = Rates(
    calls_per_second=10, events_per_second=20, lookups_per_second=2, writes_per_second=1, bytes_per_second=1000
)
CALLS = Asked.CALLS


class Time:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_stranger_is_refused_beyond_its_rate_and_told_when_to_come_again() -> None:
    """After a burst; whoever comes at the time that was said is answered."""
    time = Time()
    meter = Meters(RATES, time).of("ann")
    assert [meter.refusal(CALLS) for _ in range(int(10 * BURST_SECONDS))] == [None] * 50
    fault = meter.refusal(CALLS)
    assert fault is not None
    assert fault.code == 429
    found = re.search(r"try again in ([0-9.]+) s", fault.detail)
    assert found is not None
    time.now += float(found[1]) + 0.001
    assert meter.refusal(CALLS) is None


@pytest.mark.parametrize("flooded", Asked)
def test_whoever_floods_one_kind_has_the_others_left(flooded: Asked) -> None:
    """All of them, as if nothing had been asked; and a flood is told what there is too much of."""
    meter = Meters(RATES, Time()).of("ann")
    for _ in range(1_000):
        fault = meter.refusal(flooded)
    assert fault is not None
    assert flooded.value in fault.detail
    bursts = {
        Asked.CALLS: 10 * BURST_SECONDS,
        Asked.EVENTS: 20 * BURST_SECONDS,
        Asked.LOOKUPS: 2 * LOOKUPS_BURST_SECONDS,
        Asked.WRITES: BURST_SECONDS,
    }
    for kind in Asked:
        taken = 0 if kind is flooded else int(bursts[kind])
        assert [meter.refusal(kind) for _ in range(taken)] == [None] * taken
        assert meter.refusal(kind) is not None


def test_all_links_of_a_node_are_counted_together() -> None:
    """And those of another one apart."""
    meters = Meters(RATES, Time())
    assert meters.of("ann").refusal(CALLS, 50) is None
    assert meters.of("ann").refusal(CALLS) is not None
    assert meters.of("bob").refusal(CALLS) is None


def test_many_events_in_one_message_can_come_at_all() -> None:
    """More than a burst counts as a burst."""
    meter = Meters(RATES, Time()).of("ann")
    assert meter.refusal(Asked.EVENTS, 1_000) is None
    assert meter.refusal(Asked.EVENTS) is not None


def test_bytes_make_reading_rest_and_are_not_refused() -> None:
    """For as long as takes to pay for them."""
    meter = Meters(RATES, Time()).of("ann")
    assert meter.heard(5000) == 0.0
    assert meter.heard(500) == 0.5
    assert meter.refusal(CALLS) is None


def test_the_table_is_bounded_and_forgets_full_ones_first() -> None:
    """So whoever makes new keys does not win back what an old one spent."""
    time = Time()
    meters = Meters(RATES, time, meters_max=3)
    meters.of("spent").refusal(CALLS, 50)
    for number in range(100):
        meters.of(f"new {number}")
    assert len(meters) <= 3
    assert meters.of("spent").refusal(CALLS) is not None


def test_the_table_is_bounded_where_all_are_in_use() -> None:
    """Those kept longest give way."""
    meters = Meters(RATES, Time(), meters_max=3)
    for number in range(100):
        meters.of(f"busy {number}").refusal(CALLS, 50)
    assert len(meters) == 3
    assert meters.of("busy 99").refusal(CALLS) is not None
