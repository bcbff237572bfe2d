"""Numbers are found as people say them."""

from __future__ import annotations

import pytest

from micro.assistant.numbers import amounts_in, number_of


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("greet Bob five times", [5]),
        ("800x600 pixels", [800, 600]),
        ("every 0.5 seconds, 4 times", [0.5, 4]),
        ("drei uuid4", [3]),
        ("for an hour", [1]),
        ("on 2026-07-01T09:00", []),
        ("1,250 things and 2.5 more", [1250, 2.5]),
        ("note n-17", []),
        ("16文字のパスワード", [16]),
        ("user/7/name", []),
    ],
)
def test_numbers_are_found(text: str, values: list[float]) -> None:
    """In digits and words; parts of dates, names and paths are none."""
    assert [amount.value for amount in amounts_in(text)] == values


def test_a_length_of_time_is_in_seconds() -> None:
    """In each language."""
    said = ("30 seconds", "an hour", "zwei Minuten", "3 días", "20 pixels")
    assert [amounts_in(text)[0].seconds for text in said] == [30, 3600, 120, 259200, None]


def test_an_answer_may_be_a_number_word() -> None:
    """And one that is no number is None."""
    assert [number_of(text) for text in ("seven", "12", "-3", "2.5", "many")] == [7, 12, -3, 2.5, None]
