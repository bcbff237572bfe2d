"""Bech32m as in BIP 350, without the limit of 90 characters."""

from __future__ import annotations

import pytest

from micro.trust import bech32
from micro.trust.bech32 import bech32m_decode, bech32m_encode


def test_a_vector_of_the_standard_is_read() -> None:
    """`a1lqfn3a` of BIP 350: the empty payload under the prefix `a`."""
    assert bech32m_decode("a", "a1lqfn3a") == b""


def test_a_vector_of_the_standard_is_written() -> None:
    """The same text comes out again."""
    assert bech32m_encode("a", b"") == "a1lqfn3a"


def test_the_checksum_of_plain_bech32_is_refused() -> None:
    """`a12uel5l` is the same text under the older constant of BIP 173."""
    with pytest.raises(ValueError, match="checksum"):
        bech32m_decode("a", "a12uel5l")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("b1lqfn3a", "begin"),
        ("a1lqfn3b", "'b'"),
        ("a1LQFN3A", "'L'"),
        ("a1lqfn", "checksum"),
        ("a1", "checksum"),
    ],
)
def test_a_wrong_text_is_refused_with_the_reason(text: str, says: str) -> None:
    """The error says what to look for."""
    with pytest.raises(ValueError, match=says):
        bech32m_decode("a", text)


@pytest.mark.parametrize("values", [[0, 1], [0, 0, 0]], ids=["set", "a group too many"])
def test_bits_left_over_are_refused(values: list[int]) -> None:
    """A second spelling of one byte is not read, though its checksum is right."""
    checked = bech32._polymod([*bech32._expand("a"), *values, *[0] * 6]) ^ bech32._BECH32M
    checksum = [checked >> 5 * (5 - place) & 31 for place in range(6)]
    text = "a1" + "".join(bech32._ALPHABET[value] for value in (*values, *checksum))
    with pytest.raises(ValueError, match="left over"):
        bech32m_decode("a", text)
