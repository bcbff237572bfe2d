"""By which words an endpoint recognises what is its own: the nouns of its fields, and what it calls itself.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Final

from micro.assistant.acts import KNOWN_WORDS
from micro.assistant.offers import Offer
from micro.assistant.sentence import Sentence, stem, stems
from micro.assistant.words import FUNCTION_WORDS, spaced, split_words
from micro.service.schema.fields import Field

__all__ = [
    "EVERY_FUNCTION_WORD",
    "GENERIC",
    "cues_of",
    "is_generic",
    "is_long",
    "last_word",
    "own_stems",
    "strange_words",
]

EVERY_FUNCTION_WORD: Final = frozenset().union(*FUNCTION_WORDS.values())

GENERIC: Final = frozenset(
    [
        "name",
        "id",
        "title",
        "key",
        "text",
        "value",
        "message",
        "body",
        "content",
        "data",
        "query",
        "word",
        "label",
        "what",
    ]
)
"""Names of fields that tell what a value is for, and not of what."""

LONG: Final = frozenset(
    [
        "text",
        "message",
        "body",
        "content",
        "value",
        "data",
        "note",
        "description",
        "comment",
        "word",
        "password",
        "query",
    ]
)
"""Names of fields that take many words."""

OFFERS_KEPT: Final = 4_096
"""The words of so many endpoints are kept."""


def last_word(known: Field) -> str:
    """Returns the last word of a field's name; "" where it has none, as `_` has."""
    return "".join(spaced(known.path[-1]).split()[-1:])


def is_long(known: Field) -> bool:
    """Says whether a field takes many words, by its name."""
    return last_word(known) in LONG


def is_generic(known: Field) -> bool:
    """Says whether the name of a field tells what a value is for, and not of what."""
    return last_word(known) in GENERIC


@lru_cache(maxsize=OFFERS_KEPT)
def cues_of(offer: Offer) -> dict[tuple[str, ...], frozenset[str]]:
    """Returns path of a field -> the stems of what it names."""
    return {known.path: _cues(offer, known) for known in offer.fields}


def _cues(offer: Offer, known: Field) -> frozenset[str]:
    """Returns the stems of what a field names."""
    own = spaced(known.path[-1]).split()
    found = set(own)
    if last_word(known) in ("name", "id", "title", "key", "text"):
        found |= set(_nouns(offer))
        found |= set(split_words(known.description)[:4]) - EVERY_FUNCTION_WORD
    if is_long(known):
        found = set(own)
    return stems(word for word in found if len(word) > 1 and word not in EVERY_FUNCTION_WORD)


def _nouns(offer: Offer) -> Iterator[str]:
    """Yields what the service and the endpoint are about."""
    yield from spaced(offer.service.replace("-", " ")).split()
    yield from spaced(offer.endpoint.partition(".")[0]).split()
    for word in split_words(offer.description)[1:4]:
        if word not in EVERY_FUNCTION_WORD and word not in KNOWN_WORDS:
            yield word


@lru_cache(maxsize=OFFERS_KEPT)
def own_stems(offer: Offer) -> frozenset[str]:
    """Returns the stems of all words by which an endpoint and its service call themselves."""
    texts = (offer.service.replace("-", " "), offer.method, offer.description, offer.tags, offer.about)
    return (
        stems(word for text in texts for word in split_words(text))
        | stems(word for known in offer.fields for word in spaced(known.path[-1]).split())
        | frozenset(stem(word) for word in spaced(offer.endpoint).split())
    )


@lru_cache(maxsize=OFFERS_KEPT)
def _wished_stems(offer: Offer) -> frozenset[str]:
    """Returns the words of the wishes that an endpoint shows."""
    return stems(word for wish in offer.wishes for word in split_words(wish))


def strange_words(offer: Offer, sentence: Sentence, used: Sequence[tuple[int, int]]) -> int:
    """Returns how many words neither an endpoint, its wishes, its values, grammar nor an act account for."""
    own = own_stems(offer) | _wished_stems(offer)
    return sum(
        not (
            token.text.lower() in EVERY_FUNCTION_WORD
            or token.text.lower() in KNOWN_WORDS
            or sentence.is_any(token, own)
            or any(start < token.end and token.start < end for start, end in used)
        )
        for token in sentence.tokens
        if any(letter.isalpha() for letter in token.text)
    )
