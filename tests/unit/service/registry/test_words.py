"""Words: what is typed meets what was written."""

from __future__ import annotations

import pytest

from micro.service.registry.words import WORD_CHARACTERS_MAX, last_word, words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Say.HelloWorld", ["say", "hello", "world"]),
        ("HTTPServer2", ["http", "server2"]),
        ("image-resize_fast", ["image", "resize", "fast"]),
        ("Größe Été", ["grosse", "ete"]),
        ("notes", ["note"]),
        ("bits gas", ["bit", "gas"]),
        ("cities", ["city"]),
        ("boxes", ["box"]),
        ("status address analysis bus", ["status", "address", "analysis", "bus"]),
        ("天気 予報", ["天気", "予報"]),
        ("", []),
        ("-- __ !!", []),
    ],
)
def test_text_becomes_folded_words(text: str, expected: list[str]) -> None:
    """Case, accents, humps and plurals do not matter."""
    assert words(text) == expected


def test_an_unfinished_word_keeps_its_end() -> None:
    """Whoever types `address` has typed `addres` before, and the s there is no plural."""
    assert last_word("notes Adress") == "adress"


@pytest.mark.parametrize("text", ["", " ", "--"])
def test_there_may_be_no_last_word(text: str) -> None:
    """Nothing typed is no word."""
    assert last_word(text) == ""


def test_a_word_has_a_length() -> None:
    """Nobody fills the index with one word."""
    assert [len(word) for word in words("x" * 5000)] == [WORD_CHARACTERS_MAX]
