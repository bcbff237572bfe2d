"""Types of endpoints: from JSON to values, from values to JSON, and what a type is called in JSON Schema."""

import base64
import dataclasses
import types
import typing

from micro._fault import Fault

PLAIN = {str: "string", int: "integer", float: "number", bool: "boolean"}


def schema(kind):
    """Returns the JSON Schema of a type."""
    if kind in PLAIN:
        return {"type": PLAIN[kind]}
    if kind is bytes:
        return {"type": "string", "contentEncoding": "base64"}
    if kind in (None, type(None)):
        return {"type": "null"}
    if dataclasses.is_dataclass(kind):
        return record(_fields(kind))
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        return {"anyOf": [schema(each) for each in inner]}
    if origin in (list, set, frozenset):
        return {"type": "array", "items": schema(inner[0])}
    if origin is dict:
        return {"type": "object", "additionalProperties": schema(inner[1])}
    if origin is typing.Literal:
        return {"enum": list(inner)}
    return {"type": "object"} if kind is dict else {"type": "array"} if kind is list else {}


def record(fields):
    """Returns the schema of an object, from its fields: name to type and default."""
    found = {"type": "object", "properties": {name: schema(kind) for name, (kind, _) in fields.items()}}
    wanted = [name for name, (_, default) in fields.items() if default is dataclasses.MISSING]
    return {**found, "required": wanted} if wanted else found


def _fields(kind):
    hints = typing.get_type_hints(kind)
    found = {}
    for each in dataclasses.fields(kind):
        default = each.default
        if default is dataclasses.MISSING and each.default_factory is not dataclasses.MISSING:
            default = each.default_factory()
        found[each.name] = (hints[each.name], default)
    return found


def read(value, kind, where):
    """Returns what a JSON value means as a type; raises a fault that names the place where it means nothing."""
    if kind in PLAIN:
        if kind is float and type(value) is int:
            return float(value)
        return value if type(value) is kind else _refuse(where, PLAIN[kind], value)
    if kind is bytes:
        try:
            return base64.b64decode(value, validate=True)
        except (TypeError, ValueError):
            return _refuse(where, "base64 text", value)
    if dataclasses.is_dataclass(kind):
        return kind(**read_record(value, _fields(kind), where))
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        return _read_any(value, inner, where)
    if origin in (list, set, frozenset):
        if not isinstance(value, list):
            return _refuse(where, "a list", value)
        return origin(read(each, inner[0], f"{where}[{index}]") for index, each in enumerate(value))
    if origin is dict:
        if not isinstance(value, dict):
            return _refuse(where, "an object", value)
        return {key: read(each, inner[1], f"{where}.{key}") for key, each in value.items()}
    if origin is typing.Literal and value not in inner:
        return _refuse(where, " or ".join(map(repr, inner)), value)
    return value


def _read_any(value, kinds, where):
    if value is None and type(None) in kinds:
        return None
    found = None
    for kind in kinds:
        if kind is not type(None):
            try:
                return read(value, kind, where)
            except Fault as fault:
                found = fault
    raise found


def read_record(value, fields, where):
    """Returns the fields of a JSON object as values."""
    if not isinstance(value, dict):
        _refuse(where or "the request", "an object", value)
    prefix = f"{where}." if where else ""
    for name in value:
        if name not in fields:
            raise Fault(f"{prefix}{name}: there is no such field; there are {', '.join(fields)}", code=400)
    found = {}
    for name, (kind, default) in fields.items():
        if name in value:
            found[name] = read(value[name], kind, f"{prefix}{name}")
        elif default is dataclasses.MISSING:
            raise Fault(f"{prefix}{name}: it is missing", code=400)
        else:
            found[name] = default
    return found


def _refuse(where, wanted, value):
    raise Fault(f"{where}: expected {wanted}, got {type(value).__name__}", code=400)


def plain(value):
    """Returns a value as JSON has it."""
    if dataclasses.is_dataclass(value):
        return {each.name: plain(getattr(value, each.name)) for each in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(each) for each in value]
    if isinstance(value, (bytes, bytearray)):
        return base64.b64encode(value).decode("ascii")
    return value
