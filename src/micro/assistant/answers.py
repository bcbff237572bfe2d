"""Reads the answer to a question for one field, and says what was expected where it cannot be one.

Pure.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from typing import Any, Final

from micro.assistant.commands import command_of, truth_of
from micro.assistant.cues import is_long
from micro.assistant.numbers import amounts_in, number_of
from micro.assistant.rows import is_id
from micro.assistant.spans import spans_in
from micro.assistant.words import plain, spaced
from micro.service.schema.fields import Field

__all__ = ["WISH_WORDS_MIN", "Unreadable", "is_value", "may_be_wish", "read_answer"]

CHOICES_SHOWN_MAX: Final = 12
ID_WORDS_MAX: Final = 2
WISH_WORDS_MIN: Final = 3
"""A sentence of fewer words is the value that was asked for."""


class Unreadable(ValueError):
    """A text is no value of a field.

    Attributes:
        expected: what was expected: `number`, `integer`, `yes_or_no`, `choice`, `bytes`, `json` or `value`; or
            `no_such_thing`.
        choices: the values that are possible, for a choice.
        said: what was said instead.
    """

    def __init__(self, expected: str, choices: str = "", said: str = "") -> None:
        super().__init__(expected)
        self.expected = expected
        self.choices = choices
        self.said = said


def read_answer(field: Field, text: str, form: str = "") -> Any:
    """Returns the value that an answer is.

    Args:
        field: what was asked for.
        text: what was said.
        form: the form that its values have, see `slots.form_of_field`.

    Raises:
        Unreadable: it is none.
    """
    text = text.strip()
    if field.many and field.kind != "json":
        parts = [part.strip() for part in re.split(r"[,;\n]", text) if part.strip()]
        return [_one(field, part, form) for part in parts]
    return _one(field, text, form)


def is_value(field: Field, text: str) -> bool:
    """Says whether a text can be what was asked for: a bare yes or no is no text, and an id is one word, or two.

    Whoever means the word itself says it in quotation marks.
    """
    if field.kind not in ("text", "any"):
        return True  # whether it can be read as one says `read_answer`
    command = command_of(text)
    is_bare = command is not None and command.kind in ("yes", "no")
    return not is_bare and (not is_id(field) or len(text.split()) <= ID_WORDS_MAX)


def may_be_wish(field: Field, text: str) -> bool:
    """Says whether what is said may be something else than the value: a long text may be about anything."""
    return not is_long(field) and len(text.split()) >= WISH_WORDS_MIN


def _one(field: Field, text: str, form: str) -> Any:
    if field.kind in ("integer", "number"):
        return _number(field, text)
    if field.kind == "flag":
        truth = truth_of(text)
        if truth is None:
            raise Unreadable("yes_or_no")
        return truth
    if field.kind == "choice":
        return _choice(field, text)
    if field.kind == "bytes":
        return _bytes(text)
    if field.kind in ("json", "pairs"):
        return _json(field, text)
    if field.kind == "any":
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            return text
    return _text(text, form)


def _text(text: str, form: str) -> str:
    spans = spans_in(text)
    found = next((span.value for span in spans if form and span.form == form), None)
    if found is not None:
        return found
    return spans[0].value if len(spans) == 1 and spans[0].form == "quoted" and spans[0].end == len(text) else text


def _number(field: Field, text: str) -> int | float:
    value: int | float | None = number_of(text)
    amounts = amounts_in(text)
    if value is None and len(amounts) == 1:
        amount = amounts[0]
        in_seconds = "seconds" in spaced(field.path[-1]).split() and amount.seconds is not None
        value = amount.seconds if in_seconds else amount.value
    if value is None:
        raise Unreadable(field.kind)
    if field.kind == "integer" and not float(value).is_integer():
        raise Unreadable("integer")
    return int(value) if field.kind == "integer" else value


def _choice(field: Field, text: str) -> Any:
    said = plain(text)
    for choice in field.choices:
        if plain(str(choice)) == said or number_of(text) == choice:
            return choice
    words = {plain(word) for word in re.findall(r"[\w-]+", text)}
    within = [choice for choice in field.choices if plain(str(choice)) in words]
    if len(within) == 1:
        return within[0]
    raise Unreadable("choice", ", ".join(str(choice) for choice in field.choices[:CHOICES_SHOWN_MAX]))


def _bytes(text: str) -> str:
    """Returns bytes in base64: a face sends a file so, and nobody says one."""
    try:
        base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Unreadable("bytes") from None
    if not text:
        raise Unreadable("bytes")
    return text


def _json(field: Field, text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        pass
    pairs = [part.partition("=") for part in re.split(r"[,;\n]", text) if part.strip()]
    if pairs and all(equals for _, equals, _ in pairs):
        return {key.strip(): _plain(value.strip()) for key, _, value in pairs}
    raise Unreadable("json")


def _plain(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
