"""Ids that outlive a link: UUID version 7, in hex.

Pure.
"""

from __future__ import annotations

from micro.ports import Entropy

__all__ = ["uuid7"]

RANDOM_BYTES = 10


def uuid7(now: float, entropy: Entropy) -> str:
    """Returns 32 hexadecimal digits: 48 bits of milliseconds, then chance (RFC 9562, 5.7).

    Args:
        now: seconds since 1970.
        entropy: where the chance comes from.
    """
    random = int.from_bytes(entropy.random_bytes(RANDOM_BYTES))
    value = (int(now * 1000) & (1 << 48) - 1) << 80 | random
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return f"{value:032x}"
