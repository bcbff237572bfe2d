"""The JSON Schema (2020-12) of a type, as a description carries it.

Pure.

The root is written out, named types inside it stand once in `$defs`. An object of several properties lists them in
`x-micro-fields`: a property's place there is its proto3 field number, because the order of `properties` is no part of
JSON and of its hash.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec
from msgspec import inspect

from micro.service.schema.docstring import read_docstring
from micro.service.schema.pydantic import builtins_of, pydantic_schema
from micro.service.schema.shape import NO_DEFAULT, Named, bare, fields_of
from micro.service.schema.strict import DECIMAL_PATTERN, strict_twin

__all__ = ["FIELDS_KEY", "OPEN_KEY", "RESULT_KEY", "STREAM_KEY", "schema_of"]

FIELDS_KEY = "x-micro-fields"
"""The names of an object's properties in the order of their proto3 field numbers, from 1."""

RESULT_KEY = "x-micro-result"
"""True where the schema is that of `{"result": …}` around a value that is no object."""

STREAM_KEY = "x-micro-stream"
"""True where there are many messages of this schema."""

OPEN_KEY = "x-micro-open"
"""The schema of the first message of a stream whose endpoint takes parameters besides the stream."""

_UNNAMEABLE = re.compile(r"[^A-Za-z0-9_]+")

_LEAVES: dict[type[inspect.Type], dict[str, Any]] = {
    inspect.AnyType: {},
    inspect.NoneType: {"type": "null"},
    inspect.BoolType: {"type": "boolean"},
    inspect.IntType: {"type": "integer", "format": "int64"},
    inspect.FloatType: {"type": "number"},
    inspect.StrType: {"type": "string"},
    inspect.BytesType: {"type": "string", "contentEncoding": "base64"},
    inspect.ByteArrayType: {"type": "string", "contentEncoding": "base64"},
    inspect.MemoryViewType: {"type": "string", "contentEncoding": "base64"},
    inspect.DateType: {"type": "string", "format": "date"},
    inspect.TimeDeltaType: {"type": "string", "format": "duration"},
    inspect.UUIDType: {"type": "string", "format": "uuid"},
    inspect.DecimalType: {"type": "string", "format": "decimal", "pattern": DECIMAL_PATTERN},
}

_BOUNDS = {
    "ge": "minimum",
    "gt": "exclusiveMinimum",
    "le": "maximum",
    "lt": "exclusiveMaximum",
    "multiple_of": "multipleOf",
    "pattern": "pattern",
}


def schema_of(shape: inspect.Type, *, closed: bool) -> dict[str, Any]:
    """Returns the JSON Schema of a type.

    Args:
        shape: the type, from `shape_of`.
        closed: whether it says that unknown fields are refused, as they are in requests.
    """
    return _Writer(closed).root(shape)


class _Writer:
    """Writes one schema and collects its `$defs`."""

    def __init__(self, closed: bool) -> None:
        self._closed = closed
        self._names: dict[int, str] = {}
        self._definitions: dict[str, dict[str, Any]] = {}

    def root(self, shape: inspect.Type) -> dict[str, Any]:
        remarks = _remarks(shape)
        inner = bare(shape)
        if isinstance(inner, Named):
            schema = {**self._struct(inner), **remarks}
        else:
            schema = {**self.write(inner), **remarks}
        if self._definitions:
            schema["$defs"] = {name: self._definitions[name] for name in sorted(self._definitions)}
        return schema

    def write(self, shape: inspect.Type) -> dict[str, Any]:
        remarks = _remarks(shape)
        shape = bare(shape)
        if isinstance(shape, Named):
            return {"$ref": f"#/$defs/{self._define(shape)}", **remarks}
        if isinstance(shape, inspect.CustomType):
            return {**self._pydantic(shape), **remarks}
        return {**self._plain(shape), **remarks}

    def _plain(self, shape: inspect.Type) -> dict[str, Any]:
        if isinstance(shape, inspect.UnionType):
            return {"anyOf": [self.write(member) for member in shape.types]}
        if isinstance(shape, inspect.DictType):
            return self._dict(shape)
        if isinstance(shape, inspect.TupleType):
            items = [self.write(item) for item in shape.item_types]
            return {"type": "array", "prefixItems": items, "items": False, "minItems": len(items)}
        if isinstance(shape, inspect.CollectionType):
            found: dict[str, Any] = {"type": "array", "items": self.write(shape.item_type)}
            return found | _between(shape, "minItems", "maxItems")
        if isinstance(shape, inspect.LiteralType):
            return _choice(list(shape.values))
        if isinstance(shape, inspect.EnumType):
            text = read_docstring(shape.cls.__doc__).text
            described = {"description": text} if text and text != "An enumeration." else {}
            return {**_choice([member.value for member in shape.cls]), "title": shape.cls.__name__, **described}
        return _leaf(shape)

    def _dict(self, shape: inspect.DictType) -> dict[str, Any]:
        found: dict[str, Any] = {"type": "object", "additionalProperties": self.write(shape.value_type)}
        key = bare(shape.key_type)
        if isinstance(key, inspect.IntType):
            found["propertyNames"] = {"pattern": "^-?[0-9]+$"}
        elif not isinstance(key, inspect.AnyType):
            names = {name: value for name, value in self._plain(key).items() if name not in ("type", "title")}
            found |= {"propertyNames": names} if names else {}
        return found | _between(shape, "minProperties", "maxProperties")

    def _define(self, shape: inspect.Type) -> str:
        """Returns the name of a type in `$defs`, where it is written once, however often it is used."""
        if id(shape) in self._names:
            return self._names[id(shape)]
        name = self._free(_title(shape))
        self._names[id(shape)] = name
        self._definitions[name] = {}
        self._definitions[name] = self._struct(shape)
        return name

    def _free(self, title: str) -> str:
        name, number = title, 1
        while name in self._definitions:
            number += 1
            name = f"{title}{number}"
        return name

    def _struct(self, shape: Any) -> dict[str, Any]:
        documentation = read_docstring(_documentation(shape))
        properties: dict[str, Any] = {}
        tag_field = getattr(shape, "tag_field", None)
        if tag_field is not None:
            properties[tag_field] = _choice([shape.tag])
        for field in fields_of(shape):
            text = documentation.fields.get(field.name, "")
            described = {"description": text} if text else {}
            properties[field.encode_name] = {**described, **self.write(field.type), **self._default(field)}
        required = [tag_field] if tag_field is not None else []
        required += [field.encode_name for field in fields_of(shape) if field.required]
        about = {"title": _title(shape)} | ({"description": documentation.text} if documentation.text else {})
        if isinstance(shape, inspect.NamedTupleType) or getattr(shape, "array_like", False):
            return {"type": "array", **about, **self._positions(shape, properties, len(required))}
        found: dict[str, Any] = {"type": "object", **about, "properties": properties, "required": required}
        if len(properties) > 1:
            found[FIELDS_KEY] = list(properties)
        return found | ({"additionalProperties": False} if self._closed else {})

    def _positions(self, shape: Any, properties: dict[str, Any], required: int) -> dict[str, Any]:
        most = {"items": False} if self._closed or isinstance(shape, inspect.NamedTupleType) else {}
        return {"prefixItems": list(properties.values()), "minItems": required, **most}

    def _default(self, field: inspect.Field) -> dict[str, Any]:
        """Returns the default as JSON where it is a value that a caller could have sent too."""
        if field.default_factory in (list, dict, set, frozenset, tuple):
            return {"default": {} if field.default_factory is dict else []}
        if field.required or field.default is NO_DEFAULT:
            return {}
        try:
            value = builtins_of(field.default)
            msgspec.convert(value, strict_twin(field.type, closed=False)[0])
        except (TypeError, ValueError, RecursionError):
            return {}
        return {"default": value}

    def _pydantic(self, shape: inspect.CustomType) -> dict[str, Any]:
        schema = pydantic_schema(shape.cls, FIELDS_KEY, given=self._closed)
        for name, definition in schema.pop("$defs", {}).items():
            if self._definitions.setdefault(name, definition) != definition:
                raise TypeError(f"two types are both called {name} in {shape.cls.__name__}; rename one of them")
        return schema


def _remarks(shape: inspect.Type) -> dict[str, Any]:
    """Returns title, description, examples and further keys that `Meta` adds."""
    found: dict[str, Any] = {}
    while isinstance(shape, inspect.Metadata):
        found = {**(shape.extra_json_schema or {}), **found}
        shape = shape.type
    return found


def _leaf(shape: inspect.Type) -> dict[str, Any]:
    if isinstance(shape, inspect.DateTimeType):
        return {"type": "string", "format": "date-time"} if shape.tz is not False else {"type": "string"}
    if isinstance(shape, inspect.TimeType):
        return {"type": "string", "format": "time" if shape.tz else "partial-time"}
    found = dict(_LEAVES[type(shape)])
    for attribute, key in _BOUNDS.items():
        if getattr(shape, attribute, None) is not None:
            found[key] = getattr(shape, attribute)
    if "contentEncoding" in found:  # lengths are of the bytes, and base64 writes three of them as four characters
        least, most = getattr(shape, "min_length", None), getattr(shape, "max_length", None)
        found |= {"minLength": 4 * ((least + 2) // 3)} if least is not None else {}
        return found | ({"maxLength": 4 * ((most + 2) // 3)} if most is not None else {})
    return found | _between(shape, "minLength", "maxLength")


def _between(shape: Any, least: str, most: str) -> dict[str, Any]:
    bounds = {least: getattr(shape, "min_length", None), most: getattr(shape, "max_length", None)}
    return {key: bound for key, bound in bounds.items() if bound is not None}


def _choice(values: list[Any]) -> dict[str, Any]:
    kinds = {type(value) for value in values}
    name = {str: "string", int: "integer"}.get(kinds.pop()) if len(kinds) == 1 else None
    return {**({"type": name} if name else {}), "enum": values}


def _title(shape: Any) -> str:
    cls = shape.cls
    origin = getattr(cls, "__origin__", cls)
    arguments = "".join(getattr(argument, "__name__", "") for argument in getattr(cls, "__args__", ()))
    return _UNNAMEABLE.sub("_", origin.__name__ + arguments)


def _documentation(shape: Any) -> str:
    """Returns what a class says of itself, but not what dataclasses and named tuples write there by themselves."""
    cls = getattr(shape.cls, "__origin__", shape.cls)
    text = cls.__dict__.get("__doc__") or ""
    return "" if text.startswith(f"{cls.__name__}(") else text
