"""Which kind of browser asks, in words that its owner knows it by.

Pure.

A browser says of itself what it likes (RFC 9110, 10.1.5), and most say the names of others, too: the first name of a
table that is found counts. Whatever is said, what is kept is one of a few known phrases.
"""

from __future__ import annotations

from typing import Final

__all__ = ["kind_of"]

BROWSERS: Final = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
"""What is found in `User-Agent` -> the browser; whoever imitates another stands before it."""

SYSTEMS: Final = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("CrOS", "ChromeOS"),
    ("Windows", "Windows"),
    ("Mac OS X", "Mac"),
    ("Linux", "Linux"),
)
SHOWN_CHARACTERS_MAX: Final = 512
"""So much of what a browser says is looked at."""


def kind_of(user_agent: str | None) -> str:
    """Returns what to call a browser, such as `Chrome, Android`; "" where nothing is known of it."""
    said = (user_agent or "")[:SHOWN_CHARACTERS_MAX]
    found = [next((name for mark, name in table if mark in said), "") for table in (BROWSERS, SYSTEMS)]
    return ", ".join(name for name in found if name)
