"""Header names and values: case-insensitive, checked, bounded, and their bytes on a link.

Pure.

A name is 1 to 64 characters of `[A-Za-z0-9-]`, a value at most 4,096 bytes of UTF-8 without control characters; a set
holds at most 64 headers and 16,384 bytes. Names are kept in one spelling (`Micro-Id`), so that a plain dictionary
look-up is case-insensitive once the name is a constant of this module.

On a link a set of headers is a run of `u8 name length, name, u16 value length, value`, numbers in network byte order.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from micro.errors import BadRequest, RemoteProtocolError

__all__ = [
    "HEADERS_MAX",
    "HEADER_BYTES_MAX",
    "NAME_BYTES_MAX",
    "VALUE_BYTES_MAX",
    "Headers",
    "canonical",
    "decode",
    "encode",
    "encode_id",
]

HEADERS_MAX = 64
HEADER_BYTES_MAX = 16_384
NAME_BYTES_MAX = 64
VALUE_BYTES_MAX = 4_096

ID = "Micro-Id"
SERVICE = "Micro-Service"
ENDPOINT = "Micro-Endpoint"
STREAM = "Micro-Stream"
TOPIC = "Micro-Topic"
QUEUE = "Micro-Queue"
ERROR = "Micro-Error"
VERSION = "Micro-Version"
NODE = "Micro-Node"
FROM_SERVICE = "Micro-From-Service"
FROM_NODE = "Micro-From-Node"
CALLER = "Micro-Caller"
ACCOUNT = "Micro-Account"
SCOPES = "Micro-Scopes"
TOKEN = "Micro-Token"  # noqa: S105 - a header's name
TRACE = "Micro-Trace"
TIMESTAMP = "Micro-Timestamp"
ATTEMPT = "Micro-Attempt"
DROPPED = "Micro-Dropped"
WAITING = "Micro-Waiting"
COST = "Micro-Cost"
CONTENT_TYPE = "Content-Type"

_NAME = re.compile(r"[A-Za-z0-9-]{1,64}\Z")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_VALUE_LENGTH = struct.Struct(">H")
_ID_NAME = bytes((len(ID),)) + ID.encode("ascii")


@lru_cache(maxsize=1024)
def canonical(name: str) -> str:
    """Returns the one spelling of a header name, each word capitalised as Go's `textproto` writes it.

    Raises:
        ValueError: the name is empty, too long, or has a character outside `[A-Za-z0-9-]`.
    """
    if not _NAME.match(name):
        raise ValueError(
            f"a header name is 1 to {NAME_BYTES_MAX} characters of A-Z a-z 0 to 9 and -, not {name[:80]!r}"
        )
    return "-".join(word.capitalize() for word in name.split("-"))


def checked(value: str) -> str:
    """Returns a header value unchanged.

    Raises:
        ValueError: it is no text, longer than 4,096 bytes, cannot be spelled, or has a control character, which could
            end a line elsewhere.
    """
    try:
        if value.isascii() and value.isprintable() and len(value) <= VALUE_BYTES_MAX:
            return value  # as nearly all are
        size = len(value.encode())
    except AttributeError:
        raise ValueError(f"a header value is text, not {type(value).__name__}") from None
    except UnicodeEncodeError:
        raise ValueError("a header value is text that UTF-8 can spell, without halves of characters") from None
    if size > VALUE_BYTES_MAX:
        raise ValueError(f"a header value has at most {VALUE_BYTES_MAX} bytes")
    if _CONTROL.search(value):
        raise ValueError("a header value has no control characters")
    return value


class Headers(dict[str, str]):
    """A set of headers; names match in any case, values are strings."""

    def __init__(self, items: Mapping[str, str] | Iterable[tuple[str, str]] = (), **more: str) -> None:
        super().__init__()
        self.update(items, **more)

    def __setitem__(self, name: str, value: str) -> None:
        super().__setitem__(canonical(name), checked(value))

    def __getitem__(self, name: str) -> str:
        return super().__getitem__(canonical(name))

    def __delitem__(self, name: str) -> None:
        super().__delitem__(canonical(name))

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and bool(_NAME.match(name)) and super().__contains__(canonical(name))

    def get(self, name: str, default: Any = None) -> Any:
        """Returns the value of `name` in any case, or `default`."""
        return super().get(canonical(name), default)

    def pop(self, name: str, *default: Any) -> Any:
        """Removes `name` in any case and returns its value."""
        return super().pop(canonical(name), *default)

    def setdefault(self, name: str, default: str = "") -> str:
        """Returns the value of `name`, which becomes `default` where it was missing."""
        return super().setdefault(canonical(name), checked(default))

    def update(self, items: Any = (), **more: str) -> None:  # type: ignore[override]
        """Sets each of `items`, a mapping or pairs."""
        pairs = items.items() if isinstance(items, Mapping) else items
        for name, value in (*pairs, *more.items()):
            self[name] = value

    def copy(self) -> Headers:
        """Returns a set of its own with the same content."""
        return Headers(self)


def _checked_of(name: str, value: str) -> str:
    try:
        return checked(value)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def encode(headers: Mapping[str, str]) -> bytes:
    """Returns the bytes of `headers` on a link.

    Raises:
        BadRequest: a name, a value or the set breaks a limit; a peer would end the link for it.
    """
    if len(headers) > HEADERS_MAX:
        raise BadRequest(f"at most {HEADERS_MAX} headers, not {len(headers)}")
    parts: list[bytes] = []
    try:
        for name, value in headers.items():
            key = canonical(name).encode("ascii")
            text = _checked_of(name, value).encode()
            parts += (bytes((len(key),)), key, _VALUE_LENGTH.pack(len(text)), text)
    except ValueError as error:
        raise BadRequest(str(error)) from error
    block = b"".join(parts)
    if len(block) > HEADER_BYTES_MAX:
        raise BadRequest(f"headers have at most {HEADER_BYTES_MAX} bytes together, not {len(block)}")
    return block


def encode_id(id: str) -> bytes:
    """Returns the bytes of a set that holds nothing but `Micro-Id`.

    Raises:
        BadRequest: the id breaks a limit.
    """
    try:
        text = checked(id).encode()
    except ValueError as error:
        raise BadRequest(str(error)) from error
    return _ID_NAME + _VALUE_LENGTH.pack(len(text)) + text


def _decode_id(block: bytes) -> str:
    """Returns the id of a set that holds nothing else, as most events have it, or "" where it takes a closer look."""
    cut = len(_ID_NAME) + _VALUE_LENGTH.size
    text = block[cut:]
    if len(text) > VALUE_BYTES_MAX or block[len(_ID_NAME) : cut] != _VALUE_LENGTH.pack(len(text)):
        return ""
    id = text.decode("ascii", "ignore")
    return id if len(id) == len(text) and id.isprintable() else ""


def decode(block: bytes) -> Headers:
    """Reads the bytes of a header set.

    Raises:
        RemoteProtocolError: they are cut short, break a limit, name a header twice or are not text.
    """
    if len(block) > HEADER_BYTES_MAX:
        raise RemoteProtocolError(f"headers have at most {HEADER_BYTES_MAX} bytes together, not {len(block)}")
    found: Headers = Headers.__new__(Headers)
    if block.startswith(_ID_NAME):
        id = _decode_id(block)
        if id:
            dict.__setitem__(found, ID, id)
            return found
    position = 0
    try:
        while position < len(block):
            start = position + 1
            end = start + block[position]
            (size,) = _VALUE_LENGTH.unpack_from(block, end)
            position = end + 2 + size
            if position > len(block):
                raise RemoteProtocolError("a header is cut short")
            name = canonical(block[start:end].decode("ascii"))
            if dict.__contains__(found, name):
                raise RemoteProtocolError(f"the header {name} stands twice")
            dict.__setitem__(found, name, checked(block[end + 2 : position].decode("utf-8")))
            if len(found) > HEADERS_MAX:
                raise RemoteProtocolError(f"at most {HEADERS_MAX} headers")
    except (struct.error, UnicodeDecodeError, ValueError) as error:
        raise RemoteProtocolError(f"a header cannot be read: {error}") from error
    return found
