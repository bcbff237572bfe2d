"""Values of components as wasmtime has them in memory, for the few types that `micro:service` is made of.

The package's own conversion makes a call of Python's for every byte of a body. Here a body is one strided copy. A shape
`lower`s a Python value into a slot of wasmtime's and `lift`s one out of it, which leaves the slot as it is: what was
lowered into arguments is released with `release`, what was lowered into a host function's results is wasmtime's.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any, Protocol

from wasmtime import _bindings as native
from wasmtime import _ffi

from micro.errors import EngineError

__all__ = [
    "BOOL",
    "BYTES",
    "FAULT",
    "MESSAGE",
    "TEXT",
    "TEXTS",
    "U8",
    "U32",
    "U64",
    "Option",
    "Result",
    "Shape",
    "release",
]

_SIZE = ctypes.sizeof(native.wasmtime_component_val)
_OFFSET = native.wasmtime_component_val.of.offset
_U8 = bytes((_ffi.WASMTIME_COMPONENT_U8.value,)) + bytes(_SIZE - 1)
_KINDS = {
    name: getattr(_ffi, f"WASMTIME_COMPONENT_{name}").value
    for name in ("BOOL", "U8", "U16", "U32", "U64", "STRING", "LIST", "RECORD", "TUPLE", "OPTION", "RESULT")
}


class Shape(Protocol):
    """How a value of one type is put into a slot, and read out of one."""

    def lower(self, slot: Any, value: Any) -> None:
        """Puts a value into an empty slot."""

    def lift(self, slot: Any) -> Any:
        """Returns the value in a slot."""


class _Number:
    def __init__(self, kind: str, field: str) -> None:
        self._kind, self._field = _KINDS[kind], field

    def lower(self, slot: Any, value: Any) -> None:
        setattr(slot.of, self._field, value)
        slot.kind = self._kind

    def lift(self, slot: Any) -> Any:
        _expect(slot, self._kind)
        return getattr(slot.of, self._field)


class _Text:
    def lower(self, slot: Any, value: str) -> None:
        _put_text(slot.of.string, value.encode("utf-8", "replace"))
        slot.kind = _KINDS["STRING"]

    def lift(self, slot: Any) -> str:
        _expect(slot, _KINDS["STRING"])
        text = slot.of.string
        return ctypes.string_at(text.data, text.size).decode("utf-8", "replace") if text.size else ""


class _Bytes:
    def lower(self, slot: Any, value: bytes) -> None:
        count = len(value)
        native.wasmtime_component_vallist_new_uninit(ctypes.byref(slot.of.list), count)
        if count:
            image = bytearray(_U8) * count
            image[_OFFSET::_SIZE] = value
            source = (ctypes.c_char * len(image)).from_buffer(image)
            ctypes.memmove(slot.of.list.data, source, len(image))
        slot.kind = _KINDS["LIST"]

    def lift(self, slot: Any) -> bytes:
        _expect(slot, _KINDS["LIST"])
        found = slot.of.list
        if not found.size:
            return b""
        _expect(found.data[0], _KINDS["U8"])
        return ctypes.string_at(found.data, found.size * _SIZE)[_OFFSET::_SIZE]


class _List:
    def __init__(self, shape: Shape) -> None:
        self._shape = shape

    def lower(self, slot: Any, value: Sequence[Any]) -> None:
        native.wasmtime_component_vallist_new_uninit(ctypes.byref(slot.of.list), len(value))
        for index, each in enumerate(value):
            self._shape.lower(slot.of.list.data[index], each)
        slot.kind = _KINDS["LIST"]

    def lift(self, slot: Any) -> list[Any]:
        _expect(slot, _KINDS["LIST"])
        found = slot.of.list
        return [self._shape.lift(found.data[index]) for index in range(found.size)]


class _Tuple:
    def __init__(self, *shapes: Shape) -> None:
        self._shapes = shapes

    def lower(self, slot: Any, value: Sequence[Any]) -> None:
        native.wasmtime_component_valtuple_new_uninit(ctypes.byref(slot.of.tuple), len(self._shapes))
        for index, (shape, each) in enumerate(zip(self._shapes, value, strict=True)):
            shape.lower(slot.of.tuple.data[index], each)
        slot.kind = _KINDS["TUPLE"]

    def lift(self, slot: Any) -> tuple[Any, ...]:
        _expect(slot, _KINDS["TUPLE"])
        found = slot.of.tuple
        _expect_count(found.size, len(self._shapes))
        return tuple(shape.lift(found.data[index]) for index, shape in enumerate(self._shapes))


class _Record:
    def __init__(self, **shapes: Shape) -> None:
        self._shapes = [(name.encode(), shape) for name, shape in shapes.items()]

    def lower(self, slot: Any, value: Sequence[Any]) -> None:
        native.wasmtime_component_valrecord_new_uninit(ctypes.byref(slot.of.record), len(self._shapes))
        for index, ((name, shape), each) in enumerate(zip(self._shapes, value, strict=True)):
            entry = slot.of.record.data[index]
            _put_text(entry.name, name)
            shape.lower(entry.val, each)
        slot.kind = _KINDS["RECORD"]

    def lift(self, slot: Any) -> tuple[Any, ...]:
        _expect(slot, _KINDS["RECORD"])
        found = slot.of.record
        _expect_count(found.size, len(self._shapes))
        return tuple(shape.lift(found.data[index].val) for index, (_, shape) in enumerate(self._shapes))


class Option:
    """A value or None."""

    def __init__(self, shape: Shape) -> None:
        self._shape = shape

    def lower(self, slot: Any, value: Any) -> None:
        slot.of.option = None if value is None else _boxed(self._shape, value)
        slot.kind = _KINDS["OPTION"]

    def lift(self, slot: Any) -> Any:
        _expect(slot, _KINDS["OPTION"])
        return self._shape.lift(slot.of.option[0]) if slot.of.option else None


class Result:
    """`(True, value)` or `(False, fault)`; a result without a value has None there."""

    def __init__(self, well: Shape | None) -> None:
        self._well = well

    def lower(self, slot: Any, value: tuple[bool, Any]) -> None:
        is_well, content = value
        shape = self._well if is_well else FAULT
        slot.of.result.is_ok = is_well
        slot.of.result.val = None if shape is None else _boxed(shape, content)
        slot.kind = _KINDS["RESULT"]

    def lift(self, slot: Any) -> tuple[bool, Any]:
        _expect(slot, _KINDS["RESULT"])
        found = slot.of.result
        shape = self._well if found.is_ok else FAULT
        return bool(found.is_ok), None if shape is None else shape.lift(found.val[0])


BOOL = _Number("BOOL", "boolean")
U8, U16, U32 = _Number("U8", "u8"), _Number("U16", "u16"), _Number("U32", "u32")
U64 = _Number("U64", "u64")
TEXT, BYTES = _Text(), _Bytes()
TEXTS = _List(TEXT)
MESSAGE = _Record(header=_List(_Tuple(TEXT, TEXT)), body=BYTES)
FAULT = _Record(id=TEXT, code=U16, detail=TEXT, status=TEXT)


def release(slot: Any) -> None:
    """Frees what a slot holds."""
    native.wasmtime_component_val_delete(ctypes.byref(slot))


def _boxed(shape: Shape, value: Any) -> Any:
    inner = native.wasmtime_component_val_t()
    shape.lower(inner, value)
    return native.wasmtime_component_val_new(ctypes.byref(inner))


def _put_text(place: Any, text: bytes) -> None:
    native.wasm_byte_vec_new_uninitialized(ctypes.byref(place), len(text))
    ctypes.memmove(place.data, text, len(text))


def _expect(slot: Any, kind: int) -> None:
    if slot.kind != kind:
        raise EngineError("the guest's component has other types than micro:service: build it for this version of it")


def _expect_count(found: int, wanted: int) -> None:
    if found != wanted:
        raise EngineError("the guest's component has other records than micro:service: build it for this version of it")
