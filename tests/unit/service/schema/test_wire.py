"""protobuf's classes for derived messages, and the values inside them."""

from __future__ import annotations

import datetime as dt
import uuid
from decimal import Decimal
from typing import Any

import pytest
from google.protobuf import duration_pb2, timestamp_pb2

from micro.service.schema.proto import Field, Message
from micro.service.schema.wire import (
    date_of,
    decimal_of,
    decimal_text,
    duration_of,
    finite,
    message_class,
    moment_of,
    set_duration,
    set_moment,
    uuid_of,
)
from tests.unit.service.schema.samples import Rich, message

PAIR = Message("Pair", fields=[Field("moment", 1, "timestamp"), Field("span", 2, "duration")])


def moment(value: dt.datetime) -> Any:
    made = message_class(PAIR)()
    set_moment(made.f1, value)
    return made.f1


def span(value: dt.timedelta) -> Any:
    made = message_class(PAIR)()
    set_duration(made.f2, value)
    return made.f2


def pair(seconds: int, nanos: int) -> Any:
    made = message_class(PAIR)()
    made.f1.f1, made.f1.f2 = seconds, nanos
    return made.f1


def test_every_field_has_its_number() -> None:
    """Names on the wire are nobody's concern."""
    fields = message_class(message(Rich)).DESCRIPTOR.fields

    assert [(field.name, field.number) for field in fields][:2] == [("f1", 1), ("f2", 2)]


def test_scalars_know_absence() -> None:
    """`optional`, so that 0 is not nothing."""
    made = message_class(message(Rich))()
    made.f2 = 0

    assert (made.HasField("f2"), made.HasField("f1")) == (True, False)


@pytest.mark.parametrize(
    "value",
    [
        dt.datetime(2026, 1, 31, 12, 0, 0, 1, tzinfo=dt.UTC),
        dt.datetime(1, 1, 1, tzinfo=dt.UTC),
        dt.datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=dt.UTC),
        dt.datetime(1969, 12, 31, 23, 59, 59, 500_000, tzinfo=dt.timezone(dt.timedelta(hours=2))),
    ],
)
def test_a_moment_is_what_google_means(value: dt.datetime) -> None:
    """The same bytes as a google.protobuf.Timestamp, before 1970 too."""
    expected = timestamp_pb2.Timestamp()
    expected.FromDatetime(value)

    assert moment(value).SerializeToString() == expected.SerializeToString()


@pytest.mark.parametrize("micros", [0, 1, -1, 1_500_000, -1_500_000, 86_400_000_000 * 365])
def test_a_duration_is_what_google_means(micros: int) -> None:
    """The same bytes as a google.protobuf.Duration, below zero too."""
    expected = duration_pb2.Duration()
    expected.FromMicroseconds(micros)

    assert span(dt.timedelta(microseconds=micros)).SerializeToString() == expected.SerializeToString()


@pytest.mark.parametrize("micros", [0, 1, -1, 1_500_000, -1_500_000, -999_999])
def test_a_duration_comes_back(micros: int) -> None:
    """To the microsecond."""
    assert duration_of(span(dt.timedelta(microseconds=micros))) == dt.timedelta(microseconds=micros)


def test_a_moment_comes_back_in_utc() -> None:
    """It is the same point in time."""
    value = dt.datetime(1960, 1, 31, 12, 0, 0, 7, tzinfo=dt.timezone(dt.timedelta(hours=-5)))

    assert moment_of(moment(value)) == value


def test_a_moment_without_offset_is_refused() -> None:
    """It is no point in time."""
    with pytest.raises(ValueError, match="without offset"):
        moment(dt.datetime(2026, 1, 31))  # noqa: DTZ001


@pytest.mark.parametrize(("seconds", "nanos"), [(0, -1), (0, 10**9), (2**62, 0), (-(2**62), 0)])
def test_moments_that_are_none_are_refused(seconds: int, nanos: int) -> None:
    """Nanoseconds beyond a second, years beyond 9999."""
    with pytest.raises((ValueError, OverflowError)):
        moment_of(pair(seconds, nanos))


@pytest.mark.parametrize(("seconds", "nanos"), [(1, -1), (-1, 1), (0, 10**9), (0, -(10**9)), (2**62, 0)])
def test_durations_that_are_none_are_refused(seconds: int, nanos: int) -> None:
    """Signs that differ, and what Python cannot hold."""
    with pytest.raises((ValueError, OverflowError)):
        duration_of(pair(seconds, nanos))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_numbers_that_are_none_are_refused(value: float) -> None:
    """JSON could not say them."""
    with pytest.raises(ValueError):
        finite(value)


@pytest.mark.parametrize("text", ["NaN", "Infinity", "1e9999", "", "1_0", "0x1", " 1"])
def test_decimals_that_are_none_are_refused(text: str) -> None:
    """The same as in JSON."""
    with pytest.raises(ValueError):
        decimal_of(text)


def test_decimals_keep_their_places() -> None:
    """1.50 is not 1.5 to an accountant."""
    assert decimal_text(decimal_of("1.50")) == "1.50"


def test_decimals_that_are_none_are_not_written() -> None:
    """Nor read."""
    with pytest.raises(ValueError):
        decimal_text(Decimal("NaN"))


def test_dates_and_uuids_are_read_as_json_reads_them() -> None:
    """In no other spelling."""
    assert (date_of("2026-01-31"), uuid_of(str(uuid.UUID(int=5)))) == (dt.date(2026, 1, 31), uuid.UUID(int=5))


@pytest.mark.parametrize("text", ["20260131", "2026-W01-1", ""])
def test_other_spellings_of_dates_are_refused(text: str) -> None:
    """Python would take some of them."""
    with pytest.raises(ValueError):
        date_of(text)
