"""Ids that outlive a link: UUID version 7, in hex.

Pure.
"""

from __future__ import annotations

from micro.ports import Clock, Entropy

__all__ = ["Identifiers"]

RANDOM_BYTES = 10
"""Chance in an id: 74 bits of it, and six that the version and variant take."""

DRAWN_IDS = 64
"""Chance is drawn for so many ids at once, for asking the system costs more than all else that an id takes."""

_VARIANT = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}


class Identifiers:
    """Makes ids, each of 32 hexadecimal digits: 48 bits of milliseconds, then chance (RFC 9562, 5.7).

    Args:
        clock: for the milliseconds since 1970.
        entropy: where the chance comes from.
    """

    __slots__ = ("_clock", "_entropy", "_tails")

    def __init__(self, clock: Clock, entropy: Entropy) -> None:
        self._clock = clock
        self._entropy = entropy
        self._tails: list[str] = []

    def new(self) -> str:
        """Returns an id."""
        if not self._tails:
            self._draw()
        return f"{int(self._clock.now() * 1000) & 0xFFFF_FFFF_FFFF:012x}{self._tails.pop()}"

    def _draw(self) -> None:
        digits = self._entropy.random_bytes(RANDOM_BYTES * DRAWN_IDS).hex()
        for start in range(0, len(digits), 2 * RANDOM_BYTES):
            chance = digits[start : start + 2 * RANDOM_BYTES]
            self._tails.append(f"7{chance[1:4]}{_VARIANT[chance[4]]}{chance[5:]}")
