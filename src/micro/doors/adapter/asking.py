"""Makes the request to a program out of what a caller gave: its path, its query, its body.

Pure.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from micro.doors.adapter.openapi import Operation
from micro.errors import BadRequest, InternalError

__all__ = ["Request", "operating", "plain"]

SAFE = "/%?&=:@!$'()*+,;~#[]"
"""What a path and a query may hold as it is."""

TARGET_CHARACTERS_MAX = 32_768
"""A path with its query is no longer: hardly any program reads a longer one, and most say only that they cannot."""

BODYLESS = {"GET", "DELETE"}


@dataclass(frozen=True)
class Request:
    """What is asked: `target` is a path and a query, already escaped."""

    method: str
    target: str
    body: bytes = b""
    content_type: str = ""

    def encode(self) -> bytes:
        """Returns it as it travels."""
        lines = [f"{self.method} {self.target} HTTP/1.1", "Host: localhost", "Accept: */*", "Connection: close"]
        if self.content_type:
            lines.append(f"Content-Type: {self.content_type}")
        if self.body or self.method not in ("GET", "DELETE"):
            lines.append(f"Content-Length: {len(self.body)}")
        if any("\r" in line or "\n" in line for line in lines):
            raise ValueError("it has a line break in it")
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + self.body

    def __str__(self) -> str:
        return f"{self.method} {self.target.partition('?')[0][:100]}"  # what was asked with is its caller's own


def plain(method: str, target: str, body: bytes = b"", content_type: str = "") -> Request:
    """Returns a request for a path and query as a person writes them."""
    escaped = quote(target if target.startswith("/") else f"/{target}", safe=SAFE)
    return Request(method, escaped, body, content_type)


def operating(operation: Operation, values: Mapping[str, Any]) -> Request:
    """Returns the request for an operation with these values of its fields."""
    path, query, body = operation.path, [], {}
    whole: Any = None
    for field in operation.fields:
        value = values.get(field.name)
        if value is None and not field.required:
            continue
        if field.place == "path":
            path = path.replace("{" + field.key + "}", quote(_text(value), safe=""))
        elif field.place == "query":
            query += [(field.key, _text(one)) for one in (value if isinstance(value, list) else [value])]
        elif field.place == "body":
            body[field.key] = value
        else:
            whole = value
    content, data = "", b""
    if operation.method not in BODYLESS or body or whole is not None:
        content, data = _encoded(whole if whole is not None else body, form=operation.form)
    request = plain(operation.method, f"{path}?{urlencode(query)}" if query else path, data, content)
    if len(request.target) > TARGET_CHARACTERS_MAX:
        longest = max(operation.fields, key=lambda field: len(_text(values.get(field.name))))
        raise BadRequest(
            f"{longest.name}: it is too long; at most {TARGET_CHARACTERS_MAX} characters reach the program"
        )
    return request


def _encoded(value: Any, *, form: bool) -> tuple[str, bytes]:
    if form and isinstance(value, dict):
        return "application/x-www-form-urlencoded", urlencode({k: _text(v) for k, v in value.items()}).encode()
    try:
        return "application/json", json.dumps(value).encode()
    except (TypeError, ValueError) as error:
        raise InternalError(f"the body cannot be written as JSON: {error}") from error


def _text(value: Any) -> str:
    """Returns a value as a query or a form spells it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else json.dumps(value)
