"""Fills in the fields of a request from a sentence, as far as the sentence says them.

Pure.

What has a form or a type of its own is placed first: addresses, moments, zones, choices, numbers, yes and no. Each goes
where the words around it, its unit and the examples of the service point. What is left is text, see `texts`. Nothing is
guessed that nothing points to: what is missing is asked for.
"""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

from micro.assistant.directions import article_amount, fill_directions
from micro.assistant.exemplars import examples_of, shown_in
from micro.assistant.numbers import Amount
from micro.assistant.offers import Offer
from micro.assistant.sentence import Sentence, stem, stems
from micro.assistant.spans import Span, form_of
from micro.assistant.texts import fill_texts
from micro.assistant.words import content_words, plain, spaced
from micro.service.schema.fields import Field

__all__ = ["Filling", "fill"]

NEAR_WORDS: Final = 3
"""A number belongs to what is named at most so many words from it."""

OFFERS_KEPT: Final = 4_096
AMOUNT_SCORE_MIN: Final = 0.25
"""A number is placed where at least so much points to it."""

FORMS: Final = {"uri": "url", "iri": "url", "uuid": "uuid", "ipv4": "ip", "ipv6": "ip", "date": "datetime"}
"""A schema's format -> the form of a part of a sentence."""

_NAMED_FORMS: Final = {"url": "url", "link": "url", "email": "email", "mail": "email", "ip": "ip", "zone": "zone"}
_NOT: Final = stems(
    [
        "no",
        "without",
        "not",
        "ohne",
        "kein",
        "keine",
        "sans",
        "pas",
        "sin",
        "no",
        "senza",
        "non",
        "sem",
        "zonder",
        "geen",
        "без",
        "bez",
        "exclude",
        "except",
    ]
)
_TIMES: Final = stems(["times", "time", "mal", "fois", "veces", "vez", "volte", "vezes", "keer", "раз", "razy"])
_COUNTERS: Final = stems(["count", "times", "repeat", "number", "amount"])
_BY: Final = frozenset(("by", "x", "×", "mal", "por", "par", "per", "sur", "auf", "op"))
_SOURCES: Final = frozenset(["from", "of", "von", "aus", "de", "desde", "da", "dal", "depuis", "van"])
_UNTIL: Final = frozenset(["to", "into", "until", "till", "bis", "hasta", "before"])


@dataclass
class Filling:
    """What a sentence says of a request.

    Attributes:
        values: path of a field -> its value.
        used: which letters of the sentence are spoken for, as (start, end).
        typed: how many of its values have a type or form that the sentence shows.
    """

    values: dict[tuple[str, ...], Any] = field(default_factory=dict)
    used: list[tuple[int, int]] = field(default_factory=list)
    typed: int = 0

    def take(self, path: tuple[str, ...], value: Any, start: int, end: int) -> None:
        """Places a value that stands there."""
        self.values[path] = value
        self.used.append((start, end))
        self.typed += 1

    def is_used(self, start: int, end: int) -> bool:
        """Says whether a part of the sentence is spoken for."""
        return any(start < last and first < end for first, last in self.used)


def fill(offer: Offer, sentence: Sentence) -> Filling:
    """Returns what a sentence says of the fields of an endpoint's request."""
    filling = Filling()
    _fill_forms(offer, sentence, filling)
    _fill_choices(offer, sentence, filling)
    _fill_amounts(offer, sentence, filling)
    _fill_flags(offer, sentence, filling)
    fill_directions(offer, sentence, filling.values, filling.used)
    _fill_article(offer, sentence, filling)
    fill_texts(offer, sentence, filling.values, filling.used)
    filling.values = {known.path: filling.values[known.path] for known in offer.fields if known.path in filling.values}
    return filling


# -- forms ------------------------------------------------------------------------------------------------------------


def form_of_field(offer: Offer, known: Field) -> str:
    """Returns the form that values of a field have, as its schema, its examples, its default and its name tell."""
    if known.kind != "text" or known.many:
        return ""
    if known.format in FORMS or known.format == "date-time":
        return FORMS.get(known.format, "datetime")
    if known.format in ("email", "idn-email"):
        return "email"
    for value in (*examples_of(offer, known), known.default, *shown_in(known.description)):
        if (form := form_of(value)) not in ("", "code", "comparison"):
            return form
    words = spaced(known.path[-1]).split()
    return next((_NAMED_FORMS[word] for word in words if word in _NAMED_FORMS), "")


@lru_cache(maxsize=OFFERS_KEPT)
def _forms_of(offer: Offer) -> tuple[tuple[int, str], ...]:
    """Returns the places of the fields whose values have a form, with it."""
    found = ((place, form_of_field(offer, known)) for place, known in enumerate(offer.fields))
    return tuple((place, form) for place, form in found if form)


def _fill_forms(offer: Offer, sentence: Sentence, filling: Filling) -> None:
    fields = [(offer.fields[place], form) for place, form in _forms_of(offer)]
    for form in dict.fromkeys(form for _, form in fields):
        wanted = [known for known, its in fields if its == form]
        spans = [span for span in sentence.spans if span.form == form]
        for known, span in _matched(wanted, spans, sentence):
            filling.take(known.path, span.value, span.start, span.end)


def _matched(fields: list[Field], spans: list[Span], sentence: Sentence) -> list[tuple[Field, Span]]:
    """Pairs fields with parts of one form: by the word before the part, then by the order in which both come."""
    pairs: list[tuple[Field, Span]] = []
    fields, spans = list(fields), list(spans)
    for span in list(spans):
        before = [plain(token.text) for token in sentence.before(span.start, 1)]
        for known in fields:
            words = spaced(known.path[-1]).split()
            source = "from" in words or "start" in words
            target = "to" in words or "end" in words
            if (source and _SOURCES.intersection(before)) or (target and _UNTIL.intersection(before)):
                pairs.append((known, span))
                fields.remove(known)
                spans.remove(span)
                break
    if len(fields) > 1 and len(spans) > 1:  # what comes from somewhere is said before where it goes
        fields.sort(key=lambda known: 0 if {"from", "start"} & set(spaced(known.path[-1]).split()) else 1)
    return [*pairs, *zip(fields, spans, strict=False)]


# -- choices ----------------------------------------------------------------------------------------------------------


def _fill_choices(offer: Offer, sentence: Sentence, filling: Filling) -> None:
    for known in offer.fields:
        if known.kind != "choice" or known.path in filling.values:
            continue
        for choice in known.choices:
            if isinstance(choice, str) and len(choice) > 1 and (place := _place_of(choice, sentence)):
                filling.take(known.path, [choice] if known.many else choice, *place)
                break


def _place_of(choice: str, sentence: Sentence) -> tuple[int, int] | None:
    wanted = plain(choice)
    for token in sentence.tokens:
        word = plain(token.text)
        if word == wanted or word in (wanted + "s", wanted + "es"):
            return token.start, token.end
    return None


# -- numbers ----------------------------------------------------------------------------------------------------------


def _fill_amounts(offer: Offer, sentence: Sentence, filling: Filling) -> None:
    fields = [known for known in offer.fields if _takes_number(known) and known.path not in filling.values]
    amounts = [amount for amount in sentence.amounts if not filling.is_used(amount.start, amount.end)]
    amounts = _without_pair(fields, amounts, sentence, filling)
    scored = [
        (_amount_score(offer, known, place, amount, sentence), -number, place, known, amount)
        for place, known in enumerate(fields)
        for number, amount in enumerate(amounts)
    ]
    scored.sort(key=lambda item: (-item[0], -item[1], item[2]))
    for score, _, _, known, amount in scored:
        taken = known.path in filling.values or filling.is_used(amount.start, amount.end)
        if score >= AMOUNT_SCORE_MIN and not taken:
            value = _amount_value(known, amount)
            if value is not None:
                filling.take(known.path, value, amount.start, amount.end)


def _fill_article(offer: Offer, sentence: Sentence, filling: Filling) -> None:
    """One is the number that is required, where somebody asks what `a gallon` is and says no other number."""
    lacking = [known for known in offer.fields if known.required and known.path not in filling.values]
    numbers = [known for known in lacking if _takes_number(known) and not _is_of_time(known)]
    if len(numbers) == 1 and not sentence.amounts and (amount := article_amount(offer, sentence)) is not None:
        filling.take(numbers[0].path, amount.value, amount.start, amount.end)


def _without_pair(fields: list[Field], amounts: list[Amount], sentence: Sentence, filling: Filling) -> list[Amount]:
    """Places `800 by 600` into a width and a height, and returns the numbers that are left."""
    sides = {known.path[-1]: known for known in fields if known.path[-1] in ("width", "height")}
    for left, right in itertools.pairwise(amounts):
        between = sentence.text[left.end : right.start].strip().lower()
        if len(sides) == 2 and between in _BY:
            filling.take(sides["width"].path, left.value, left.start, left.end)
            filling.take(sides["height"].path, right.value, right.start, right.end)
            return [amount for amount in amounts if amount not in (left, right)]
    return amounts


def _takes_number(known: Field) -> bool:
    if known.kind == "choice":
        return any(isinstance(choice, int | float) for choice in known.choices)
    return known.kind in ("integer", "number") and not known.many


def _is_of_time(known: Field) -> bool:
    return bool({"seconds", "second", "ms", "milliseconds", "minutes", "hours", "days"} & set(_name_words(known)))


def _name_words(known: Field) -> list[str]:
    return spaced(known.path[-1]).split()


def _amount_score(offer: Offer, known: Field, place: int, amount: Amount, sentence: Sentence) -> float:
    """Returns how much points from a number to a field, by words near it, its unit, and what else the field needs."""
    score = 0.3 - 0.02 * place + (0.4 if known.required else 0.0)
    counted = stem(amount.counted) if amount.counted else ""
    if _is_of_time(known):
        score += 1.2 if amount.seconds is not None else -0.6
    elif amount.seconds is not None:
        score -= 0.8
    names = stems(_name_words(known)) - {"second"}
    said = stems(content_words(known.description)[:12])
    if counted and (counted in said or _alike(counted, names)):
        score += 1.0
    if counted in _TIMES and names & _COUNTERS:
        score += 1.2
    near = [
        token.stem for token in (*sentence.before(amount.start, NEAR_WORDS), *sentence.after(amount.end, NEAR_WORDS))
    ]
    score += 0.8 if any(_alike(word, names) for word in near) else 0.0
    score += 0.2 if said.intersection(near) else 0.0
    if known.kind == "choice" and amount.value not in known.choices:
        score -= 5.0
    if known.kind == "integer" and isinstance(amount.value, float) and amount.seconds is None:
        score -= 5.0
    return score


def _alike(word: str, names: frozenset[str]) -> bool:
    """Says whether a word is of the family of a field's name: `wide` and `width`, `pixels` and `pixel`."""
    return any(
        word == name or (len(word) >= 3 and len(name) >= 3 and word[:3] == name[:3] and abs(len(word) - len(name)) <= 3)
        for name in names
    )


def _amount_value(known: Field, amount: Amount) -> Any:
    value: int | float = amount.value
    if _is_of_time(known) and amount.seconds is not None:
        per = {"ms": 0.001, "milliseconds": 0.001, "minutes": 60.0, "hours": 3600.0, "days": 86400.0}
        unit = next((per[word] for word in _name_words(known) if word in per), 1.0)
        value = amount.seconds / unit
    if known.kind == "choice":
        return value if value in known.choices else None
    if float(value).is_integer():
        value = int(value)
    return value if known.kind == "number" or isinstance(value, int) else None


# -- yes and no -------------------------------------------------------------------------------------------------------


def _fill_flags(offer: Offer, sentence: Sentence, filling: Filling) -> None:
    for known in offer.fields:
        if known.kind != "flag" or known.many or known.path in filling.values:
            continue
        words = [word for word in _name_words(known) if word != "only"]
        for token in sentence.tokens:
            if len(words) == 1 and token.stem == stem(words[0]) and not filling.is_used(token.start, token.end):
                negative = any(near.stem in _NOT for near in sentence.before(token.start, 2))
                if negative or known.default is not True:
                    filling.take(known.path, not negative, token.start, token.end)
                break


def shown(value: Any) -> str:
    """Returns a value as it is read out."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
