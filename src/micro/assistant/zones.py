"""Time zones as people name them: by a city.

Pure.

The names of zones are constants, though Python reads them from its own files.
"""

from __future__ import annotations

import zoneinfo
from functools import cache
from typing import Final

from micro.assistant.words import plain

__all__ = ["CITY_WORDS_MAX", "is_zone", "zone_in_small_letters", "zone_of"]

CITY_WORDS_MAX: Final = 3
"""A city has so many words at most, as Port of Spain."""

_ELSEWHERE: Final = {
    name: city
    for city, names in {
        "rome": "rom|roma|mailand|milano",
        "london": "londra|londres",
        "vienna": "wien|vienne|viena",
        "zurich": "zurich|ginevra|genf|geneva",
        "prague": "prag|praga",
        "lisbon": "lissabon|lisboa|lisbonne|lisbona",
        "moscow": "moskau|moscu|moscou|mosca|moskwa|москва|москве",
        "warsaw": "warschau|warszawa|warszawie|varsovie|varsovia",
        "paris": "parigi|lyon|marseille",
        "berlin": "berlino|берлин|munich|munchen|hamburg|koln|frankfurt",
        "athens": "athen|atenas|atene",
        "brussels": "bruxelles|brussel|brussels",
        "copenhagen": "kopenhagen",
        "new york": "nueva york|nova york|boston|washington|miami|atlanta",
        "tokyo": "tokio|東京|osaka",
        "shanghai": "peking|beijing|pekin|pechino|北京",
        "kolkata": "delhi|mumbai|bombay",
        "los angeles": "san francisco|seattle",
        "chicago": "houston|dallas",
        "cairo": "kairo|le caire",
        "madrid": "barcelona|seville",
        "sao paulo": "rio de janeiro|brasilia",
        "toronto": "montreal",
    }.items()
    for name in names.split("|")
}
"""Cities that the database of zones has under another name, or not."""


_WORDS_TOO: Final = frozenset(
    [
        "act",
        "canary",
        "casey",
        "center",
        "christmas",
        "currie",
        "davis",
        "easter",
        "jersey",
        "knox",
        "midway",
        "nome",
        "norfolk",
        "north",
        "oral",
        "palmer",
        "phoenix",
        "resolute",
        "salta",
        "south",
        "stanley",
        "troll",
        "virgin",
        "wake",
        "west",
    ]
)
"""In small letters these are more often words and names than cities."""

CITY_CHARACTERS_MIN: Final = 4
"""A shorter word in small letters is none."""


@cache
def _zones() -> dict[str, str]:
    """Returns folded city -> zone, of zones with a place in their name; where two share a city the shorter name
    wins.
    """
    found: dict[str, str] = {}
    for zone in sorted(zoneinfo.available_timezones(), key=lambda name: (name.count("/"), len(name), name)):
        region, _, place = zone.partition("/")
        if place and region not in ("Etc", "SystemV", "US", "posix", "right", "Mexico", "Brazil", "Canada", "Chile"):
            found.setdefault(plain(place.rpartition("/")[2].replace("_", " ")), zone)
    return found


def zone_of(city: str) -> str:
    """Returns the zone of a city in any capitals, or ""."""
    name = plain(city)
    return _zones().get(name) or _zones().get(_ELSEWHERE.get(name, ""), "")


def zone_in_small_letters(city: str) -> str:
    """Returns the zone of a city that is written in small letters, "" where that is more likely another word."""
    words = city.split()
    if len(city) < CITY_CHARACTERS_MIN or words[-1] in ("in", "of") or (len(words) == 1 and city in _WORDS_TOO):
        return ""
    return zone_of(city)


@cache
def _names() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones())


def is_zone(text: str) -> bool:
    """Says whether a text is the name of a zone, such as Europe/Berlin or UTC."""
    return text in _names()
