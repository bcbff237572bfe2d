"""Moments as people say them: `3 minutes ago`, `14:05:09`, and as they type them."""

from __future__ import annotations

import re
import time
from datetime import datetime

import click

__all__ = ["ago", "clock_time", "length", "moment", "span", "until"]

_UNITS = ((86_400, "d"), (3_600, "h"), (60, "m"))


def span(seconds: float) -> str:
    """Returns a length of time in its two largest units, such as `3h 12m`."""
    left = max(0, int(seconds))
    parts: list[str] = []
    for size, unit in _UNITS:
        if left >= size or parts:
            parts.append(f"{left // size}{unit}")
            left %= size
        if len(parts) == 2:
            return " ".join(parts)
    return " ".join([*parts, f"{left}s"])


_LENGTH = re.compile(r"(\d{1,9}(?:\.\d{1,3})?)(s|m|h|d)")
_SECONDS = {"s": 1, **{unit: size for size, unit in _UNITS}}


def length(text: str) -> float:
    """Returns a length of time that was typed, such as `90s`, `15m`, `1h` or `7d`, in seconds."""
    found = _LENGTH.fullmatch(text.strip())
    if found is None:
        raise click.BadParameter(f"{text!r} is no length of time; write 90s, 15m, 1h or 7d.")
    return float(found[1]) * _SECONDS[found[2]]


def moment(text: str) -> float:
    """Returns a date that was typed in the form of ISO 8601, in seconds since 1970; without a zone it is of here."""
    try:
        return datetime.fromisoformat(text.strip()).timestamp()
    except (ValueError, OverflowError, OSError):
        example = "2026-11-01T00:00:00Z"
        raise click.BadParameter(f"{text!r} is no date; write it in the form of ISO 8601, such as {example}.") from None


def ago(moment: float | None) -> str:
    """Returns how long ago a moment in seconds since 1970 was; nothing for one that never was."""
    return f"{span(time.time() - moment)} ago" if moment else ""


def until(moment: float | None) -> str:
    """Returns in how long a moment in seconds since 1970 will be; nothing for one that never will."""
    return f"in {span(moment - time.time())}" if moment else ""


def clock_time(moment: float) -> str:
    """Returns a moment in seconds since 1970 as hours, minutes, seconds of this place."""
    return datetime.fromtimestamp(moment).astimezone().strftime("%H:%M:%S")
