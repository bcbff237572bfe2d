"""Words that differ from a mistyped one by one slip: a letter too many, too few or another, or two that changed places.

Pure.
"""

from __future__ import annotations

from collections.abc import Container, Iterator
from typing import Final

__all__ = ["LETTERS_MIN", "respelled"]

LETTERS_MIN: Final = 5
"""Shorter words differ from too many others by one letter."""

LETTERS_MAX: Final = 24
_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz"


def respelled(word: str, known: Container[str]) -> list[str]:
    """Returns the known words that a word in small letters may be a slip of; none where it is known itself."""
    if not LETTERS_MIN <= len(word) <= LETTERS_MAX or word in known:
        return []
    return sorted({other for other in _slips(word) if other in known})


def _slips(word: str) -> Iterator[str]:
    for place in range(len(word) + 1):
        left, right = word[:place], word[place:]
        if right:
            yield left + right[1:]
        if len(right) > 1:
            yield left + right[1] + right[0] + right[2:]
        for letter in _LETTERS:
            yield left + letter + right
            if right:
                yield left + letter + right[1:]
