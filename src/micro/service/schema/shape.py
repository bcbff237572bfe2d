"""Which types can travel, and what kind of thing each one is.

Pure.

A shape is `msgspec.inspect`'s tree of a type: one form for dataclasses, msgspec structs, TypedDicts, named tuples,
builtins, unions, literals and enums. A pydantic model stands in it as a leaf that checks itself; pydantic is never
imported here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import inspect

__all__ = [
    "NO_DEFAULT",
    "Named",
    "Pydantic",
    "bare",
    "children",
    "fields_of",
    "is_object",
    "is_pydantic",
    "is_recursive",
    "is_struct",
    "members_certain",
    "shape_of",
    "walk",
    "words",
]

Named = inspect.StructType | inspect.DataclassType | inspect.TypedDictType | inspect.NamedTupleType
"""Shapes with named fields, whether they travel as an object or as an array."""

Pydantic = inspect.CustomType
"""After `shape_of` the only custom types left are pydantic models."""

NO_DEFAULT: Any = msgspec.NODEFAULT
"""Stands in a field for a default that it has not."""

NODES_MAX = 10_000
"""A type that is larger than this is a mistake, or endless."""

CHOICES_SHOWN_MAX = 20

_REMEDY = (
    "use str, int, float, bool, bytes, None, Any, datetime, date, time, timedelta, Decimal, UUID, an Enum, Literal,"
    " list, dict, tuple, set, a dataclass, TypedDict, NamedTuple, msgspec.Struct or pydantic model"
)


_KEYS = (
    inspect.AnyType,
    inspect.StrType,
    inspect.IntType,
    inspect.EnumType,
    inspect.LiteralType,
    inspect.UUIDType,
    inspect.DateType,
)


def shape_of(annotation: Any, where: str) -> inspect.Type:
    """Returns the shape of a type.

    Args:
        annotation: the type.
        where: what a message calls the place, for instance `say_hi(name)`.

    Raises:
        TypeError: the type, or one inside it, cannot travel; the message says which, and what to use.
    """
    spelled = annotation.__name__ if isinstance(annotation, type) else str(annotation).replace("typing.", "")
    try:
        shape = inspect.type_info(annotation)
        msgspec.json.Decoder(annotation)
    except NameError as error:
        raise TypeError(
            f"{where}: {spelled} mentions {error.name!r}, which is not known there; define or import it at the top of"
            f" the module, outside `if TYPE_CHECKING:` and outside functions"
        ) from error
    except Exception as error:
        raise TypeError(f"{where}: the type {spelled} cannot travel: {error}; {_REMEDY}") from error
    for count, (path, inner) in enumerate(walk(shape)):
        if count > NODES_MAX:
            raise TypeError(f"{where}: the type {spelled} has more than {NODES_MAX} parts; make it smaller")
        if isinstance(inner, inspect.RawType | inspect.ExtType) or _is_foreign(inner):
            name = getattr(getattr(inner, "cls", None), "__name__", type(inner).__name__.removesuffix("Type"))
            raise TypeError(f"{where}{path}: the type {name} cannot travel; {_REMEDY}")
        if isinstance(inner, inspect.DictType) and not isinstance(bare(inner.key_type), _KEYS):
            raise TypeError(f"{where}{path}: a dict's keys must be str, int, an Enum, Literal, UUID or date")
    return shape


def _is_foreign(shape: inspect.Type) -> bool:
    return isinstance(shape, inspect.CustomType) and not is_pydantic(shape.cls)


def is_pydantic(cls: object) -> bool:
    """Returns whether `cls` is a pydantic (version 2) model."""
    return isinstance(cls, type) and hasattr(cls, "__pydantic_validator__") and hasattr(cls, "model_json_schema")


def bare(shape: inspect.Type) -> inspect.Type:
    """Returns the shape without descriptions and other remarks around it."""
    while isinstance(shape, inspect.Metadata):
        shape = shape.type
    return shape


def is_struct(shape: inspect.Type) -> bool:
    """Returns whether a value has named fields and travels as an object."""
    shape = bare(shape)
    if isinstance(shape, inspect.StructType):
        return not shape.array_like
    return isinstance(shape, inspect.DataclassType | inspect.TypedDictType | inspect.CustomType)


def is_object(shape: inspect.Type) -> bool:
    """Returns whether every value travels as a JSON object."""
    shape = bare(shape)
    if isinstance(shape, inspect.UnionType):
        return all(is_object(member) for member in shape.types)
    return is_struct(shape) or isinstance(shape, inspect.DictType)


def fields_of(shape: inspect.Type) -> tuple[inspect.Field, ...]:
    """Returns the fields of a shape that has named ones, else none."""
    return shape.fields if isinstance(shape, Named) else ()


def children(shape: inspect.Type) -> list[tuple[str, inspect.Type]]:
    """Returns the shapes directly inside one, each with how a path names it."""
    shape = bare(shape)
    if isinstance(shape, inspect.UnionType):
        return [("", member) for member in shape.types]
    if isinstance(shape, inspect.DictType):
        return [("[key]", shape.key_type), ("[]", shape.value_type)]
    if isinstance(shape, inspect.TupleType):
        return [(f"[{index}]", item) for index, item in enumerate(shape.item_types)]
    if isinstance(shape, inspect.CollectionType):
        return [("[]", shape.item_type)]
    return [(f".{field.encode_name}", field.type) for field in fields_of(shape)]


def walk(shape: inspect.Type) -> Iterator[tuple[str, inspect.Type]]:
    """Yields a shape and all inside it, each once and with its path, even if it contains itself."""
    seen: set[int] = set()
    pending = [("", bare(shape))]
    while pending:
        path, current = pending.pop()
        if id(current) in seen:
            continue
        seen.add(id(current))
        yield path, current
        pending.extend((path + step, bare(child)) for step, child in reversed(children(current)))


def is_recursive(shape: inspect.Type) -> bool:
    """Returns whether a type contains itself, so that its values may be of any depth."""
    done: set[int] = set()
    above: set[int] = set()

    def visit(current: inspect.Type) -> bool:
        current = bare(current)
        if id(current) in above:
            return True
        if id(current) in done:
            return False
        above.add(id(current))
        found = any(visit(child) for _, child in children(current))
        above.discard(id(current))
        done.add(id(current))
        return found

    return visit(shape)


def members_certain(shape: inspect.Type) -> int:
    """Returns how many members, at every depth, each right body has for certain."""
    shape = bare(shape)
    if not is_struct(shape) or is_recursive(shape):
        return 0
    return sum(1 + members_certain(field.type) for field in fields_of(shape) if field.required)


_PLAIN_WORDS: dict[type[inspect.Type], str] = {
    inspect.AnyType: "any value",
    inspect.BoolType: "true or false",
    inspect.NoneType: "null",
    inspect.BytesType: "bytes as base64",
    inspect.ByteArrayType: "bytes as base64",
    inspect.MemoryViewType: "bytes as base64",
    inspect.DateTimeType: "a date and time with its offset, such as 2026-01-31T12:00:00Z",
    inspect.DateType: "a date such as 2026-01-31",
    inspect.TimeType: "a time such as 12:30:00",
    inspect.TimeDeltaType: "a duration such as PT1H30M",
    inspect.UUIDType: "a UUID",
    inspect.DecimalType: 'a decimal number in a string, such as "1.5"',
    inspect.DictType: "an object",
    inspect.TypedDictType: "an object",
    inspect.DataclassType: "an object",
    inspect.CustomType: "an object",
    inspect.ListType: "a list",
    inspect.SetType: "a list without duplicates",
    inspect.FrozenSetType: "a list without duplicates",
    inspect.VarTupleType: "a list",
    inspect.NamedTupleType: "a list",
}


def words(shape: inspect.Type) -> str:
    """Returns what a value must be, in words for a person: `an integer of at least 1`."""
    shape = bare(shape)
    if isinstance(shape, inspect.UnionType):
        return " or ".join(dict.fromkeys(words(member) for member in shape.types))
    if isinstance(shape, inspect.LiteralType | inspect.EnumType):
        values = shape.values if isinstance(shape, inspect.LiteralType) else [member.value for member in shape.cls]
        shown = [json.dumps(value) for value in values[:CHOICES_SHOWN_MAX]]
        return "one of " + ", ".join(shown) + (", …" if len(values) > CHOICES_SHOWN_MAX else "")
    if isinstance(shape, inspect.TupleType):
        return f"a list of {len(shape.item_types)} items"
    if isinstance(shape, inspect.StructType):
        return "a list" if shape.array_like else "an object"
    if isinstance(shape, inspect.StrType):
        return "a string" + _lengths(shape, "characters") + (f" that matches {shape.pattern}" if shape.pattern else "")
    if isinstance(shape, inspect.IntType | inspect.FloatType):
        return _number_words(shape)
    return _PLAIN_WORDS.get(type(shape), "a value") + _lengths(shape, "items")


def _lengths(shape: Any, unit: str) -> str:
    least, most = getattr(shape, "min_length", None), getattr(shape, "max_length", None)
    if isinstance(shape, inspect.BytesType | inspect.ByteArrayType | inspect.MemoryViewType):
        unit = "bytes"
    if least is not None and most is not None:
        return f" of {least} to {most} {unit}"
    if least is not None:
        return f" of at least {least} {unit}"
    return f" of at most {most} {unit}" if most is not None else ""


def _number_words(shape: inspect.IntType | inspect.FloatType) -> str:
    noun = "an integer" if isinstance(shape, inspect.IntType) else "a number"
    bounds = [
        (shape.ge, "of at least"),
        (shape.gt, "greater than"),
        (shape.le, "of at most"),
        (shape.lt, "less than"),
        (shape.multiple_of, "that is a multiple of"),
    ]
    if shape.ge is not None and shape.le is not None and shape.multiple_of is None:
        return f"{noun} from {shape.ge} to {shape.le}"
    said = [f"{phrase} {bound}" for bound, phrase in bounds if bound is not None]
    return " ".join([noun, " and ".join(said)]).strip()
