"""Writing values of a known type as derived protobuf messages, by code made once for each pair of message and type.

Pure.

The code reads attributes and sets fields, and is as short as it can be; protobuf's own checks find values of another
type.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import inspect

from micro.service.schema.proto import Field, Message
from micro.service.schema.shape import NO_DEFAULT, bare, fields_of
from micro.service.schema.source import Filler, NotDirect, writing

__all__ = ["typed_encoder"]


def typed_encoder(message: Message, root: Any, shape: inspect.Type, *, result: bool = False) -> Callable[[Any], bytes]:
    """Returns a function that writes a value of a type.

    Args:
        message: what is written.
        root: its class, from `message_class`.
        shape: the type; with `result`, that of the value that alone becomes the message's one field.
        result: whether the value stands under `result`.

    Raises:
        NotDirect: a field of the message has no counterpart in the type, or needs the general way.

    The function raises TypeError, ValueError, AttributeError or KeyError for values that are not of the type.
    """
    source = writing(message, root)
    maker = _TypedMaker(source)
    if result:
        maker.value(message.fields[0], "v", shape, optional=False)
    else:
        maker.fields(message, bare(shape))
    filling, source.lines = source.lines, maker.functions
    source.add(0, "def encode(v):", "    m = Root()")
    source.lines += filling
    source.add(1, "return serialize(m)")
    encode: Callable[[Any], bytes] = source.compiled("encode")
    return encode


class _TypedMaker(Filler):
    """Makes the code that reads attributes."""

    def function(self, message: Message, shape: inspect.Type) -> str:
        """Returns the name of the function that fills a message from a value of a type."""
        shape = bare(shape)
        key = (id(message), id(shape))
        if key in self.source.functions:
            return self.source.functions[key]
        name = self.source.functions[key] = f"fill{len(self.source.functions)}"
        outer, self.source.lines = self.source.lines, []
        self.source.add(0, f"def {name}(m, v):", "    pass" if _always_there(message) else "    m.SetInParent()")
        self.fields(message, shape)
        self.functions.extend(self.source.lines)
        self.source.lines = outer
        return name

    def fields(self, message: Message, shape: inspect.Type) -> None:
        """Adds the lines that fill the message `m` from the value `v` of a type."""
        if not isinstance(shape, inspect.StructType | inspect.DataclassType) or getattr(shape, "array_like", False):
            raise NotDirect
        by_name = {field.encode_name: field for field in fields_of(shape)}
        if by_name.keys() - {field.name for field in message.fields}:
            raise NotDirect  # what the message has no place for must not be lost in silence
        for field in message.fields:
            self._field(field, shape, by_name)

    def _field(self, field: Field, shape: Any, by_name: dict[str, inspect.Field]) -> None:
        if field.name == getattr(shape, "tag_field", None):
            self.source.add(1, f"m.f{field.number} = {self.source.bind(shape.tag)}")
        elif field.name in by_name:
            known = by_name[field.name]
            may_lack = not known.required and known.default is NO_DEFAULT
            unset = may_lack and known.default_factory is NO_DEFAULT
            self.value(field, f"v.{known.name}", known.type, optional=unset)
        elif field.required and not field.nullable:
            raise NotDirect

    def value(self, field: Field, expression: str, shape: inspect.Type, *, optional: bool) -> None:
        """Sets one field from an expression of a type."""
        shape = bare(shape)
        depth, value = 1, expression
        nullable = isinstance(shape, inspect.UnionType)
        if isinstance(shape, inspect.UnionType):
            left = [bare(member) for member in shape.types if not isinstance(bare(member), inspect.NoneType)]
            if len(left) != 1 or not field.nullable:
                raise NotDirect
            shape = left[0]
        if nullable or optional:
            absent = " and ".join([*(["y is not None"] if nullable else []), *(["y is not UNSET"] if optional else [])])
            self.source.add(1, f"y = {expression}", f"if {absent}:")
            depth, value = 2, "y"
        if field.count == "many":
            if not isinstance(shape, inspect.CollectionType):
                raise NotDirect
            unordered = isinstance(shape, inspect.SetType | inspect.FrozenSetType)
            self.many(depth, field, value, *self._item(field, shape.item_type), unordered=unordered)
        elif field.count == "map":
            if not isinstance(shape, inspect.DictType):
                raise NotDirect
            self.map(depth, field, value, *self._item(field, shape.value_type))
        else:
            self.one(depth, field, value, *self._item(field, shape))

    def _item(self, field: Field, shape: inspect.Type) -> tuple[str, str]:
        """Returns the conversion of one value and, for messages, the name of the function that fills one."""
        shape = bare(shape)
        if field.kind == "message" and field.message is not None:
            return "{}", self.function(field.message, shape)
        expected, convert, fill = _LEAVES.get(type(shape), ("", "", ""))
        if isinstance(shape, inspect.LiteralType) and None not in shape.values:
            expected, convert = ("string" if isinstance(shape.values[0], str) else "int64"), "{}"
        elif isinstance(shape, inspect.EnumType):
            first = next(iter(shape.cls)).value
            expected, convert = ("string" if isinstance(first, str) else "int64"), "{}.value"
        if expected != field.kind:
            raise NotDirect
        return convert, fill


def _always_there(message: Message) -> bool:
    """Returns whether some field is always set, so that the message's own presence needs no word."""
    return any(field.required and not field.nullable and field.count == "one" for field in message.fields)


_LEAVES: dict[type[inspect.Type], tuple[str, str, str]] = {
    inspect.StrType: ("string", "{}", ""),
    inspect.IntType: ("int64", "{}", ""),
    inspect.BoolType: ("bool", "{}", ""),
    inspect.FloatType: ("double", "finite({})", ""),
    inspect.BytesType: ("bytes", "{}", ""),
    inspect.UUIDType: ("string", "str({})", ""),
    inspect.DecimalType: ("string", "decimal_text({})", ""),
    inspect.DateType: ("string", "{}.isoformat()", ""),
    inspect.TimeType: ("string", "{}.isoformat()", ""),
    inspect.DateTimeType: ("timestamp", "{}", "set_moment"),
    inspect.TimeDeltaType: ("duration", "{}", "set_duration"),
}
