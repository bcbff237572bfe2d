"""The time in every zone: now, converted, and between two moments."""

from __future__ import annotations

import functools
import zoneinfo
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

from micro import Service, errors

ZONES_MAX = 1000
SUGGESTIONS_MAX = 5

service = Service(
    "time",
    version="1.0.0",
    description="The time in every zone: now, converted, and between two moments.",
    metadata={"tags": "tool, date, zone, calendar"},
)


@dataclass
class Moment:
    """A moment as the clocks of a zone show it.

    Attributes:
        time: date and time with the offset from UTC, in ISO 8601.
        zone: the zone.
        abbreviation: what people there call their time at that moment, such as CEST.
        weekday: the day of the week in English.
        week: the week of the year (ISO 8601).
        unix_seconds: seconds since 1970.
    """

    time: str
    zone: str
    abbreviation: str
    weekday: str
    week: int
    unix_seconds: float


@dataclass
class Span:
    """The time between two moments.

    Attributes:
        seconds: all of it in seconds, negative where the end is before the start.
        days: whole days in it, without sign.
        hours: whole hours beyond those days.
        minutes: whole minutes beyond those hours.
        text: the same for people.
    """

    seconds: float
    days: int
    hours: int
    minutes: int
    text: str


@service.endpoint(idempotent=True, examples=[{"zone": "Europe/Berlin"}, {}])
def now(zone: str = "UTC") -> Moment:
    """Tell the time it is now.

    Wishes:
        what time is it in Berlin
        the time in Chicago right now
        how late is it
        what day is it today
        the date of today

    Wishes (es):
        qué marcan los relojes en Berlín
        qué fecha es hoy

    Wishes (de):
        wie spät ist es gerade in Berlin
        welches Datum ist heute

    Args:
        zone: a zone's name such as Europe/Berlin, or an offset such as +02:00.
    """
    return moment(datetime.now(UTC), zone)


@service.endpoint(
    idempotent=True,
    examples=[
        {"time": "2026-07-01T09:00", "from_zone": "Europe/London", "to_zone": "Asia/Tokyo"},
        {"time": "2026-07-01T09:00:00Z", "to_zone": "America/New_York"},
    ],
)
def convert(time: str, to_zone: str = "UTC", from_zone: str = "UTC") -> Moment:
    """Tell what the clocks of another zone show at a moment.

    Wishes:
        when it is 9:00 in London, what time is it in Tokyo
        what does the clock in New York show at 2026-07-01T09:00Z

    Args:
        time: date and time in ISO 8601, with an offset or without.
        to_zone: the zone to convert to.
        from_zone: the zone that a time without offset is of. Where clocks are put back and show it twice, the earlier
            moment is meant.
    """
    return moment(parse(time, from_zone, "time"), to_zone)


@service.endpoint(idempotent=True, examples=[{"start": "2026-01-01", "end": "2026-12-24T18:00"}])
def difference(start: str, end: str, zone: str = "UTC") -> Span:
    """Tell how long it is from one moment to another.

    Wishes:
        how many days from 2026-01-01 to 2026-12-24
        how long is it until 2027-01-01

    Wishes (es):
        cuántos días hay entre 2026-01-01 y 2026-12-24

    Wishes (de):
        die Tage zwischen 2026-01-01 und 2026-12-24

    Args:
        start: date, or date and time, in ISO 8601.
        end: the later date, or date and time, in ISO 8601.
        zone: the zone that times without offset are of; days are 24 hours, whatever the clocks there do in between.
    """
    between = parse(end, zone, "end") - parse(start, zone, "start")
    minutes, _ = divmod(abs(between), timedelta(minutes=1))
    days, hours, minutes = minutes // 1440, minutes // 60 % 24, minutes % 60
    parts = [
        f"{count} {unit}{'s' * (count != 1)}"
        for count, unit in ((days, "day"), (hours, "hour"), (minutes, "minute"))
        if count
    ]
    sign = "minus " if between < timedelta(0) and parts else ""
    return Span(between.total_seconds(), days, hours, minutes, sign + (", ".join(parts) or "less than a minute"))


@service.endpoint(idempotent=True, examples=[{"contains": "berlin"}, {}])
def zones(contains: str = "", limit: int = 100) -> list[str]:
    """List the zones that are known.

    Wishes:
        which time zones are there in America

    Args:
        contains: only those with these letters, in either case.
        limit: how many at most, up to 1000.
    """
    if not 0 <= limit <= ZONES_MAX:
        raise errors.BadRequest(f"limit: expected 0 to {ZONES_MAX}, got {limit}")
    wanted = contains.lower().replace(" ", "_")
    return [name for name in known_zones() if wanted in name.lower()][:limit]


def moment(at: datetime, zone: str) -> Moment:
    """Returns a moment as the clocks of a zone show it."""
    try:
        there = at.astimezone(find_zone(zone))
    except (OverflowError, ValueError) as error:
        raise errors.BadRequest(f"{at.isoformat()} is beyond the calendar in {zone}; years are 1 to 9999") from error
    precision = "milliseconds" if there.microsecond else "seconds"
    return Moment(
        time=there.isoformat(timespec=precision),
        zone=zone,
        abbreviation=there.tzname() or "",
        weekday=there.strftime("%A"),
        week=there.isocalendar().week,
        unix_seconds=at.timestamp(),
    )


def parse(text: str, zone: str, field: str) -> datetime:
    """Reads a date and time, in UTC; one without offset is of `zone`.

    Raises:
        BadRequest: it is none, or the clocks of the zone never showed it.
    """
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        raise errors.BadRequest(
            f"{field}: expected a date and time such as 2026-07-01T09:00 or 2026-07-01T09:00+02:00, got {text[:60]!r}"
        ) from None
    try:
        if found.tzinfo is not None:
            return found.astimezone(UTC)
        local = found.replace(tzinfo=find_zone(zone))
        at = local.astimezone(UTC)
        shown = at.astimezone(local.tzinfo).replace(tzinfo=None)
    except (OverflowError, ValueError) as error:
        raise errors.BadRequest(f"{field}: {text[:60]!r} is beyond the calendar; years are 1 to 9999") from error
    if shown != found:
        raise errors.BadRequest(f"{field}: {text[:60]} never was in {zone}: clocks there were put forward over it")
    return at


def find_zone(name: str) -> tzinfo:
    """Returns a zone by its name or offset.

    Raises:
        BadRequest: there is none; the detail suggests some.
    """
    if name.upper() in ("UTC", "Z", "GMT"):
        return UTC
    if name[:1] in "+-" and len(name) == 6:
        try:
            return datetime.strptime(name, "%z").tzinfo or UTC
        except ValueError:
            pass
    try:
        if name in known_zones():
            return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        pass
    near = [known for known in known_zones() if name and name.lower().replace(" ", "_") in known.lower()]
    hint = (
        f"did you mean {' or '.join(near[:SUGGESTIONS_MAX])}?"
        if near
        else "names are like Europe/Berlin; see Time.Zones"
    )
    raise errors.BadRequest(f"zone: there is no zone {name[:60]!r}; {hint}")


@functools.cache
def known_zones() -> tuple[str, ...]:
    """Returns the names of all zones that this machine knows."""
    return tuple(sorted(zoneinfo.available_timezones() | {"UTC"}))


if __name__ == "__main__":
    service.run()
