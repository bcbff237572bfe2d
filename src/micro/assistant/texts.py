"""Fills in the text fields of a request: what a sentence names, quotes, or says behind a colon, and then what is left.

Pure.

A word is a value where the thing that a field names stands beside it: "the table users", "the shopping list". What a
field names is told by its own name, else by what is said of it, else by the service: the `name` of a list is a list's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, MutableMapping, MutableSequence
from typing import Any, Final

from micro.assistant.acts import KNOWN_WORDS
from micro.assistant.numbers import NUMBER_WORDS, UNIT_SECONDS
from micro.assistant.offers import Offer
from micro.assistant.sentence import Sentence, Token, stem, stems
from micro.assistant.words import FUNCTION_WORDS, plain, spaced, split_words
from micro.service.schema.fields import Field

__all__ = ["fill_texts", "is_long"]

Values = MutableMapping[tuple[str, ...], Any]
Used = MutableSequence[tuple[int, int]]

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

TITLES: Final = frozenset(["name", "title", "key", "id", "label", "subject", "username"])
_CALLED = re.compile(
    r"\b(?:called|named|titled|entitled|with the (?:title|name)|namens|genannt|mit dem (?:Titel|Namen)|"
    r"appelée?s?|nommée?s?|avec le titre|intitulée?s?|llamad[oa]s?|con el (?:título|nombre)|chiamat[oa]|intitolat[oa]|"
    r"con il (?:titolo|nome)|chamad[oa]|com o (?:título|nome))\s+",
    re.IGNORECASE,
)
_TAIL = re.compile(r"(?<=\w)\s?:\s+(.+)$", re.DOTALL)
_SAYING = re.compile(
    r"\b(?:saying|says|that says|that|dass|disant que|disant|que dit|que dice|diciendo|dicendo)\s+(.+)$", re.IGNORECASE
)
_EVERY_FUNCTION_WORD = frozenset().union(*FUNCTION_WORDS.values())
_NO_VALUE = stems(
    ["please", "everything", "now", "today", "tomorrow", "called", "named", "again", "live", "picture", "image",
    "photo", "bild", "foto", "imagen", "immagine", "imagem", "characters", "character", "zeichen", "caractères",
    "caracteres", "caratteri", "words", "pixels", "pixel", "degrees", "grad", "degrés", "grados", "gradi", "times",
    "bitte", "favor", "favore", "new", "also", "with"]
)  # fmt: skip


def fill_texts(offer: Offer, sentence: Sentence, values: Values, used: Used) -> None:
    """Places texts into `values`, and notes in `used` where they stood."""
    filler = _Filler(offer, sentence, values, used)
    filler.quotations()
    filler.called()
    filler.named()
    filler.tails()
    filler.codes()
    filler.rest()


class _Filler:
    """One sentence and one endpoint."""

    def __init__(self, offer: Offer, sentence: Sentence, values: Values, used: Used) -> None:
        self._offer = offer
        self._sentence = sentence
        self._values = values
        self._used = used
        self._own = _own_stems(offer)

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

    # -- what the sentence shows --------------------------------------------------------------------------------------

    def quotations(self) -> None:
        """A quotation is the text that the sentence is about, unless the word before it names another field."""
        for span in self._sentence.spans:
            if span.form != "quoted" or not self._free(span.start, span.end):
                continue
            before = self._sentence.before(span.start, 2)
            named = next((f for t in before for f in self._open() if t.stem in _cues(self._offer, f)), None)
            known = named or next(iter([*self._open(long=True), *self._open()]), None)
            if known is not None and (named is not None or known.required):
                self._take(known, span.value, span.start, span.end)

    def called(self) -> None:
        """`called X` names what is made."""
        match = _CALLED.search(self._sentence.text)
        known = next((f for f in self._open() if spaced(f.path[-1]).split()[-1] in TITLES), None)
        if match and known is not None:
            token = next(iter(self._sentence.after(match.end(), 1)), None)
            if token is not None and self._free(token.start, token.end):
                end = self._end_of_name(token)
                self._take(known, self._sentence.text[token.start : end], token.start, end)

    def _end_of_name(self, first: Token) -> int:
        end = first.end
        for token in self._sentence.after(first.end, 5):
            gap = self._sentence.text[end : token.start]
            if not token.text[:1].isupper() or gap.strip() or not self._free(token.start, token.end):
                break
            end = token.end
        return end

    def named(self) -> None:
        """`the table users`, `the shopping list`: the word beside what a field names is its value."""
        for generic in (False, True):
            for known in self._open():
                if _is_generic(known) is generic and known.path not in self._values:
                    place = self._beside(known)
                    if place is not None:
                        self._take(known, self._sentence.text[slice(*place)], *place)

    def _beside(self, known: Field) -> tuple[int, int] | None:
        cues = _cues(self._offer, known)
        tokens = self._sentence.tokens
        for number, token in enumerate(tokens):
            if token.stem not in cues or not self._free(token.start, token.end):
                continue
            after = tokens[number + 1] if number + 1 < len(tokens) else None
            if (
                after is not None
                and self._is_linked(token, after)
                and plain(after.text) in ("of", "for", "von", "de", "di")
            ):
                after = tokens[number + 2] if number + 2 < len(tokens) else None
                if after is not None and self._is_value(after, cues):
                    return after.start, self._end_of_name(after)
                continue
            if after is not None and self._is_linked(token, after) and self._is_value(after, cues):
                return after.start, after.end
        for number, token in enumerate(tokens[1:], 1):
            before = tokens[number - 1]
            is_cue = token.stem in cues and self._is_linked(before, token) and not is_long(known)
            if is_cue and self._is_value(before, cues) and self._is_strange(before):
                return before.start, before.end
        return None

    def _is_strange(self, token: Token) -> bool:
        """Says whether a word belongs neither to the endpoint nor to the acts."""
        return plain(token.text) not in KNOWN_WORDS and token.stem not in self._own

    def _is_linked(self, left: Token, right: Token) -> bool:
        return not self._sentence.text[left.end : right.start].strip(" '\"“„»«:")

    def _is_value(self, token: Token, cues: frozenset[str]) -> bool:
        word = plain(token.text)
        if not self._free(token.start, token.end) or token.stem in _NO_VALUE or token.stem in cues:
            return False
        if not token.text[:1].isalnum() and token.text[:1] not in "/_":
            return False
        small = token.text.lower()
        return small not in _EVERY_FUNCTION_WORD and word not in UNIT_SECONDS and word not in NUMBER_WORDS

    def tails(self) -> None:
        """What stands behind a colon, or behind `that` or `saying`, is the long text."""
        for pattern in (_TAIL, _SAYING):
            known = next(iter(self._open(long=True)), None) or next((f for f in self._open() if f.required), None)
            match = pattern.search(self._sentence.text)
            if known is not None and match and self._free(match.start(1), match.end(1)):
                self._take(known, match[1], match.start(1), match.end(1))

    def codes(self) -> None:
        """A mix of letters and digits, or a number that is left, is the id or code that is required."""
        for known in self._open():
            words = set(spaced(known.path[-1]).split())
            if not known.required or not words & {"id", "code", "key", "token", "number", "text"}:
                continue
            for span in self._sentence.spans:
                if span.form in ("uuid", "code", "url", "ip") and self._free(span.start, span.end):
                    self._take(known, span.value, span.start, span.end)
                    break
            else:
                if words & {"id", "code", "number"}:
                    self._number(known)

    def _number(self, known: Field) -> None:
        for amount in self._sentence.amounts:
            if self._free(amount.start, amount.end) and amount.seconds is None:
                text = self._sentence.text[amount.start : amount.end]
                self._take(known, text, amount.start, amount.end)
                return

    # -- what is left -------------------------------------------------------------------------------------------------

    def rest(self) -> None:
        """What no word of the service, of its endpoint or of grammar accounts for goes to the fields still open."""
        fields = [known for known in self._open() if known.required or self._wants_rest(known)]
        chunks = list(self._chunks())
        for known in fields:
            if not chunks:
                return
            long = is_long(known)
            best = max(chunks, key=lambda chunk: (chunk[1] - chunk[0]) if long else chunk[1])
            text = self._sentence.text[slice(*best)]
            self._take(known, text, *best)
            chunks.remove(best)

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
        if not self._free(token.start, token.end) or small in _EVERY_FUNCTION_WORD or token.stem in _NO_VALUE:
            return False
        if token.text[:1] in "<>=!" and len(token.text) <= 2:
            return True
        if token.stem in self._own or plain(token.text) in UNIT_SECONDS:
            return False
        large = token.text[:1].isupper() and token.start > 0
        return large or small not in KNOWN_WORDS


def _plain_value(text: str) -> Any:
    """Returns a value for a field of any type: a number where it is one."""
    if re.fullmatch(r"-?\d{1,15}", text):
        return int(text)
    return float(text) if re.fullmatch(r"-?\d{1,15}\.\d{1,9}", text) else text


def is_long(known: Field) -> bool:
    """Says whether a field takes many words, by its name."""
    return spaced(known.path[-1]).split()[-1] in LONG


def _is_generic(known: Field) -> bool:
    return spaced(known.path[-1]).split()[-1] in GENERIC


def _cues(offer: Offer, known: Field) -> frozenset[str]:
    """Returns the stems of what a field names."""
    own = spaced(known.path[-1]).split()
    found = set(own)
    if own[-1] in ("name", "id", "title", "key", "text"):
        found |= set(_nouns(offer))
        found |= set(split_words(known.description)[:4]) - _EVERY_FUNCTION_WORD
    if own[-1] == "text" or own[-1] in LONG:
        found -= set(_nouns(offer))
    return stems(word for word in found if len(word) > 1 and word not in _EVERY_FUNCTION_WORD)


def _nouns(offer: Offer) -> Iterator[str]:
    """Yields what the service and the endpoint are about."""
    yield from spaced(offer.service.replace("-", " ")).split()
    yield from spaced(offer.endpoint.partition(".")[0]).split()
    for word in split_words(offer.description)[1:4]:
        if word not in _EVERY_FUNCTION_WORD and word not in KNOWN_WORDS:
            yield word


def _own_stems(offer: Offer) -> frozenset[str]:
    texts = (offer.service.replace("-", " "), offer.method, offer.description, offer.tags, offer.about)
    return (
        stems(word for text in texts for word in split_words(text))
        | stems(word for known in offer.fields for word in spaced(known.path[-1]).split())
        | frozenset(stem(word) for word in spaced(offer.endpoint).split())
    )
