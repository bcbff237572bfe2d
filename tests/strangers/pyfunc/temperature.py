"""Converts temperatures."""

from dataclasses import dataclass


@dataclass
class Reading:
    celsius: float
    fahrenheit: float


def to_fahrenheit(celsius: float) -> float:
    """Convert degrees.

    Args:
        celsius: what a thermometer in Paris shows.
    """
    return celsius * 9 / 5 + 32


def reading(celsius: float) -> Reading:
    return Reading(celsius, to_fahrenheit(celsius))


def _secret(word: str) -> str:
    return word


def untyped(word):
    return word
