"""Writes messages of HTTP/1.1 as go-micro reads them.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from micro.errors import BadRequest, Fault
from micro.mucp.headers import ERROR, VALUE_BYTES_MAX, canonical, checked

__all__ = ["CONTINUE", "answer", "answer_as", "error_value", "refusal", "request"]

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_REASONS = {400: "Bad Request", 405: "Method Not Allowed"}
"""Codes of what is no message of this kind at all."""

_ESCAPE_CHARACTERS = 12
"""The most that a character of text needs in JSON: two halves of six."""


def error_value(fault: Fault) -> str:
    """Returns a fault as `Micro-Error` carries it, cut so that it fits into a header."""
    text = fault.to_json()
    while len(text) > VALUE_BYTES_MAX:
        over = len(text) - VALUE_BYTES_MAX
        kept = max(0, len(fault.detail) - max(1, over // _ESCAPE_CHARACTERS))
        fault = Fault.make(fault.code, fault.detail[:kept], id=fault.id[:64], status=fault.status[:64])
        text = fault.to_json()
    return text


def answer(headers: Iterable[tuple[str, str]], body: bytes) -> bytes:
    """Returns an answer; its status is always 200, and `Micro-Error` says what failed."""
    lines = "".join([f"{name}: {value}\r\n" for name, value in headers])
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n%b\r\n%b" % (len(body), lines.encode(), body)


def answer_as(lines: bytes, id: str, body: bytes) -> bytes:
    """Returns the same as `answer`, for headers that are in bytes already and an id behind them."""
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n%bMicro-Id: %b\r\n\r\n%b" % (len(body), lines, id.encode(), body)


def request(host: str, headers: Mapping[str, str], body: bytes, *, target: str = "/") -> bytes:
    """Returns a request.

    Raises:
        BadRequest: a header cannot be spelled.
    """
    lines = [f"POST {target} HTTP/1.1", f"Host: {host}", f"Content-Length: {len(body)}"]
    try:
        lines += [f"{canonical(name)}: {checked(value)}" for name, value in headers.items()]
    except ValueError as error:
        raise BadRequest(str(error)) from error
    return "\r\n".join((*lines, "", "")).encode() + body


def refusal(fault: Fault) -> bytes:
    """Returns what is answered to what is not read on; the connection ends after it.

    Only what is no such message at all is told so by a status. go-micro 4.11 makes an empty answer of any status but
    200, so where its programs may need to know why (a limit, a wait) the fault stands in `Micro-Error` as ever.
    """
    body = fault.to_json().encode()
    reason = _REASONS.get(fault.code)
    status = f"{fault.code} {reason}" if reason else "200 OK"
    said = "Allow: POST\r\n" if fault.code == 405 else "" if reason else f"{ERROR}: {error_value(fault)}\r\n"
    head = (
        f"HTTP/1.1 {status}\r\n{said}Content-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body
