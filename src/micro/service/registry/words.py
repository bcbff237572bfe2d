"""From text to the words by which it is found.

Pure.
"""

from __future__ import annotations

import re
import unicodedata

__all__ = ["WORD_CHARACTERS_MAX", "fold", "is_word", "last_word", "words"]

WORD_CHARACTERS_MAX = 32
"""Longer words are cut: nobody types more of one."""

TEXT_CHARACTERS_MAX = 20_000
"""So much of a text is read."""

PLURAL_CHARACTERS_MIN = 4
"""Shorter words keep their s."""

_WORD = re.compile(r"[^\W_]+")
_HUMPS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def words(text: str) -> list[str]:
    """Splits a text into folded words: `SayHello` is say, hello; `Notes` is note; `Größe` is grosse."""
    return [_singular(word)[:WORD_CHARACTERS_MAX] for word in _folded(text)]


def last_word(text: str) -> str:
    """Returns the last word of a text as typed so far: folded, but with its s, or "" where there is none."""
    return _folded(text)[-1][:WORD_CHARACTERS_MAX] if _folded(text) else ""


def is_word(text: str) -> bool:
    """Says whether a text is one folded word that is short enough."""
    return 0 < len(text) <= WORD_CHARACTERS_MAX and _WORD.fullmatch(text) is not None and fold(text) == text


def _folded(text: str) -> list[str]:
    parts = _WORD.findall(_HUMPS.sub(" ", text[:TEXT_CHARACTERS_MAX]))
    return [word for word in map(fold, parts) if word]


def fold(word: str) -> str:
    """Returns a word without case and accents."""
    if word.isascii():
        return word.lower()
    plain = unicodedata.normalize("NFKD", word.casefold())
    return "".join(letter for letter in plain if not unicodedata.combining(letter))


def _singular(word: str) -> str:
    """Takes the plural off an English word, the simplest way that is right more often than wrong."""
    if len(word) < PLURAL_CHARACTERS_MIN or not word.endswith("s") or word.endswith(("ss", "us", "is")):
        return word
    if word.endswith("ies"):
        return word[:-3] + "y"
    if word.endswith(("ches", "shes", "sses", "xes", "zes")):
        return word[:-2]
    return word[:-1]
