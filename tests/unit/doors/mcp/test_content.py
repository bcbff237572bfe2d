"""Answers as content: what bytes are, and what a model and a program see."""

from __future__ import annotations

import base64

import pytest
from mcp.types import AudioContent, EmbeddedResource, ImageContent, TextContent

from micro.doors.mcp.content import answered, collected, failed, media_type
from micro.doors.mcp.tool import Tool
from micro.errors import Conflict


def tool(*, stream: bool = False, raw: bool = False, result: bool = False) -> Tool:
    response = {"format": "binary"} if raw else {"x-micro-result": result}
    return Tool(
        "s", "A.B", "", {}, response, stream, idempotent=False, price="", changes=True, destroys=True, examples=()
    )


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"\x89PNG\r\n\x1a\n...", "image/png"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"RIFF....WEBPVP8 ", "image/webp"),
        (b"RIFF....WAVEfmt ", "audio/wav"),
        (b"RIFF....AVI ", "text/plain"),
        (b"OggS\0\x02", "audio/ogg"),
        ("hé".encode(), "text/plain"),
        (b"", "text/plain"),
        (b"a\0b", "application/octet-stream"),
        (b"\xff\xfe", "application/octet-stream"),
    ],
)
def test_what_bytes_are_is_told_from_how_they_begin(body: bytes, kind: str) -> None:
    """Never from what somebody says of them."""
    assert media_type(body) == kind


def test_bytes_become_a_picture_sound_a_file_or_text() -> None:
    """Each in its own block, whole."""
    kinds = {b"\x89PNG\r\n\x1a\n": ImageContent, b"OggS\0": AudioContent, b"\0": EmbeddedResource, b"hi": TextContent}
    for body, kind in kinds.items():
        found = answered(tool(raw=True), body)
        assert (type(found.content[0]), found.structured_content) == (kind, None)
    picture = answered(tool(raw=True), b"\x89PNG\r\n\x1a\n").content[0]
    assert isinstance(picture, ImageContent)
    assert base64.b64decode(picture.data) == b"\x89PNG\r\n\x1a\n"


@pytest.mark.parametrize(
    ("body", "text", "structured"),
    [
        (b'{"result": "hi"}', "hi", {"result": "hi"}),
        (b'{"result": 5}', "5", {"result": 5}),
        (b'{"a": [1]}', '{"a":[1]}', {"a": [1]}),
        (b"[1]", "[1]", {"result": [1]}),
        (b"", "{}", {}),
        (b"no json", "no json", None),
    ],
)
def test_a_model_reads_text_and_a_program_the_value(body: bytes, text: str, structured: object) -> None:
    """A plain result is not dressed up for the model."""
    found = answered(tool(), body)
    assert isinstance(found.content[0], TextContent)
    assert (found.content[0].text, found.structured_content) == (text, structured)


def test_a_stream_is_told_whole_or_said_to_be_cut() -> None:
    """Whoever reads the result knows whether that was all."""
    whole = collected(tool(stream=True, result=True), [b'{"result": 1}', b'{"result": 2}'], complete=True)
    assert whole.structured_content == {"items": [1, 2], "complete": True}
    cut = collected(tool(stream=True), [b'{"a": 1}'], complete=False)
    assert cut.structured_content == {"items": [{"a": 1}], "complete": False}
    assert (len(whole.content), len(cut.content)) == (1, 2)


def test_a_fault_is_a_result_that_a_model_can_read() -> None:
    """With its code, and what to do next."""
    found = failed(Conflict("it is there already"))
    assert isinstance(found.content[0], TextContent)
    assert (found.is_error, found.content[0].text) == (True, "409 Conflict: it is there already")
