"""The strict twin of a type: the same JSON form, but nothing is overlooked.

Pure.

msgspec ignores unknown fields of dataclasses, lets integers grow without bound, takes dates without an offset and
`Decimal("NaN")`. The twin is built of structs that refuse all that and run no code of the user's, so one pass of a C
decoder checks a body, at every depth. Its values are thrown away unless the twin is the type itself.
"""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Annotated, Any, Literal, Union

import msgspec
from msgspec import UNSET, Meta, UnsetType, inspect

from micro.service.schema.shape import Named, bare

__all__ = ["DECIMAL_PATTERN", "INTEGER_MAX", "INTEGER_MIN", "strict_twin"]

INTEGER_MIN = -(2**63)
INTEGER_MAX = 2**63 - 1
"""Integers travel in 64 bits: what protobuf and most languages hold."""

DECIMAL_PATTERN = r"^-?[0-9]{1,64}(\.[0-9]{1,64})?([eE][+-]?[0-9]{1,3})?$"
"""Numbers only, and no exponent with which a few bytes would become gigabytes."""

_DECIMAL = Annotated[str, Meta(pattern=DECIMAL_PATTERN)]


def strict_twin(shape: inspect.Type, *, closed: bool) -> tuple[Any, bool]:
    """Returns the twin of a type, for a msgspec decoder, and whether its values are those of the type itself.

    Args:
        shape: the type.
        closed: whether unknown fields are refused; a request's are, an answer may have grown new ones.
    """
    maker = _Maker(closed)
    twin = maker.make(shape)
    return twin, maker.same


class _Maker:
    """Builds the twins of one tree of types."""

    def __init__(self, closed: bool) -> None:
        self.same = True
        self._closed = closed
        self._made: dict[tuple[int, bool], Any] = {}
        self._awaited: set[str] = set()

    def make(self, shape: inspect.Type) -> Any:
        shape = bare(shape)
        if isinstance(shape, inspect.UnionType):
            return self._union(shape)
        if isinstance(shape, Named):
            return self._struct(shape)
        if isinstance(shape, inspect.DictType):
            key, value = self.make(shape.key_type), self.make(shape.value_type)
            return _limited(dict[key, value], shape)  # type: ignore[valid-type]
        if isinstance(shape, inspect.TupleType):
            return tuple[tuple(self.make(item) for item in shape.item_types)]  # type: ignore[misc]
        if isinstance(shape, inspect.CollectionType):
            return self._collection(shape)
        return self._leaf(shape)

    def _leaf(self, shape: inspect.Type) -> Any:
        if isinstance(shape, inspect.IntType):
            return _integer(shape)
        if isinstance(shape, inspect.FloatType):
            return _constrained(float, shape, ("ge", "gt", "le", "lt", "multiple_of"))
        if isinstance(shape, inspect.StrType):
            return _constrained(str, shape, ("min_length", "max_length", "pattern"))
        if isinstance(shape, inspect.DateTimeType):
            return Annotated[dt.datetime, Meta(tz=shape.tz is not False)]
        if isinstance(shape, inspect.TimeType):
            return Annotated[dt.time, Meta(tz=shape.tz is True)]
        if isinstance(shape, inspect.LiteralType):
            return Literal[shape.values]
        if isinstance(shape, inspect.EnumType):
            return shape.cls
        if isinstance(shape, inspect.DecimalType):
            self.same = False
            return _DECIMAL
        if isinstance(shape, inspect.CustomType):
            self.same = False
            return Any
        plain = _PLAIN[type(shape)]
        return _limited(plain, shape) if hasattr(shape, "max_length") else plain

    def _union(self, shape: inspect.UnionType) -> Any:
        members = [bare(member) for member in shape.types]
        structs = [member for member in members if isinstance(member, inspect.StructType)]
        tagged = len(structs) > 1
        made = [self._struct(one, tagged=True) if tagged and one in structs else self.make(one) for one in members]
        return _union(*made)

    def _collection(self, shape: inspect.CollectionType) -> Any:
        item = self.make(shape.item_type)
        if isinstance(shape, inspect.SetType):
            return _limited(set[item], shape)  # type: ignore[valid-type]
        if isinstance(shape, inspect.FrozenSetType):
            return _limited(frozenset[item], shape)  # type: ignore[valid-type]
        if isinstance(shape, inspect.VarTupleType):
            return _limited(tuple[item, ...], shape)  # type: ignore[valid-type]
        return _limited(list[item], shape)  # type: ignore[valid-type]

    def _struct(self, shape: Any, *, tagged: bool = False) -> Any:
        """Makes the twin of a shape with fields; while it is being made, a forward reference stands for it."""
        self.same = False
        key = (id(shape), tagged)
        if key in self._made:
            made = self._made[key]
            if isinstance(made, str):
                self._awaited.add(made)
            return made
        name = f"Twin{len(self._made)}"
        self._made[key] = name
        twin = self._made[key] = self._define(name, shape, tagged=tagged)
        if name in self._awaited:
            for made in self._made.values():
                if not isinstance(made, str):
                    setattr(made, name, twin)  # msgspec looks a forward reference up in the class that holds it
        return twin

    def _define(self, name: str, shape: Any, *, tagged: bool) -> type[msgspec.Struct]:
        array = isinstance(shape, inspect.NamedTupleType) or getattr(shape, "array_like", False)
        tag_field = getattr(shape, "tag_field", None)
        fields: list[Any] = []
        names: dict[str, str] = {}
        config: dict[str, Any] = {}
        if tag_field is not None and (tagged or array):
            config = {"tag_field": tag_field, "tag": shape.tag}
        elif tag_field is not None:
            fields.append(("tag", Literal[shape.tag]))
            names["tag"] = tag_field
        for number, field in enumerate(shape.fields):
            made = self.make(field.type)
            own = f"f{number}"
            fields.append((own, made) if field.required else (own, _union(made, UnsetType), UNSET))
            names[own] = field.encode_name
        return msgspec.defstruct(
            name, fields, rename=names, array_like=array, kw_only=True, forbid_unknown_fields=self._closed, **config
        )


def _union(*members: Any) -> Any:
    return Union[members]  # noqa: UP007 - known only here, and some may be forward references


def _integer(shape: inspect.IntType) -> Any:
    names = ("ge", "gt", "le", "lt", "multiple_of")
    bounds: dict[str, Any] = {name: getattr(shape, name) for name in names if getattr(shape, name) is not None}
    if "gt" not in bounds:
        bounds.setdefault("ge", INTEGER_MIN)
    if "lt" not in bounds:
        bounds.setdefault("le", INTEGER_MAX)
    return Annotated[int, Meta(**bounds)]


def _constrained(plain: Any, shape: inspect.Type, names: tuple[str, ...]) -> Any:
    bounds = {name: getattr(shape, name) for name in names if getattr(shape, name) is not None}
    return Annotated[plain, Meta(**bounds)] if bounds else plain


def _limited(plain: Any, shape: inspect.Type) -> Any:
    return _constrained(plain, shape, ("min_length", "max_length"))


_PLAIN: dict[type[inspect.Type], Any] = {
    inspect.AnyType: Any,
    inspect.NoneType: None,
    inspect.BoolType: bool,
    inspect.BytesType: bytes,
    inspect.ByteArrayType: bytes,
    inspect.MemoryViewType: bytes,
    inspect.DateType: dt.date,
    inspect.TimeDeltaType: dt.timedelta,
    inspect.UUIDType: uuid.UUID,
}
