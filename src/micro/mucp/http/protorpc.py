"""The header of proto-rpc: `{service_method = 1 string, seq = 2 fixed64, error = 3 string}` in protobuf.

Pure.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from micro.errors import BadRequest

__all__ = ["Header", "read_header", "write_header"]

SEQUENCE = struct.Struct("<Q")
TEXT_BYTES_MAX = 16_384
SHIFT_MAX = 28

_METHOD, _SEQUENCE, _ERROR = 0x0A, 0x11, 0x1A


class Header(NamedTuple):
    """What stands before a body of proto-rpc."""

    endpoint: str = ""
    sequence: int = 0
    error: str = ""


def write_header(endpoint: str, sequence: int, error: str = "") -> bytes:
    """Returns the bytes of a header."""
    found = _text(_METHOD, endpoint) + bytes((_SEQUENCE,)) + SEQUENCE.pack(sequence)
    return found + _text(_ERROR, error) if error else found


def read_header(data: bytes) -> Header:
    """Reads a header.

    Raises:
        BadRequest: it is none.
    """
    endpoint, sequence, error = "", 0, ""
    position = 0
    while position < len(data):
        tag = data[position]
        position += 1
        if tag == _SEQUENCE:
            if len(data) - position < SEQUENCE.size:
                raise BadRequest("proto-rpc: the sequence is cut short")
            (sequence,) = SEQUENCE.unpack_from(data, position)
            position += SEQUENCE.size
        elif tag in (_METHOD, _ERROR):
            size, position = _size(data, position)
            if size > len(data) - position:
                raise BadRequest("proto-rpc: a text is cut short")
            try:
                text = data[position : position + size].decode()
            except UnicodeDecodeError:
                raise BadRequest("proto-rpc: a text is not UTF-8") from None
            position += size
            endpoint, error = (text, error) if tag == _METHOD else (endpoint, text)
        else:
            raise BadRequest("proto-rpc: a header has an unknown field")
    return Header(endpoint, sequence, error)


def _text(tag: int, text: str) -> bytes:
    data = text.encode()[:TEXT_BYTES_MAX]
    size, encoded = len(data), bytearray((tag,))
    while size > 0x7F:
        encoded.append(size & 0x7F | 0x80)
        size >>= 7
    encoded.append(size)
    return bytes(encoded) + data


def _size(data: bytes, position: int) -> tuple[int, int]:
    size = shift = 0
    while position < len(data) and shift <= SHIFT_MAX:
        byte = data[position]
        position += 1
        size |= (byte & 0x7F) << shift
        if byte < 0x80:
            return size, position
        shift += 7
    raise BadRequest("proto-rpc: a length is cut short")
