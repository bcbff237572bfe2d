"""Turns names and texts, as a query or a form has them, into a request, as the endpoint's JSON Schema says.

Pure.

A name may be repeated (a list), and nest by dots: `point.x=1&point.y=2`, `points.0.x=1`.
"""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from micro.errors import BadRequest

__all__ = ["FIELDS_MAX", "Field", "request_of"]

Field = tuple[str, str | bytes]
"""A name and its text, or the bytes of a file."""

FIELDS_MAX = 256
DEPTH_MAX = 8
REFERENCES_MAX = 32
STEPS_MAX = 10_000
SCHEMA_DEPTH_MAX = 64
"""A schema may be a stranger's: it can ask for no more work than this, and no deeper recursion."""

NAMES_SHOWN_MAX = 20
SHOWN_CHARACTERS_MAX = 60

_INTEGER = re.compile(r"[+-]?[0-9]{1,19}")
_NUMBER = re.compile(r"[+-]?([0-9]{1,64}(\.[0-9]{0,64})?|\.[0-9]{1,64})([eE][+-]?[0-9]{1,3})?")
_INTEGER_MIN, _INTEGER_MAX = -(2**63), 2**64 - 1
_TRUE = ("true", "1", "yes", "on", "")
_FALSE = ("false", "0", "no", "off")
_WORDS = {
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "string": "text",
    "object": "fields, written NAME.FIELD=VALUE",
    "array": "a list, written by repeating the name",
    "null": "nothing",
}
_ORDER = ("null", "integer", "number", "boolean", "array", "object", "string")
"""Of several allowed types the first that the text fits counts; every text fits the last."""


class _Node:
    """What was given under one name: texts, or further names."""

    __slots__ = ("below", "values")

    def __init__(self) -> None:
        self.below: dict[str, _Node] = {}
        self.values: list[str | bytes] = []


def request_of(fields: Sequence[Field], schema: Mapping[str, Any] | None) -> dict[str, Any]:
    """Returns the request that the fields stand for.

    Args:
        fields: names and values, in order.
        schema: of the request; without one every value stays text.

    Raises:
        BadRequest: a field is unknown or its value does not fit; the detail begins with its name.
    """
    root = _tree(fields)
    reader = _Reader(schema if schema is not None else {})
    try:
        return reader.object(root, reader.resolved(reader.schema), "")
    except _TooManyWays:
        raise BadRequest("the fields fit the endpoint's schema in too many ways; send JSON instead") from None


def _tree(fields: Sequence[Field]) -> _Node:
    if len(fields) > FIELDS_MAX:
        raise BadRequest(f"at most {FIELDS_MAX} fields are read, got {len(fields)}; send JSON instead")
    root = _Node()
    for name, value in fields:
        parts = name.split(".")
        if not all(parts) or len(parts) > DEPTH_MAX:
            raise BadRequest(f"{_shown(name)}: expected a name, or up to {DEPTH_MAX} names joined by dots")
        node = root
        for part in parts:
            node = node.below.setdefault(part, _Node())
        node.values.append(value)
    return root


class _TooManyWays(Exception):
    """A schema asks for more work than it is worth."""


class _Reader:
    """Reads a tree of names by one schema."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self.schema = schema
        self._definitions = schema.get("$defs", {})
        self._steps = self._depth = 0

    def resolved(self, schema: Any) -> Mapping[str, Any]:
        """Returns a schema without a reference at its root; `true` and the unknown allow anything."""
        for _ in range(REFERENCES_MAX):
            if not isinstance(schema, Mapping):
                return {}
            reference = schema.get("$ref")
            if not isinstance(reference, str):
                return schema
            schema = self._definitions.get(reference.removeprefix("#/$defs/"))
        return {}

    def object(self, node: _Node, schema: Mapping[str, Any], path: str) -> dict[str, Any]:
        """Returns the object whose fields stand below `node`."""
        properties: Mapping[str, Any] = schema.get("properties", {})
        others = schema.get("additionalProperties", True)
        found: dict[str, Any] = {}
        for name, below in node.below.items():
            if name not in properties and others is False:
                raise self._unknown(f"{path}{name}", name, properties)
            found[name] = self.value(below, properties.get(name, others), f"{path}{name}")
        return found

    def _unknown(self, path: str, name: str, properties: Mapping[str, Any]) -> BadRequest:
        names = list(properties)
        near = get_close_matches(name, names, n=3, cutoff=0.5) or names[:NAMES_SHOWN_MAX]
        return BadRequest(f"{_shown(path)}: there is no such field; there is {', '.join(near) or 'none at all'}")

    def value(self, node: _Node, schema: Any, path: str) -> Any:
        """Returns what stands at one name."""
        self._steps += 1
        self._depth += 1
        if self._steps > STEPS_MAX or self._depth > SCHEMA_DEPTH_MAX:
            raise _TooManyWays
        try:
            return self._value(node, schema, path)
        finally:
            self._depth -= 1

    def _value(self, node: _Node, schema: Any, path: str) -> Any:
        schema = self.resolved(schema)
        if node.values and node.below:
            raise BadRequest(f"{_shown(path)}: it has a value, and fields of its own too; give one or the other")
        choices = schema.get("anyOf") or schema.get("oneOf")
        if isinstance(choices, Sequence) and not isinstance(choices, str):
            return self._choice(node, [self.resolved(choice) for choice in choices], path)
        kind = schema.get("type")
        if isinstance(kind, Sequence) and not isinstance(kind, str):
            return self._choice(node, [{**schema, "type": one} for one in kind], path)
        if kind == "object" or (kind is None and (node.below or "properties" in schema)):
            if node.values:
                raise BadRequest(f"{_shown(path)}: expected {_WORDS['object']}, got {_shown(node.values[0])}")
            return self.object(node, schema, f"{path}.")
        if kind == "array":
            return self._list(node, schema, path)
        if node.below:
            raise BadRequest(f"{_shown(path)}: expected {_WORDS.get(str(kind), 'a value')}, got fields of it")
        return self._single(node.values, schema, path)

    def _choice(self, node: _Node, choices: list[Mapping[str, Any]], path: str) -> Any:
        """Returns the value by the first of several schemas that it fits."""
        kinds = [choice.get("type") for choice in choices]
        if node.values in (["null"], [""]) and "null" in kinds and "string" not in kinds:
            return None
        left = [choice for choice in choices if choice.get("type") != "null"]
        left.sort(key=lambda choice: _ORDER.index(choice["type"]) if choice.get("type") in _ORDER else len(_ORDER))
        refused: list[BadRequest] = []
        for choice in left:
            try:
                return self.value(node, choice, path)
            except BadRequest as error:
                refused.append(error)
        raise refused[-1] if refused else BadRequest(f"{_shown(path)}: expected {_WORDS['null']}")

    def _list(self, node: _Node, schema: Mapping[str, Any], path: str) -> list[Any]:
        places = schema.get("prefixItems", ())
        rest = schema.get("items", True)
        if node.below and list(node.below) != [str(number) for number in range(len(node.below))]:
            raise BadRequest(f"{_shown(path)}: the items of a list are numbered 0, 1, 2 in order")
        nodes = list(node.below.values()) or [_leaf(value) for value in node.values]
        if rest is False and len(nodes) > len(places):
            raise BadRequest(f"{_shown(path)}: expected {len(places)} values, got {len(nodes)}")
        return [
            self.value(one, places[number] if number < len(places) else rest, f"{path}.{number}")
            for number, one in enumerate(nodes)
        ]

    def _single(self, values: list[str | bytes], schema: Mapping[str, Any], path: str) -> Any:
        if len(values) != 1:
            if not schema:
                return [_text(value, path) for value in values]
            raise BadRequest(f"{_shown(path)}: expected one value, got {len(values)}")
        value = values[0]
        if isinstance(value, bytes) and schema.get("contentEncoding") == "base64":
            return base64.b64encode(value).decode()
        text = _text(value, path)
        allowed = [schema["const"]] if "const" in schema else schema.get("enum")
        if isinstance(allowed, Sequence):
            return _one_of(text, allowed, path)
        kind = schema.get("type")
        if kind not in ("integer", "number", "boolean", "null"):
            return text
        read = {"integer": _integer, "number": _number, "boolean": _boolean, "null": _nothing}[kind](text)
        if read is _NO:
            raise BadRequest(f"{_shown(path)}: expected {_WORDS[kind]}, got {_shown(text)}")
        return read


_NO = object()
"""Stands for a text that does not fit."""


def _leaf(value: str | bytes) -> _Node:
    node = _Node()
    node.values.append(value)
    return node


def _text(value: str | bytes, path: str) -> str:
    if isinstance(value, str):
        return value
    try:
        return value.decode()
    except UnicodeDecodeError as error:
        raise BadRequest(f"{_shown(path)}: expected text in UTF-8, got other bytes") from error


def _one_of(text: str, allowed: Sequence[Any], path: str) -> Any:
    for value in allowed:
        spelled = str(value).lower() if isinstance(value, bool) else "null" if value is None else str(value)
        if text == spelled:
            return value
    shown = ", ".join(str(value) for value in allowed[:NAMES_SHOWN_MAX])
    raise BadRequest(f"{_shown(path)}: expected one of {shown}, got {_shown(text)}")


def _integer(text: str) -> Any:
    if not _INTEGER.fullmatch(text) or not _INTEGER_MIN <= int(text) <= _INTEGER_MAX:
        return _NO
    return int(text)


def _number(text: str) -> Any:
    if not _NUMBER.fullmatch(text) or not math.isfinite(float(text)):
        return _NO
    return int(text) if _INTEGER.fullmatch(text) else float(text)


def _boolean(text: str) -> Any:
    word = text.lower()
    return True if word in _TRUE else False if word in _FALSE else _NO


def _nothing(text: str) -> Any:
    return None if text in ("", "null") else _NO


def _shown(value: str | bytes) -> str:
    text = value if isinstance(value, str) else value.decode("ascii", "backslashreplace")
    return text[:SHOWN_CHARACTERS_MAX] if text.replace(".", "").isidentifier() else ascii(text[:SHOWN_CHARACTERS_MAX])
