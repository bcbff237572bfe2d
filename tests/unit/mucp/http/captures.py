"""Reads what was recorded between go-micro programs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

FOLDER = Path(__file__).parents[3] / "vectors" / "mucp-http"
NAMES = sorted(path.stem for path in FOLDER.glob("*.raw"))
_RECORD = re.compile(rb"\n?@@ (c[0-9]+) (C->S|S->C) ([0-9]+) bytes\n")


def records(name: str) -> Iterator[tuple[bytes, bool, bytes]]:
    """Yields connection, whether the client speaks, and what was said, in the order in which it was said."""
    data = (FOLDER / f"{name}.raw").read_bytes()
    position = 0
    while (found := _RECORD.match(data, position)) is not None:
        start, size = found.end(), int(found[3])
        yield found[1], found[2] == b"C->S", data[start : start + size]
        position = start + size


def said(name: str, *, by_client: bool) -> bytes:
    """Returns all that one side said; in each file there is one connection."""
    return b"".join(data for _, is_client, data in records(name) if is_client == by_client)


def chunkings(data: bytes) -> Iterator[list[bytes]]:
    """Yields the bytes in one piece, one by one, and cut into two at every place."""
    yield [data]
    yield [data[index : index + 1] for index in range(len(data))]
    for index in range(1, len(data)):
        yield [data[:index], data[index:]]
