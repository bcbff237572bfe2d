"""protobuf's own classes for derived messages, and the moments and durations inside them.

Pure.

The classes live in a pool of their own and call their fields `f1`, `f2`, …: names are no part of the wire, so no name
of a user's can be in the way. google.protobuf is imported at the first message, because most programs speak JSON only.
"""

from __future__ import annotations

import datetime as dt
import re
import uuid
from decimal import Decimal
from typing import Any

import msgspec

from micro.service.schema.proto import Field, Message
from micro.service.schema.strict import DECIMAL_PATTERN

__all__ = [
    "date_of",
    "decimal_of",
    "decimal_text",
    "duration_of",
    "finite",
    "message_class",
    "moment_of",
    "set_duration",
    "set_moment",
    "time_of",
    "uuid_of",
]

_PACKAGE = "micro.derived"
_KINDS = {"double": 1, "int64": 3, "bool": 8, "string": 9, "message": 11, "bytes": 12, "int32": 5}
"""Field types by protobuf's numbers for them."""

_OPTIONAL, _REPEATED = 1, 3
_SECONDS_AND_NANOS = "SecondsAndNanos"
"""Both google.protobuf.Timestamp and Duration look like this on the wire."""

NANOS_MAX = 999_999_999
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_DECIMAL = re.compile(DECIMAL_PATTERN)
_SECOND = dt.timedelta(seconds=1)


def message_class(message: Message) -> Any:
    """Returns protobuf's class of a message."""
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    messages = message.everything()
    names = {id(inner): f"M{number}" for number, inner in enumerate(messages)}
    file = descriptor_pb2.FileDescriptorProto(name="derived.proto", package=_PACKAGE, syntax="proto3")
    pair = file.message_type.add(name=_SECONDS_AND_NANOS)
    pair.field.add(name="f1", number=1, type=_KINDS["int64"], label=_OPTIONAL)
    pair.field.add(name="f2", number=2, type=_KINDS["int32"], label=_OPTIONAL)
    for inner in messages:
        made = file.message_type.add(name=names[id(inner)])
        for field in inner.fields:
            _add_field(made, field, names)
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.{names[id(message)]}"))


def _add_field(made: Any, field: Field, names: dict[int, str]) -> None:
    target = made
    label = _OPTIONAL if field.count == "one" else _REPEATED
    if field.count == "map":
        entry = made.nested_type.add(name=f"F{field.number}Entry")
        entry.options.map_entry = True
        entry.field.add(name="key", number=1, type=_KINDS["string"], label=_OPTIONAL)
        made.field.add(
            name=f"f{field.number}",
            number=field.number,
            type=_KINDS["message"],
            label=_REPEATED,
            type_name=f".{_PACKAGE}.{made.name}.{entry.name}",
        )
        target, label = entry, _OPTIONAL
    kind = "message" if field.kind in ("timestamp", "duration") else field.kind
    name, number = ("value", 2) if field.count == "map" else (f"f{field.number}", field.number)
    added = target.field.add(name=name, number=number, type=_KINDS[kind], label=label)
    if kind == "message":
        inner = _SECONDS_AND_NANOS if field.message is None else names[id(field.message)]
        added.type_name = f".{_PACKAGE}.{inner}"
    if field.count == "one":
        added.proto3_optional = True
        added.oneof_index = len(made.oneof_decl)
        made.oneof_decl.add(name=f"_f{field.number}")


def set_moment(message: Any, value: dt.datetime) -> None:
    """Writes a point in time.

    Raises:
        ValueError: it has no offset, so it is no point in time.
    """
    if value.tzinfo is None:
        raise ValueError("a date and time without offset; make it with datetime.now(timezone.utc)")
    since = value - _EPOCH
    message.f1 = since // _SECOND
    message.f2 = since.microseconds * 1000
    message.SetInParent()


def moment_of(message: Any) -> dt.datetime:
    """Reads a point in time, in UTC and whole microseconds.

    Raises:
        ValueError, OverflowError: it is none, or beyond the years 1 to 9999.
    """
    seconds, nanos = message.f1, message.f2
    if not 0 <= nanos <= NANOS_MAX:
        raise ValueError("a timestamp's nanos are out of range")
    return _EPOCH + dt.timedelta(seconds=seconds, microseconds=nanos // 1000)


def set_duration(message: Any, value: dt.timedelta) -> None:
    """Writes a duration: seconds and nanoseconds of the same sign."""
    sign = -1 if value < dt.timedelta(0) else 1
    size = abs(value)
    message.f1 = sign * (size // _SECOND)
    message.f2 = sign * size.microseconds * 1000
    message.SetInParent()


def duration_of(message: Any) -> dt.timedelta:
    """Reads a duration in whole microseconds.

    Raises:
        ValueError, OverflowError: it is none, or longer than Python's.
    """
    seconds, nanos = message.f1, message.f2
    if abs(nanos) > NANOS_MAX or seconds * nanos < 0:
        raise ValueError("a duration's nanos are out of range or of another sign")
    micros = nanos // 1000 if nanos >= 0 else -(-nanos // 1000)
    return dt.timedelta(seconds=seconds, microseconds=micros)


def finite(value: float) -> float:
    """Returns a number that JSON could say too.

    Raises:
        ValueError: it is infinite or not a number.
    """
    if value - value:  # neither infinity nor NaN leaves 0
        raise ValueError("expected a number, got one that is infinite or not a number")
    return value


def uuid_of(text: str) -> uuid.UUID:
    """Reads a UUID as JSON's is read.

    Raises:
        ValueError: it is none.
    """
    return msgspec.convert(text, uuid.UUID)


def date_of(text: str) -> dt.date:
    """Reads a date as JSON's is read.

    Raises:
        ValueError: it is none.
    """
    return msgspec.convert(text, dt.date)


def time_of(text: str) -> dt.time:
    """Reads a time of day as JSON's is read.

    Raises:
        ValueError: it is none, or has an offset.
    """
    value = msgspec.convert(text, dt.time)
    if value.tzinfo is not None:
        raise ValueError("expected a time without offset")
    return value


def decimal_of(text: str) -> Decimal:
    """Reads a decimal number as JSON's is read.

    Raises:
        ValueError: it is none, or has more digits than `DECIMAL_PATTERN` allows.
    """
    if not _DECIMAL.fullmatch(text):
        raise ValueError("expected a decimal number")
    return Decimal(text)


def decimal_text(value: Decimal) -> str:
    """Returns a decimal number as text.

    Raises:
        ValueError: it is infinite or not a number.
    """
    if not value.is_finite():
        raise ValueError("expected a decimal number, got one that is infinite or not a number")
    return str(value)
