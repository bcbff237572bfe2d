"""What a request's JSON Schema asks for, as a flat list of fields that can be typed one by one.

Pure.

A nested struct becomes fields with a longer path, a list of plain values a field that may be given again and again, a
map `KEY=VALUE` pairs. What has no such form (unions, lists of lists, types that contain themselves) is typed as JSON.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

__all__ = ["ABSENT", "FIELDS_MAX", "Field", "assemble", "is_raw", "missing", "read_fields", "resolve"]

Kind = Literal["text", "integer", "number", "flag", "choice", "bytes", "pairs", "json", "any"]

DEPTH_MAX = 6
"""Structs nested deeper are typed as JSON."""

FIELDS_MAX = 256
"""A stranger's schema makes no more options than this; `--json` reaches the rest."""

REFERENCES_MAX = 16
"""So many references may lead to one another."""


class _Absent:
    """Stands for a default that does not exist."""

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT = _Absent()

_KINDS: dict[str, Kind] = {"string": "text", "integer": "integer", "number": "number", "boolean": "flag"}


@dataclass(frozen=True, slots=True)
class Field:
    """One value of a request that can be typed.

    Attributes:
        path: the names that lead to it, from the outside in.
        kind: how it is typed; `any` is JSON where the text is JSON, else the text itself.
        many: whether it is a list, given by typing it several times.
        required: whether no request may lack it.
        description: what the service says of it.
        default: what the service takes where it is left out, or `ABSENT`.
        choices: the values allowed, for a `choice`.
        format: the schema's format, such as `date-time`, or "".
        value: for `pairs`, what each value is.
    """

    path: tuple[str, ...]
    kind: Kind
    many: bool = False
    required: bool = False
    description: str = ""
    default: Any = ABSENT
    choices: tuple[Any, ...] = ()
    format: str = ""
    value: Kind = "text"


def is_raw(schema: Mapping[str, Any]) -> bool:
    """Returns whether bodies of this schema are bytes as they are."""
    return schema.get("format") == "binary" or schema.get("contentMediaType") == "application/octet-stream"


def read_fields(schema: Mapping[str, Any]) -> list[Field]:
    """Returns the fields of a request; none where its schema is not that of an object."""
    found: list[Field] = []
    for field in _object(schema, schema, (), required=True, depth=0, above=()):
        if len(found) >= FIELDS_MAX:
            break
        found.append(field)
    return found


def resolve(schema: Any, root: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Follows references, single `allOf` and unions with null; returns the schema and the references on the way."""
    found: dict[str, Any] = dict(schema) if isinstance(schema, Mapping) else {}
    passed: list[str] = []
    for _ in range(REFERENCES_MAX):
        inner, reference = _inside(found, root)
        if inner is None:
            return found, tuple(passed)
        if reference:
            passed.append(reference)
        remarks: dict[str, Any] = {key: found[key] for key in ("description", "default", "title") if key in found}
        found = {**inner, **remarks}
    return {}, tuple(passed)


def _inside(schema: Mapping[str, Any], root: Mapping[str, Any]) -> tuple[Mapping[str, Any] | None, str]:
    """Returns the one schema that this one only wraps, with the reference that led there; None where it wraps none."""
    reference = schema.get("$ref")
    if isinstance(reference, str):
        target = root.get("$defs", {}).get(reference.removeprefix("#/$defs/"))
        return (target if isinstance(target, Mapping) else {}), reference
    for word in ("allOf", "anyOf", "oneOf"):
        members = schema.get(word)
        if isinstance(members, Sequence):
            real = [member for member in members if isinstance(member, Mapping) and member.get("type") != "null"]
            if len(real) == 1:
                return real[0], ""
    return None, ""


def _object(
    schema: Mapping[str, Any],
    root: Mapping[str, Any],
    path: tuple[str, ...],
    *,
    required: bool,
    depth: int,
    above: tuple[str, ...],
) -> Iterator[Field]:
    """Yields the fields of an object, those of objects within it in its place."""
    schema, passed = resolve(schema, root)
    properties = schema.get("properties")
    if not isinstance(properties, Mapping):
        return
    order = schema.get("x-micro-fields")
    known = [name for name in order if name in properties] if isinstance(order, Sequence) else []
    for name in dict.fromkeys([*known, *properties]):
        inner, references = resolve(properties[name], root)
        needed = required and name in (schema.get("required") or ())
        here = (*path, str(name))
        around = (*above, *passed)
        endless = any(reference in around for reference in references)
        if isinstance(inner.get("properties"), Mapping) and inner["properties"] and depth < DEPTH_MAX and not endless:
            yield from _object(inner, root, here, required=needed, depth=depth + 1, above=(*around, *references))
        else:
            yield _leaf(inner, root, here, required=needed)


def _leaf(schema: Mapping[str, Any], root: Mapping[str, Any], path: tuple[str, ...], *, required: bool) -> Field:
    kind, many, inner, value = _kind(schema, root)
    return Field(
        path=path,
        kind=kind,
        many=many,
        required=required,
        description=str(schema.get("description", "")),
        default=schema.get("default", ABSENT),
        choices=_choices(inner) if kind == "choice" else (),
        format=str(inner.get("format", "")),
        value=value,
    )


def _kind(schema: Mapping[str, Any], root: Mapping[str, Any]) -> tuple[Kind, bool, Mapping[str, Any], Kind]:
    """Returns how a value is typed, whether it is a list, the schema of one item, and the kind of a map's values."""
    if schema.get("type") == "array":
        item, _ = resolve(schema.get("items"), root)
        if "prefixItems" in schema:
            return "json", False, schema, "text"
        kind = _plain(item)
        return ("json" if kind == "pairs" else kind), True, item, "text"
    kind = _plain(schema)
    if kind == "pairs":
        value = _plain(resolve(schema.get("additionalProperties"), root)[0])
        return kind, False, schema, "any" if value in ("choice", "pairs", "bytes", "flag") else value
    return kind, False, schema, "text"


def _plain(schema: Mapping[str, Any]) -> Kind:
    if _choices(schema):
        return "choice"
    kind = schema.get("type")
    if kind == "string" and schema.get("contentEncoding") == "base64":
        return "bytes"
    if kind == "object":
        return "pairs" if isinstance(schema.get("additionalProperties"), Mapping) else "json"
    if isinstance(kind, str):
        return _KINDS.get(kind, "json")
    members = schema.get("anyOf") or schema.get("oneOf")
    if not schema.keys() & {"type", "anyOf", "oneOf", "allOf", "$ref"} or _takes_text(members):
        return "any"
    return "json"


def _takes_text(members: Any) -> bool:
    return isinstance(members, Sequence) and any(
        isinstance(member, Mapping) and member.get("type") == "string" for member in members
    )


def _choices(schema: Mapping[str, Any]) -> tuple[Any, ...]:
    if "const" in schema:
        return (schema["const"],)
    found = schema.get("enum")
    plain = isinstance(found, Sequence) and all(isinstance(value, str | int | float) for value in found)
    return tuple(found) if plain and isinstance(found, Sequence) else ()


def assemble(given: Mapping[tuple[str, ...], Any], body: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Returns the request that the given values make, on top of `body`.

    Args:
        given: path -> value; what was not typed is not there.
        body: what was given as JSON.
    """
    request: dict[str, Any] = _copied(body or {})
    for path, value in given.items():
        place = request
        for name in path[:-1]:
            inner = place.get(name)
            if not isinstance(inner, dict):
                inner = place[name] = {}
            place = inner
        place[path[-1]] = value
    return request


def _copied(body: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _copied(value) if isinstance(value, Mapping) else value for key, value in body.items()}


def missing(fields: Sequence[Field], request: Mapping[str, Any]) -> list[Field]:
    """Returns the required fields that a request lacks; what an optional struct requires, its service asks for."""
    return [field for field in fields if field.required and not _holds(request, field.path)]


def _holds(request: Any, path: tuple[str, ...]) -> bool:
    for name in path:
        if not isinstance(request, Mapping):
            return True  # something else stands there: the service says what is wrong with it
        if name not in request:
            return False
        request = request[name]
    return True
