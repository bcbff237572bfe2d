"""Reading and writing JSON bodies of a known type: fast when they are right, and clear about it when they are not.

Pure.

What msgspec lets pass is refused here: duplicate keys, integers of more than 64 bits, nesting deeper than `DEPTH_MAX`.
The checks are arranged so that an ordinary small body pays for one pass of a C decoder and one `count`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from operator import attrgetter
from typing import Any

import msgspec
from msgspec import inspect

from micro.errors import BadRequest, InternalError
from micro.service.schema.pydantic import decode_hook, encode_hook
from micro.service.schema.shape import bare, is_recursive, members_certain, walk
from micro.service.schema.strict import INTEGER_MAX, INTEGER_MIN, strict_twin
from micro.service.schema.trouble import explain, place, shown

__all__ = ["DEPTH_MAX", "EXPLAINED_BYTES_MAX", "Reader", "Writer", "json_reader", "json_writer"]

DEPTH_MAX = 32
"""Objects and lists inside each other."""

EXPLAINED_BYTES_MAX = 65_536
"""A wrong body up to here is read again, without a type, to say what came; of a larger one only the place is said."""

Reader = Callable[[bytes], Any]
Writer = Callable[[Any], bytes]

_untyped = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode

EXPLAINED_CHARACTERS_MAX = 200

_TOO_DEEP = f"the body: objects and lists are nested more than {DEPTH_MAX} deep; make it flatter"

_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_DIGITS = bytes(0x30 if 0x30 <= byte <= 0x39 else byte for byte in range(256))
_LONG = b"0" * 19
"""So many digits or more may be beyond 64 bits."""

_BRACKETS = bytes.maketrans(b"{}", b"[]")
_NO_BRACKETS = bytes(byte for byte in range(256) if byte not in b"[]{}")


def json_reader(annotation: Any, shape: inspect.Type, strict: Any = None) -> Reader:
    """Returns a function that reads a body as `annotation`, a type whose shape is `shape`.

    Args:
        annotation: the type.
        shape: its shape.
        strict: a type that takes exactly what the twin of `annotation` takes, and whose values do instead of it.

    The function raises `BadRequest`, and nothing else, for every body that is not right. An empty body counts as `{}`.
    """
    twin, same = (strict, True) if strict is not None else strict_twin(shape, closed=True)
    check = msgspec.json.Decoder(twin).decode
    decode = check if same else msgspec.json.Decoder(annotation, dec_hook=decode_hook).decode
    colons_safe = max(1, members_certain(shape))
    loose = _is_loose(shape)
    given = None if same else _given(twin)

    def fail(body: bytes, error: Exception) -> Any:
        if not body:
            return read(b"{}")
        raise BadRequest(explained(body, error, shape, retry)) from None

    def retry(value: Any) -> None:
        msgspec.convert(value, twin, str_keys=True)
        if not same:
            msgspec.convert(value, annotation, str_keys=True, dec_hook=decode_hook)

    def read_plain(body: bytes) -> Any:
        try:
            value = decode(body)
        except (ValueError, RecursionError) as error:
            return fail(body, error)
        colons = body.count(b":")
        if colons > colons_safe:
            _refuse_duplicates(body, colons)
        return value

    def read_checked(body: bytes) -> Any:
        try:
            checked = None if same else check(body)
            value = decode(body)
        except (ValueError, RecursionError) as error:
            return fail(body, error)
        except Exception as error:
            raise BadRequest(f"the body: a check of its type failed on it ({type(error).__name__})") from error
        if loose:
            _refuse_loose(body)
        colons = body.count(b":")
        if colons > colons_safe and (given is None or colons > given(checked)):
            _refuse_duplicates(body, colons)
        return value

    read = read_plain if same and not loose else read_checked
    return read


def _given(twin: Any) -> Callable[[Any], int] | None:
    """Returns a function that tells how many members of an object its strict twin was read from, at least; or None."""
    is_object = isinstance(twin, type) and issubclass(twin, msgspec.Struct) and not twin.__struct_config__.array_like
    if not is_object or len(twin.__struct_fields__) <= 1:  # what `colons_safe` allows is as much
        return None
    values = attrgetter(*twin.__struct_fields__)
    return lambda read: len(given := values(read)) - given.count(msgspec.UNSET)


def _is_loose(shape: inspect.Type) -> bool:
    """Returns whether the type bounds neither depth nor integers: anything goes somewhere, or it contains itself."""
    anything = inspect.AnyType | inspect.CustomType
    return any(isinstance(inner, anything) for _, inner in walk(shape)) or is_recursive(shape)


def explained(body: bytes, error: Exception, shape: inspect.Type, retry: Callable[[Any], object]) -> str:
    """Returns one sentence about what is wrong with a body: its syntax, or one of its fields.

    Args:
        body: the JSON.
        error: what the decoder raised.
        shape: the type it should have had.
        retry: converts an untyped value and raises as the decoder did.
    """
    if isinstance(error, RecursionError):
        return _TOO_DEEP
    if not isinstance(error, msgspec.ValidationError):
        reason = "it is no UTF-8 text" if isinstance(error, UnicodeError) else str(error)
        return f"the body is not JSON: {shown(reason, EXPLAINED_CHARACTERS_MAX)}"
    if len(body) > EXPLAINED_BYTES_MAX:
        return place(error)
    try:
        return explain(error, _untyped(body), shape, retry, size=len(body))
    except (ValueError, RecursionError):
        return place(error)


def _refuse_duplicates(body: bytes, colons: int) -> None:
    """Raises `BadRequest` if an object has a key twice: readers differ in which of the two they believe.

    Every member has a colon, so an object of as many keys as there are colons has no duplicates. Otherwise the value is
    written again, which loses duplicates, and the members outside strings are counted before and after.
    """
    try:
        value = _untyped(body)
        if type(value) is dict and len(value) == colons:
            return
        again = _encode(value)
    except (ValueError, RecursionError) as error:
        raise BadRequest(f"the body is not JSON: {shown(str(error), EXPLAINED_CHARACTERS_MAX)}") from error
    if b"\\" not in body and colons == again.count(b":"):
        return
    if _members(body) != _members(again):
        if len(body) <= EXPLAINED_BYTES_MAX:
            json.loads(body, object_pairs_hook=_refuse_pairs)
        raise BadRequest("the body: an object has a key twice; keep one of them")


def _members(body: bytes) -> int:
    return sum(between.count(b":") for between in _between_strings(body))


def _between_strings(body: bytes) -> Iterator[bytes]:
    """Yields what stands before, between and behind the strings of a body, piece by piece to save memory."""
    start = 0
    for string in _STRING.finditer(body):
        yield body[start : string.start()]
        start = string.end()
    yield body[start:]


def _refuse_pairs(pairs: list[tuple[str, Any]]) -> None:
    seen: set[str] = set()
    for name, _ in pairs:
        if name in seen:
            raise BadRequest(f"{shown(name, EXPLAINED_CHARACTERS_MAX)}: given twice; keep one of them")
        seen.add(name)


def _refuse_loose(body: bytes) -> None:
    """Raises `BadRequest` for what a type that allows anything would let pass: great depth and very long integers."""
    if body.count(b"{") + body.count(b"[") > DEPTH_MAX and _is_deep(body):
        raise BadRequest(_TOO_DEEP)
    if _LONG in body.translate(_DIGITS) and _has_long_integer(_untyped(body)):
        raise BadRequest("the body: holds an integer of more than 64 bits; send it as a string")


def _is_deep(body: bytes) -> bool:
    """Returns whether well-formed JSON is nested too deeply: pairs of brackets are taken away from the inside."""
    found = bytearray()
    for between in _between_strings(body):
        found += between.translate(_BRACKETS, _NO_BRACKETS)
    left = bytes(found)
    for _ in range(DEPTH_MAX):
        left = left.replace(b"[]", b"")
        if not left:
            return False
    return True


def _has_long_integer(value: Any) -> bool:
    pending = [value]
    while pending:
        current = pending.pop()
        if isinstance(current, dict):
            pending.extend(current.values())
        elif isinstance(current, list):
            pending.extend(current)
        elif isinstance(current, int) and not INTEGER_MIN <= current <= INTEGER_MAX:
            return True
    return False


def json_writer(shape: inspect.Type, *, wrapped: bool, what: str) -> Writer:
    """Returns a function that writes a value of a type as JSON.

    The result is checked against the type, so that a service never answers what its description excludes.

    Args:
        shape: the type of the value, or of the object around it where it is `wrapped`.
        wrapped: whether the value stands under `result` in an object of that type.
        what: how a message calls the value, for instance `the result of say_hi`.

    The function raises `InternalError` for a value that does not fit.
    """
    twin, _ = strict_twin(shape, closed=False)
    check = msgspec.json.Decoder(twin).decode
    encode = _encoder(shape)
    trusted = _trusted(shape) if wrapped else None

    def retry(value: Any) -> None:
        msgspec.convert(value, twin, str_keys=True)

    def fail(body: bytes, error: Exception) -> InternalError:
        reason = explained(body, error, shape, retry) if body else f"it has no JSON form: {error}"
        return InternalError(f"{what} is not what the endpoint declares: {reason.removeprefix('the body: ')}")

    def write(value: Any) -> bytes:
        body = b""
        try:
            body = encode(value)
            check(body)
        except Exception as error:
            raise fail(body, error) from error
        return body

    def write_wrapped(value: Any) -> bytes:
        body = b""
        try:
            body = b'{"result":' + encode(value) + b"}"
            if type(value) is not trusted:
                check(body)
        except Exception as error:
            raise fail(body, error) from error
        return body

    return write_wrapped if wrapped else write


def _encoder(shape: inspect.Type) -> Writer:
    """Returns a function that writes the same value as the same bytes, sets in order where their items have one."""
    encode = msgspec.json.Encoder(enc_hook=encode_hook).encode
    if not any(isinstance(inner, inspect.SetType | inspect.FrozenSetType) for _, inner in walk(shape)):
        return encode
    encode_in_order = msgspec.json.Encoder(enc_hook=encode_hook, order="deterministic").encode

    def encode_either(value: Any) -> bytes:
        try:
            return encode_in_order(value)
        except TypeError:
            return encode(value)

    return encode_either


def _trusted(shape: inspect.Type) -> type | None:
    """Returns the class whose every value fits the one field of `shape`, if there is one: it need not be checked."""
    fields = shape.fields if isinstance(shape, inspect.StructType) else ()
    inner = fields[0].type if fields else shape
    if isinstance(bare(inner), inspect.BoolType):
        return bool
    return str if bare(inner) == inspect.StrType() else None
