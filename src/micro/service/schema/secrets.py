"""Which values of a request are secrets by its JSON Schema: `format: password`, or `writeOnly`.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

__all__ = ["MASK", "has_secrets", "masked"]

MASK: Final = "********"
"""What stands in the place of a secret."""

DEPTH_MAX: Final = 32
"""A schema may lead in circles; what lies deeper is taken for secret."""

WAYS_MAX: Final = 64
"""So many schemas may apply to one value; of more, the value is taken for secret."""


def has_secrets(schema: Any) -> bool:
    """Says whether a schema names a secret anywhere."""
    left = [schema]
    while left:
        found = left.pop()
        if isinstance(found, Mapping):
            if _is_secret(found):
                return True
            left += found.values()
        elif isinstance(found, list | tuple):
            left += found
    return False


def masked(value: Any, schema: Mapping[str, Any]) -> Any:
    """Returns a request with `MASK` in the place of each secret.

    Args:
        value: the request.
        schema: the request's; any shape is endured.
    """
    return _masked(value, [schema], schema, 0)


def _is_secret(schema: Mapping[str, Any]) -> bool:
    return schema.get("format") == "password" or schema.get("writeOnly") is True


def _masked(value: Any, schemas: Sequence[Any], root: Mapping[str, Any], depth: int) -> Any:
    ways = _ways(schemas, root)
    if ways is None or depth > DEPTH_MAX or any(map(_is_secret, ways)):
        return MASK
    if isinstance(value, dict):
        return {name: _masked(one, list(_of_name(name, ways)), root, depth + 1) for name, one in value.items()}
    if isinstance(value, list):
        return [_masked(one, list(_of_place(place, ways)), root, depth + 1) for place, one in enumerate(value)]
    return value


def _ways(schemas: Sequence[Any], root: Mapping[str, Any]) -> list[Mapping[str, Any]] | None:
    """Returns all schemas that may apply to a value: these, what they refer to, and what they are joined of."""
    left = list(schemas)
    found: list[Mapping[str, Any]] = []
    definitions = root.get("$defs")
    while left:
        schema = left.pop()
        if not isinstance(schema, Mapping) or any(schema is known for known in found):
            continue
        if len(found) >= WAYS_MAX:
            return None
        found.append(schema)
        reference = schema.get("$ref")
        if isinstance(reference, str) and isinstance(definitions, Mapping):
            left.append(root if reference == "#" else definitions.get(reference.removeprefix("#/$defs/")))
        for word in ("anyOf", "oneOf", "allOf"):
            members = schema.get(word)
            left += members if isinstance(members, list | tuple) else ()
    return found


def _of_name(name: str, ways: Sequence[Mapping[str, Any]]) -> Iterator[Any]:
    for schema in ways:
        properties = schema.get("properties")
        known = isinstance(properties, Mapping) and name in properties
        yield properties[name] if known and isinstance(properties, Mapping) else schema.get("additionalProperties")


def _of_place(place: int, ways: Sequence[Mapping[str, Any]]) -> Iterator[Any]:
    for schema in ways:
        first = schema.get("prefixItems")
        known = isinstance(first, list | tuple) and place < len(first)
        yield first[place] if known and isinstance(first, list | tuple) else schema.get("items")
