"""Time passes the same everywhere, and clocks show it differently."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import ModuleType

import pytest

from micro.errors import BadRequest


def test_now_is_now(main: ModuleType) -> None:
    """In whatever zone."""
    here, there = main.now(), main.now("Asia/Tokyo")

    assert abs(datetime.now(UTC) - datetime.fromisoformat(here.time)) < timedelta(minutes=1)
    assert abs(here.unix_seconds - there.unix_seconds) < 60
    assert there.time.endswith("+09:00")


@pytest.mark.parametrize(
    ("time", "from_zone", "to_zone", "expected"),
    [
        ("2026-07-01T09:00", "Europe/London", "Asia/Tokyo", "2026-07-01T17:00:00+09:00"),
        ("2026-01-01T09:00", "Europe/London", "Asia/Tokyo", "2026-01-01T18:00:00+09:00"),
        ("2026-07-01T09:00:00Z", "Asia/Tokyo", "America/New_York", "2026-07-01T05:00:00-04:00"),
        ("2026-07-01", "UTC", "+05:30", "2026-07-01T05:30:00+05:30"),
        ("2026-10-25T02:30", "Europe/Berlin", "UTC", "2026-10-25T00:30:00+00:00"),
        ("2026-07-01T09:00:00.123456+00:00", "UTC", "utc", "2026-07-01T09:00:00.123+00:00"),
    ],
)
def test_moments_are_converted(main: ModuleType, time: str, from_zone: str, to_zone: str, expected: str) -> None:
    """Summer time included; an hour that clocks show twice means the first."""
    assert main.convert(time, to_zone, from_zone).time == expected


def test_a_moment_tells_its_day(main: ModuleType) -> None:
    """With what people there call their time."""
    assert main.convert("2026-07-01T23:00Z", "Europe/Berlin") == main.Moment(
        time="2026-07-02T01:00:00+02:00",
        zone="Europe/Berlin",
        abbreviation="CEST",
        weekday="Thursday",
        week=27,
        unix_seconds=1782946800.0,
    )


def test_an_hour_that_never_was_is_refused(main: ModuleType) -> None:
    """Clocks were put forward over it."""
    with pytest.raises(BadRequest, match="never was"):
        main.convert("2026-03-29T02:30", "UTC", "Europe/Berlin")


@pytest.mark.parametrize(
    ("start", "end", "seconds", "text"),
    [
        ("2026-01-01", "2026-01-02T03:04:05", 97445.0, "1 day, 3 hours, 4 minutes"),
        ("2026-01-02", "2026-01-01", -86400.0, "minus 1 day"),
        ("2026-01-01T00:00Z", "2026-01-01T01:00+01:00", 0.0, "less than a minute"),
        ("2026-01-01", "2026-01-01T02:01", 7260.0, "2 hours, 1 minute"),
    ],
)
def test_the_time_between_two_moments(main: ModuleType, start: str, end: str, seconds: float, text: str) -> None:
    """In seconds, and for people."""
    span = main.difference(start, end)

    assert (span.seconds, span.text) == (seconds, text)


def test_days_are_24_hours(main: ModuleType) -> None:
    """The night in which clocks are put forward is an hour shorter."""
    assert main.difference("2026-03-28T12:00", "2026-03-29T12:00", "Europe/Berlin").seconds == 23 * 3600


@pytest.mark.parametrize("time", ["", "tomorrow", "2026-13-01", "9" * 1000])
def test_nonsense_is_no_time(main: ModuleType, time: str) -> None:
    """The fault shows what is expected."""
    with pytest.raises(BadRequest, match="expected a date"):
        main.convert(time)


@pytest.mark.parametrize(
    ("time", "zone"), [("9999-12-31T23:00", "Asia/Tokyo"), ("0001-01-01T00:00", "America/New_York")]
)
def test_the_calendar_ends_somewhere(main: ModuleType, time: str, zone: str) -> None:
    """With a fault, not with a crash."""
    with pytest.raises(BadRequest, match="calendar"):
        main.convert(time, zone)


@pytest.mark.parametrize("zone", ["", "Mars/Olympus", "../../etc/passwd", "+99:99", "\x00"])
def test_an_unknown_zone_is_refused(main: ModuleType, zone: str) -> None:
    """Also one that would be a path."""
    with pytest.raises(BadRequest, match="no zone"):
        main.now(zone)


def test_an_unknown_zone_suggests_others(main: ModuleType) -> None:
    """Most people know the city."""
    with pytest.raises(BadRequest, match="Europe/Berlin"):
        main.now("berlin")


def test_zones_can_be_looked_up(main: ModuleType) -> None:
    """By a part of their name."""
    assert "America/New_York" in main.zones("new york")
    assert len(main.zones(limit=7)) == 7


@pytest.mark.parametrize("limit", [-1, 1001])
def test_the_list_is_bounded(main: ModuleType, limit: int) -> None:
    """The fault says what is allowed."""
    with pytest.raises(BadRequest, match="limit"):
        main.zones(limit=limit)


def test_it_describes_itself(main: ModuleType) -> None:
    """Every endpoint has a description and an example."""
    assert all(endpoint["description"] and endpoint["examples"] for endpoint in main.service.describe()["endpoints"])
