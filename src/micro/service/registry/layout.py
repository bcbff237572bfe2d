"""Layouts: the protobuf messages of the backbone, each with exactly one spelling.

Pure.

What is signed must have one form, or two programs could disagree about what was signed. So a message is read only if
writing it again gives the same bytes: fields in the order of their numbers, none twice, none that is unknown, defaults
left out, numbers as short as they can be. google.protobuf is imported at the first message, because a node that is in
no network needs none.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from types import MappingProxyType
from typing import Any, Literal

from micro.errors import BadRequest, TooLarge

__all__ = ["NUMBER_MAX", "Layout", "Part"]

NUMBER_MAX = 2**63 - 1
"""Numbers are from 0 to this."""

Kind = Literal["number", "text", "bytes", "flag"]

_PACKAGE = "micro.backbone"
_TYPES: Mapping[str, int] = MappingProxyType({"number": 3, "flag": 8, "text": 9, "message": 11, "bytes": 12})
_ONE, _MANY = 1, 3


class Part:
    """One field of a message.

    Args:
        number: its number on the wire.
        kind: what it holds: a number, text, bytes, a flag, or a message of another layout.
        most: how many there may be; 1 is a single value, more is a list.
        bytes_max: the most bytes (of UTF-8) that a text, bytes or message may have.
    """

    __slots__ = ("bytes_max", "kind", "most", "number")

    def __init__(self, number: int, kind: Kind | Layout, *, most: int = 1, bytes_max: int = 0) -> None:
        self.number = number
        self.kind = kind
        self.most = most
        self.bytes_max = bytes_max


class Layout:
    """The fields of one message, by name.

    Args:
        name: how errors call it.
        bytes_max: the most bytes of a whole message.
        parts: its fields.
    """

    def __init__(self, name: str, bytes_max: int, /, **parts: Part) -> None:
        self.name = name
        self.bytes_max = bytes_max
        self.parts = parts

    def encode(self, values: Mapping[str, Any]) -> bytes:
        """Returns the one spelling of these values; names that are missing have their defaults.

        Raises:
            TooLarge: there would be more than `bytes_max` bytes.
        """
        data: bytes = self._fill(values).SerializeToString(deterministic=True)
        if len(data) > self.bytes_max:
            raise self._too_large(len(data))
        return data

    def decode(self, data: bytes) -> dict[str, Any]:
        """Reads a message: every field by name, lists as tuples, inner messages as dictionaries or None.

        Raises:
            TooLarge: it, or one of its fields, is larger than it may be.
            BadRequest: it is no such message, or not in its one spelling.
        """
        from google.protobuf.message import DecodeError

        if len(data) > self.bytes_max:
            raise self._too_large(len(data))
        message = self._class()
        try:
            message.ParseFromString(data)
        except DecodeError as error:
            raise BadRequest(f"{self.name} is no message of this kind: {error}") from error
        message.DiscardUnknownFields()
        if message.SerializeToString(deterministic=True) != data:
            raise BadRequest(f"{self.name} is not in its one spelling, or has fields that are not known here")
        return self._read(message)

    # -- within -----------------------------------------------------------------------------------------------------

    def _too_large(self, size: int) -> TooLarge:
        return TooLarge(f"{self.name} has {size} bytes, at most {self.bytes_max} are allowed; make it smaller")

    @cached_property
    def _class(self) -> Any:
        from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

        file = descriptor_pb2.FileDescriptorProto(name="backbone.proto", package=_PACKAGE, syntax="proto3")
        layouts = self._all()
        for place, layout in enumerate(layouts):
            made = file.message_type.add(name=f"M{place}")
            for name, part in layout.parts.items():
                kind = "message" if isinstance(part.kind, Layout) else part.kind
                label = _ONE if part.most == 1 else _MANY
                field = made.field.add(name=name, number=part.number, type=_TYPES[kind], label=label)
                if isinstance(part.kind, Layout):
                    field.type_name = f".{_PACKAGE}.M{layouts.index(part.kind)}"
        pool = descriptor_pool.DescriptorPool()
        pool.AddSerializedFile(file.SerializeToString())
        return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.M0"))

    def _all(self) -> list[Layout]:
        found: list[Layout] = [self]
        for layout in found:
            found += [
                part.kind for part in layout.parts.values() if isinstance(part.kind, Layout) and part.kind not in found
            ]
        return found

    def _fill(self, values: Mapping[str, Any], message: Any = None) -> Any:
        message = self._class() if message is None else message
        for name, value in values.items():
            kind = self.parts[name].kind
            if self.parts[name].most == 1:
                if not isinstance(kind, Layout):
                    setattr(message, name, value)
                elif value is not None:
                    kind._fill(value, getattr(message, name)).SetInParent()
            elif isinstance(kind, Layout):
                for item in value:
                    kind._fill(item, getattr(message, name).add())
            else:
                getattr(message, name).extend(value)
        return message

    def _read(self, message: Any) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, part in self.parts.items():
            if part.most == 1 and isinstance(part.kind, Layout) and not message.HasField(name):
                found[name] = None
                continue
            value = getattr(message, name)
            if part.most == 1:
                found[name] = self._value(name, part, value)
                continue
            if len(value) > part.most:
                raise TooLarge(f"{self.name}: {name} has {len(value)} items, at most {part.most} are allowed")
            found[name] = tuple(self._value(name, part, item) for item in value)
        return found

    def _value(self, name: str, part: Part, value: Any) -> Any:
        if isinstance(part.kind, Layout):
            return part.kind._read(value)
        if part.kind == "number" and not 0 <= value <= NUMBER_MAX:
            raise BadRequest(f"{self.name}: {name} is {value}, a number from 0 up is expected")
        if part.kind in ("text", "bytes"):
            size = len(value) if part.kind == "bytes" else len(value.encode())
            if size > part.bytes_max:
                raise TooLarge(f"{self.name}: {name} has {size} bytes, at most {part.bytes_max} are allowed")
        return value
