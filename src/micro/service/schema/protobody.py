"""Reading and writing protobuf bodies of a known type, with the same checks and words as for JSON.

Pure.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import inspect

from micro.errors import BadRequest, InternalError
from micro.service.schema.jsonbody import EXPLAINED_BYTES_MAX, Reader, Writer
from micro.service.schema.proto import Message
from micro.service.schema.protodecode import typed_reader
from micro.service.schema.protodict import NATIVE, dict_encoder, dict_reader
from micro.service.schema.protoencode import typed_encoder
from micro.service.schema.pydantic import decode_hook
from micro.service.schema.source import NotDirect
from micro.service.schema.strict import strict_twin
from micro.service.schema.trouble import explain, shown
from micro.service.schema.wire import message_class

__all__ = ["protobuf_reader", "protobuf_writer"]

REASON_CHARACTERS_MAX = 200

_TOO_LARGE_TO_EXPLAIN = (
    f"the body: a field is missing or does not fit; send less than {EXPLAINED_BYTES_MAX} bytes to be told which"
)


def protobuf_reader(message: Message, annotation: Any, shape: inspect.Type) -> Reader:
    """Returns a function that reads a body as `annotation`.

    The function raises `BadRequest`, and nothing else, for every body that is not right. Unknown field numbers are
    ignored, as everywhere in protobuf.
    """
    root = message_class(message)
    parse = root.FromString
    to_dict = dict_reader(message, native=True)
    twin, same = strict_twin(shape, closed=True)
    try:
        fast = typed_reader(message, shape)
    except NotDirect:
        fast = None

    def convert(value: Any) -> Any:
        checked = msgspec.convert(value, twin, builtin_types=NATIVE, str_keys=True)
        if same:
            return checked
        return msgspec.convert(value, annotation, builtin_types=NATIVE, str_keys=True, dec_hook=decode_hook)

    def read_slowly(parsed: Any) -> Any:
        try:
            value = to_dict(parsed)
        except (ValueError, OverflowError, RecursionError) as error:
            raise BadRequest(f"the body: {shown(str(error), REASON_CHARACTERS_MAX)}") from None
        try:
            return convert(value)
        except msgspec.ValidationError as error:
            raise BadRequest(explain(error, value, shape, convert, size=parsed.ByteSize())) from None
        except Exception as error:
            raise BadRequest(f"the body: a check of its type failed on it ({type(error).__name__})") from error

    def read(body: bytes) -> Any:
        try:
            parsed = parse(body)
        except Exception:  # noqa: BLE001 - protobuf's DecodeError, without importing protobuf here
            raise BadRequest("the body is not the protobuf message that this endpoint takes") from None
        if fast is not None:
            try:
                return fast(parsed)
            except Exception:  # noqa: BLE001 - whatever it was, the general way finds and says it
                if len(body) > EXPLAINED_BYTES_MAX:
                    raise BadRequest(_TOO_LARGE_TO_EXPLAIN) from None
        return read_slowly(parsed)

    return read


def protobuf_writer(message: Message, shape: inspect.Type, write_json: Writer, *, wrapped: bool, what: str) -> Writer:
    """Returns a function that writes a value of a type.

    Args:
        message: what is written.
        shape: the type of the value itself, even where it is `wrapped`.
        write_json: writes the same value as JSON, and so checks it; what the short code cannot write goes that way.
        wrapped: whether the value stands under `result`.
        what: how a message calls the value.

    The function raises `InternalError` for a value that does not fit.
    """
    root = message_class(message)
    general: list[Callable[[Any], bytes]] = []

    def write_slowly(value: Any) -> bytes:
        plain = msgspec.json.decode(write_json(value))
        if not general:
            general.append(dict_encoder(message, root))
        try:
            return general[0](plain)
        except Exception as error:
            raise InternalError(f"{what} has no protobuf form: {error}") from error

    try:
        encode = typed_encoder(message, root, shape, result=wrapped)
    except NotDirect:
        return write_slowly

    def write(value: Any) -> bytes:
        try:
            return encode(value)
        except Exception:  # noqa: BLE001 - as above
            return write_slowly(value)

    return write
