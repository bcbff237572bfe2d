"""The parts of a sentence whose form tells what they are: addresses, moments, ids, quotations.

Pure.

Where two overlap the one that is listed first in `_FORMS` holds.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from micro.assistant.dates import days_in
from micro.assistant.words import plain
from micro.assistant.zones import CITY_WORDS_MAX, is_zone, zone_in_small_letters, zone_of

__all__ = ["Span", "form_of", "masked", "spans_in"]

_FORMS: Final = {
    "url": re.compile(r"\bhttps?://[^\s<>\"”»]+[^\s<>\"”».,;:!?)]"),
    "email": re.compile(r"[\w.+-]{1,64}@[\w-]{1,64}(?:\.[\w-]{1,64}){1,8}"),
    "quoted": re.compile(
        r"\"([^\"]{1,2000})\"|“([^”]{1,2000})”|«\s?([^»]{1,2000}?)\s?»|„([^“”]{1,2000})[“”]|「([^」]{1,2000})」"
        r"|(\{[^\n]{0,2000}\}|\[[^\n]{0,2000}\])"
    ),
    "uuid": re.compile(r"\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b"),
    "datetime": re.compile(r"\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?)?(?:Z|[+-]\d\d:?\d\d)?(?!\w)"),
    "network": re.compile(r"(?<![\w.:])(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9a-fA-F]{1,4}:[0-9a-fA-F:]{1,38})/\d{1,3}(?!\w)"),
    "place": re.compile(r"(?<![\w.])-?\d{1,3}\.\d{1,9}, ?-?\d{1,3}\.\d{1,9}(?![\w.])"),
    "shortcode": re.compile(
        r"(?<!\w):[a-z][a-z0-9_+-]{1,60}:(?!\w)|[\u2600-\u27bf\U0001f000-\U0001faff]"
        r"(?:[\ufe0f\u200d\U0001f3fb-\U0001f3ff]|(?<=\u200d)[\u2600-\u27bf\U0001f000-\U0001faff]){0,12}"
    ),
    "ip": re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}\b|\b(?:[0-9a-fA-F]{1,4}:){2,7}:?[0-9a-fA-F]{0,4}\b"),
    "comparison": re.compile(r"\b[A-Za-z_][\w.]{0,60}\s?(?:[<>]=?|==|!=)\s?[\w.]{1,60}"),
    "color": re.compile(r"#[0-9a-fA-F]{6}\b|#[0-9a-fA-F]{3}\b"),
    "clock": re.compile(r"\b\d{1,2}:\d\d(?::\d\d)?\b"),
    "code": re.compile(r"\b(?!\d+(?:[.,]\d+)?[A-Za-zµ]{1,3}\b)(?=[\w.-]*\d)(?=[\w.-]*[A-Za-z])[A-Za-z0-9][\w.-]*\w\b"),
}
_WORD = re.compile(r"[^\W\d_]+(?:[-'’][^\W\d_]+)*")
_ZONE = re.compile(r"\b[A-Z][A-Za-z]+/[A-Z][A-Za-z_+-]+(?:/[A-Z][A-Za-z_]+)?\b|\bUTC\b|\bGMT\b")

MASKS: Final = {
    "url": "link",
    "email": "email address",
    "uuid": "id",
    "quoted": "",
    "ip": "ip address",
    "color": "color",
    "network": "network",
    "place": "place",
    "shortcode": "emoji",
}
"""What stands for a form where a sentence is compared by meaning: what it is, and not what it says."""

_TAIL = re.compile(r"^(.{4,}?\w)\s?[:?]\s+(.+)$", re.DOTALL)
HEAD_WORDS_MIN: Final = 2
"""What stands before a colon is the wish, and what stands behind it what it is about, if the wish has so many words."""


@dataclass(frozen=True, slots=True)
class Span:
    """A part of a sentence.

    Attributes:
        form: what it is: `url`, `email`, `quoted`, `uuid`, `datetime`, `ip`, `color`, `clock`, `zone` or `code`.
        start, end: where it stands.
        value: what it says; of a quotation what is between the marks, of a zone its name.
    """

    form: str
    start: int
    end: int
    value: str


def spans_in(text: str) -> list[Span]:
    """Returns the parts of a sentence with a form, in order, none within another."""
    found: list[Span] = []
    for form, pattern in _FORMS.items():
        for match in pattern.finditer(text):
            value = next((group for group in match.groups() if group), match.group())
            _add(found, Span(form, match.start(), match.end(), value))
    for start, end, day in days_in(text):
        _add(found, Span("datetime", start, end, day))
    for match in _ZONE.finditer(text):
        if is_zone(match.group()):
            _add(found, Span("zone", match.start(), match.end(), match.group()))
    _add_cities(found, text)
    return sorted(found, key=lambda span: span.start)


def _add(found: list[Span], span: Span) -> None:
    if not any(span.start < known.end and known.start < span.end for known in found):
        found.append(span)


def _add_cities(found: list[Span], text: str) -> None:
    """Adds cities, written large or small, the longest names first."""
    words = list(_WORD.finditer(text))
    for count in range(CITY_WORDS_MAX, 0, -1):
        for number in range(len(words) - count + 1):
            first, last = words[number], words[number + count - 1]
            name = text[first.start() : last.end()]
            zone = zone_in_small_letters(name) if name[0].islower() else zone_of(name)
            if zone:
                _add(found, Span("zone", first.start(), last.end(), zone))
    for match in re.finditer(r"[\u3400-\u9fff]{2}", text):
        if zone_of(match.group()):
            _add(found, Span("zone", match.start(), match.end(), zone_of(match.group())))


def form_of(value: object) -> str:
    """Returns the form that a whole value has, "" where it has none; by it the values of an example tell their kind."""
    if not isinstance(value, str) or not value:
        return ""
    if is_zone(value) and value.isascii():
        return "zone"
    return next((form for form, pattern in _FORMS.items() if form != "quoted" and pattern.fullmatch(value)), "")


def masked(text: str) -> str:
    """Returns a sentence with what it is about taken out as far as its form tells, so that the wish remains."""
    for form, word in MASKS.items():
        text = _FORMS[form].sub(f" {word} ", text)
    match = _TAIL.match(text.strip())
    if match and len(match[1].split()) >= HEAD_WORDS_MIN:
        text = match[1]
    text = re.sub(r"\b(?=\w*\d)(?=\w*[A-Za-z])[\w-]{9,}\b", "id", text)
    return " ".join(text.split())


def is_name(text: str) -> bool:
    """Says whether a word looks like a name: it is written large, or is no plain word."""
    return text[:1].isupper() or plain(text) != text.lower()
