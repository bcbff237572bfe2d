"""Binary logarithms of fractions in whole numbers, never above the true one.

Pure.

A decision that two machines must reach alike may not rest on floating point. A logarithm here is a whole number of
`BIT`ths of a bit, rounded down; who needs it rounded up takes that of the fraction turned over, and its negative. The
digits come one at a time by squaring (D. E. Knuth, The Art of Computer Programming, volume 1, section 1.2.2, exercise
25): the integer part of twice a logarithm is that of the square's.
"""

from __future__ import annotations

__all__ = ["BIT", "log2_down", "log2_up"]

DIGITS = 24
BIT = 1 << DIGITS
"""One bit, which doubles an evidence, in the unit of logarithms here."""

_PRECISION = 64
_ONE = 1 << _PRECISION


def log2_down(numerator: int, denominator: int = 1) -> int:
    """Returns the logarithm of a fraction, in `BIT`ths, at most one of them below the true one.

    Args:
        numerator, denominator: both more than 0.
    """
    assert numerator > 0, "only what is more than 0 has a logarithm"
    assert denominator > 0, "only what is more than 0 has a logarithm"
    whole = numerator.bit_length() - denominator.bit_length()
    scaled = _scaled(numerator, denominator, whole)
    if scaled < _ONE:
        whole -= 1
        scaled = _scaled(numerator, denominator, whole)
    found = whole
    for _ in range(DIGITS):
        scaled = scaled * scaled >> _PRECISION
        found <<= 1
        if scaled >= 2 * _ONE:
            scaled >>= 1
            found += 1
    return found


def log2_up(numerator: int, denominator: int = 1) -> int:
    """Returns the logarithm of a fraction, in `BIT`ths, never below the true one."""
    return -log2_down(denominator, numerator)


def _scaled(numerator: int, denominator: int, whole: int) -> int:
    """Returns the fraction divided by two to the power of `whole`, in units of `_ONE`, rounded down."""
    shift = _PRECISION - whole
    return (numerator << shift) // denominator if shift >= 0 else numerator // (denominator << -shift)
