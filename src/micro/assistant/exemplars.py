"""What a service shows of the values of a field: in its examples, its defaults, and behind `such as`.

Pure.

A word that means something like what is shown there is likely a value of that field: whoever shows `km` means miles,
pounds and litres too, and whoever shows `Paris` means Oslo.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any, Final

from micro.assistant.offers import Offer
from micro.assistant.sentence import Sentence, stem
from micro.assistant.words import FUNCTION_WORDS, plain
from micro.service.schema.fields import Field

__all__ = ["examples_of", "exemplars_of", "how_alike", "shown_in"]

OFFERS_KEPT: Final = 4_096
EXEMPLARS_MAX: Final = 32
"""So many of one field are looked at."""

EXEMPLAR_CHARACTERS_MAX: Final = 40
WORDS_MAX: Final = 3

_SUCH_AS: Final = re.compile(r"\bsuch as ([^;()]{1,200}?)(?:: |$|[;()])")
_QUOTED: Final = re.compile(r'"([^"]{1,40})"')
_APART: Final = re.compile(r",? or |,? and |, ")
_FUNCTION: Final = frozenset().union(*FUNCTION_WORDS.values())


def shown_in(text: str) -> Iterator[str]:
    """Yields the values that a field's description shows: those behind `such as`, and those in quotation marks."""
    for match in _SUCH_AS.finditer(text):
        for part in _APART.split(match[1]):
            value = part.strip(" `\"'.")
            if value and len(value.split()) <= WORDS_MAX:
                yield value
    yield from _QUOTED.findall(text)


def examples_of(offer: Offer, known: Field) -> Iterator[Any]:
    """Yields the values of a field in the requests that the service shows."""
    for example in offer.examples:
        value: Any = example
        for name in known.path:
            value = value.get(name) if isinstance(value, dict) else None
        yield value


@lru_cache(maxsize=OFFERS_KEPT)
def exemplars_of(offer: Offer) -> dict[tuple[str, ...], tuple[str, ...]]:
    """Returns path of a text field -> values that the service shows of it, in small letters; without empty ones."""
    found = {known.path: _exemplars(offer, known) for known in offer.fields if known.kind == "text" and not known.many}
    return {path: values for path, values in found.items() if values}


def _exemplars(offer: Offer, known: Field) -> tuple[str, ...]:
    values = (*shown_in(known.description), *examples_of(offer, known), known.default)
    texts = (value.strip().lower() for value in values if isinstance(value, str))
    short = (text for text in texts if text and len(text) <= EXEMPLAR_CHARACTERS_MAX)
    return tuple(dict.fromkeys(short))[:EXEMPLARS_MAX]


def how_alike(sentence: Sentence, words: Iterable[str], exemplars: Sequence[str]) -> float:
    """Returns how much words of a sentence mean something like what is shown, from 0 to 1.

    Function words count for nothing; of the others the mean counts.
    """
    found = [_one(sentence, word.lower(), exemplars) for word in words if word.lower() not in _FUNCTION]
    return sum(found) / len(found) if found else 0.0


def _one(sentence: Sentence, word: str, exemplars: Sequence[str]) -> float:
    own, known = stem(word), sentence.likeness.get(word, {})
    return max(
        (1.0 if word == shown or own == stem(plain(shown)) else known.get(shown, 0.0) for shown in exemplars),
        default=0.0,
    )
