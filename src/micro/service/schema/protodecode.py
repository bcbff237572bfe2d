"""Reading derived protobuf messages as values of a known type, by code made once for each pair of message and type.

Pure.

The code constructs the type at once. Where anything is unusual (a missing field, a check that fails) the message is
read into a dict instead, and goes through the same checks and the same words as JSON does.
"""

from __future__ import annotations

import inspect as python
from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import inspect

from micro.service.schema.proto import Field, Message
from micro.service.schema.shape import NO_DEFAULT, bare, fields_of
from micro.service.schema.source import NotDirect, Source
from micro.service.schema.wire import date_of, decimal_of, duration_of, finite, moment_of, time_of, uuid_of

__all__ = ["typed_reader"]


class _Missing(Exception):
    """A required field is absent."""


def typed_reader(message: Message, shape: inspect.Type, *, result: bool = False) -> Callable[[Any], Any]:
    """Returns a function from protobuf's object to a value of a type.

    Args:
        message: what is read.
        shape: the type; with `result`, that of the value in the message's one field.
        result: whether the value stands under `result`.

    Raises:
        NotDirect: only the general way fits.

    The function raises anything for a message that does not fit; then `dict_reader` tells what is wrong.
    """
    source = _source()
    maker = _TypedMaker(source)
    if result:
        source.add(0, "def read(m):")
        maker.value(message.fields[0], 1, shape, "absent()")
        source.add(1, "return x1")
        source.lines = [*maker.functions, *source.lines]
        name = "read"
    else:
        name = maker.function(message, shape)
        source.lines = maker.functions
    read: Callable[[Any], Any] = source.compiled(name)
    return read


def _source() -> Source:
    return Source(
        absent=_absent,
        choice=_choice,
        date_of=date_of,
        decimal_of=decimal_of,
        duration_of=duration_of,
        finite=finite,
        moment_of=moment_of,
        time_of=time_of,
        uuid_of=uuid_of,
    )


def _absent() -> None:
    raise _Missing


def _choice(value: Any, allowed: Any) -> Any:
    if value not in allowed:
        raise _Missing
    return value


class _TypedMaker:
    """Makes the code that constructs values."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.functions: list[str] = []

    def function(self, message: Message, shape: inspect.Type) -> str:
        shape = bare(shape)
        key = (id(message), id(shape))
        if key in self.source.functions:
            return self.source.functions[key]
        arguments = _arguments(shape)
        name = self.source.functions[key] = f"read{len(self.source.functions)}"
        outer, self.source.lines = self.source.lines, []
        self.source.add(0, f"def {name}(m):")
        by_name = {field.name: field for field in message.fields}
        for position, known in enumerate(fields_of(shape)):
            field = by_name.get(known.encode_name)
            if field is None:
                raise NotDirect
            self.value(field, position, known.type, self._default(known))
        order = {known.name: f"x{position}" for position, known in enumerate(fields_of(shape))}
        given = ", ".join(template.format(order[own]) for own, template in arguments)
        self.source.add(1, f"return {self.source.bind(_class(shape))}({given})")
        self.functions.extend(self.source.lines)
        self.source.lines = outer
        return name

    def _default(self, known: inspect.Field) -> str:
        """Returns the expression of what an absent field gives."""
        if known.default_factory is not NO_DEFAULT:
            return f"{self.source.bind(known.default_factory)}()"
        if not known.required and known.default is NO_DEFAULT:
            return self.source.bind(msgspec.UNSET)
        return "absent()" if known.required else self.source.bind(known.default)

    def value(self, field: Field, position: int, shape: inspect.Type, default: str) -> None:
        """Adds the lines that put the value of a field into `x<position>`."""
        shape = bare(shape)
        if isinstance(shape, inspect.UnionType):
            left = [bare(member) for member in shape.types if not isinstance(bare(member), inspect.NoneType)]
            if len(left) != 1 or not field.nullable:
                raise NotDirect
            shape, default = left[0], "None"
        x, source, wire = f"x{position}", self.source, f"m.f{field.number}"
        if field.count == "many":
            source.add(1, f"{x} = {self._many(field, shape, wire)}")
        elif field.count == "map":
            if not isinstance(shape, inspect.DictType) or bare(shape.key_type) != inspect.StrType() or _limits(shape):
                raise NotDirect
            convert = self._item(field, shape.value_type)
            source.add(1, f"{x} = {{k: {convert.format('i')} for k, i in {wire}.items()}}")
        elif field.kind in ("message", "timestamp", "duration"):
            convert = self._item(field, shape).format(wire)
            source.add(1, f"{x} = {convert} if m.HasField('f{field.number}') else {default}")
        else:
            convert = self._item(field, shape)
            source.add(1, f"{x} = {wire}", f"if not {x} and not m.HasField('f{field.number}'): {x} = {default}")
            if convert != "{}":
                source.add(1, f"else: {x} = {convert.format(x)}")

    def _many(self, field: Field, shape: inspect.Type, wire: str) -> str:
        if not isinstance(shape, inspect.CollectionType) or _limits(shape):
            raise NotDirect
        convert = self._item(field, shape.item_type)
        items = f"{wire}[:]" if convert == "{}" else f"[{convert.format('i')} for i in {wire}]"
        wrap = {
            inspect.SetType: "set({})",
            inspect.FrozenSetType: "frozenset({})",
            inspect.VarTupleType: "tuple({})",
        }.get(type(shape), "{}")
        return wrap.format(items)

    def _item(self, field: Field, shape: inspect.Type) -> str:
        """Returns the conversion of one value on the wire; constrained types are left to the general way."""
        shape = bare(shape)
        if field.kind == "message" and field.message is not None:
            return f"{self.function(field.message, shape)}({{}})"
        if isinstance(shape, inspect.LiteralType | inspect.EnumType):
            return self._choice(field, shape)
        for plain, kind, convert in _LEAVES:
            if shape == plain and kind == field.kind:
                return convert
        raise NotDirect

    def _choice(self, field: Field, shape: inspect.LiteralType | inspect.EnumType) -> str:
        values = shape.values if isinstance(shape, inspect.LiteralType) else [member.value for member in shape.cls]
        if None in values:
            raise NotDirect
        kind = "string" if all(isinstance(value, str) for value in values) else "int64"
        if kind != field.kind:
            raise NotDirect
        if isinstance(shape, inspect.EnumType):
            return f"{self.source.bind(shape.cls)}({{}})"
        return f"choice({{}}, {self.source.bind(frozenset(values))})"


_LEAVES: tuple[tuple[inspect.Type, str, str], ...] = (
    (inspect.StrType(), "string", "{}"),
    (inspect.IntType(), "int64", "{}"),
    (inspect.BoolType(), "bool", "{}"),
    (inspect.FloatType(), "double", "finite({})"),
    (inspect.BytesType(), "bytes", "{}"),
    (inspect.DateTimeType(), "timestamp", "moment_of({})"),
    (inspect.DateTimeType(tz=True), "timestamp", "moment_of({})"),
    (inspect.UUIDType(), "string", "uuid_of({})"),
    (inspect.DateType(), "string", "date_of({})"),
    (inspect.TimeType(), "string", "time_of({})"),
    (inspect.DecimalType(), "string", "decimal_of({})"),
    (inspect.TimeDeltaType(), "duration", "duration_of({})"),
)


def _limits(shape: Any) -> bool:
    return shape.min_length is not None or shape.max_length is not None


def _class(shape: Any) -> Any:
    return getattr(shape.cls, "__origin__", shape.cls)


def _arguments(shape: inspect.Type) -> list[tuple[str, str]]:
    """Returns the fields in the order in which the class takes them, each with how it is passed."""
    if not isinstance(shape, inspect.StructType | inspect.DataclassType) or getattr(shape, "array_like", False):
        raise NotDirect
    try:
        parameters = python.signature(_class(shape)).parameters
    except (TypeError, ValueError):
        raise NotDirect from None
    if set(parameters) != {known.name for known in fields_of(shape)}:
        raise NotDirect
    by_place = all(parameter.kind is parameter.POSITIONAL_OR_KEYWORD for parameter in parameters.values())
    return [(name, "{}" if by_place else f"{name}={{}}") for name in parameters]
