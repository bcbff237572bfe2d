"""Content types: which codec a body is in, and the codecs that need no schema.

Pure.

`Content-Type` decides. Where it is missing a body that begins with `{` is JSON and any other is protobuf, as the
whitepaper says. Parameters such as `; charset=utf-8` are ignored; go-micro's older names are understood.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import msgspec

from micro.errors import BadRequest

__all__ = ["BYTES", "JSON", "PROTOBUF", "content_type_of", "decode_json", "encode_json", "normal"]

JSON = "application/json"
PROTOBUF = "application/protobuf"
BYTES = "application/octet-stream"

_ALIASES = {
    "application/x-protobuf": PROTOBUF,
    "application/proto": PROTOBUF,
    "text/json": JSON,
    "application/bytes": BYTES,
}


@lru_cache(maxsize=256)
def normal(content_type: str) -> str:
    """Returns the plain lower-case name of a content type, without parameters and by its usual name."""
    name = content_type.partition(";")[0].strip().lower()
    return _ALIASES.get(name, name)


def content_type_of(declared: str | None, body: bytes) -> str:
    """Returns the content type of `body`: what was declared, else JSON after a `{`, else protobuf."""
    if declared:
        return normal(declared)
    return JSON if body[:1] == b"{" else PROTOBUF


def encode_json(value: Any) -> bytes:
    """Returns `value` as JSON.

    Raises:
        BadRequest: it holds something JSON has no form for.
    """
    try:
        return msgspec.json.encode(value)
    except (TypeError, ValueError, RecursionError, OverflowError) as error:
        raise BadRequest(f"this value has no JSON form: {error}") from error


def decode_json(body: bytes) -> Any:
    """Returns the value of a JSON body; NaN, Infinity and endless nesting are refused.

    Raises:
        BadRequest: it is not JSON.
    """
    try:
        return msgspec.json.decode(body)
    except (ValueError, RecursionError) as error:
        raise BadRequest(f"the body is not JSON: {error}") from error
