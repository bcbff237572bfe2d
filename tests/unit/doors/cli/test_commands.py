"""What the commands make of their words, before a node is asked."""

from __future__ import annotations

import asyncio
import io
import os
import sys
from pathlib import Path

import click
import pytest

from micro.doors.cli.body import json_body, lines_typed, read_bytes
from micro.doors.cli.building import local_source
from micro.doors.cli.call import parse_headers
from micro.doors.cli.ending import Usage
from micro.doors.cli.events import content_type_of
from micro.doors.cli.exchange import item_of
from micro.doors.cli.moment import ago, span
from micro.doors.cli.options import seconds
from micro.errors import SourceError
from micro.mucp.codec import decode_json


@pytest.mark.parametrize(
    ("typed", "source"),
    [
        (".", "{here}"),
        ("./greeter", "{here}/greeter"),
        ("greeter", "{here}/greeter"),
        ("../other", "{above}/other"),
        ("/srv/app", "/srv/app"),
        ("./repository@main", "{here}/repository@main"),
        ("./repository//app@v1", "{here}/repository//app@v1"),
        ("github.com/ann/services/greeter@main", "github.com/ann/services/greeter@main"),
        ("https://example.org/team/code.git//app", "https://example.org/team/code.git//app"),
    ],
)
def test_a_local_source_is_named_in_full(
    typed: str, source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The node has another working directory."""
    monkeypatch.chdir(tmp_path)

    assert local_source(typed) == source.format(here=Path.cwd(), above=Path.cwd().parent)


def test_a_source_that_is_none_is_refused_here() -> None:
    """The node need not be asked."""
    with pytest.raises(SourceError):
        local_source("ssh://example.org/x")


def test_headers_are_pairs() -> None:
    """The first equals sign divides."""
    assert parse_headers(("A=1", "B=x=y")) == {"A": "1", "B": "x=y"}
    assert parse_headers(()) is None
    for wrong in ("A", "=1"):
        with pytest.raises(Usage):
            parse_headers((wrong,))


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b'{"a": 1}', "application/json"),
        (b"5", "application/json"),
        (b"text", "text/plain"),
        (b"\xff", "application/octet-stream"),
    ],
)
def test_an_event_says_what_it_holds(body: bytes, content_type: str) -> None:
    """Told by its bytes."""
    assert content_type_of(body) == content_type


WRAPPED = {"type": "object", "x-micro-result": True, "properties": {"result": {"type": "string"}}}
NUMBER = {"type": "object", "x-micro-result": True, "properties": {"result": {"type": "integer"}}}
OBJECT = {"type": "object", "properties": {"a": {}}}


@pytest.mark.parametrize(
    ("schema", "line", "item"),
    [
        (WRAPPED, b"plain words", {"result": "plain words"}),
        (WRAPPED, b'"quoted"', {"result": "quoted"}),
        (WRAPPED, b"5", {"result": "5"}),
        (NUMBER, b"5", {"result": 5}),
        (NUMBER, b'{"result": 5}', {"result": 5}),
        (OBJECT, b'{"a": 1}', {"a": 1}),
        ({}, b"[1]", [1]),
    ],
)
def test_a_line_is_an_item(schema: dict[str, object], line: bytes, item: object) -> None:
    """Text may be typed as it is, the rest as JSON."""
    assert decode_json(item_of(schema, line)) == item


def test_a_line_of_bytes_is_sent_as_it_is() -> None:
    """Where the stream is one of bytes."""
    assert item_of({"type": "string", "format": "binary"}, b"\xff{") == b"\xff{"


@pytest.mark.parametrize(("schema", "line"), [(NUMBER, b"five"), (OBJECT, b"{"), (OBJECT, b"\xff")])
def test_a_line_that_is_no_item_is_refused(schema: dict[str, object], line: bytes) -> None:
    """With what is expected."""
    with pytest.raises(Usage, match="each line"):
        item_of(schema, line)


def test_a_body_is_typed_or_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From a file, or from the standard input."""
    (tmp_path / "body").write_bytes(b"[1]")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"[2]")))

    assert [read_bytes(text) for text in ("[0]", f"@{tmp_path / 'body'}", "-")] == [b"[0]", b"[1]", b"[2]"]


@pytest.mark.parametrize("text", ["{", "NaN", "@nowhere", '{"a": Infinity}'])
def test_a_body_that_is_no_json_is_refused(text: str) -> None:
    """Before it is sent."""
    with pytest.raises(Usage):
        json_body(text)


async def test_lines_come_as_they_are_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Empty ones are left out, and the last needs no end."""
    read, write = os.pipe()
    with os.fdopen(read) as source:
        monkeypatch.setattr(sys, "stdin", source)
        os.write(write, b"one\r\n\n \ntw")
        lines = lines_typed()
        assert await anext(lines) == b"one"
        os.write(write, b"o\nthree")
        assert await anext(lines) == b"two"
        os.close(write)
        assert [line async for line in lines] == [b"three"]
        await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("length", "text"), [(0, "0s"), (59.9, "59s"), (61, "1m 1s"), (3600, "1h 0m"), (90_000, "1d 1h"), (-5, "0s")]
)
def test_a_span_has_two_units(length: float, text: str) -> None:
    """More would not be read."""
    assert span(length) == text


def test_what_never_was_is_not_ago() -> None:
    """A service that has not started yet."""
    assert (ago(0), ago(None)) == ("", "")


@pytest.mark.parametrize("text", ["0", "-1", "x", "nan", "inf"])
def test_a_length_of_time_is_more_than_nothing(text: str) -> None:
    """And ends."""
    with pytest.raises(click.BadParameter):
        seconds(text)
