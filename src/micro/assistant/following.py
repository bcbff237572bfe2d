"""What goes on from the last call: "and in Madrid?", "no, London", "change the amount to 20".

Pure.

Such a sentence names no service and often no field; it has a value, which goes where the last call has one of its form,
its choices or its type, and else to the only text that the last call was given. Where it fits nowhere, it is none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from micro.assistant.answers import Unreadable, read_answer
from micro.assistant.conversation import Plan
from micro.assistant.cues import EVERY_FUNCTION_WORD
from micro.assistant.numbers import amounts_in, number_of
from micro.assistant.offers import Offer
from micro.assistant.phrases import phrase
from micro.assistant.sentence import stem
from micro.assistant.slots import form_of_field
from micro.assistant.spans import form_of, spans_in
from micro.assistant.words import plain, spaced, split_words
from micro.service.schema.fields import Field

__all__ = ["FollowUp", "field_of_amount", "follow_up_of", "names_service", "value_for", "ways_to_say"]

WORDS_MAX: Final = 6
"""A longer sentence is a wish of its own."""

WAYS_MAX: Final = 3
VALUE_CHARACTERS_MAX: Final = 60

TEXT_WORDS_MAX: Final = 4
"""A text of more words is no new value of a text, where nothing but its being left tells so."""

_BEGINS: Final = re.compile(
    r"^(?P<no>(?:no|nein|non|não)[,;.!:]? +(?:i (?:meant?|said) +|ich (?:meinte?|sagte) +|quería decir +|quise decir +|"
    r"je voulais dire +|intendevo +|quis dizer +|lieber +|rather +|make (?:it|that) +)?|"
    r"(?:i meant?|actually|make (?:it|that)|ich meinte?|doch lieber|quería decir|quise decir|je voulais dire|"
    r"intendevo|quis dizer)[,:]? +)|"
    r"^(?:and|und|y|e|et)[,:]? +(?:(?:what|how) about +|was ist mit +|qué tal +|what is it +|wie ist es +)?|"
    r"^(?:what about|how about|was ist mit|wie (?:ist|sieht) es(?: aus)? (?=in|mit|bei)|qué tal|y qué hay de|"
    r"qu'en est-il de|che ne dici di|que tal)[,:]? +",
    re.IGNORECASE,
)
_BARE: Final = re.compile(r"(?:no|nein|non|não) +", re.IGNORECASE)
_LEADS: Final = re.compile(
    r"^(?:(?:in|to|into|for|from|at|of|on|by|with|nach|für|von|bei|mit|zu|en|para|de|desde|a|à|pour|per|da|em|the|der|"
    r"die|das|el|la|le|il|o) +)+",
    re.IGNORECASE,
)
_AMOUNTS: Final = frozenset(
    stem(word)
    for word in [
        "amount",
        "number",
        "value",
        "quantity",
        "count",
        "it",
        "that",
        "betrag",
        "menge",
        "zahl",
        "wert",
        "anzahl",
        "cantidad",
        "número",
        "valor",
        "montant",
        "nombre",
        "quantité",
        "importo",
        "numero",
        "quantità",
        "valore",
        "quantidade",
    ]
)
_ENDS: Final = " .!?¿¡,;…。！？"


@dataclass(frozen=True, slots=True)
class FollowUp:
    """A sentence that goes on from the last call.

    Attributes:
        text: what is new in it.
        corrects: whether it says that the last one was wrong.
        is_bare: whether nothing but a "no" leads it in, so that "no idea" is no new value of a text.
    """

    text: str
    corrects: bool = False
    is_bare: bool = False


def follow_up_of(text: str) -> FollowUp | None:
    """Returns what is new in a sentence that goes on from the last, None where it is a sentence of its own."""
    said = " ".join(text.split()).strip(_ENDS)
    begin = _BEGINS.match(said)
    rest = said[begin.end() :].strip(_ENDS) if begin else ""
    if begin is None or not rest or len(rest.split()) > WORDS_MAX:
        return None
    corrects = begin["no"] is not None
    return FollowUp(rest, corrects, corrects and bool(_BARE.fullmatch(begin["no"])))


def value_for(plan: Plan, follow_up: FollowUp) -> tuple[Field, Any] | None:
    """Returns the field of a call that a new value is for, with the value; None where it fits nowhere, or in two."""
    text = follow_up.text
    bare = _LEADS.sub("", text) or text
    given = [known for known in plan.offer.fields if _held(plan, known) is not None]
    texts = iter(()) if follow_up.is_bare else _texts(plan, given, bare, text)
    for candidates in (_formed(plan, bare), _typed(given, bare), texts):
        found = [(known, value) for known, value in candidates if value != _held(plan, known)]
        if found:
            return found[0] if len(found) == 1 else None
    return None


def _held(plan: Plan, known: Field) -> Any:
    value: Any = plan.fields
    for name in known.path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _formed(plan: Plan, text: str) -> Iterator[tuple[Field, Any]]:
    """Yields fields whose values have the form that the text has: a city for a zone."""
    spans = {span.form: span.value for span in spans_in(text)}
    named = spans_in(text.title()) if not spans else []  # a city is often typed small
    spans.update((span.form, span.value) for span in named if span.form == "zone")
    for known in plan.offer.fields:
        form = form_of_field(plan.offer, known)
        if form in spans:
            yield known, spans[form]


def _typed(given: list[Field], text: str) -> Iterator[tuple[Field, Any]]:
    """Yields fields of a choice or a number that can be read as one."""
    for known in given:
        if known.kind not in ("choice", "integer", "number") or known.many:
            continue
        try:
            yield known, read_answer(known, text)
        except Unreadable:
            continue


def ways_to_say(plan: Plan, follow_up: FollowUp, language: str) -> list[str]:
    """Returns how to say which of the texts of a call is to be another, where it has more than one; else nothing."""
    bare = _LEADS.sub("", follow_up.text) or follow_up.text
    if follow_up.is_bare or len(bare.split()) > TEXT_WORDS_MAX or number_of(bare) is not None:
        return []
    held = [_held(plan, known) for known in _short_texts(plan)]
    if not 1 < len(held) <= WAYS_MAX or len(set(held)) < len(held):
        return []
    return [phrase("change_to", language, what=value, to=bare) for value in held]


def _short_texts(plan: Plan) -> list[Field]:
    """Returns the fields that were given a short text, and not one of the form that they may have: a place by name."""
    return [
        known
        for known in plan.offer.fields
        if known.kind in ("text", "any", "json")
        and not known.many
        and isinstance(value := _held(plan, known), str)
        and len(value) <= VALUE_CHARACTERS_MAX
        and ((form := form_of_field(plan.offer, known)) == "" or form_of(value) != form)
    ]


def _texts(plan: Plan, given: list[Field], bare: str, text: str) -> Iterator[tuple[Field, Any]]:
    """Yields the text that a preposition names, else the only one that was given and has no form."""
    if len(bare.split()) > TEXT_WORDS_MAX or number_of(bare) is not None:
        return
    texts = [known for known in _short_texts(plan) if known in given]
    lead = {plain(word) for word in text.split()[:1]}
    lead |= {"to"} if lead & {"into", "in", "nach"} else set()
    named = [known for known in texts if lead & set(spaced(known.path[-1]).split())]
    for known in named or (texts if len(texts) == 1 else []):
        yield known, bare


def field_of_amount(plan: Plan, what: str, to: str) -> Field | None:
    """Returns the only number that a call was given, where "the amount", "the number" or "it" is to be another."""
    if not any(stem(word) in _AMOUNTS for word in what.split()) or (number_of(to) is None and len(amounts_in(to)) != 1):
        return None
    numbers = [f for f in plan.offer.fields if f.kind in ("integer", "number") and _held(plan, f) is not None]
    return numbers[0] if len(numbers) == 1 else None


def names_service(text: str, offer: Offer) -> bool:
    """Says whether a text is the name of an endpoint's service, in the singular or the plural."""
    said = {stem(word) for word in split_words(text) if word not in EVERY_FUNCTION_WORD}
    return bool(said) and said == {stem(word) for word in split_words(offer.service.replace("-", " "))}
