"""Which things of a service a field may mean: the rows that another of its endpoints lists.

Pure.

An id is nothing that a person knows. Where the same service has an endpoint that only reads, costs nothing, takes
nothing that is not known yet, and answers with rows that have a field of that name, its rows are what the field may be:
`Notes.Delete` takes an `id`, and `Notes.List` answers with notes that have one. An endpoint `names` that answers with
texts lists what a `name` may be.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from micro.assistant.cues import EVERY_FUNCTION_WORD, last_word, own_stems
from micro.assistant.offers import Offer
from micro.assistant.sentence import stem
from micro.assistant.words import split_words
from micro.service.schema.fields import Field, resolve

__all__ = [
    "ROWS_MAX",
    "ROWS_READ_MAX",
    "Row",
    "is_id",
    "lister_of",
    "meant",
    "must_be_listed",
    "request_for",
    "rows_in",
    "touches",
    "wide",
]

ROWS_MAX: Final = 12
"""So many rows are shown to choose from."""

ROWS_READ_MAX: Final = 100
"""Among so many rows a thing is looked for."""

WORDS_MAX: Final = 64
"""By so many words of a row."""

LABEL_CHARACTERS_MAX: Final = 60
VALUE_CHARACTERS_MAX: Final = 200
"""A longer one is no name of a thing."""

CREATES_MIN: Final = 0.2
"""An endpoint whose acts are making things by so much may be given a name that is new."""

NAMES: Final = frozenset(["name", "title", "label"])
"""The last words of names of fields that take what somebody called a thing."""

IDS: Final = frozenset(["id", "uid", "uuid", "guid"])
"""The last words of names of fields whose values only a service gives out."""

_NAMES: Final = ("title", "name", "text", "label", "subject", "summary", "message", "description")
"""What things are called by, the likeliest first."""

_POINTING: Final = EVERY_FUNCTION_WORD | frozenset(
    ["one", "ones", "thing", "item", "entry", "ding", "eintrag", "cosa", "chose", "coisa", "elemento", "item"]
)
"""Words that say that a thing is meant, and not which."""


@dataclass(frozen=True, slots=True)
class Row:
    """A thing that a field may mean.

    Attributes:
        value: of the field.
        label: what the thing is called before people.
        words: the stems of all that it says.
    """

    value: str
    label: str
    words: frozenset[str]

    @property
    def bytes(self) -> int:
        """About what it weighs in memory."""
        return len(self.value) + len(self.label) + sum(map(len, self.words))


def is_id(known: Field) -> bool:
    """Says whether a field takes an id: something that its service gave out."""
    return known.kind == "text" and not known.many and last_word(known) in IDS


def must_be_listed(offer: Offer, known: Field) -> bool:
    """Says whether a field can only mean what is there already: an id, or a name where nothing is made."""
    if is_id(known):
        return True
    return last_word(known) in NAMES and not known.format and offer.acts.get("create", 0.0) < CREATES_MIN


def lister_of(plan_offer: Offer, fields: Mapping[str, Any], known: Field, offers: Iterable[Offer]) -> Offer | None:
    """Returns the endpoint that lists what a field may be, None where no description tells of one.

    Args:
        plan_offer: the endpoint whose field it is.
        fields: what is filled in already: an endpoint that requires no more than that may be asked.
        known: the field.
        offers: all endpoints in reach.
    """
    if known.kind != "text" or known.many or len(known.path) != 1:
        return None
    found = [
        offer
        for offer in offers
        if offer.service == plan_offer.service
        and offer.name != plan_offer.name
        and _may_be_asked(offer)
        and all(field.path[0] in fields for field in offer.fields if field.required)
        and _lists(offer, known)
    ]
    # the one that narrows down to what is known comes first, then the one that takes least
    found.sort(key=lambda offer: (-sum(field.required for field in offer.fields), len(offer.fields)))
    return found[0] if found else None


def _may_be_asked(offer: Offer) -> bool:
    return offer.kind == "call" and not (offer.changes or offer.price or offer.raw_request or offer.raw_response)


def _lists(offer: Offer, known: Field) -> bool:
    """Says whether an endpoint answers with rows that have an id, or with what a field is called in the plural.

    A title that things have is none for another one that is about to be made.
    """
    name = known.path[0]
    rows = _schema_of_rows(offer.response)
    if rows is None:
        return False
    if isinstance(rows.get("properties"), Mapping):
        return is_id(known) and name in rows["properties"]
    return rows.get("type") == "string" and offer.method in (f"{name}s", f"list {name}s")


def _schema_of_rows(response: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Returns the schema of the rows of an answer: of a list, or of the one list within an object."""
    schema, _ = resolve(response, response)
    properties = schema.get("properties")
    if schema.get("type") != "array" and isinstance(properties, Mapping):
        within = [resolve(inner, response)[0] for inner in properties.values()]
        lists = [inner for inner in within if inner.get("type") == "array"]
        schema = lists[0] if len(lists) == 1 else {}
    items = schema.get("items")
    return resolve(items, response)[0] if schema.get("type") == "array" and isinstance(items, Mapping) else None


def request_for(lister: Offer, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Returns what the endpoint that lists is asked: what it requires, as it is filled in already."""
    return {field.path[0]: fields[field.path[0]] for field in lister.fields if field.required}


def wide(lister: Offer, request: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the same request for as many rows as are read, where the endpoint has a `limit`."""
    has_limit = any(field.path == ("limit",) and field.kind == "integer" for field in lister.fields)
    return {"limit": ROWS_READ_MAX, **request} if has_limit else dict(request)


def rows_in(answer: bytes, name: str) -> tuple[Row, ...]:
    """Returns the rows of an answer that have a field, each once; none where it is of another form."""
    try:
        value = json.loads(answer)
    except (ValueError, RecursionError):
        return ()
    if isinstance(value, dict):
        lists = [inner for inner in value.values() if isinstance(inner, list)]
        value = lists[0] if len(lists) == 1 else []
    found: dict[str, Row] = {}
    for item in value[:ROWS_READ_MAX] if isinstance(value, list) else ():
        row = _row(item, name)
        if row is not None:
            found.setdefault(row.value, row)
    return tuple(found.values())


def _row(item: Any, name: str) -> Row | None:
    if isinstance(item, str) and 0 < len(item) <= VALUE_CHARACTERS_MAX:
        return Row(item, item[:LABEL_CHARACTERS_MAX], _stems([item]))
    value = item.get(name) if isinstance(item, dict) else None
    if not isinstance(value, str) or not 0 < len(value) <= VALUE_CHARACTERS_MAX:
        return None
    said = {key: " ".join(one.split()) for key, one in item.items() if isinstance(one, str) and key != name}
    label = next((said[key] for key in _NAMES if said.get(key)), next(iter(said.values()), "")) or value
    label = label if len(label) <= LABEL_CHARACTERS_MAX else label[: LABEL_CHARACTERS_MAX - 1] + "…"
    return Row(value, label, _stems(said.values()))


def _stems(texts: Iterable[str]) -> frozenset[str]:
    words = (stem(word) for text in texts for word in split_words(text))
    return frozenset(itertools.islice(words, WORDS_MAX))


def meant(rows: Sequence[Row], text: str, offer: Offer) -> list[Row]:
    """Returns the rows that a text may mean: the one of this value or label, else those that have all its words."""
    said = " ".join(text.split()).casefold()
    exact = [row for row in rows if said in (row.value.casefold(), row.label.casefold())]
    if exact:
        return exact
    wanted = _wanted(rows, text, offer)
    return [row for row in rows if wanted and wanted <= row.words]


def touches(rows: Sequence[Row], text: str, offer: Offer) -> bool:
    """Says whether a text has a word of any row: it may be about one, though it is not clear which."""
    wanted = _wanted(rows, text, offer)
    return any(wanted & row.words for row in rows)


def _wanted(rows: Sequence[Row], text: str, offer: Offer) -> frozenset[str]:
    """Returns the stems of what is said of a thing: no grammar, and no word of the endpoint that no thing has."""
    said = _stems([" ".join(word for word in split_words(text) if word not in _POINTING)])
    return said - (own_stems(offer) - frozenset().union(*(row.words for row in rows)))
