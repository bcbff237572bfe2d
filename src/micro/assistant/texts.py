"""Fills in the text fields of a request: what a sentence names, quotes, or says behind a colon, and then what is left.

Pure.

A word is a value where the thing that a field names stands beside it: "the table users", "the shopping list". What a
field names is told by its own name, else by what is said of it, else by the service: the `name` of a list is a list's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, MutableMapping, MutableSequence, Sequence
from typing import Any, Final

from micro.assistant.acts import KNOWN_WORDS
from micro.assistant.cues import EVERY_FUNCTION_WORD, GENERIC, cues_of, is_generic, is_long, last_word, own_stems
from micro.assistant.numbers import NUMBER_WORDS, UNIT_SECONDS
from micro.assistant.offers import Offer
from micro.assistant.sentence import Sentence, Token, stem, stems
from micro.assistant.words import plain, spaced
from micro.service.schema.fields import Field

__all__ = ["fill_texts"]

Values = MutableMapping[tuple[str, ...], Any]
Used = MutableSequence[tuple[int, int]]

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
_OF: Final = frozenset(["of", "for", "von", "de", "di"])
_INTRODUCING: Final = frozenset(["by", "about", "of", "for", "on", "in", "from", "with"])
FORMS: Final = frozenset(("uuid", "code", "url", "ip", "network", "place", "shortcode", "color"))
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
    filler.tails()
    filler.called()
    filler.digits()
    filler.named()
    filler.forms()
    filler.introduced()
    filler.rest()


class _Filler:
    """One sentence and one endpoint."""

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

    def _is_cue(self, token: Token, known: Field) -> bool:
        return self._sentence.is_any(token, cues_of(self._offer)[known.path])

    # -- what the sentence shows --------------------------------------------------------------------------------------

    def quotations(self) -> None:
        """A quotation is the text that the sentence is about, unless the word before it names another field."""
        for span in self._sentence.spans:
            if span.form != "quoted" or not self._free(span.start, span.end):
                continue
            before = self._sentence.before(span.start, 2)
            named = next((f for t in before for f in self._open() if self._is_cue(t, f)), None)
            known = named or next(iter([*self._open(long=True), *self._open()]), None)
            if known is not None and (named is not None or known.required):
                self._take(known, span.value, span.start, span.end)

    def called(self) -> None:
        """`called X` names what is made."""
        match = _CALLED.search(self._sentence.text)
        known = next((f for f in self._open() if last_word(f) in TITLES), None)
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
                if is_generic(known) is generic and known.path not in self._values:
                    place = self._beside(known)
                    if place is not None:
                        self._take(known, self._sentence.text[slice(*place)], *place)

    def _beside(self, known: Field) -> tuple[int, int] | None:
        """Returns where a word stands beside what a field names: behind it, behind `of` and `for`, or before it."""
        cues, tokens = cues_of(self._offer)[known.path], self._sentence.tokens
        places = [number for number, token in enumerate(tokens) if self._sentence.is_any(token, cues)]
        for number in places:
            found = self._behind(known, cues, tokens[number : number + 3])
            if found is not None:
                return found
        for number in places:
            before = tokens[number - 1] if number else None
            if before is None or is_long(known) or not self._is_linked(before, tokens[number]):
                continue
            if self._is_value(before, cues) and self._is_strange(before):
                return before.start, before.end
        return None

    def _behind(self, known: Field, cues: frozenset[str], tokens: Sequence[Token]) -> tuple[int, int] | None:
        if len(tokens) < 2 or not self._is_linked(tokens[0], tokens[1]):
            return None
        after = tokens[1]
        if plain(after.text) in _OF:
            is_named = known.required and is_generic(known) and len(tokens) > 2
            return (
                (tokens[2].start, self._end_of_name(tokens[2]))
                if is_named and self._is_value(tokens[2], cues)
                else None
            )
        return (after.start, after.end) if self._is_value(after, cues) else None

    def _is_strange(self, token: Token) -> bool:
        """Says whether a word belongs neither to the endpoint nor to the acts."""
        return plain(token.text) not in KNOWN_WORDS and token.stem not in self._own

    def _is_own(self, token: Token) -> bool:
        """Says whether a word is one of the endpoint's, or of nearly the same meaning, or joined of such words."""
        parts = [part for part in token.text.split("-") if part]
        if len(parts) > 1:
            return all(stem(part) in self._own or plain(part) in NUMBER_WORDS or part in KNOWN_WORDS for part in parts)
        return self._sentence.is_any(token, self._own)

    def _is_linked(self, left: Token, right: Token) -> bool:
        return not self._sentence.text[left.end : right.start].strip(" '\"“„»«")

    def _is_value(self, token: Token, cues: frozenset[str]) -> bool:
        word = plain(token.text)
        if not self._free(token.start, token.end) or token.stem in _NO_VALUE or self._sentence.is_any(token, cues):
            return False
        if not token.text[:1].isalnum() and token.text[:1] not in "/_":
            return False
        small = token.text.lower()
        return small not in EVERY_FUNCTION_WORD and word not in UNIT_SECONDS and word not in NUMBER_WORDS

    def tails(self) -> None:
        """What stands behind a colon, or behind `that` or `saying`, is the long text."""
        for pattern in (_TAIL, _SAYING):
            known = next(iter(self._open(long=True)), None) or next((f for f in self._open() if f.required), None)
            match = pattern.search(self._sentence.text)
            if known is not None and match and self._free(match.start(1), match.end(1)):
                self._take(known, match[1], match.start(1), match.end(1))

    def digits(self) -> None:
        """A number is the code that is required, where the service shows codes of digits."""
        for known in self._open():
            shown = (example.get(known.path[0]) for example in self._offer.examples)
            if known.required and any(isinstance(value, str) and value.isdigit() for value in shown):
                self._number(known, digits=True)

    def forms(self) -> None:
        """What has a form of its own, and is left, goes to the required fields, first to one that is called so."""
        for known in self._open():
            if not known.required or is_long(known):
                continue
            words = spaced(known.path[-1]).split()
            spans = [span for span in self._sentence.spans if span.form in FORMS and self._free(span.start, span.end)]
            spans.sort(key=lambda span: span.form not in words)
            if spans:
                self._take(known, spans[0].value, spans[0].start, spans[0].end)
            elif set(words) & {"id", "code", "number"}:
                self._number(known)

    def _number(self, known: Field, *, digits: bool = False) -> None:
        for amount in self._sentence.amounts:
            text = self._sentence.text[amount.start : amount.end]
            if self._free(amount.start, amount.end) and amount.seconds is None and (text.isdigit() or not digits):
                self._take(known, text, amount.start, amount.end)
                return

    def introduced(self) -> None:
        """`by Oscar Wilde` is the author, where the endpoint says `by an author`."""
        for known in self._open():
            name = spaced(known.path[-1])
            said = f"{self._offer.description} {known.description}".lower()
            words = re.findall(rf"\b(\w+) (?:an? |the |its )?{re.escape(name)}\b", said)
            for start, end in self._chunks():
                before = [plain(token.text) for token in self._sentence.before(start, 1)]
                if before and before[0] in words and before[0] in _INTRODUCING:
                    self._take(known, self._sentence.text[start:end], start, end)
                    break

    # -- what is left -------------------------------------------------------------------------------------------------

    def rest(self) -> None:
        """What no word of the service, of its endpoint or of grammar accounts for goes to the fields still open."""
        fields = [known for known in self._open() if known.required or self._wants_rest(known)]
        chunks = list(self._chunks())
        short = [known for known in fields if not is_long(known)]
        if len(short) > 1 and len(chunks) > 1:
            self._in_order(short, chunks)
            return
        for known in fields:
            if not chunks:
                return
            best = max(chunks, key=lambda chunk: self._weight(known, *chunk))
            self._take(known, self._sentence.text[slice(*best)], *best)
            chunks.remove(best)

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
        if not self._free(token.start, token.end) or small in EVERY_FUNCTION_WORD or token.stem in _NO_VALUE:
            return False
        if token.text[:1] in "<>=!" and len(token.text) <= 2:
            return True
        large = token.text[:1].isupper() and token.start > 0
        if self._is_own(token) or plain(token.text) in UNIT_SECONDS:
            return large and token.stem not in self._own
        return large or small not in KNOWN_WORDS


def _plain_value(text: str) -> Any:
    """Returns a value for a field of any type: a number where it is one."""
    if re.fullmatch(r"-?\d{1,15}", text):
        return int(text)
    return float(text) if re.fullmatch(r"-?\d{1,15}\.\d{1,9}", text) else text
