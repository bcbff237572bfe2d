"""The envelope: header and body as one blob, for carriers that have no headers.

Pure.

Two forms, told apart by the first byte. JSON begins with `{`: `{"header": {name: value}, "body": ...}`, where a body in
JSON stands as it is (white space around it may be lost) and any other as base64 text under `"body64"`. Else it is
protobuf, the message of go-micro's gRPC transport: `message Message { map<string, string> header = 1; bytes body = 2;
}`. No protobuf message of this shape can begin with `{`, which would be field 15.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from micro.errors import BadRequest, RemoteProtocolError
from micro.mucp import headers as header_codec
from micro.mucp.codec import JSON, content_type_of
from micro.mucp.headers import CONTENT_TYPE, HEADER_BYTES_MAX, HEADERS_MAX, Headers

__all__ = ["decode", "encode", "with_body"]

HEADER_FIELD = b"\x0a"  # field 1, length-delimited
BODY_FIELD = b"\x12"  # field 2, length-delimited
VARINT_BYTES_MAX = 5
MESSAGE_BYTES_MAX = 4_194_304
"""The body of an envelope obeys the same bound as that of a message on a link."""
BLOB_BYTES_MAX = MESSAGE_BYTES_MAX + 2 * HEADER_BYTES_MAX
JSON_BLOB_BYTES_MAX = MESSAGE_BYTES_MAX * 4 // 3 + 8 * HEADER_BYTES_MAX
"""Base64 makes four of three, and JSON spells a character in up to six."""


def encode(headers: Mapping[str, str], body: bytes, *, as_json: bool = False) -> bytes:
    """Returns one blob of `headers` and `body`, protobuf unless `as_json`.

    Raises:
        BadRequest: the headers or the body break a limit.
    """
    if len(body) > MESSAGE_BYTES_MAX:
        raise BadRequest(f"an envelope holds at most {MESSAGE_BYTES_MAX} bytes of body")
    header_codec.encode(headers)  # the same limits as on a link
    if as_json:
        return _encode_json(headers, body)
    parts: list[bytes] = []
    for name, value in Headers(headers).items():
        entry = _field(HEADER_FIELD, name.encode()) + _field(BODY_FIELD, value.encode())
        parts.append(_field(HEADER_FIELD, entry))
    if body:
        parts.append(_field(BODY_FIELD, body))
    return b"".join(parts)


def with_body(head: bytes, body: bytes) -> bytes:
    """Returns an envelope in protobuf of headers that `encode` has encoded, without a body, and of a body.

    Raises:
        BadRequest: the body breaks the limit.
    """
    if len(body) > MESSAGE_BYTES_MAX:
        raise BadRequest(f"an envelope holds at most {MESSAGE_BYTES_MAX} bytes of body")
    return head + _field(BODY_FIELD, body) if body else head


def decode(blob: bytes) -> tuple[Headers, bytes]:
    """Reads a blob in either form.

    Raises:
        RemoteProtocolError: it is neither, or breaks a limit.
    """
    is_json = blob[:1] == b"{"
    if len(blob) > (JSON_BLOB_BYTES_MAX if is_json else BLOB_BYTES_MAX):
        raise RemoteProtocolError(f"an envelope holds at most {MESSAGE_BYTES_MAX} bytes of body")
    try:
        headers, body = _decode_json(blob) if is_json else _decode_protobuf(blob)
        header_codec.encode(headers)
        if len(body) > MESSAGE_BYTES_MAX:
            raise RemoteProtocolError(f"an envelope holds at most {MESSAGE_BYTES_MAX} bytes of body")
        return headers, body
    except (ValueError, RecursionError, BadRequest) as error:
        raise RemoteProtocolError(f"an envelope cannot be read: {error}") from error


def _encode_json(headers: Mapping[str, str], body: bytes) -> bytes:
    content: dict[str, Any] = {"header": dict(Headers(headers))}
    if content_type_of(content["header"].get(CONTENT_TYPE), body) == JSON and _is_json(body):
        content["body"] = msgspec.Raw(body)
    elif body:
        content["body64"] = base64.b64encode(body).decode("ascii")
    return msgspec.json.encode(content)


def _is_json(body: bytes) -> bool:
    """What only says that it is JSON could say more than a body in a JSON envelope."""
    try:
        msgspec.json.decode(body)
    except (ValueError, RecursionError):
        return False
    return True


class _Json(msgspec.Struct, forbid_unknown_fields=True):
    header: dict[str, str] = {}
    body: msgspec.Raw = msgspec.Raw(b"")
    body64: str = ""


def _decode_json(blob: bytes) -> tuple[Headers, bytes]:
    found = msgspec.json.decode(blob, type=_Json)
    headers = Headers(found.header)
    if len(headers) != len(found.header):
        raise ValueError("a header stands twice")
    body = bytes(found.body)
    if found.body64:
        if body:
            raise ValueError("body and body64 exclude one another")
        try:
            body = base64.b64decode(found.body64, validate=True)
        except binascii.Error as error:
            raise ValueError(f"body64 is not base64: {error}") from error
    return headers, body


def _decode_protobuf(blob: bytes) -> tuple[Headers, bytes]:
    headers = Headers()
    body = b""
    for tag, content in _fields(blob):
        if tag == HEADER_FIELD:
            name, value = _entry(content)
            if name in headers:
                raise ValueError(f"the header {name} stands twice")
            headers[name] = value
            if len(headers) > HEADERS_MAX:
                raise ValueError(f"at most {HEADERS_MAX} headers")
        elif tag == BODY_FIELD:
            body = content
        else:
            raise ValueError("an unknown field")
    return headers, body


def _entry(content: bytes) -> tuple[str, str]:
    name = value = b""
    for tag, text in _fields(content):
        if tag == HEADER_FIELD:
            name = text
        elif tag == BODY_FIELD:
            value = text
        else:
            raise ValueError("an unknown field")
    return name.decode(), value.decode()


def _field(tag: bytes, content: bytes) -> bytes:
    return tag + _varint(len(content)) + content


def _varint(number: int) -> bytes:
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


def _fields(blob: bytes) -> Iterator[tuple[bytes, bytes]]:
    position = 0
    while position < len(blob):
        tag = blob[position : position + 1]
        size, position = _read_varint(blob, position + 1)
        content = blob[position : position + size]
        if len(content) != size:
            raise ValueError("a field is cut short")
        yield tag, content
        position += size


def _read_varint(blob: bytes, position: int) -> tuple[int, int]:
    number = 0
    for count in range(VARINT_BYTES_MAX):
        if position >= len(blob):
            raise ValueError("a number is cut short")
        byte = blob[position]
        position += 1
        number |= (byte & 0x7F) << (7 * count)
        if byte < 0x80:
            return number, position
    raise ValueError("a number is too long")
