"""Reads what two go-micro v2 network nodes said to each other over gRPC: frames of HTTP/2, and messages in them."""

from __future__ import annotations

import re
from pathlib import Path

from micro.doors.legacy.messages import Message

CAPTURE = Path(__file__).parents[3] / "vectors" / "network" / "netnode-grpc.raw"
TOKEN = "micro"
_RECORD = re.compile(rb"\n?@@ c1 (C->S|S->C) ([0-9]+) bytes\n")
_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_FRAME_BYTES, _DATA = 9, 0


def messages(*, by_client: bool) -> list[Message]:
    """Returns what one side said."""
    data, said, position = CAPTURE.read_bytes(), b"", 0
    while (found := _RECORD.match(data, position)) is not None:
        start, size = found.end(), int(found[2])
        if (found[1] == b"C->S") == by_client:
            said += data[start : start + size]
        position = start + size
    said, carried = said.removeprefix(_PREFACE), b""
    while len(said) >= _FRAME_BYTES:
        end = _FRAME_BYTES + int.from_bytes(said[:3], "big")
        if said[3] == _DATA:
            carried += said[_FRAME_BYTES:end]
        said = said[end:]
    heard = []
    while carried:
        end = 5 + int.from_bytes(carried[1:5], "big")
        heard.append(Message.read(carried[5:end]))
        carried = carried[end:]
    return heard
