"""Pieces of words become the text that they spell."""

from __future__ import annotations

from micro.voice.tokens import Tokens

PIECES = ["ĠHello", "Ġw", "orld", "<|endoftext|>", "<|en|>", "Ã", "¼", "Ġ", "ðŁĺ"]


def test_pieces_are_bytes() -> None:
    """A letter may be in two pieces, and half a letter is shown as such."""
    tokens = Tokens(PIECES)

    assert tokens.text([0, 1, 2]) == "Hello world"
    assert tokens.text([7, 5, 6]) == "ü"
    assert tokens.text([5]) == "\ufffd"
    assert tokens.text([8]) == "\ufffd"


def test_marks_say_nothing() -> None:
    """They are known by their names."""
    tokens = Tokens(PIECES)

    assert tokens.text([4, 0, 3]) == "Hello"
    assert tokens.mark("en") == 4
    assert tokens.mark("de") is None
