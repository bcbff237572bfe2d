"""Days as people write them, `1 March 2026` and `24.12.2026`, turned into ISO 8601.

Pure.

A day without a year says nothing certain, and `3/4/2026` is two days, so neither is taken for one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from typing import Final

from micro.assistant.words import plain

__all__ = ["days_in"]

_MONTHS: Final = (
    "january jan januar jänner enero ene janvier gennaio janeiro januari",
    "february feb februar febrero février febbraio fevereiro februari",
    "march mar märz marzo mars março maart",
    "april apr abril avril aprile",
    "may mai mayo maggio maio mei",
    "june jun juni junio juin giugno junho",
    "july jul juli julio juillet luglio julho",
    "august aug agosto août augustus",
    "september sep sept septiembre septembre settembre setembro",
    "october oct okt oktober octubre octobre ottobre outubro",
    "november nov noviembre novembre novembro",
    "december dec dez dezember diciembre décembre dicembre dezembro",
)
_NUMBERS: Final = {plain(word): month for month, words in enumerate(_MONTHS, 1) for word in words.split()}

_DAY_FIRST: Final = re.compile(
    r"\b(\d{1,2})(?:st|nd|rd|th|\.)?\s+(?:of\s+|de\s+)?([^\W\d_]{3,10})\.?,?\s+(?:de\s+)?(\d{4})\b"
)
_MONTH_FIRST: Final = re.compile(r"\b([^\W\d_]{3,10})\.?\s+(\d{1,2})(?:st|nd|rd|th)?,?\s+(\d{4})\b")
_DOTTED: Final = re.compile(r"(?<![\w.])(\d{1,2})\.\s?(\d{1,2})\.\s?(\d{4})\b")


def days_in(text: str) -> Iterator[tuple[int, int, str]]:
    """Yields the days in a sentence: where each stands, and the day in ISO 8601."""
    for match in _DAY_FIRST.finditer(text):
        yield from _day(match, match[3], _NUMBERS.get(plain(match[2]), 0), match[1])
    for match in _MONTH_FIRST.finditer(text):
        yield from _day(match, match[3], _NUMBERS.get(plain(match[1]), 0), match[2])
    for match in _DOTTED.finditer(text):
        yield from _day(match, match[3], int(match[2]), match[1])


def _day(match: re.Match[str], year: str, month: int, day: str) -> Iterator[tuple[int, int, str]]:
    try:
        yield match.start(), match.end(), date(int(year), month, int(day)).isoformat()
    except ValueError:  # no such month, or no such day in it
        return
