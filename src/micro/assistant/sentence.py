"""A sentence taken apart: its words and where they stand, its numbers, and its parts with a form.

Pure.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Final

from micro.assistant.numbers import Amount, amounts_in
from micro.assistant.spans import Span, masked, spans_in
from micro.assistant.words import language_of, plain

__all__ = ["SENTENCE_CHARACTERS_MAX", "Sentence", "Token", "stem"]

SENTENCE_CHARACTERS_MAX: Final = 2_000
TOKENS_MAX: Final = 500
STEMS_KEPT: Final = 16_384
STEM_CHARACTERS: Final = 3
"""A word keeps so many letters at least."""

_TOKEN = re.compile(r"[\w@#./+°-]*[\w+/]|[<>=!]+")
_ENDINGS: Final = ("ings", "ing", "ies", "es", "ed", "en", "er", "s", "e", "y", "n")


@lru_cache(maxsize=STEMS_KEPT)
def stem(word: str) -> str:
    """Returns what words of one family have in common, roughly: `messages` and `message` are `messag`."""
    word = plain(word)
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= STEM_CHARACTERS:
            return word[: -len(ending)]
    return word


@dataclass(frozen=True, slots=True)
class Token:
    """A word, with where it stands; `stem` is what it is compared by."""

    text: str
    start: int
    end: int
    stem: str


@dataclass(frozen=True)
class Sentence:
    """What was said.

    Args:
        text: the sentence.
        kin: word -> stems of words of services that mean nearly the same, as an engine that compares by meaning finds.
        likeness: word -> value that a service shows -> how much both mean the same, as such an engine finds.
    """

    text: str
    kin: dict[str, frozenset[str]] = field(default_factory=dict, compare=False)
    likeness: dict[str, dict[str, float]] = field(default_factory=dict, compare=False)

    @cached_property
    def spans(self) -> list[Span]:
        """Its parts with a form."""
        return spans_in(self.text)

    @cached_property
    def amounts(self) -> list[Amount]:
        """Its numbers, but for those within a part with a form."""
        return [amount for amount in amounts_in(self.text) if not self.within(amount.start, amount.end)]

    @cached_property
    def tokens(self) -> list[Token]:
        """Its words, of parts with a form too."""
        found = _TOKEN.finditer(self.text)
        return [
            Token(match.group(), match.start(), match.end(), stem(match.group()))
            for match, _ in zip(found, range(TOKENS_MAX), strict=False)
        ]

    @cached_property
    def wish(self) -> str:
        """The sentence without what it is about, as far as forms tell."""
        return masked(self.text) or self.text

    @cached_property
    def language(self) -> str:
        """Its language, "" where nothing tells."""
        return language_of(self.wish) or language_of(self.text)

    def within(self, start: int, end: int) -> bool:
        """Says whether a place lies in a part with a form."""
        return any(span.start <= start and end <= span.end and span.form != "quoted" for span in self.spans)

    def is_any(self, token: Token, wanted: Container[str]) -> bool:
        """Says whether a word, or one that means nearly the same, is among stems."""
        return token.stem in wanted or any(stem in wanted for stem in self.kin.get(token.text.lower(), ()))

    def before(self, place: int, count: int) -> list[Token]:
        """Returns the words before a place, the nearest first, at most so many."""
        return [token for token in self.tokens if token.end <= place][-count:][::-1]

    def after(self, place: int, count: int) -> list[Token]:
        """Returns the words from a place on, at most so many."""
        return [token for token in self.tokens if token.start >= place][:count]


def stems(words: Iterable[str]) -> frozenset[str]:
    """Returns the stems of words."""
    return frozenset(stem(word) for word in words)
