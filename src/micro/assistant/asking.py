"""The questions before a call, in words: what is missing, which thing is meant, and whether to do it.

Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from micro.assistant.answers import Unreadable
from micro.assistant.conversation import Plan
from micro.assistant.phrases import phrase
from micro.assistant.rows import is_id
from micro.assistant.slots import shown
from micro.assistant.words import spaced
from micro.service.schema.fields import Field

__all__ = ["does", "question_for", "question_whether", "short"]

FIELDS_SHOWN_MAX: Final = 6
VALUE_CHARACTERS_MAX: Final = 60
EXAMPLE_CHARACTERS_MAX: Final = 40
_CLAUSE: Final = re.compile(r"[.;:](?:\s|$)")


def short(value: Any) -> str:
    """Returns a value as it is read out, cut where it is long."""
    text = " ".join(shown(value).split())
    return text if len(text) <= VALUE_CHARACTERS_MAX else text[: VALUE_CHARACTERS_MAX - 1] + "…"


def does(plan: Plan) -> str:
    """Returns what an endpoint does, in its own words, without what it says besides."""
    return _CLAUSE.split(plan.offer.description, maxsplit=1)[0].strip() or plan.offer.title


def question_whether(plan: Plan, language: str) -> str:
    """Returns the question whether to do it, which shows what will be done."""
    values = list(_values(plan, language))
    if len(plan.fields) > FIELDS_SHOWN_MAX:
        values.append("…")
    with_fields = f": {', '.join(values)}" if values else ""
    return phrase("confirm", language, what=does(plan), with_fields=with_fields)


def _values(plan: Plan, language: str) -> Iterator[str]:
    order = {known.path[0]: place for place, known in reversed(list(enumerate(plan.offer.fields)))}
    ordered = sorted(plan.fields.items(), key=lambda item: order.get(item[0], len(order)))
    for name, value in ordered[:FIELDS_SHOWN_MAX]:
        label = plan.labels.get(value) if isinstance(value, str) else None
        said = phrase("quoted", language, text=short(label or value))
        yield f"{spaced(name)} {said}{f' ({short(value)})' if label and label != value else ''}"


def question_for(plan: Plan, known: Field, language: str, error: Unreadable | None, *, with_rows: bool) -> str:
    """Returns the question for a field: what it is, with an example, after what was wrong with the answer before."""
    if with_rows and is_id(known):
        asked = phrase("choices", language)
    else:
        about = known.description.strip().rstrip(".")
        example = _example(plan, known)
        if example:
            example = phrase("for_instance", language, example=phrase("quoted", language, text=example))
        words = {"field": spaced(known.path[-1]), "about": ", ".join(part for part in (about, example) if part)}
        asked = phrase("ask_about" if words["about"] else "ask", language, **words)
    if error is None:
        return asked
    wrong = phrase(f"expected_{error.expected}", language, choices=error.choices, said=short(error.said))
    return f"{wrong} {asked}"


def _example(plan: Plan, known: Field) -> str:
    """Returns a value that the service shows for a field, where it is short and says more than the description."""
    for example in plan.offer.examples:
        value: Any = example
        for name in known.path:
            value = value.get(name) if isinstance(value, dict) else None
        plain = isinstance(value, str | int | float) and not isinstance(value, bool)
        text = " ".join(str(value).split()) if plain else ""
        if text and len(text) <= EXAMPLE_CHARACTERS_MAX and text not in known.description:
            return text
    return ""
