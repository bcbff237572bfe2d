"""What a request says: its body in a type the endpoint speaks, its deadline, and the headers that travel on.

Pure.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import msgspec

from micro.doors.api.fields import Field, request_of
from micro.doors.api.form import read_multipart, read_urlencoded
from micro.doors.api.refusal import Refused
from micro.doors.api.target import Target
from micro.errors import BadRequest
from micro.mucp import headers as names
from micro.mucp.codec import BYTES, JSON, PROTOBUF, encode_json, normal
from micro.mucp.limits import Limits

__all__ = ["LINES", "Said", "passed_on", "read_said", "timeout_of"]

URLENCODED = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"
LINES = "application/x-ndjson"

MESSAGE_BYTES_MAX = Limits().message_bytes
TIMEOUT_SECONDS_MAX = 300.0

_PASSED = frozenset((names.TRACE, "Traceparent", "Tracestate", "Micro-Trace-Id", "Micro-Span-Id", "Micro-Namespace"))
"""Headers that travel on; others of `Micro-*` are for the node to write, so that nobody is who he says he is."""

_PASSED_PREFIX = "Micro-Meta-"
"""Whatever a caller wants to tell a service besides its request."""


class Said(msgspec.Struct, frozen=True):
    """What a request says; a struct, since one is made for every call.

    Attributes:
        content_type: of the body, one that links carry.
        body: the request, or what a stream is opened with.
        items: further messages for a stream that takes them.
    """

    content_type: str
    body: bytes
    items: tuple[bytes, ...] = ()


def read_said(target: Target, query: bytes, declared: str | None, body: bytes) -> Said:
    """Returns what is to be sent to the endpoint.

    Args:
        target: the endpoint.
        query: what stood behind the `?`.
        declared: `Content-Type`, or None.
        body: the body.

    Raises:
        BadRequest: a field is wrong, or there is a query and a body.
        Refused: 415 for a content type that nobody here speaks, 413 for a body beyond what links carry.
    """
    said = _said(target, query, declared, body)
    if len(said.body) > MESSAGE_BYTES_MAX:
        raise Refused(413, f"body: a message has at most {MESSAGE_BYTES_MAX} bytes, got {len(said.body)}")
    return said


def _said(target: Target, query: bytes, declared: str | None, body: bytes) -> Said:
    if not body:
        if target.raw_request and not query:
            return Said(BYTES, b"")
        if normal(declared or "") == PROTOBUF and not query:
            return Said(PROTOBUF, b"")
        return _from_fields(target, read_urlencoded(query))
    kind = normal(declared) if declared else _guessed(body)
    if kind == LINES and target.takes_stream:
        return Said(JSON, _from_fields(target, read_urlencoded(query)).body, _items(body))
    if query:
        raise BadRequest("parameters stand in the query and in the body; send them in one of them")
    if kind in (URLENCODED, MULTIPART):
        return _from_form(target, kind, declared or "", body)
    if target.raw_request:
        return Said(BYTES, body)
    if kind in (JSON, PROTOBUF, BYTES):
        return Said(kind, body)
    spoken = f"{JSON}, {PROTOBUF}, {BYTES}, {URLENCODED} or {MULTIPART}"
    raise Refused(415, f"Content-Type: send {spoken}, got {kind[:80]!a}")


def _guessed(body: bytes) -> str:
    return JSON if body.lstrip()[:1] in (b"{", b"[", b'"') else BYTES


def _from_form(target: Target, kind: str, declared: str, body: bytes) -> Said:
    if kind == URLENCODED:
        if body.lstrip()[:1] == b"{":  # what `curl -d '{...}'` sends
            return Said(JSON, body)
        return _from_fields(target, read_urlencoded(body))
    fields = read_multipart(declared, body)
    if target.raw_request:
        files = [value for _, value in fields if isinstance(value, bytes)]
        if len(files) != 1:
            raise BadRequest(f"{target.endpoint} takes one file as it is, got {len(files)}")
        return Said(BYTES, files[0])
    return _from_fields(target, fields)


def _from_fields(target: Target, fields: list[Field]) -> Said:
    if target.raw_request and fields:
        raise BadRequest(f"{target.endpoint} takes bytes as they are; send them as the body of a POST")
    return Said(JSON, encode_json(request_of(fields, target.parameters)))


def _items(body: bytes) -> tuple[bytes, ...]:
    return tuple(line for line in (raw.strip() for raw in body.split(b"\n")) if line)


def timeout_of(headers: Mapping[bytes, bytes]) -> float | None:
    """Returns how many seconds the caller waits, from `Timeout` or `Micro-Timeout`; None where it does not say.

    Raises:
        BadRequest: it is no number of seconds above 0 and up to `TIMEOUT_SECONDS_MAX`.
    """
    for name in (b"micro-timeout", b"timeout"):
        text = headers.get(name)
        if text is None:
            continue
        try:
            seconds = float(text)
        except ValueError:
            seconds = math.nan
        if not 0 < seconds <= TIMEOUT_SECONDS_MAX:
            raise BadRequest(
                f"{name.decode().title()}: expected seconds, above 0 and up to {TIMEOUT_SECONDS_MAX:g}, "
                f"got {text[:40].decode('ascii', 'backslashreplace')!r}",
                id="api",
            )
        return seconds
    return None


def passed_on(headers: Mapping[bytes, bytes]) -> dict[str, str] | None:
    """Returns the headers that a service gets to see, or None where there are none."""
    found: dict[str, str] = {}
    for name, value in headers.items():
        if name[:5] in (b"micro", b"trace"):
            spelled = name.decode().title()
            if spelled in _PASSED or spelled.startswith(_PASSED_PREFIX):
                found[spelled] = value.decode()
    return found or None
