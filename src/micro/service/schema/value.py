"""The caller's side: values to bodies and bodies to values, with a description at hand or without.

Pure.

Without one a body is JSON, or bytes as they are. With the schema from the service's description a `ValueCodec` speaks
the derived protobuf too, with the service's own field numbers, whatever types the caller uses.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from micro.errors import BadRequest, InternalError
from micro.mucp.codec import BYTES, JSON, content_type_of
from micro.service.schema.json import RESULT_KEY
from micro.service.schema.proto import Message, message_of
from micro.service.schema.protodecode import typed_reader
from micro.service.schema.protodict import NATIVE, dict_encoder, dict_reader
from micro.service.schema.protoencode import typed_encoder
from micro.service.schema.pydantic import decode_hook, encode_hook
from micro.service.schema.shape import bare, is_object, shape_of
from micro.service.schema.source import NotDirect
from micro.service.schema.trouble import explain, shown
from micro.service.schema.wire import message_class

__all__ = ["ValueCodec", "decode_value", "encode_value", "json_body"]

TYPES_MAX = 64
"""So many types are remembered in each codec; a program that brings more gets the general way."""

REASON_CHARACTERS_MAX = 200

_encode = msgspec.json.Encoder(enc_hook=encode_hook).encode
_untyped = msgspec.json.Decoder().decode


def encode_value(value: Any, content_type: str = JSON) -> bytes:
    """Returns the body that stands for a value.

    Args:
        value: None for an empty object; bytes, as they are, where the content type is for bytes; a dict, dataclass,
            struct or pydantic model; anything else travels as `{"result": value}`.
        content_type: JSON or bytes; protobuf needs a `ValueCodec`.

    Raises:
        BadRequest: the value has no such form.
    """
    name = content_type_of(content_type, b"")
    if name == BYTES:
        if isinstance(value, bytes | bytearray | memoryview):
            return bytes(value)
        raise BadRequest(f"a body of {BYTES} is bytes, not a {type(value).__name__}")
    if name != JSON:
        raise BadRequest(f"{name[:80]!r} needs the description of the service; send {JSON}")
    return json_body(value)


def json_body(value: Any) -> bytes:
    """Returns the body that stands for a value in JSON, as `encode_value` does."""
    if value is None:
        return b"{}"
    try:
        body = _encode(value)
    except (TypeError, ValueError, RecursionError, OverflowError) as error:
        raise BadRequest(f"this value has no JSON form: {error}") from error
    return body if body[:1] == b"{" else b'{"result":' + body + b"}"


class _Returns:
    """A type that answers are read as, made ready once."""

    def __init__(self, annotation: Any) -> None:
        shape = shape_of(annotation, "returns")
        self.wrapped = not is_object(shape)
        self.is_bytes = bare(shape) == msgspec.inspect.BytesType()
        self.annotation = msgspec.defstruct("Answer", [("result", annotation)]) if self.wrapped else annotation
        self.value = shape
        self.shape = shape_of(self.annotation, "returns")
        self.decode = msgspec.json.Decoder(self.annotation, dec_hook=decode_hook).decode

    def convert(self, value: Any) -> Any:
        return msgspec.convert(value, self.annotation, builtin_types=NATIVE, str_keys=True, dec_hook=decode_hook)


_returns: dict[Any, _Returns] = {}


def _returns_of(annotation: Any) -> _Returns:
    try:
        found = _returns.get(annotation)
    except TypeError:  # an annotation that cannot be a key
        return _Returns(annotation)
    if found is None:
        found = _Returns(annotation)
        if len(_returns) < TYPES_MAX:
            _returns[annotation] = found
    return found


def decode_value(body: bytes, content_type: str | None = None, returns: Any = None, *, wrapped: bool = False) -> Any:
    """Returns the value of an answer.

    Args:
        body: the answer.
        content_type: as the answer declares it.
        returns: the type it is to be; a type that is no object is taken out of `{"result": …}`. None gives JSON-like
            values, or bytes where the body is bytes.
        wrapped: whether the description says that the value stands under `result`.

    Raises:
        InternalError: the answer is not what it claims or should be; the detail says where.
        TypeError: `returns` is no type that can travel.
    """
    name = content_type_of(content_type, body)
    if name == BYTES or (returns is bytes and name != JSON):
        return body
    if name != JSON:
        raise InternalError(f"the answer is {name[:80]!r}, which needs the description of the service to be read")
    if returns is None:
        value = _decoded(_untyped, body)
        return value["result"] if wrapped and isinstance(value, dict) and "result" in value else value
    known = _returns_of(returns)
    try:
        value = known.decode(body)
    except (ValueError, RecursionError) as error:
        raise _unfit(error, body, known) from error
    return value.result if known.wrapped else value


def _decoded(decode: Callable[[bytes], Any], body: bytes) -> Any:
    try:
        return decode(body)
    except (ValueError, RecursionError) as error:
        raise InternalError(f"the answer is not JSON: {shown(str(error), REASON_CHARACTERS_MAX)}") from error


def _unfit(error: Exception, body: bytes, known: _Returns) -> InternalError:
    if not isinstance(error, msgspec.ValidationError):
        return InternalError(f"the answer is not JSON: {shown(str(error), REASON_CHARACTERS_MAX)}")
    try:
        reason = explain(error, _untyped(body), known.shape, known.convert, size=len(body))
    except (ValueError, RecursionError):
        reason = shown(str(error), REASON_CHARACTERS_MAX)
    return InternalError(f"the answer does not fit the type it was to be: {reason}")


class ValueCodec:
    """Derived protobuf on the caller's side, made from a schema of a description.

    Attributes:
        wrapped: whether the schema is that of a value under `result`.
    """

    def __init__(self, schema: Mapping[str, Any]) -> None:
        """Settles the message that a schema stands for.

        Raises:
            Inexpressible: proto3 has no form for it; send JSON.
        """
        self.wrapped = schema.get(RESULT_KEY) is True
        self._message: Message = message_of(schema, "Body")
        self._root = message_class(self._message)
        self._general = dict_encoder(self._message, self._root)
        self._to_json = dict_reader(self._message, native=False)
        self._to_native = dict_reader(self._message, native=True)
        self._encoders: dict[type, Callable[[Any], bytes]] = {}
        self._readers: dict[Any, Callable[[bytes], Any]] = {}

    def encode(self, value: Any) -> bytes:
        """Returns the message of a value: None, a dict, dataclass, struct or model, or what is to be wrapped.

        Raises:
            BadRequest: it does not fit the schema.
        """
        if value is None:
            value = {}
        known = self._encoders.get(type(value))
        if known is not None:
            try:
                return known(value)
            except Exception:  # noqa: BLE001 - whatever it was, the general way finds and says it
                return self._encode(value)
        if type(value) is not dict and len(self._encoders) < TYPES_MAX:
            self._encoders[type(value)] = self._encoder(type(value))
            return self.encode(value)
        return self._encode(value)

    def _encoder(self, cls: type) -> Callable[[Any], bytes]:
        try:
            shape = shape_of(cls, cls.__name__)
            if self.wrapped and is_object(shape):
                return self._encode
            return typed_encoder(self._message, self._root, shape, result=self.wrapped)
        except (NotDirect, TypeError):
            return self._encode

    def _encode(self, value: Any) -> bytes:
        try:
            plain = msgspec.to_builtins(value, builtin_types=NATIVE, str_keys=True, enc_hook=encode_hook)
            if self.wrapped and not (isinstance(plain, dict) and set(plain) == {"result"}):
                plain = {"result": plain}
            return self._general(plain)
        except (TypeError, ValueError, RecursionError, OverflowError) as error:
            raise BadRequest(shown(str(error), REASON_CHARACTERS_MAX)) from error

    def decode(self, body: bytes, returns: Any = None) -> Any:
        """Returns the value of a message.

        Args:
            body: the message.
            returns: the type it is to be; a type that is no object is taken out of `result`. None gives JSON-like
                values, taken out of `result` where the schema says that they stand there.

        Raises:
            InternalError: the body is no such message, or does not fit the type.
        """
        reader = self._readers.get(returns)
        if reader is None:
            if returns is None:
                value = self._read(self._to_json, body)
                return value.get("result") if self.wrapped else value
            reader = self._reader(_returns_of(returns))
            if len(self._readers) < TYPES_MAX:
                self._readers[returns] = reader
        return reader(body)

    def _reader(self, known: _Returns) -> Callable[[bytes], Any]:
        """Returns the function that makes a value of a type from a message."""

        def read_slowly(body: bytes) -> Any:
            value = self._read(self._to_native, body)
            try:
                made = known.convert(value)
            except (ValueError, RecursionError) as error:
                reason = explain(error, value, known.shape, known.convert, size=len(body))
                raise InternalError(f"the answer does not fit the type it was to be: {reason}") from error
            return made.result if known.wrapped else made

        try:
            fast = typed_reader(self._message, known.value, result=known.wrapped)
        except NotDirect:
            return read_slowly

        parse = self._root.FromString

        def read(body: bytes) -> Any:
            try:
                return fast(parse(body))
            except Exception:  # noqa: BLE001 - as above
                return read_slowly(body)

        return read

    def _read(self, read: Callable[[Any], dict[str, Any]], body: bytes) -> dict[str, Any]:
        try:
            parsed = self._root.FromString(body)
        except Exception as error:
            raise InternalError("the answer is not the protobuf message that the description promises") from error
        try:
            return read(parsed)
        except (ValueError, OverflowError, RecursionError) as error:
            raise InternalError(f"the answer is wrong: {shown(str(error), REASON_CHARACTERS_MAX)}") from error
