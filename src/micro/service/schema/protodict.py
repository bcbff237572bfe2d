"""Derived protobuf messages and dicts of JSON-like values: the general way, without the types.

Pure.

A caller without the service's types uses it, and a service where a value is not what the short code expects.
"""

from __future__ import annotations

import base64
import datetime as dt
from collections.abc import Callable
from typing import Any

import msgspec

from micro.service.schema.proto import Field, Message
from micro.service.schema.pydantic import encode_hook
from micro.service.schema.source import Filler, Source, writing
from micro.service.schema.wire import duration_of, finite, moment_of, set_duration, set_moment

__all__ = ["NATIVE", "dict_encoder", "dict_reader"]

NATIVE = (bytes, dt.datetime, dt.timedelta)
"""What protobuf carries in another form than JSON does."""

NAME_CHARACTERS_MAX = 64
"""So much of an unknown field's name is repeated."""


def dict_encoder(message: Message, root: Any) -> Callable[[Any], bytes]:
    """Returns a function that writes a dict of JSON-like values, a dataclass, a struct or a pydantic model.

    The function raises ValueError or TypeError, naming the field where it can, for values that do not fit.
    """
    source = writing(message, root)
    source.names |= {"as_bytes": _as_bytes, "set_moment": _set_moment, "set_duration": _set_duration}
    maker = _DictMaker(source)
    fill = maker.function(message)
    source.lines = maker.functions
    source.add(0, "def encode(v):", "    m = Root()", f"    {fill}(m, v)", "    return serialize(m)")
    encode: Callable[[Any], bytes] = source.compiled("encode")

    def encode_any(value: Any) -> bytes:
        return encode(msgspec.to_builtins(value, builtin_types=NATIVE, str_keys=True, enc_hook=encode_hook))

    return encode_any


class _DictMaker(Filler):
    """Makes the code that reads dicts."""

    def function(self, message: Message) -> str:
        key = (id(message), 0)
        if key in self.source.functions:
            return self.source.functions[key]
        name = self.source.functions[key] = f"fill{len(self.source.functions)}"
        known = self.source.bind([field.name for field in message.fields])
        lines: list[str] = []
        outer, self.source.lines = self.source.lines, lines
        self.source.add(0, f"def {name}(m, v):")
        self.source.add(1, "n = 0", "m.SetInParent()", "if type(v) is not dict: no_dict(v)")
        for field in message.fields:
            self._field(field)
        self.source.add(1, f"if n != len(v): unknown(v, {known})")
        self.source.names |= {"unknown": _unknown, "required": _required, "no_dict": _no_dict}
        self.functions.extend(lines)
        self.source.lines = outer
        return name

    def _field(self, field: Field) -> None:
        add = self.source.add
        add(1, f"y = v.get({field.name!r}, ABSENT)")
        condition = "if y is not ABSENT:"
        if field.nullable:
            add(1, "if y is None: n += 1", "elif y is not ABSENT:", "    n += 1")
        else:
            add(1, condition, "    n += 1")
        emit = {"one": self.one, "many": self.many, "map": self.map}[field.count]
        convert, fill = _CONVERSIONS.get(field.kind, ("{}", ""))
        if field.kind == "message" and field.message is not None:
            fill = self.function(field.message)
        emit(2, field, "y", convert, fill)
        if field.required and not field.nullable:
            add(1, "else:", f"    required({field.name!r})")


_CONVERSIONS = {
    "bytes": ("as_bytes({})", ""),
    "double": ("finite({})", ""),
    "timestamp": ("{}", "set_moment"),
    "duration": ("{}", "set_duration"),
}


def _as_bytes(value: Any) -> bytes:
    return value if isinstance(value, bytes) else base64.b64decode(value, validate=True)


def _set_moment(message: Any, value: Any) -> None:
    set_moment(message, value if isinstance(value, dt.datetime) else msgspec.convert(value, dt.datetime))


def _set_duration(message: Any, value: Any) -> None:
    is_native = isinstance(value, dt.timedelta)
    set_duration(message, value if is_native else msgspec.convert(value, dt.timedelta))


def _unknown(value: dict[Any, Any], known: list[str]) -> None:
    name = next((name for name in value if name not in known), "")
    raise ValueError(f"{str(name)[:NAME_CHARACTERS_MAX]}: unknown field; the fields are {', '.join(known)}")


def _required(name: str) -> None:
    raise ValueError(f"{name}: required")


def _no_dict(value: Any) -> None:
    raise TypeError(f"expected an object, got {type(value).__name__}")


def dict_reader(message: Message, *, native: bool) -> Callable[[Any], dict[str, Any]]:
    """Returns a function from protobuf's object to a dict.

    Args:
        message: what is read.
        native: whether moments, durations and bytes are Python's own; otherwise they are as JSON has them.

    The function raises ValueError or OverflowError for a number, moment or duration that is none; absent fields are
    left out, or None where null is allowed.
    """
    source = Source(duration_of=duration_of, finite=finite, moment_of=moment_of)
    conversions = {"double": "finite({})", "timestamp": "moment_of({})", "duration": "duration_of({})"}
    if not native:
        source.names["json"] = msgspec.to_builtins
        conversions |= {"timestamp": "json(moment_of({}))", "duration": "json(duration_of({}))", "bytes": "json({})"}
    names = {id(inner): f"read{number}" for number, inner in enumerate(message.everything())}
    for inner in message.everything():
        source.add(0, f"def {names[id(inner)]}(m):", "    d = {}")
        for field in inner.fields:
            convert = conversions.get(field.kind, "{}")
            if field.message is not None:
                convert = f"{names[id(field.message)]}({{}})"
            _read_field(source, field, convert)
        source.add(1, "return d")
    read: Callable[[Any], dict[str, Any]] = source.compiled(names[id(message)])
    return read


def _read_field(source: Source, field: Field, convert: str) -> None:
    wire, target, has = f"m.f{field.number}", f"d[{field.name!r}]", f"m.HasField('f{field.number}')"
    if field.count == "many":
        source.add(1, f"{target} = [{convert.format('i')} for i in {wire}]")
    elif field.count == "map":
        source.add(1, f"{target} = {{k: {convert.format('i')} for k, i in {wire}.items()}}")
    else:
        source.add(1, f"if {has}: {target} = {convert.format(wire)}")
        if field.nullable:
            source.add(1, f"else: {target} = None")
