"""The four forms of communication and the fixed fields of the frames that carry them.

Pure.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from enum import IntEnum

from micro.mucp import headers as names
from micro.mucp.headers import Headers

__all__ = ["ACK", "CREDIT", "EVENT_PREFIX", "NACK", "OPEN_PREFIX", "Form", "form_of", "open_prefix"]


class Form(IntEnum):
    """What an exchange is."""

    CALL = 1
    STREAM = 2
    PUBLISH = 3
    SUBSCRIBE = 4


OPEN_PREFIX = struct.Struct(">BHIH")
"""Form, header block, remaining time in milliseconds (0: none), bytes of extra headers."""

EVENT_PREFIX = struct.Struct(">HQH")
"""Header block, sequence (0 where nothing is acknowledged), bytes of extra headers."""

ACK = struct.Struct(">Q")
NACK = struct.Struct(">QI")
CREDIT = struct.Struct(">I")


def open_prefix(form: int, block: int, timeout_milliseconds: int, extra: bytes = b"") -> bytes:
    """Returns the fixed fields and extra headers of an OPEN, to stand before its body."""
    return OPEN_PREFIX.pack(form, block, timeout_milliseconds, len(extra)) + extra


def form_of(headers: Mapping[str, str]) -> Form:
    """Returns the form of a message from its headers alone, for carriers that have no OPEN."""
    known = headers if isinstance(headers, Headers) else Headers(headers)
    if names.TOPIC in known:
        return Form.SUBSCRIBE if names.QUEUE in known else Form.PUBLISH
    return Form.STREAM if names.STREAM in known else Form.CALL
