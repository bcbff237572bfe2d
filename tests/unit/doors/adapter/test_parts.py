"""Answers that come bit by bit are cut where their items end, however they arrive."""

from __future__ import annotations

from typing import Any

import pytest

from micro.doors.adapter.answer import VALUE_BYTES_MAX
from micro.doors.adapter.parts import cutter_of, is_stream
from micro.errors import TooLarge

EVENTS = (
    "\ufeff: a comment\n"
    "data: one\n\n"
    'event: tick\r\nid: 7\r\ndata: {"n": 1}\r\n\r\n'
    "data: first\rdata:second\r\r"
    "data\n\n"
    "event: nothing\n\n"
    "retry: 10\nunknown\n\n"
    "data:  two blanks é😀\n\n"
    "data: not whole"
)
ITEMS = [
    {"event": "message", "id": "", "data": "one"},
    {"event": "tick", "id": "7", "data": {"n": 1}},
    {"event": "message", "id": "7", "data": "first\nsecond"},
    {"event": "message", "id": "7", "data": ""},
    {"event": "message", "id": "7", "data": " two blanks é😀"},
]
"""An id is kept until another one comes; an event without data, or without its end, is none."""


def cut(content_type: str, data: bytes, size: int) -> list[Any]:
    """Feeds bytes in pieces of a size."""
    cutter = cutter_of(content_type)
    found = [item for at in range(0, len(data), size) for item in cutter.feed(data[at : at + size])]
    return found + cutter.end()


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1_000])
def test_events_are_read_as_a_browser_reads_them(size: int) -> None:
    """Whatever ends their lines, and wherever they are torn."""
    assert cut("text/event-stream; charset=utf-8", EVENTS.encode(), size) == ITEMS


@pytest.mark.parametrize("size", [1, 4, 1_000])
@pytest.mark.parametrize("kind", ["application/x-ndjson", "application/jsonl", "application/json-seq"])
def test_each_line_is_a_value(kind: str, size: int) -> None:
    """Also the last one, which nothing ends; a line that is no JSON is a text."""
    mark = "\x1e" if kind.endswith("seq") else ""
    data = f'{mark}{{"a": 1}}\n\n{mark}[2]\r\n{mark}no json\n{mark}"é"'.encode()
    assert cut(kind, data, size) == [{"a": 1}, [2], "no json", "é"]


@pytest.mark.parametrize("size", [1, 2, 5])
def test_text_is_never_torn_within_a_character(size: int) -> None:
    """The pieces together are the text."""
    found = cut("text/plain", "é😀ü".encode(), size)
    assert "".join(found) == "é😀ü"
    assert "\ufffd" not in "".join(found)


def test_anything_else_is_bytes() -> None:
    """As base64, piece by piece."""
    assert cut("image/png", b"\x00\xff\x00\xff", 2) == [{"base64": "AP8="}, {"base64": "AP8="}]


@pytest.mark.parametrize("data", [b"data: " + b"x" * VALUE_BYTES_MAX, b"data: x\n" * (VALUE_BYTES_MAX // 6)])
def test_an_item_has_an_end(data: bytes) -> None:
    """A line, or an event of many lines, that no message would hold is refused while it comes."""
    with pytest.raises(TooLarge):
        cut("text/event-stream", data, 65_536)


def test_what_comes_bit_by_bit_is_known_by_its_type() -> None:
    """With parameters and in any letters."""
    assert is_stream("Text/Event-Stream; charset=utf-8")
    assert not is_stream("application/json")
