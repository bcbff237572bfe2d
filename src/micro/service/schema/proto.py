"""The proto3 message that a JSON Schema stands for.

Pure.

Both sides derive it from the description, so nobody writes a `.proto` file, and a caller in any language can do the
same. The rules: a property's number is its place in `x-micro-fields`; scalars are `optional`, so that absence survives;
integers are int64, numbers double, base64 strings bytes, `date-time` is google.protobuf.Timestamp and `duration`
google.protobuf.Duration; every other string (dates, times, UUIDs, decimals, choices) is the same string as in JSON;
choices of integers are int64; a list is repeated, an object with free keys a map, an object with properties a message.
null is absence. What has no such form raises `Inexpressible`, and its endpoint speaks JSON only.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from micro.service.schema.json import FIELDS_KEY

__all__ = ["Field", "Inexpressible", "Kind", "Message", "message_of"]

FIELDS_MAX = 1000
MESSAGES_MAX = 500
DEPTH_MAX = 64
"""Schemas come from strangers: how many fields a message, messages a schema and levels of references may have."""

Kind = Literal["string", "int64", "double", "bool", "bytes", "timestamp", "duration", "message"]

_REFERENCE = "#/$defs/"
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_UNNAMEABLE = re.compile(r"[^A-Za-z0-9]+")


class Inexpressible(Exception):
    """proto3 has no form for this; the message says for what."""


@dataclass(slots=True)
class Field:
    """One field of a message.

    Attributes:
        name: the property's name.
        number: its number on the wire.
        kind: what it holds.
        count: one value, `many` in a list, or a `map` from strings.
        message: the message it holds, for the kind `message`.
        required: whether a value without it is wrong.
        nullable: whether it may be null, which is absence on the wire.
        constant: the only value it may have, or None.
        description: what the schema says of it.
    """

    name: str
    number: int
    kind: Kind
    count: Literal["one", "many", "map"] = "one"
    message: Message | None = None
    required: bool = False
    nullable: bool = False
    constant: Any = None
    description: str = ""


@dataclass(slots=True)
class Message:
    """A message; one that contains itself refers to itself."""

    name: str
    description: str = ""
    fields: list[Field] = field(default_factory=list)

    def everything(self) -> list[Message]:
        """Returns this message and all inside it, each once, this one first."""
        found: list[Message] = [self]
        for message in found:
            for inner in message.fields:
                if inner.message is not None and not any(inner.message is known for known in found):
                    found.append(inner.message)
        return found


def message_of(schema: Mapping[str, Any], name: str) -> Message:
    """Returns the message of an object's schema.

    Args:
        schema: the JSON Schema of a request, an answer or an item; references go to its own `$defs`.
        name: the name of the message where the schema has no title.

    Raises:
        Inexpressible: proto3 has no form for it.
    """
    return _Reader(schema).root(name)


class _Reader:
    """Reads one schema; a definition referred to twice gives one message."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self._root = schema
        self._definitions = _mapping(schema.get("$defs", {}))
        self._made: dict[str, Message] = {}
        self._names: set[str] = set()

    def root(self, name: str) -> Message:
        reference, schema = self._resolved(self._root)
        if "properties" not in schema:
            raise Inexpressible("an object whose keys are free has no message of its own")
        return self._message(reference or "", schema, name, "", 0)

    def _resolved(self, schema: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
        """Follows references; returns the last one's name and what it refers to, with what was said beside it."""
        beside: dict[str, Any] = {}
        name = ""
        for _ in range(DEPTH_MAX):
            reference = schema.get("$ref")
            if reference is None:
                return name, {**schema, **beside}
            if not isinstance(reference, str) or not reference.startswith(_REFERENCE):
                raise Inexpressible(f"a reference to {str(reference)[:60]!r} leads out of the schema")
            beside = {**{key: value for key, value in schema.items() if key != "$ref"}, **beside}
            name = reference.removeprefix(_REFERENCE)
            schema = _mapping(self._definitions.get(name))
        raise Inexpressible("its references go round in a circle")

    def _message(self, reference: str, schema: Mapping[str, Any], name: str, where: str, depth: int) -> Message:
        if reference in self._made:
            return self._made[reference]
        if depth > DEPTH_MAX or len(self._made) >= MESSAGES_MAX:
            raise Inexpressible(f"{where or 'the schema'} is nested too deeply")
        title = schema.get("title")
        message = Message(self._free(title if isinstance(title, str) else reference or name), _text(schema))
        self._made[reference or f"{where} {len(self._made)}"] = message
        properties = _mapping(schema.get("properties", {}))
        order = _order(schema, properties, where or "it")
        given = schema.get("required")
        required = given if isinstance(given, list) else []
        for number, key in enumerate(order, 1):
            inner = self._field(
                _mapping(properties[key]), key, number, key in required, f"{where}.{key}".lstrip("."), depth
            )
            message.fields.append(inner)
        return message

    def _free(self, title: str) -> str:
        name = "".join(word[:1].upper() + word[1:] for word in _UNNAMEABLE.split(title) if word) or "Message"
        name = f"Message{name}" if name[0].isdigit() else name
        free, number = name, 1
        while free in self._names:
            number += 1
            free = f"{name}{number}"
        self._names.add(free)
        return free

    def _field(self, given: Mapping[str, Any], name: str, number: int, required: bool, where: str, depth: int) -> Field:
        nullable, inner = self._without_null(given, where)
        reference, schema = self._resolved(inner)
        text = _text({**schema, **given})
        made = Field(name, number, "string", required=required, nullable=nullable, description=text)
        self._fill(made, reference, schema, where, depth)
        _check_absence(made, given, where)
        return made

    def _fill(self, made: Field, reference: str, schema: Mapping[str, Any], where: str, depth: int) -> None:
        """Settles kind, count and message of a field whose schema may be a list or a map."""
        kind = _type(schema)
        if kind == "array":
            if "prefixItems" in schema or not isinstance(schema.get("items"), Mapping):
                raise Inexpressible(f"{where} is a list of different things")
            made.count = "many"
            reference, schema = self._item(schema["items"], where)
        elif kind == "object" and "properties" not in schema:
            if "propertyNames" in schema or not isinstance(schema.get("additionalProperties"), Mapping):
                raise Inexpressible(f"{where} is an object whose keys or values are not plain")
            made.count = "map"
            reference, schema = self._item(schema["additionalProperties"], where)
        if _type(schema) == "object":
            if "properties" not in schema:
                raise Inexpressible(f"{where} has an object with free keys inside a list or object")
            made.kind = "message"
            made.message = self._message(reference, schema, made.name, where, depth + 1)
        else:
            made.kind = _scalar(schema, where)
            made.constant = schema.get("const", _only(schema.get("enum")))

    def _item(self, schema: Any, where: str) -> tuple[str, Mapping[str, Any]]:
        nullable, inner = self._without_null(_mapping(schema), where)
        reference, resolved = self._resolved(inner)
        if nullable or _type(resolved) == "array":
            raise Inexpressible(f"{where} holds {'null' if nullable else 'lists'} inside a list or object")
        return reference, resolved

    def _without_null(self, schema: Mapping[str, Any], where: str) -> tuple[bool, Mapping[str, Any]]:
        """Returns whether null is allowed, and the schema of everything else."""
        _, seen = self._resolved(schema)
        options = seen.get("anyOf", seen.get("oneOf"))
        kinds = seen.get("type")
        values = seen.get("enum")
        if isinstance(options, list):
            left = [option for option in options if _mapping(option).get("type") != "null"]
            if len(left) != 1:
                raise Inexpressible(f"{where} may be of several types")
            return len(left) < len(options), _mapping(left[0])
        if isinstance(kinds, list):
            left = [kind for kind in kinds if kind != "null"]
            if len(left) != 1:
                raise Inexpressible(f"{where} may be of several types")
            return "null" in kinds, {**seen, "type": left[0]}
        if isinstance(values, list) and None in values and len(values) > 1:
            return True, {**seen, "enum": [value for value in values if value is not None]}
        return False, schema


def _check_absence(made: Field, given: Mapping[str, Any], where: str) -> None:
    """Refuses fields whose absence on the wire could mean two things."""
    has_default = "default" in given
    if made.count != "one":
        if made.nullable:
            raise Inexpressible(f"{where} may be null or empty, which look the same")
        if not made.required and (not has_default or given["default"]):
            raise Inexpressible(f"{where} may be absent or empty, which look the same")
    elif made.nullable and not made.required and (not has_default or given["default"] is not None):
        raise Inexpressible(f"{where} may be absent or null, which look the same")


def _order(schema: Mapping[str, Any], properties: Mapping[str, Any], where: str) -> list[str]:
    """Returns the properties in the order of their numbers."""
    found = schema.get(FIELDS_KEY, list(properties))
    order: list[str] = found if isinstance(found, list) and all(isinstance(name, str) for name in found) else []
    if len(order) != len(properties) or set(order) != set(properties):
        raise Inexpressible(f"{where} does not say the order of its fields")
    if len(order) > 1 and FIELDS_KEY not in schema:
        raise Inexpressible(f"{where} does not say the order of its fields")
    if len(order) > FIELDS_MAX:
        raise Inexpressible(f"{where} has more than {FIELDS_MAX} fields")
    bare = [name.replace("_", "").lower() for name in order]
    if len(set(bare)) < len(bare) or not all(_NAME.fullmatch(name) for name in order):
        raise Inexpressible(f"{where} has a field whose name is none in proto3")
    return order


def _type(schema: Mapping[str, Any]) -> str:
    kind = schema.get("type")
    if kind is None and "properties" in schema:
        return "object"
    return kind if isinstance(kind, str) else ""


def _scalar(schema: Mapping[str, Any], where: str) -> Kind:
    """Returns the kind of a value that is neither list nor object."""
    values = [schema["const"]] if "const" in schema else schema.get("enum")
    if isinstance(values, list):
        kinds = {type(value) for value in values}
        if kinds == {str}:
            return "string"
        if kinds == {int}:
            return "int64"
        raise Inexpressible(f"{where} may be of several types")
    kind, form = _type(schema), schema.get("format")
    if kind == "string":
        if form == "binary":
            raise Inexpressible(f"{where} is binary text")
        special = {"date-time": "timestamp", "duration": "duration"}.get(str(form), "string")
        return cast("Kind", "bytes" if schema.get("contentEncoding") == "base64" else special)
    found = {"integer": "int64", "number": "double", "boolean": "bool"}.get(kind)
    if found is None:
        raise Inexpressible(f"{where} may be anything" if not kind else f"{where} is of the type {kind}")
    return cast("Kind", found)


def _only(values: Any) -> Any:
    return values[0] if isinstance(values, list) and len(values) == 1 else None


def _mapping(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise Inexpressible("a part of the schema is no object")
    return value


def _text(schema: Mapping[str, Any]) -> str:
    text = schema.get("description", "")
    return text if isinstance(text, str) else ""
