"""One way of writing a JSON value, so that a description has one hash everywhere.

Pure.

The form is RFC 8785: keys sorted by UTF-16 code units, no space, numbers as ECMAScript writes them. Values come from
strangers, so depth and size are bounded while writing, not afterwards.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from json import encoder

from micro.errors import BadRequest, TooLarge

__all__ = ["JSON_DEPTH_MAX", "canonical_json"]

JSON_DEPTH_MAX = 32
"""Deeper values are refused, as for every JSON that arrives from elsewhere."""

INTEGER_EXACT_MAX = 2**53 - 1
"""RFC 8785 writes numbers as IEEE doubles; integers up to here are the same in both."""

FIXED_DIGITS_MAX = 21
"""ECMAScript writes numbers of up to so many digits without an exponent."""

FIXED_ZEROS_MAX = 6
"""ECMAScript writes up to so many places before the first digit after the point without an exponent."""

_quote = encoder.encode_basestring


def canonical_json(value: object, *, bytes_max: int, what: str = "value") -> bytes:
    """Returns `value` in the canonical form of RFC 8785, as UTF-8.

    Args:
        value: dicts with string keys, lists, tuples, strings, numbers, booleans and None.
        bytes_max: a longer result is refused.
        what: how an error calls the value.

    Raises:
        BadRequest: the value is no JSON, or is nested deeper than `JSON_DEPTH_MAX`.
        TooLarge: the result would be longer than `bytes_max`.
    """
    writer = _Writer(bytes_max, what)
    writer.write(value, 0)
    try:
        text = "".join(writer.parts).encode()
    except UnicodeEncodeError as error:
        raise BadRequest(f"{what} holds half a surrogate pair, which is no text; remove it") from error
    if len(text) > bytes_max:
        raise writer.too_large()
    return text


class _Writer:
    """Collects the pieces of one value and stops at its bounds."""

    def __init__(self, bytes_max: int, what: str) -> None:
        self.parts: list[str] = []
        self.what = what
        self._bytes_max = bytes_max
        self._left = bytes_max

    def too_large(self) -> TooLarge:
        return TooLarge(f"{self.what} is larger than {self._bytes_max} bytes as JSON; make it smaller")

    def _put(self, text: str) -> None:
        self._left -= len(text)
        if self._left < 0:
            raise self.too_large()
        self.parts.append(text)

    def write(self, value: object, depth: int) -> None:
        if depth > JSON_DEPTH_MAX:
            raise BadRequest(f"{self.what} is nested deeper than {JSON_DEPTH_MAX} levels; make it flatter")
        if isinstance(value, str):
            self._put(_quote(value))
        elif value is None or isinstance(value, bool):
            self._put("null" if value is None else "true" if value else "false")
        elif isinstance(value, int | float):
            self._put(_number(value, self.what))
        elif isinstance(value, Mapping):
            self._write_object(value, depth)
        elif isinstance(value, list | tuple):
            self._write_array(value, depth)
        else:
            raise BadRequest(f"{self.what} holds a {type(value).__name__}, which is no JSON value")

    def _write_object(self, value: Mapping[object, object], depth: int) -> None:
        names = [name for name in value if isinstance(name, str)]
        if len(names) != len(value):
            raise BadRequest(f"{self.what} has an object whose key is no text; JSON keys are text")
        separator = "{"
        for name in sorted(names, key=_utf16) if not all(map(str.isascii, names)) else sorted(names):
            self._put(f"{separator}{_quote(name)}:")
            self.write(value[name], depth + 1)
            separator = ","
        self._put("}" if names else "{}")

    def _write_array(self, value: list[object] | tuple[object, ...], depth: int) -> None:
        separator = "["
        for item in value:
            self._put(separator)
            self.write(item, depth + 1)
            separator = ","
        self._put("]" if value else "[]")


def _utf16(name: str) -> bytes:
    return name.encode("utf-16-be", "surrogatepass")


def _number(value: float, what: str) -> str:
    """Returns a number as ECMAScript's Number::toString does, from Python's shortest digits."""
    if isinstance(value, int) and -INTEGER_EXACT_MAX <= value <= INTEGER_EXACT_MAX:
        return str(int(value))
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise BadRequest(f"{what} holds a number that is infinite or not a number; JSON has none")
    if number == 0:
        return "0"
    sign = "-" if number < 0 else ""
    digits, point = _digits(repr(abs(number)))
    return sign + _place(digits, point)


def _digits(text: str) -> tuple[str, int]:
    """Splits Python's shortest text of a number into its digits and where the point stands: 0.digits x 10**point."""
    mantissa, _, exponent = text.partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = whole + fraction
    point = len(whole) + int(exponent or 0)
    stripped = digits.lstrip("0")
    point -= len(digits) - len(stripped)
    return stripped.rstrip("0"), point


def _place(digits: str, point: int) -> str:
    count = len(digits)
    if count <= point <= FIXED_DIGITS_MAX:
        return digits + "0" * (point - count)
    if 0 < point <= FIXED_DIGITS_MAX:
        return f"{digits[:point]}.{digits[point:]}"
    if -FIXED_ZEROS_MAX < point <= 0:
        return "0." + "0" * -point + digits
    rest = f".{digits[1:]}" if count > 1 else ""
    return f"{digits[0]}{rest}e{point - 1:+d}"
