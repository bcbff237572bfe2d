"""Content types and the codecs that need no schema."""

from __future__ import annotations

import pytest

from micro.errors import BadRequest
from micro.mucp.codec import BYTES, JSON, PROTOBUF, content_type_of, decode_json, encode_json, normal


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("application/json", JSON),
        ("Application/JSON; charset=utf-8", JSON),
        (" text/json ", JSON),
        ("application/x-protobuf", PROTOBUF),
        ("application/proto", PROTOBUF),
        ("application/bytes", BYTES),
        ("Image/PNG;q=1", "image/png"),
    ],
)
def test_a_content_type_has_one_name(given: str, expected: str) -> None:
    """Case, parameters and older names do not matter."""
    assert normal(given) == expected


@pytest.mark.parametrize(
    ("declared", "body", "expected"),
    [
        (None, b'{"a": 1}', JSON),
        ("", b"{", JSON),
        (None, b"[1]", PROTOBUF),
        (None, b"", PROTOBUF),
        ("application/octet-stream", b"{}", BYTES),
        ("application/protobuf", b"{}", PROTOBUF),
    ],
)
def test_the_first_byte_decides_where_nothing_is_declared(declared: str | None, body: bytes, expected: str) -> None:
    """A `{` begins JSON, anything else is protobuf, and a declared type wins."""
    assert content_type_of(declared, body) == expected


def test_json_comes_back() -> None:
    """A value survives its way through JSON."""
    value = {"a": [1, 2.5, None, True, "é"]}

    assert decode_json(encode_json(value)) == value


@pytest.mark.parametrize(
    "body", [b"", b"{", b"NaN", b"[Infinity]", b'"\xff"', b"{} {}", b"[" * 100_000, b"\xef\xbb\xbf{}"]
)
def test_what_is_no_json_is_refused(body: bytes) -> None:
    """NaN, two values, bad text and endless nesting are the sender's mistake."""
    with pytest.raises(BadRequest, match="not JSON"):
        decode_json(body)


def endless() -> list[object]:
    """Returns a list that holds itself."""
    value: list[object] = []
    value.append(value)
    return value


@pytest.mark.parametrize("value", [object(), {1j: 2}, endless()])
def test_what_has_no_json_is_refused(value: object) -> None:
    """A value without a JSON form is a fault that says so."""
    with pytest.raises(BadRequest, match="no JSON form"):
        encode_json(value)
