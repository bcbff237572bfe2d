"""Frames and headers by hand, as `docs/reference/mucp.md` says them.

Pure. None of it is shared with `micro.mucp`: one mistake made twice would find itself right.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from enum import IntEnum
from typing import NamedTuple

__all__ = [
    "COST_BYTES",
    "HEAD_BYTES",
    "WINDOW_BYTES",
    "Form",
    "Frame",
    "Kind",
    "frame",
    "headers",
    "opening",
    "split",
    "unpack",
]

WINDOW_BYTES = 262_144
COST_BYTES = 9
HEAD_BYTES = 9


class Kind(IntEnum):
    """The kinds of frames."""

    HELLO = 0
    DEFINE = 1
    OPEN = 2
    DATA = 3
    END = 4
    ERROR = 5
    REFUSED = 6
    HEADERS = 7
    CREDIT = 8
    CANCEL = 9
    EVENT = 10
    ACK = 11
    NACK = 12
    PING = 13
    PONG = 14
    GOAWAY = 15
    EVENTS = 16


class Form(IntEnum):
    """What an OPEN begins."""

    CALL = 1
    STREAM = 2
    PUBLISH = 3
    SUBSCRIBE = 4


class Frame(NamedTuple):
    """One frame."""

    kind: int
    exchange: int
    payload: bytes


def frame(kind: int, exchange: int, payload: bytes = b"") -> bytes:
    """Returns a frame's bytes."""
    return struct.pack(">IBI", len(payload), kind, exchange) + payload


def headers(said: Mapping[str, str]) -> bytes:
    """Returns headers as bytes."""
    found = b""
    for name, value in said.items():
        found += struct.pack(">B", len(name)) + name.encode() + struct.pack(">H", len(value.encode())) + value.encode()
    return found


def unpack(data: bytes) -> dict[str, str]:
    """Returns headers, their names in lower case.

    Raises:
        ValueError: they are cut short, or are no UTF-8.
    """
    found: dict[str, str] = {}
    at = 0
    try:
        while at < len(data):
            middle = at + 1 + data[at]
            (size,) = struct.unpack_from(">H", data, middle)
            end = middle + 2 + size
            if end > len(data):
                raise ValueError("headers are cut short")
            found[data[at + 1 : middle].decode().lower()] = data[middle + 2 : end].decode()
            at = end
    except struct.error as error:
        raise ValueError("headers are cut short") from error
    return found


def opening(
    exchange: int, form: int, block: int, body: bytes = b"", *, milliseconds: int = 0, extra: bytes = b""
) -> bytes:
    """Returns an OPEN."""
    return frame(Kind.OPEN, exchange, struct.pack(">BHIH", form, block, milliseconds, len(extra)) + extra + body)


def split(data: bytearray, payload_bytes_max: int) -> list[Frame]:
    """Takes the whole frames from the beginning of `data`.

    Raises:
        ValueError: one is larger than is taken.
    """
    found = []
    while len(data) >= HEAD_BYTES:
        size, kind, exchange = struct.unpack_from(">IBI", data)
        if size > payload_bytes_max:
            raise ValueError(f"a frame of {size} bytes, and {payload_bytes_max} were announced as the most")
        if len(data) < HEAD_BYTES + size:
            break
        found.append(Frame(kind, exchange, bytes(data[HEAD_BYTES : HEAD_BYTES + size])))
        del data[: HEAD_BYTES + size]
    return found
