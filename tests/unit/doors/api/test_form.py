"""Forms of browsers and of curl."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from micro.doors.api.form import read_multipart, read_urlencoded
from micro.errors import BadRequest

TYPE = "multipart/form-data; boundary=xx"


def part(disposition: str, data: bytes) -> bytes:
    return b"--xx\r\nContent-Disposition: " + disposition.encode() + b"\r\n\r\n" + data + b"\r\n"


def test_a_plain_form_is_names_and_texts() -> None:
    """Plus and percent are undone, empty values stay."""
    assert read_urlencoded(b"a=1+2&b=%C3%A4&c=&d&a=3") == [("a", "1 2"), ("b", "ä"), ("c", ""), ("d", ""), ("a", "3")]


@pytest.mark.parametrize("text", [b"a=%ff", b"a=\xc3\xa4", b"&".join([b"a=b"] * 300)])
def test_a_plain_form_that_is_no_text_is_refused(text: bytes) -> None:
    """Other bytes, and too many fields."""
    with pytest.raises(BadRequest):
        read_urlencoded(text)


def test_a_form_with_a_file_is_texts_and_bytes() -> None:
    """A field is text, a file is bytes, and neither loses a line end of its own."""
    body = (
        part('form-data; name="a"', b"x\r\n")
        + part('form-data; name="f"; filename="f.bin"', b"\xff\0\r\n--x")
        + b"--xx--\r\n"
    )

    assert read_multipart(TYPE, body) == [("a", "x\r\n"), ("f", b"\xff\0\r\n--x")]


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("multipart/form-data", b"--xx--"),
        ('multipart/form-data; boundary=""', b"--xx--"),
        (f"multipart/form-data; boundary={'x' * 71}", b"--xx--"),
        (TYPE, b""),
        (TYPE, b"--xx\r\n"),
        (TYPE, b"text\r\n--xx--"),
        (TYPE, b"--xx\r\n\r\ndata\r\n--xx--"),
        (TYPE, part("attachment", b"") + b"--xx--"),
        (TYPE, part('form-data; name="a"', b"\xff") + b"--xx--"),
        (TYPE, part('form-data; name="a"', b"") * 300 + b"--xx--"),
        (TYPE, b"--xx\r\nX: " + b"a" * 5000 + b"\r\n\r\n\r\n--xx--"),
    ],
)
def test_a_malformed_form_is_refused(content_type: str, body: bytes) -> None:
    """No boundary, no end, no name, no text, too many, too long."""
    with pytest.raises(BadRequest):
        read_multipart(content_type, body)


@given(st.binary(max_size=80))
def test_any_bytes_are_a_form_or_refused(body: bytes) -> None:
    """Nothing else comes of them."""
    try:
        read_multipart(TYPE, b"--xx\r\n" + body + b"\r\n--xx--")
    except BadRequest:
        pass
