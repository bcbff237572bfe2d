"""Bech32m (BIP 173 with the constant of BIP 350): bytes as lower-case text that notices typing errors.

Pure.

Of the standard only its limit of 90 characters is dropped: up to there any four wrong characters are noticed for
certain, beyond it a wrong text passes once in 2^30.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

__all__ = ["CHECKSUM_CHARACTERS", "bech32m_decode", "bech32m_encode"]

CHECKSUM_CHARACTERS: Final = 6
"""The last characters of every text."""

_ALPHABET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_VALUES = {character: value for value, character in enumerate(_ALPHABET)}
_GENERATORS = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_BECH32M = 0x2BC830A3


def bech32m_encode(prefix: str, payload: bytes) -> str:
    """Returns `prefix`, `1`, the payload in 5-bit characters, and the checksum."""
    values = _regroup(payload, 8, 5)
    spare = -len(payload) * 8 % 5
    if spare:
        values[-1] <<= spare
    checked = _polymod([*_expand(prefix), *values, *[0] * CHECKSUM_CHARACTERS]) ^ _BECH32M
    checksum = [checked >> 5 * (CHECKSUM_CHARACTERS - 1 - place) & 31 for place in range(CHECKSUM_CHARACTERS)]
    return prefix + "1" + "".join(_ALPHABET[value] for value in (*values, *checksum))


def bech32m_decode(prefix: str, text: str) -> bytes:
    """Returns the payload of a text with this prefix; only the one spelling of a payload is read.

    Raises:
        ValueError: another prefix, a foreign character, a wrong checksum, or bits left over; the message says which.
    """
    if not text.startswith(prefix + "1"):
        raise ValueError(f"it does not begin with {prefix}1")
    characters = text[len(prefix) + 1 :]
    foreign = next((character for character in characters if character not in _VALUES), None)
    if foreign is not None:
        raise ValueError(f"{foreign!r} cannot occur in it")
    values = [_VALUES[character] for character in characters]
    if len(values) < CHECKSUM_CHARACTERS or _polymod([*_expand(prefix), *values]) != _BECH32M:
        raise ValueError("its checksum is wrong")
    values = values[:-CHECKSUM_CHARACTERS]
    spare = len(values) * 5 % 8
    if spare >= 5 or (spare and values[-1] & ((1 << spare) - 1)):
        raise ValueError("it has bits left over")
    return bytes(_regroup(values, 5, 8)[: len(values) * 5 // 8])


def _regroup(values: Iterable[int], width: int, wanted: int) -> list[int]:
    """Cuts a row of bits into groups of another width; a last group that is not full keeps the bits it has."""
    held, bits, groups = 0, 0, []
    for value in values:
        held, bits = held << width | value, bits + width
        while bits >= wanted:
            bits -= wanted
            groups.append(held >> bits)
            held &= (1 << bits) - 1
    if bits:
        groups.append(held)
    return groups


def _expand(prefix: str) -> list[int]:
    return [*(ord(character) >> 5 for character in prefix), 0, *(ord(character) & 31 for character in prefix)]


def _polymod(values: Iterable[int]) -> int:
    checked = 1
    for value in values:
        top = checked >> 25
        checked = (checked & 0x1FFFFFF) << 5 ^ value
        for bit, generator in enumerate(_GENERATORS):
            if top >> bit & 1:
                checked ^= generator
    return checked
