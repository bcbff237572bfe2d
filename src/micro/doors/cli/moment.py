"""Moments as people say them: `3 minutes ago`, `14:05:09`."""

from __future__ import annotations

import time
from datetime import datetime

__all__ = ["ago", "clock_time", "span"]

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


def ago(moment: float | None) -> str:
    """Returns how long ago a moment in seconds since 1970 was; nothing for one that never was."""
    return f"{span(time.time() - moment)} ago" if moment else ""


def clock_time(moment: float) -> str:
    """Returns a moment in seconds since 1970 as hours, minutes, seconds of this place."""
    return datetime.fromtimestamp(moment).astimezone().strftime("%H:%M:%S")
