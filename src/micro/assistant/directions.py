"""Fills in where something comes from and where it goes to: "3 miles in km", "from Berlin to Munich".

Pure.

What stands right behind a number is what the number is of, so it is where a conversion begins; what stands behind a
preposition is where that points. What is left goes to the field that is left, if it means something like what the
service shows of that field.
"""

from __future__ import annotations

import re
from collections.abc import MutableMapping, MutableSequence, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from micro.assistant.acts import KNOWN_WORDS
from micro.assistant.cues import EVERY_FUNCTION_WORD, own_stems
from micro.assistant.exemplars import exemplars_of, how_alike
from micro.assistant.numbers import NUMBER_WORDS, Amount, articles_in
from micro.assistant.offers import Offer
from micro.assistant.sentence import Sentence, Token
from micro.assistant.words import plain, spaced
from micro.service.schema.fields import Field

__all__ = ["SOURCES", "TARGETS", "ends_of", "fill_directions"]

Values = MutableMapping[tuple[str, ...], Any]
Used = MutableSequence[tuple[int, int]]

SOURCES: Final = frozenset(["from", "of", "von", "vom", "aus", "de", "desde", "da", "dal", "depuis", "van"])
TARGETS: Final = frozenset(["to", "into", "nach", "zu", "zum", "à", "au", "a", "al", "hasta", "para", "per", "naar"])
WEAK_TARGETS: Final = frozenset(["in", "en", "as", "als"])
"""They point to where something goes, if nothing points there better."""

_SOURCE_NAMES: Final = frozenset(["from", "source"])
_TARGET_NAMES: Final = frozenset(["to", "into", "target"])
_BETWEEN: Final = re.compile(
    r"\b(?:between|zwischen|entre|tra|fra|tussen)\s+(\S.{0,60}?)\s+(?:and|und|et|y|e|en)\s+(\S[^,.;?!]{0,60})",
    re.IGNORECASE,
)
OFFERS_KEPT: Final = 4_096
ALIKE_MIN: Final = 0.4
"""A word that nothing points to is taken from so much likeness to what the service shows on."""


@dataclass(frozen=True, slots=True)
class _Piece:
    """Some words in a row that may be a value, with what stands before them."""

    start: int
    end: int
    counted: bool
    before: str


@lru_cache(maxsize=OFFERS_KEPT)
def ends_of(offer: Offer) -> tuple[Field, Field] | None:
    """Returns the text field where something comes from and the one where it goes to; None where there are not two."""
    texts = [known for known in offer.fields if known.kind == "text" and not known.many]
    sources = [known for known in texts if spaced(known.path[-1]) in _SOURCE_NAMES]
    targets = [known for known in texts if spaced(known.path[-1]) in _TARGET_NAMES]
    return (sources[0], targets[0]) if len(sources) == len(targets) == 1 else None


def fill_directions(offer: Offer, sentence: Sentence, values: Values, used: Used) -> None:
    """Places both ends into `values`, and notes in `used` where they stood."""
    ends = ends_of(offer)
    if ends is None or ends[0].path in values or ends[1].path in values:
        return
    found = _between(sentence) or _Ends(offer, sentence, used).find()
    for known, place in zip(ends, found, strict=True):
        if place is not None:
            values[known.path] = sentence.text[slice(*place)]
            used.append(place)


def _between(sentence: Sentence) -> tuple[tuple[int, int], tuple[int, int]] | None:
    match = _BETWEEN.search(sentence.text)
    return (match.span(1), (match.start(2), match.start(2) + len(match[2].rstrip()))) if match else None


class _Ends:
    """One sentence and one endpoint."""

    def __init__(self, offer: Offer, sentence: Sentence, used: Used) -> None:
        self._sentence = sentence
        self._used = used
        self._own = own_stems(offer)
        shown = exemplars_of(offer)
        self._exemplars = [value for known in ends_of(offer) or () for value in shown.get(known.path, ())]
        self._amounts = [*sentence.amounts, *articles_in(sentence.text)]

    def find(self) -> tuple[tuple[int, int] | None, tuple[int, int] | None]:
        """Returns where both ends stand."""
        pieces = self._pieces()
        source = next((piece for piece in pieces if piece.counted), None)
        source = source or next((piece for piece in pieces if piece.before in SOURCES), None)
        left = [piece for piece in pieces if piece is not source]
        target = next((piece for piece in left if piece.before in TARGETS), None)
        target = target or next((piece for piece in left if piece.before in WEAK_TARGETS), None)
        left = [piece for piece in left if piece is not target and self._is_likely(piece)]
        if source is None and left:
            source = left.pop(0)
        if target is None and left:
            target = left.pop(0)
        first, second = self._place(source), self._place(target)
        if first is not None and second is None:
            return self._parted(first)
        return first, second

    def _place(self, piece: _Piece | None) -> tuple[int, int] | None:
        return (piece.start, piece.end) if piece is not None else None

    def _parted(self, place: tuple[int, int]) -> tuple[tuple[int, int] | None, tuple[int, int] | None]:
        """Parts two words in a row, as in `5 mi km`, into both ends."""
        tokens = [token for token in self._sentence.tokens if place[0] <= token.start and token.end <= place[1]]
        if len(tokens) != 2:
            return place, None
        return (place[0], tokens[0].end), (tokens[1].start, place[1])

    def _is_likely(self, piece: _Piece) -> bool:
        if not self._sentence.likeness or not self._exemplars:
            return True
        words = [token.text for token in self._sentence.tokens if piece.start <= token.start and token.end <= piece.end]
        return how_alike(self._sentence, words, self._exemplars) >= ALIKE_MIN

    def _pieces(self) -> Sequence[_Piece]:
        found: list[_Piece] = []
        before, end = "", -1
        for token in self._sentence.tokens:
            start = max(
                (a.end for a in self._amounts if a.start <= token.start < a.end < token.end), default=token.start
            )
            word = plain(token.text)
            counted = self._is_counted(start)
            if not self._is_value(token, start, pointed=counted or before in (SOURCES | TARGETS | WEAK_TARGETS)):
                before, end = word, -1
                continue
            if end >= 0 and not counted and not self._sentence.text[end:start].strip(" "):
                found[-1] = _Piece(found[-1].start, token.end, found[-1].counted, found[-1].before)
            else:
                found.append(_Piece(start, token.end, counted, before))
            before, end = word, token.end
        return found

    def _is_counted(self, start: int) -> bool:
        return any(
            amount.end <= start and not self._sentence.text[amount.end : start].strip(" ") for amount in self._amounts
        )

    def _is_value(self, token: Token, start: int, *, pointed: bool) -> bool:
        small, word = token.text.lower(), plain(token.text)
        if any(first < token.end and start < last for first, last in self._used):
            return False
        if any(amount.start <= start < amount.end for amount in self._amounts) or word in NUMBER_WORDS:
            return False
        if small in EVERY_FUNCTION_WORD or not any(letter.isalnum() for letter in small):
            return False
        return pointed or not (small in KNOWN_WORDS or token.stem in self._own)


def article_amount(offer: Offer, sentence: Sentence) -> Amount | None:
    """Returns the one thing of which somebody speaks, as `a gallon`, where it is like what the service shows."""
    ends = ends_of(offer)
    shown = exemplars_of(offer).get(ends[0].path, ()) if ends is not None else ()
    likely = [
        (how_alike(sentence, [amount.counted], shown), -amount.start, amount) for amount in articles_in(sentence.text)
    ]
    best = max(likely, default=None, key=lambda item: item[:2])
    return best[2] if best is not None and best[0] >= ALIKE_MIN else None
