"""Turns typed text into the values of a request, and says what was expected where that fails.

Pure.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Callable, Sequence
from typing import Any

from micro.service.schema.fields import Field

__all__ = ["parse_field", "parse_json", "parse_value"]

Read = Callable[[str], bytes]
"""Returns the content of a file, `-` being standard input."""


def parse_field(field: Field, texts: Sequence[str], read: Read) -> Any:
    """Returns the value of a field from what was typed for it, once or several times.

    Args:
        field: the field.
        texts: what was typed; only a list and a map take more than one.
        read: reads the file named after an `@`.

    Raises:
        ValueError: a text has another form; the message says what was expected.
    """
    if field.kind == "pairs":
        entries: dict[str, Any] = {}
        for text in texts:
            entries.update(_entries(text, field.value, read))
        return entries
    if not field.many:
        return parse_value(field.kind, texts[-1], read, field.choices)
    if len(texts) == 1 and texts[0].startswith("[") and field.kind not in ("text", "bytes"):
        whole = parse_json(texts[0])  # a list as JSON is a list, not its only item
        if isinstance(whole, list):
            return whole
    return [parse_value(field.kind, text, read, field.choices) for text in texts]


def parse_value(kind: str, text: str, read: Read, choices: Sequence[Any] = ()) -> Any:
    """Returns one value of the kind.

    Raises:
        ValueError: the text has another form.
    """
    if kind == "text":
        return text
    if kind == "integer":
        return _integer(text)
    if kind == "number":
        return _number(text)
    if kind == "flag":
        return _flag(text)
    if kind == "choice":
        return _choice(text, choices)
    if kind == "bytes":
        return base64.b64encode(read(text[1:]) if text.startswith("@") else text.encode()).decode("ascii")
    if kind == "any":
        try:
            return parse_json(text)
        except ValueError:
            return text
    return parse_json(read(text[1:]).decode() if text.startswith("@") else text)


def parse_json(text: str) -> Any:
    """Returns the value of a JSON text; NaN and Infinity are no JSON.

    Raises:
        ValueError: it is no JSON; the message shows where.
    """
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        raise ValueError(f"{_short(text)} is no JSON: {error.msg} at character {error.pos + 1}") from error
    except RecursionError as error:
        raise ValueError("this JSON is nested too deeply") from error


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _integer(text: str) -> int:
    try:
        return int(text, 10)
    except ValueError as error:
        raise ValueError(f"{_short(text)} is no integer") from error


def _number(text: str) -> int | float:
    try:
        number = float(text)
    except ValueError as error:
        raise ValueError(f"{_short(text)} is no number") from error
    if not math.isfinite(number):
        raise ValueError(f"{_short(text)} is no number that JSON can hold")
    return int(text) if text.strip().lstrip("+-").isdecimal() else number


def _flag(text: str) -> bool:
    word = text.lower()
    if word in ("true", "yes", "on", "1"):
        return True
    if word in ("false", "no", "off", "0"):
        return False
    raise ValueError(f"{_short(text)} is neither true nor false")


def _choice(text: str, choices: Sequence[Any]) -> Any:
    for value in choices:
        if text == (value if isinstance(value, str) else json.dumps(value)):
            return value
    for value in choices:
        if text.lower() == str(value).lower():
            return value
    raise ValueError(f"{_short(text)} is not one of {', '.join(str(value) for value in choices)}")


def _entries(text: str, kind: str, read: Read) -> dict[str, Any]:
    """Returns the entries of a map that one text holds: `KEY=VALUE`, or a JSON object, here or in `@FILE`."""
    if text.startswith("{") and text.rstrip().endswith("}"):
        return _object(text)
    key, equals, value = text.partition("=")
    if equals:
        return {key: parse_value(kind, value, read)}
    if text.startswith("@"):
        return _object(read(text[1:]).decode())
    raise ValueError(f"{_short(text)} is no pair; write KEY=VALUE, or a JSON object")


def _object(text: str) -> dict[str, Any]:
    whole = parse_json(text)
    if not isinstance(whole, dict):
        raise ValueError(f"{_short(text)} is no JSON object")
    return whole


def _short(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:60] + "…")
