"""What no word of a service, of its endpoint or of grammar accounts for goes to the text fields that are still open.

Pure.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, MutableMapping, MutableSequence, Sequence
from typing import Any, Final

from micro.assistant.acts import KNOWN_WORDS
from micro.assistant.cues import EVERY_FUNCTION_WORD, GENERIC, is_long, own_stems
from micro.assistant.numbers import NUMBER_WORDS, UNIT_SECONDS
from micro.assistant.offers import Offer
from micro.assistant.sentence import Sentence, Token, stem, stems
from micro.assistant.words import plain, spaced
from micro.service.schema.fields import Field

__all__ = ["NO_VALUE", "Leftovers", "Used", "Values"]

Values = MutableMapping[tuple[str, ...], Any]
Used = MutableSequence[tuple[int, int]]

NO_VALUE: Final = stems(
    ["please", "everything", "now", "today", "tomorrow", "called", "named", "again", "live", "picture", "image",
    "photo", "bild", "foto", "imagen", "immagine", "imagem", "characters", "character", "zeichen", "caractères",
    "caracteres", "caratteri", "words", "pixels", "pixel", "degrees", "grad", "degrés", "grados", "gradi", "times",
    "bitte", "favor", "favore", "new", "also", "with"]
)  # fmt: skip
"""Words that are no value of any field."""

_AND: Final = frozenset(["and", "und", "y", "et", "e", "en", "&", "i", "и"])
"""What joins two things that are said in one breath."""


class Leftovers:
    """One sentence and one endpoint.

    Args:
        offer: the endpoint.
        sentence: what was said.
        values: path of a field -> its value; what is placed is added.
        used: which letters of the sentence are spoken for; what is placed is added.
    """

    def __init__(self, offer: Offer, sentence: Sentence, values: Values, used: Used) -> None:
        self._offer = offer
        self._sentence = sentence
        self._values = values
        self._used = used
        self._own = own_stems(offer)

    def _open(self, *, long: bool | None = None) -> list[Field]:
        """Returns the text fields that have no value yet, those first that are required."""
        found = [
            known
            for known in self._offer.fields
            if (known.kind in ("text", "any")) and not known.many and known.path not in self._values
        ]
        found = [known for known in found if long is None or is_long(known) is long]
        return sorted(found, key=lambda known: not known.required)

    def _take(self, known: Field, text: str, start: int, end: int) -> None:
        value: Any = text.strip()
        if known.kind == "any":
            value = _plain_value(text.strip())
        self._values[known.path] = value
        self._used.append((start, end))

    def _free(self, start: int, end: int) -> bool:
        return not any(start < last and first < end for first, last in self._used)

    def _is_strange(self, token: Token) -> bool:
        """Says whether a word belongs neither to the endpoint nor to the acts."""
        return plain(token.text) not in KNOWN_WORDS and token.stem not in self._own

    def _is_own(self, token: Token) -> bool:
        """Says whether a word is one of the endpoint's, or of nearly the same meaning, or joined of such words."""
        parts = [part for part in token.text.split("-") if part]
        if len(parts) > 1:
            return all(stem(part) in self._own or plain(part) in NUMBER_WORDS or part in KNOWN_WORDS for part in parts)
        return self._sentence.is_any(token, self._own)

    def rest(self) -> None:
        """What no word of the service, of its endpoint or of grammar accounts for goes to the fields still open."""
        fields = [known for known in self._open() if known.required or self._wants_rest(known)]
        chunks = self._joined(list(self._chunks()), len(fields))
        short = [known for known in fields if not is_long(known)]
        if len(short) > 1 and len(chunks) > 1:
            self._in_order(short, chunks)
            return
        for known in fields:
            if not chunks:
                return
            best = max(chunks, key=lambda chunk: self._weight(known, *chunk))
            start = best[0] if is_long(known) else self._start_of_name(*best)
            self._take(known, self._sentence.text[start : best[1]], start, best[1])
            chunks.remove(best)

    def _joined(self, chunks: list[tuple[int, int]], fields: int) -> list[tuple[int, int]]:
        """Returns parts joined by `and` as one, where there are more than fields: `milk and bread` is one text."""
        joined: list[tuple[int, int]] = []
        for number, chunk in enumerate(chunks):
            left = len(joined) + len(chunks) - number
            between = plain(self._sentence.text[joined[-1][1] : chunk[0]].strip(" ,")) if joined else ""
            if left > fields and between in _AND:
                joined[-1] = (joined[-1][0], chunk[1])
            else:
                joined.append(chunk)
        return joined

    def _start_of_name(self, start: int, end: int) -> int:
        """Returns where a name begins at the end of a part: `Rosa` in `grandma Rosa`."""
        words = [token for token in self._sentence.tokens if start <= token.start < end]
        large = [token.text[:1].isupper() for token in words]
        if not any(large) or all(large) or not large[-1]:
            return start
        return words[len(large) - large[::-1].index(False)].start

    def _weight(self, known: Field, start: int, end: int) -> tuple[int, int]:
        """Returns how well a part fits: a long one for a long field, a name, and then the last one, for another."""
        if is_long(known):
            return 0, end - start
        return int(start > 0 and self._sentence.text[start].isupper()), end

    def _in_order(self, fields: Sequence[Field], chunks: Sequence[tuple[int, int]]) -> None:
        """Several fields take several parts as they come, but where a word before a part says which it is."""
        fields, left = list(fields), list(chunks)
        for chunk in chunks:
            before = {plain(token.text) for token in self._sentence.before(chunk[0], 1)}
            known = next((f for f in fields if plain(spaced(f.path[-1])) in before), None)
            if known is not None:
                self._take(known, self._sentence.text[slice(*chunk)], *chunk)
                fields.remove(known)
                left.remove(chunk)
        for known, chunk in zip(fields, left, strict=False):
            self._take(known, self._sentence.text[slice(*chunk)], *chunk)

    def _wants_rest(self, known: Field) -> bool:
        """Says whether an optional field takes what is left: where it is the first, and names a person or thing."""
        texts = [f for f in self._offer.fields if f.kind == "text" and not f.many]
        return (
            bool(texts)
            and known is texts[0]
            and len(texts) == 1
            and spaced(known.path[-1]) in (GENERIC | {"contains", "prefix"})
        )

    def _chunks(self) -> Iterator[tuple[int, int]]:
        """Yields the parts that are left, with the function words inside them."""
        start = end = -1
        for token in self._sentence.tokens:
            left = self._is_left(token)
            gap = self._sentence.text[end : token.start].strip() if end >= 0 else ""
            if left and start >= 0 and not gap.strip(" ,"):
                end = token.end
            elif left:
                if start >= 0:
                    yield start, end
                start, end = token.start, token.end
            elif start >= 0:
                yield start, end
                start = end = -1
        if start >= 0:
            yield start, end

    def _is_left(self, token: Token) -> bool:
        small = token.text.lower()
        if not self._free(token.start, token.end) or small in EVERY_FUNCTION_WORD or token.stem in NO_VALUE:
            return False
        if token.text[:1] in "<>=!" and len(token.text) <= 2:
            return True
        large = token.text[:1].isupper() and token.start > 0
        if self._is_own(token) or plain(token.text) in UNIT_SECONDS:
            return large and token.stem not in self._own
        return large or small not in KNOWN_WORDS


def _plain_value(text: str) -> Any:
    """Returns a value for a field of any type: a number, an object or a list where it is one."""
    if re.fullmatch(r"-?\d{1,15}", text):
        return int(text)
    if text[:1] in "{[":
        try:
            return json.loads(text)
        except (ValueError, RecursionError):  # it is no JSON after all
            return text
    return float(text) if re.fullmatch(r"-?\d{1,15}\.\d{1,9}", text) else text
