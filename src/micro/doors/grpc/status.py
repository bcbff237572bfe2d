"""A fault as gRPC says it, and back: a code, a sentence, and the fault itself as a detail.

Pure.

The codes are those of go-micro v2. Its clients read the detail, `errors.Error`, or else the sentence as JSON.
"""

from __future__ import annotations

import json
from functools import cache
from typing import Any, Final

from micro.errors import Fault

__all__ = ["DETAILS_KEY", "ERROR_FILE", "code_of", "details_of", "error_file", "fault_of", "sentence_of"]

DETAILS_KEY: Final = "grpc-status-details-bin"
DETAIL_CHARACTERS_MAX: Final = 1_000
"""Trailers are headers, and those have an end."""

UNKNOWN: Final = 2
_CODES: Final = {
    400: 3,
    401: 16,
    402: 9,
    403: 7,
    404: 5,
    405: 12,
    408: 4,
    409: 6,
    413: 8,
    429: 8,
    499: 1,
    500: 13,
    503: 14,
}
_FAULTS: Final = {
    1: 499,
    3: 400,
    4: 408,
    5: 404,
    6: 409,
    7: 403,
    8: 429,
    9: 400,
    10: 409,
    11: 400,
    12: 404,
    14: 503,
    16: 401,
}
"""As google.rpc.Code maps its codes to those of HTTP, which lists no other that is not 500; but 12, which is 501."""

_NAMES: Final = ("id", "code", "detail", "status")
ERROR_URL: Final = "errors.Error"
ERROR_FILE: Final = "errors/errors.proto"
_INT32, _STRING, _BYTES, _MESSAGE, _OPTIONAL, _REPEATED = 5, 9, 12, 11, 1, 3


def code_of(fault: Fault) -> int:
    """Returns gRPC's number for a fault's code."""
    return _CODES.get(fault.code, UNKNOWN)


def sentence_of(fault: Fault, *, as_json: bool) -> str:
    """Returns the sentence; as JSON for those who look for the fault there."""
    short = _short(fault)
    return short.to_json() if as_json else short.detail


def details_of(fault: Fault, number: int | None = None) -> bytes:
    """Returns `google.rpc.Status` with the fault as its one detail.

    Args:
        fault: what went wrong.
        number: gRPC's code of the call, where it is another than the fault's own. The two have to agree: grpc-go makes
            `Internal` of a status whose details say another code than its trailers.
    """
    status_class, error_class = _classes()
    short = _short(fault)
    error = error_class(id=short.id, code=short.code, detail=short.detail, status=short.status)
    status = status_class(code=code_of(fault) if number is None else number, message=short.detail)
    status.details.add(type_url="type.googleapis.com/errors.Error", value=error.SerializeToString())
    found: bytes = status.SerializeToString()
    return found


def fault_of(number: int, sentence: str, details: bytes = b"") -> Fault:
    """Returns the fault that a server ended a call with.

    Args:
        number: gRPC's code.
        sentence: its message; JSON of a go-micro error says more than the code.
        details: `google.rpc.Status`, which may hold go-micro's error; anything else in it says nothing.
    """
    found = _error_in(details)
    if found is not None:
        return Fault.parse(json.dumps({name: getattr(found, name) for name in _NAMES}))
    if sentence.startswith("{"):
        return Fault.parse(sentence)
    return Fault.make(_FAULTS.get(number, 500), sentence[:DETAIL_CHARACTERS_MAX])


def _error_in(details: bytes) -> Any:
    """Returns go-micro's error in the details of a status, None where there is none."""
    status_class, error_class = _classes()
    try:
        found = [each.value for each in status_class.FromString(details).details if each.type_url.endswith(ERROR_URL)]
        return error_class.FromString(found[0]) if found else None
    except Exception:  # noqa: BLE001 - protobuf's own error, without importing protobuf here
        return None


def _short(fault: Fault) -> Fault:
    detail, limit = fault.detail, DETAIL_CHARACTERS_MAX
    return Fault.make(fault.code, detail[:limit], id=fault.id[:limit], status=fault.status[:limit])


@cache
def _classes() -> tuple[Any, Any]:
    """Returns protobuf's classes of google.rpc.Status and go-micro's errors.Error, in a pool of their own."""
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    file = descriptor_pb2.FileDescriptorProto(name="faults.proto", package="faults", syntax="proto3")
    anything = file.message_type.add(name="Any")
    anything.field.add(name="type_url", number=1, type=_STRING, label=_OPTIONAL)
    anything.field.add(name="value", number=2, type=_BYTES, label=_OPTIONAL)
    status = file.message_type.add(name="Status")
    status.field.add(name="code", number=1, type=_INT32, label=_OPTIONAL)
    status.field.add(name="message", number=2, type=_STRING, label=_OPTIONAL)
    status.field.add(name="details", number=3, type=_MESSAGE, label=_REPEATED, type_name=".faults.Any")
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    pool.AddSerializedFile(error_file())
    found = [message_factory.GetMessageClass(pool.FindMessageTypeByName(name)) for name in ("faults.Status", ERROR_URL)]
    return found[0], found[1]


@cache
def error_file() -> bytes:
    """Returns the FileDescriptorProto of go-micro's `errors.Error`, as its v2 has it."""
    from google.protobuf import descriptor_pb2

    file = descriptor_pb2.FileDescriptorProto(name=ERROR_FILE, package="errors", syntax="proto3")
    error = file.message_type.add(name="Error")
    for number, (name, type_) in enumerate(zip(_NAMES, (_STRING, _INT32, _STRING, _STRING), strict=True), 1):
        error.field.add(name=name, number=number, type=type_, label=_OPTIONAL)
    found: bytes = file.SerializeToString()
    return found
