"""Fills in the text fields of a request: what a sentence names, quotes, or says behind a colon, and then what is left.

Pure.

A word is a value where the thing that a field names stands beside it: "the table users", "the shopping list". What a
field names is told by its own name, else by what is said of it, else by the service: the `name` of a list is a list's.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from micro.assistant.acts import KNOWN_WORDS
from micro.assistant.cues import EVERY_FUNCTION_WORD, cues_of, is_generic, is_long, last_word
from micro.assistant.exemplars import exemplars_of, how_alike
from micro.assistant.leftovers import NO_VALUE, Leftovers, Used, Values
from micro.assistant.numbers import NUMBER_WORDS, UNIT_SECONDS
from micro.assistant.offers import Offer
from micro.assistant.sentence import Sentence, Token, stems
from micro.assistant.words import plain, spaced
from micro.service.schema.fields import Field

__all__ = ["fill_texts"]

TITLES: Final = frozenset(["name", "title", "key", "id", "label", "subject", "username"])
_CALLED = re.compile(
    r"\b(?:called|named|titled|entitled|with the (?:title|name)|namens|genannt|mit dem (?:Titel|Namen)|"
    r"appelée?s?|nommée?s?|avec le titre|intitulée?s?|llamad[oa]s?|con el (?:título|nombre)|chiamat[oa]|intitolat[oa]|"
    r"con il (?:titolo|nome)|chamad[oa]|com o (?:título|nome))\s+",
    re.IGNORECASE,
)
_TAIL = re.compile(r"(?<=\w)\s?[:?]\s+(.+)$", re.DOTALL)
_SAYING = re.compile(
    r"\b(?:saying|says|that says|that|dass|disant que|disant|que dit|que dice|diciendo|dicendo)\s+(.+)$", re.IGNORECASE
)
_CONDITIONS: Final = frozenset(["query", "filter", "where", "condition"])
_DETERMINERS: Final = frozenset(
    [
        "my",
        "our",
        "your",
        "his",
        "her",
        "their",
        "the",
        "this",
        "mein",
        "meine",
        "meiner",
        "unsere",
        "die",
        "der",
        "das",
        "mi",
        "mis",
        "la",
        "el",
        "nuestra",
        "ma",
        "mes",
        "notre",
        "mia",
        "minha",
        "a",
        "o",
        "de",
        "het",
    ]
)
_OF: Final = frozenset(["of", "for", "von", "de", "di"])
_INTRODUCING: Final = frozenset(["by", "about", "of", "for", "on", "in", "from", "with"])
SHOWN_MIN: Final = 0.62
"""From so much likeness to what a service shows of a field on, a word is taken for its value wherever it stands."""

FORMS: Final = frozenset(("uuid", "code", "url", "ip", "network", "place", "shortcode", "color"))


def fill_texts(offer: Offer, sentence: Sentence, values: Values, used: Used) -> None:
    """Places texts into `values`, and notes in `used` where they stood."""
    filler = _Filler(offer, sentence, values, used)
    filler.quotations()
    filler.tails()
    filler.comparison()
    filler.called()
    filler.digits()
    filler.shown()
    filler.named()
    filler.forms()
    filler.introduced()
    filler.commanded()
    filler.rest()


class _Filler(Leftovers):
    """The same, with what the sentence shows."""

    def _is_cue(self, token: Token, known: Field) -> bool:
        return self._sentence.is_any(token, cues_of(self._offer)[known.path])

    # -- what the sentence shows --------------------------------------------------------------------------------------

    def quotations(self) -> None:
        """A quotation is the text that the sentence is about, unless the word before it names another field.

        One within what stands behind a colon belongs to that.
        """
        tail = _TAIL.search(self._sentence.text)
        for span in self._sentence.spans:
            if span.form != "quoted" or not self._free(span.start, span.end):
                continue
            if tail is not None and tail.start(1) < span.start:
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

    def shown(self) -> None:
        """A word that means something like what the service shows of a field is its value."""
        exemplars = exemplars_of(self._offer)
        for known in self._open():
            shown = exemplars.get(known.path)
            if shown is None or is_long(known):
                continue
            cues = cues_of(self._offer)[known.path]
            tokens = [token for token in self._sentence.tokens if self._is_value(token, cues) and self._may_show(token)]
            likely = [(how_alike(self._sentence, [token.text], shown), -token.start, token) for token in tokens]
            best = max(likely, default=None, key=lambda item: item[:2])
            if best is not None and best[0] >= SHOWN_MIN:
                self._take(known, best[2].text, best[2].start, best[2].end)

    def _may_show(self, token: Token) -> bool:
        """Says whether a word may be a value at all: one of the endpoint's own only where a preposition leads to it."""
        if self._is_strange(token):
            return True
        return any(plain(before.text) in _OF for before in self._sentence.before(token.start, 1))

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
            determined = number > 1 and tokens[number - 2].text.lower() in _DETERMINERS
            if self._is_value(before, cues) and (self._is_strange(before) or (determined and self._is_apart(before))):
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

    def _is_apart(self, token: Token) -> bool:
        """Says whether a word is no act, and none by which the service and its endpoint are called."""
        names = stems(spaced(f"{self._offer.service} {self._offer.endpoint}").split())
        return plain(token.text) not in KNOWN_WORDS and token.stem not in names

    def _is_linked(self, left: Token, right: Token) -> bool:
        return not self._sentence.text[left.end : right.start].strip(" '\"“„»«")

    def _is_value(self, token: Token, cues: frozenset[str]) -> bool:
        word = plain(token.text)
        if not self._free(token.start, token.end) or token.stem in NO_VALUE or self._sentence.is_any(token, cues):
            return False
        if not token.text[:1].isalnum() and token.text[:1] not in "/_":
            return False
        small = token.text.lower()
        return small not in EVERY_FUNCTION_WORD and word not in UNIT_SECONDS and word not in NUMBER_WORDS

    def tails(self) -> None:
        """What stands behind a colon, or behind `that` or `saying`, is the long text."""
        for pattern in (_TAIL, _SAYING):
            known = next(iter(self._open(long=True)), None)
            if known is None and pattern is _TAIL:
                known = next((field for field in self._open() if field.required), None)
            match = pattern.search(self._sentence.text)
            if match and any(span.start < match.start() + 1 < span.end for span in self._sentence.spans):
                continue  # the colon belongs to a time of day, or a shortcode
            if known is not None and match and self._free(match.start(1), match.end(1)):
                self._take(known, match[1], match.start(1), match.end(1))

    def comparison(self) -> None:
        """`age > 30` is a condition, for a field that is called so."""
        spans = [span for span in self._sentence.spans if span.form == "comparison"]
        known = next((f for f in self._open() if last_word(f) in _CONDITIONS), None)
        if spans and known is not None and self._free(spans[0].start, spans[0].end):
            self._take(known, spans[0].value, spans[0].start, spans[0].end)

    def commanded(self) -> None:
        """What stands behind the name of the service or of what it does, as in `echo hello there`, is the one text."""
        fields = [known for known in self._open() if known.required]
        tokens = self._sentence.tokens
        if len(fields) != 1 or not is_long(fields[0]) or len(tokens) < 2 or self._used:
            return
        names = {self._offer.service, self._offer.method}
        is_function_word = tokens[1].text.lower() in EVERY_FUNCTION_WORD
        if tokens[0].text.lower() in names and not is_function_word and tokens[1].stem not in self._own:
            self._take(fields[0], self._sentence.text[tokens[1].start :], tokens[1].start, len(self._sentence.text))

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
