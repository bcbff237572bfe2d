"""RFC 8785: one text for one value."""

from __future__ import annotations

import json
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from micro.errors import BadRequest, TooLarge
from micro.service.registry.canonical import JSON_DEPTH_MAX, canonical_json

BYTES_MAX = 1_000_000

# RFC 8785, appendix B: the bits of a double and its text.
NUMBERS = [
    ("0000000000000000", "0"),
    ("8000000000000000", "0"),
    ("0000000000000001", "5e-324"),
    ("8000000000000001", "-5e-324"),
    ("7fefffffffffffff", "1.7976931348623157e+308"),
    ("ffefffffffffffff", "-1.7976931348623157e+308"),
    ("4340000000000000", "9007199254740992"),
    ("c340000000000000", "-9007199254740992"),
    ("4430000000000000", "295147905179352830000"),
    ("44b52d02c7e14af5", "9.999999999999997e+22"),
    ("44b52d02c7e14af6", "1e+23"),
    ("44b52d02c7e14af7", "1.0000000000000001e+23"),
    ("444b1ae4d6e2ef4e", "999999999999999700000"),
    ("444b1ae4d6e2ef4f", "999999999999999900000"),
    ("444b1ae4d6e2ef50", "1e+21"),
    ("3eb0c6f7a0b5ed8c", "9.999999999999997e-7"),
    ("3eb0c6f7a0b5ed8d", "0.000001"),
    ("41b3de4355555553", "333333333.3333332"),
    ("41b3de4355555557", "333333333.33333343"),
    ("becbf647612f3696", "-0.0000033333333333333333"),
    ("43143ff3c1cb0959", "1424953923781206.2"),
]


def canonical(value: object) -> str:
    return canonical_json(value, bytes_max=BYTES_MAX).decode()


@pytest.mark.parametrize(("bits", "text"), NUMBERS)
def test_numbers_are_written_as_the_rfc_lists_them(bits: str, text: str) -> None:
    """The table of appendix B."""
    assert text == canonical(struct.unpack(">d", bytes.fromhex(bits))[0])


def test_the_example_of_the_rfc() -> None:
    """Section 3.2.3: keys are sorted by UTF-16 code units, not by code points."""
    keys = {"€": 1, "\r": 2, "\ufb33": 3, "1": 4, "\U0001f600": 5, "\x80": 6, "ö": 7}

    assert [2, 4, 6, 7, 1, 5, 3] == list(json.loads(canonical(keys)).values())


def test_text_is_escaped_as_little_as_possible() -> None:
    """Section 3.2.2.2: short escapes, lower-case hexadecimal, everything else as it is."""
    assert canonical('\b\t\n\f\r"\\\x1f\x7f/€') == '"\\b\\t\\n\\f\\r\\"\\\\\\u001f\x7f/€"'


@pytest.mark.parametrize(
    ("number", "text"),
    [(2**53 - 1, "9007199254740991"), (2**53 + 1, "9007199254740992"), (2**63 - 1, "9223372036854776000")],
)
def test_integers_beyond_doubles_are_rounded_like_doubles(number: int, text: str) -> None:
    """A 64-bit bound in a schema has one text everywhere."""
    assert canonical(number) == text


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-(2**53) + 1, 2**53 - 1)
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(),
        lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=5),
        max_leaves=20,
    )
)
def test_the_text_means_the_value(value: object) -> None:
    """Reading gives back the value, and writing that gives the same text."""
    text = canonical(value)

    assert (json.loads(text, parse_int=float), canonical(json.loads(text))) == (value, text)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 10**400, {1: 2}, {"a": b"x"}, [{1, 2}], "\ud800"])
def test_what_is_no_json_is_refused(value: object) -> None:
    """The fault blames the sender."""
    with pytest.raises(BadRequest):
        canonical(value)


@pytest.mark.parametrize("kind", ["list", "object"])
def test_depth_is_bounded(kind: str) -> None:
    """Deep nesting ends in a clear fault, not in the end of the stack."""
    value: object = 1
    for _ in range(100_000):
        value = [value] if kind == "list" else {"a": value}

    with pytest.raises(BadRequest, match=f"deeper than {JSON_DEPTH_MAX}"):
        canonical(value)


@pytest.mark.parametrize("value", ["x" * 100, ["x"] * 100, {str(number): 1 for number in range(100)}, "€" * 34])
def test_size_is_bounded(value: object) -> None:
    """The bound counts bytes of UTF-8."""
    with pytest.raises(TooLarge, match="larger than 99 bytes"):
        canonical_json(value, bytes_max=99)
