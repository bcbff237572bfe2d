"""go-micro's `/rpc`: service, endpoint and request in one body, as JSON or as a form.

Pure.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from micro.doors.api.content import URLENCODED, Said, read_said
from micro.doors.api.form import read_urlencoded
from micro.doors.api.path import Wanted
from micro.doors.api.refusal import Refused
from micro.doors.api.target import Target
from micro.errors import BadRequest
from micro.mucp.codec import JSON, normal

__all__ = ["Remote", "read_remote"]


class _Body(msgspec.Struct):
    """The JSON form; go-micro also has an `address`, which nobody here may choose."""

    service: str
    endpoint: str = ""
    method: str = ""
    request: msgspec.Raw = msgspec.Raw(b"{}")


@dataclass(frozen=True, slots=True)
class Remote:
    """What `/rpc` was asked for: the endpoint, and its request as JSON."""

    wanted: Wanted
    request: bytes

    def said(self, target: Target) -> Said:
        """Returns what is to be sent to the endpoint."""
        return read_said(target, b"", JSON, self.request)


def read_remote(content_type: str | None, body: bytes) -> Remote:
    """Reads the body of `/rpc`.

    Raises:
        BadRequest: it is malformed, or names no service or endpoint.
        Refused: 415 for anything but JSON and a form.
    """
    kind = normal(content_type) if content_type else JSON
    if kind == URLENCODED and body.lstrip()[:1] != b"{":
        fields = dict(read_urlencoded(body))
        service, endpoint = (str(fields.get(name, "")) for name in ("service", "endpoint"))
        return _checked(service, endpoint or str(fields.get("method", "")), str(fields.get("request", "")).encode())
    if kind not in (JSON, URLENCODED):
        raise Refused(415, f"Content-Type: /rpc takes {JSON} or {URLENCODED}, got {kind[:80]!a}")
    try:
        found = msgspec.json.decode(body, type=_Body)
        request = bytes(found.request)
        if request[:1] == b'"':  # go-micro's clients may send the request as a text of JSON
            request = msgspec.json.decode(request, type=str).encode()
    except (ValueError, RecursionError) as error:
        raise BadRequest(f'expected {{"service": ..., "endpoint": ..., "request": {{...}}}}: {error}') from error
    return _checked(found.service, found.endpoint or found.method, request)


def _checked(service: str, endpoint: str, request: bytes) -> Remote:
    if not service or not endpoint:
        raise BadRequest("/rpc names a service and an endpoint, for instance greeter and Say.Hello")
    return Remote(Wanted(service, endpoint), request or b"{}")
