"""Headers: one spelling, checked values, bounded sets, and their bytes."""

from __future__ import annotations

import pytest

from micro.errors import BadRequest, RemoteProtocolError
from micro.mucp import headers
from micro.mucp.headers import HEADER_BYTES_MAX, HEADERS_MAX, NAME_BYTES_MAX, VALUE_BYTES_MAX, Headers, canonical
from tests.unit.mucp.wire import block


@pytest.mark.parametrize("name", ["micro-id", "MICRO-ID", "Micro-Id", "mIcRo-iD"])
def test_a_name_has_one_spelling(name: str) -> None:
    """Whatever case a name comes in, it is kept as Go writes it."""
    assert canonical(name) == headers.ID


@pytest.mark.parametrize("name", ["", "a b", "a:b", "a\n", "ä", "a_b", "x" * (NAME_BYTES_MAX + 1), "a\x00"])
def test_a_bad_name_is_refused(name: str) -> None:
    """A name that could mean something else elsewhere is no name."""
    with pytest.raises(ValueError, match="header name"):
        canonical(name)


@pytest.mark.parametrize("value", ["a\nb", "a\rb", "\x00", "\x1f", "\x7f", "\t"])
def test_a_control_character_is_refused(value: str) -> None:
    """No value can end a line where headers stand in lines."""
    with pytest.raises(ValueError, match="control"):
        Headers(A=value)


def test_a_value_has_a_limit() -> None:
    """A value of 4,096 bytes passes, one more does not, counted in UTF-8."""
    assert Headers(A="x" * VALUE_BYTES_MAX)
    with pytest.raises(ValueError, match="4096"):
        Headers(A="é" * (VALUE_BYTES_MAX // 2) + "x")


def test_a_value_is_text() -> None:
    """Half a character cannot travel, so it is refused here and not by the peer."""
    with pytest.raises(ValueError, match="UTF-8"):
        Headers(A="\ud800")


@pytest.mark.parametrize("value", [None, 5, b"text", ["text"]], ids=repr)
def test_what_is_no_text_is_named(value: object) -> None:
    """A program that passes something else by mistake is told what it passed, and as what."""
    with pytest.raises(BadRequest, match=f"A: a header value is text, not {type(value).__name__}"):
        headers.encode({"A": value})  # type: ignore[dict-item]


def test_names_match_in_any_case() -> None:
    """Every way to reach a header ignores case."""
    found = Headers({"MICRO-TOPIC": "a"})

    assert found["micro-topic"] == found.get("Micro-TOPIC") == found.pop("mIcRo-topic") == "a"
    assert found.setdefault("x-a", "1") == "1"
    assert "X-A" in found
    assert "not a name" not in found
    found.update({"x-A": "2"}, b="3")
    del found["B"]
    assert found == {"X-A": "2"}


def test_a_copy_stands_alone() -> None:
    """Changing a copy leaves the first as it was, and it ignores case too."""
    found = Headers(A="1")
    copy = found.copy()
    copy["a"] = "2"

    assert (found["A"], copy["A"]) == ("1", "2")


def test_headers_have_these_bytes() -> None:
    """The length of the name, the name, the length of the value, the value."""
    assert headers.encode({"micro-id": "7", "A": "é"}) == b"\x08Micro-Id\x00\x017\x01A\x00\x02\xc3\xa9"


def test_bytes_become_headers() -> None:
    """Names are read in any case and kept in one."""
    assert headers.decode(b"\x08MICRO-id\x00\x017\x01a\x00\x02\xc3\xa9") == {"Micro-Id": "7", "A": "é"}


@pytest.mark.parametrize(
    "data",
    [
        b"\x05",
        b"\x01A",
        b"\x01A\x00",
        b"\x01A\x00\x05abcd",
        b"\x00\x00\x01x",
        b"\x01 \x00\x00",
        b"\x02\xc3\xa9\x00\x00",
        b"\x01A\x00\x01\xff",
        b"\x01A\x00\x03\xed\xa0\x80",
        b"\x01A\x00\x01\n",
        block(("A", "1"), ("a", "2")),
        block(("A", "x" * (VALUE_BYTES_MAX + 1))),
        block(*((f"A{number}", "") for number in range(HEADERS_MAX + 1))),
        block(*((f"A{number}", "x" * 4000) for number in range(5))),
    ],
)
def test_bad_bytes_are_the_peers_mistake(data: bytes) -> None:
    """Cut short, over a limit, twice the same or no text: it cannot be read."""
    with pytest.raises(RemoteProtocolError):
        headers.decode(data)


def test_a_set_at_its_limits_passes() -> None:
    """64 headers pass, and so do exactly 16,384 bytes."""
    many = {f"A{number}": "" for number in range(HEADERS_MAX)}
    large = {f"A{number}": "x" * 4090 for number in range(4)}
    large["A0"] = "x" * (4090 + HEADER_BYTES_MAX - len(headers.encode(large)))

    assert headers.decode(headers.encode(many)) == many
    assert len(headers.encode(large)) == HEADER_BYTES_MAX
    assert headers.decode(headers.encode(large)) == large


@pytest.mark.parametrize(
    "content",
    [
        {f"A{number}": "" for number in range(HEADERS_MAX + 1)},
        {f"A{number}": "x" * 4000 for number in range(5)},
        {"bad name": ""},
        {"A": "\n"},
        {"A": "\ud800"},
    ],
)
def test_what_the_peer_would_refuse_is_not_sent(content: dict[str, str]) -> None:
    """Breaking a limit is a fault of the request, not the end of the link."""
    with pytest.raises(BadRequest):
        headers.encode(content)


def test_an_id_alone_has_a_short_way() -> None:
    """A set that holds only an id has the same bytes as ever, and the same limits."""
    assert headers.encode_id("é1") == headers.encode({"micro-id": "é1"})
    for wrong in ("\n", "x" * (VALUE_BYTES_MAX + 1), "\ud800"):
        with pytest.raises(BadRequest):
            headers.encode_id(wrong)
