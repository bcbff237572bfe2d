"""What go-micro wraps around bodies, by content type: JSON-RPC 1.0, proto-rpc and gRPC's frames, and the way back.

Pure.

| content type | around the body |
| --- | --- |
| `application/json-rpc` | `{"method", "params": [body], "id"}`; `{"id", "result": body, "error"}` |
| `application/proto-rpc` | two netstrings with lengths of `u32`: a header in protobuf, and the body |
| `application/grpc`, with `+proto` or `+json` | a zero byte, the length as `u32`, the body |
| anything else | nothing |
"""

from __future__ import annotations

import struct
from enum import Enum
from functools import lru_cache
from typing import Any

import msgspec

from micro.errors import BadRequest, Fault, TooLarge
from micro.mucp.codec import BYTES, JSON, PROTOBUF, content_type_of, normal
from micro.mucp.http.protorpc import read_header, write_header

__all__ = ["Kind", "Wrapped", "kind_of", "unwrap_answer", "unwrap_request", "wrap_answer", "wrap_fault", "wrap_request"]

BODY_BYTES_MAX = 4_194_304
ID_BYTES_MAX = 256
"""The `id` of JSON-RPC, as it is spelled; every message of a stream repeats it."""

FRAME = struct.Struct(">BI")
LENGTH = struct.Struct(">I")


class Kind(Enum):
    """What is around a body."""

    PLAIN = "plain"
    JSON_RPC = "json-rpc"
    PROTO_RPC = "proto-rpc"
    GRPC = "grpc"


_KINDS = {
    "application/json-rpc": (Kind.JSON_RPC, JSON),
    "application/proto-rpc": (Kind.PROTO_RPC, PROTOBUF),
    "application/grpc": (Kind.GRPC, PROTOBUF),
    "application/grpc+proto": (Kind.GRPC, PROTOBUF),
    "application/grpc+json": (Kind.GRPC, JSON),
}
_GUESSED = ("", "text/plain", "application/x-www-form-urlencoded")
"""Where these are declared, often by a program that its user did not ask, the first byte decides."""


class Wrapped(msgspec.Struct, frozen=True):
    """A request out of its wrapping.

    Attributes:
        content_type: what the body is in.
        body: the body alone.
        endpoint: the endpoint that the wrapping names, "" where it names none.
        token: what the answer has to repeat.
    """

    content_type: str
    body: bytes
    endpoint: str = ""
    token: Any = None


class _Request(msgspec.Struct):
    method: str = ""
    params: list[msgspec.Raw] = []
    id: msgspec.Raw = msgspec.Raw(b"null")


class _Answer(msgspec.Struct):
    result: msgspec.Raw = msgspec.Raw(b"null")
    error: Any = None


@lru_cache(maxsize=256)
def kind_of(declared: str) -> tuple[Kind, str]:
    """Returns what is around a body, and what the body in it is in; "" where its first byte decides.

    Raises:
        BadRequest: nobody here speaks that content type.
    """
    name = normal(declared)
    found = _KINDS.get(name)
    if found is not None:
        return found
    if name in (JSON, PROTOBUF, BYTES):
        return Kind.PLAIN, name
    if name in _GUESSED:
        return Kind.PLAIN, ""
    spoken = ", ".join((JSON, PROTOBUF, BYTES, *_KINDS))
    raise BadRequest(f"Content-Type: send one of {spoken}; got {name[:80]!a}")


def unwrap_request(declared: str, body: bytes) -> Wrapped:
    """Takes a request out of its wrapping.

    Raises:
        BadRequest: the wrapping is not what the content type says.
        TooLarge: it says that there is more in it than a body has.
    """
    kind, plain = kind_of(declared)
    if kind is Kind.PLAIN:
        return Wrapped(plain or content_type_of(None, body), body)
    if kind is Kind.JSON_RPC:
        try:
            found = msgspec.json.decode(body, type=_Request)
        except (ValueError, RecursionError) as error:
            raise BadRequest(f'expected JSON-RPC, {{"method", "params": [request], "id"}}: {error}') from error
        if len(found.id) > ID_BYTES_MAX:
            raise BadRequest(f"JSON-RPC: an id has at most {ID_BYTES_MAX} bytes, got {len(found.id)}")
        return Wrapped(plain, bytes(found.params[0]) if found.params else b"{}", found.method, bytes(found.id))
    if kind is Kind.PROTO_RPC:
        head, inner = _netstrings(body)
        header = read_header(head)
        return Wrapped(plain, inner, header.endpoint, header)
    return Wrapped(plain, _framed(body))


def wrap_answer(declared: str, wrapped: Wrapped, body: bytes) -> bytes:
    """Returns an answer as whoever sent the request understands it."""
    kind, _ = kind_of(declared)
    if kind is Kind.PLAIN:
        return body
    if kind is Kind.JSON_RPC:
        return b'{"id":%s,"result":%s,"error":null}' % (wrapped.token, body.strip() or b"null")
    if kind is Kind.PROTO_RPC:
        return _joined(write_header(wrapped.token.endpoint, wrapped.token.sequence), body)
    return FRAME.pack(0, len(body)) + body


def wrap_fault(declared: str, wrapped: Wrapped | None, fault: Fault) -> bytes:
    """Returns the body beside `Micro-Error`, for readers that look there; most have none."""
    if wrapped is None or wrapped.token is None:
        return b""
    if isinstance(wrapped.token, bytes):
        return b'{"id":%s,"result":null,"error":%s}' % (wrapped.token, msgspec.json.encode(fault.to_json()))
    return _joined(write_header(wrapped.token.endpoint, wrapped.token.sequence, fault.to_json()), b"")


def wrap_request(declared: str, endpoint: str, number: int, body: bytes) -> bytes:
    """Returns a request as a server of that content type understands it."""
    kind, _ = kind_of(declared)
    if kind is Kind.PLAIN:
        return body
    if kind is Kind.JSON_RPC:
        named = msgspec.json.encode(endpoint)
        return b'{"params":[%s],"id":"%d","method":%s}' % (body.strip() or b"{}", number, named)
    if kind is Kind.PROTO_RPC:
        return _joined(write_header(endpoint, number), body)
    return FRAME.pack(0, len(body)) + body


def unwrap_answer(declared: str, body: bytes) -> bytes:
    """Takes an answer out of its wrapping.

    Raises:
        Fault: it is an error, or not what the content type says.
    """
    kind, _ = kind_of(declared)
    if kind is Kind.PLAIN:
        return body
    if kind is Kind.JSON_RPC:
        try:
            found = msgspec.json.decode(body, type=_Answer)
        except (ValueError, RecursionError) as error:
            raise BadRequest(f'expected JSON-RPC, {{"id", "result", "error"}}: {error}') from error
        if found.error is not None:
            raise Fault.parse(
                found.error if isinstance(found.error, str) else msgspec.json.encode(found.error).decode()
            )
        return bytes(found.result)
    if kind is Kind.PROTO_RPC:
        head, inner = _netstrings(body)
        header = read_header(head)
        if header.error:
            raise Fault.parse(header.error)
        return inner
    return _framed(body)


def _netstrings(data: bytes) -> tuple[bytes, bytes]:
    parts = []
    position = 0
    for _ in range(2):
        if len(data) - position < LENGTH.size:
            raise BadRequest("proto-rpc: two parts, each behind its length of four bytes, were expected")
        (size,) = LENGTH.unpack_from(data, position)
        position += LENGTH.size
        if size > len(data) - position:
            raise BadRequest("proto-rpc: a part is cut short")
        parts.append(data[position : position + size])
        position += size
    if position != len(data):
        raise BadRequest("proto-rpc: bytes follow after the second part")
    return parts[0], parts[1]


def _joined(head: bytes, body: bytes) -> bytes:
    return LENGTH.pack(len(head)) + head + LENGTH.pack(len(body)) + body


def _framed(data: bytes) -> bytes:
    if len(data) < FRAME.size:
        raise BadRequest("gRPC: a frame begins with a byte and a length of four")
    compressed, size = FRAME.unpack_from(data)
    if compressed:
        raise BadRequest("gRPC: compressed frames are not read")
    if size > BODY_BYTES_MAX:
        raise TooLarge(f"gRPC: a frame has at most {BODY_BYTES_MAX} bytes")
    if size != len(data) - FRAME.size:
        raise BadRequest("gRPC: a message holds one whole frame")
    return data[FRAME.size :]
