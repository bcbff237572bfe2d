"""Whether a JSON Schema has the shape that whoever reads descriptions counts on.

Pure.

A schema comes from strangers, and many parts read it: the assistant, tools, documents, forms. So its shape is checked
once, before it is kept: words that hold schemas hold schemas, lists of names are lists of texts. Words of no meaning
here may hold anything.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from micro.errors import BadRequest
from micro.service.registry.canonical import JSON_DEPTH_MAX
from micro.service.registry.instance import shown

__all__ = ["SCHEMA_DEPTH_MAX", "check_schema"]

SCHEMA_DEPTH_MAX: Final = JSON_DEPTH_MAX
"""Schemas nested deeper are refused, as all JSON is."""

_ONE: Final = ("items", "additionalProperties", "not", "x-micro-open")
_MANY: Final = ("anyOf", "oneOf", "allOf", "prefixItems")
_NAMED: Final = ("properties", "patternProperties", "$defs")
_TEXTS: Final = ("required", "x-micro-fields")


def check_schema(schema: object, where: str) -> None:
    """Checks the shape of a schema and of all schemas within it.

    Args:
        schema: an object, true or false.
        where: what an error calls it.

    Raises:
        BadRequest: a word of it holds something else than JSON Schema says, or it is nested too deep.
    """
    _check(schema, where, 0)


def _check(schema: object, where: str, depth: int) -> None:
    if depth > SCHEMA_DEPTH_MAX:
        raise BadRequest(f"{where}: nested deeper than {SCHEMA_DEPTH_MAX} levels; make it flatter")
    if isinstance(schema, bool):
        return
    if not isinstance(schema, Mapping):
        raise BadRequest(f"{where}: expected a JSON Schema, got {shown(schema)}")
    for word in _TEXTS:
        if word in schema:
            _check_texts(schema[word], f"{where}: {word}")
    kind = schema.get("type", "")
    if not isinstance(kind, str):
        _check_texts(kind, f"{where}: type")
    if not isinstance(schema.get("enum", []), list | tuple):
        raise BadRequest(f"{where}: enum: expected a list, got {shown(schema['enum'])}")
    for inner, place in _within(schema, where):
        _check(inner, place, depth + 1)


def _check_texts(found: object, where: str) -> None:
    if not isinstance(found, list | tuple) or not all(isinstance(name, str) for name in found):
        raise BadRequest(f"{where}: expected a list of texts, got {shown(found)}")


def _within(schema: Mapping[str, Any], where: str) -> Iterator[tuple[Any, str]]:
    """Yields each schema within one, and what an error calls it; deep ones are called by their words alone."""
    for word in _ONE:
        if word in schema:
            yield schema[word], f"{where}: {word}"
    for word in _MANY:
        members = schema.get(word, [])
        if not isinstance(members, list | tuple):
            raise BadRequest(f"{where}: {word}: expected a list of schemas, got {shown(members)}")
        for inner in members:
            yield inner, f"{where}: {word}"
    for word in _NAMED:
        members = schema.get(word, {})
        if not isinstance(members, Mapping):
            raise BadRequest(f"{where}: {word}: expected schemas by name, got {shown(members)}")
        for name, inner in members.items():
            if not isinstance(name, str):
                raise BadRequest(f"{where}: {word}: expected names that are texts, got {shown(name)}")
            yield inner, f"{where}: {word}"
