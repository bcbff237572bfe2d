"""What the door answers when it does not do what was asked: a fault, and the headers that belong to it.

Pure.
"""

from __future__ import annotations

from collections.abc import Mapping

from micro.errors import Fault, MicroError

__all__ = ["ID", "SAFE_HEADERS", "Refused", "answer_bytes", "headers_of"]

ID = "api"
"""Where a fault arose that no service raised."""

_HTTP_ONLY = {
    405: "Method Not Allowed",
    414: "URI Too Long",
    415: "Unsupported Media Type",
    431: "Request Header Fields Too Large",
}
"""Codes that no fault of a service has."""

RETRY_SECONDS = 1
"""When to try again where a limit was in the way, or nobody could answer just now."""

SAFE_HEADERS: tuple[tuple[bytes, bytes], ...] = (
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'; sandbox"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
)
"""What every answer says, so that no page from elsewhere can read, frame or run it."""


class Refused(MicroError):
    """The door refuses by itself, before any service is asked.

    Attributes:
        fault: what is answered.
        headers: what the answer says besides, such as `allow`.
    """

    def __init__(self, code: int, detail: str, *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.fault = Fault.make(code, detail, id=ID, status=_HTTP_ONLY.get(code))
        self.headers = dict(headers or {})


def headers_of(fault: Fault) -> dict[str, str]:
    """Returns the headers that HTTP wants beside a fault of this code."""
    if fault.code == 401:
        return {"www-authenticate": 'Bearer realm="micro"'}
    retriable = fault.code == 429 or (fault.code == 503 and not fault.detail.startswith("outcome unknown"))
    return {"retry-after": str(RETRY_SECONDS)} if retriable else {}


def answer_bytes(refused: Refused) -> bytes:
    """Returns a refusal as a whole HTTP answer, after which the connection ends."""
    fault = refused.fault
    body = fault.to_json().encode()
    lines = [f"HTTP/1.1 {fault.code} {fault.status}".encode()]
    said = {**headers_of(fault), **refused.headers}
    lines += [f"{name}: {value}".encode() for name, value in said.items()]
    lines += [name + b": " + value for name, value in SAFE_HEADERS]
    lines += [b"content-type: application/json", b"content-length: %d" % len(body), b"connection: close", b"", body]
    return b"\r\n".join(lines)
