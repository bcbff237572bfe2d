"""The names in a key-value store: scopes, tables and keys, checked and as they are kept.

Pure.
"""

from __future__ import annotations

import re

from micro.errors import BadRequest

__all__ = ["KEY_BYTES_MAX", "key_bytes", "key_range", "place_of"]

KEY_BYTES_MAX = 512
SCOPE_BYTES_MAX = 256
TABLE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")


def place_of(scope: str, table: str) -> tuple[str, str]:
    """Returns where a scope's table is; raises `BadRequest` where either is no good."""
    if len(scope.encode()) > SCOPE_BYTES_MAX:
        raise BadRequest(f"scope: expected at most {SCOPE_BYTES_MAX} bytes, got {len(scope.encode())}")
    if not TABLE.match(table):
        raise BadRequest(f"table: {table[:64]!r} is no name; expected 1 to 64 letters, digits, '.', '_' or '-'")
    return scope, table


def key_bytes(key: str) -> bytes:
    """Returns a key as it is kept; raises `BadRequest` where it is none."""
    try:
        name = key.encode()
    except UnicodeEncodeError as error:
        raise BadRequest(f"key: expected Unicode text, got {key[:32]!r}") from error
    if not 1 <= len(name) <= KEY_BYTES_MAX:
        raise BadRequest(f"key: expected 1 to {KEY_BYTES_MAX} bytes of UTF-8, got {len(name)}")
    return name


def key_range(prefix: str) -> tuple[bytes, bytes]:
    """Returns the keys between which those that begin with `prefix` lie; no UTF-8 byte is 0xff."""
    first = key_bytes(prefix) if prefix else b""
    return first, first + b"\xff"
