"""The pieces of words that Whisper writes: which number is which, and how pieces become a text.

Pure.

A piece is bytes, written with one character a byte: printable ones as themselves, the others as those from U+0100 on,
in order (Radford et al., 2019, "Language Models are Unsupervised Multitask Learners", section 2.2).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

__all__ = ["Tokens"]

PRINTABLE = (*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100))


def _bytes_of_characters() -> dict[str, int]:
    found = {chr(byte): byte for byte in PRINTABLE}
    others = [byte for byte in range(256) if byte not in set(PRINTABLE)]
    return found | {chr(0x100 + place): byte for place, byte in enumerate(others)}


class Tokens:
    """The vocabulary of a model.

    Args:
        pieces: in the order of their numbers.
    """

    def __init__(self, pieces: Sequence[str]) -> None:
        self._pieces = pieces
        self._numbers = {piece: number for number, piece in enumerate(pieces) if piece.startswith("<|")}
        self._bytes = _bytes_of_characters()

    def mark(self, name: str) -> int | None:
        """Returns the number of a mark such as `notimestamps`, None where the model has none of that name."""
        return self._numbers.get(f"<|{name}|>")

    def text(self, numbers: Iterable[int]) -> str:
        """Returns what pieces say together; marks say nothing."""
        pieces = (self._pieces[number] for number in numbers if number not in self._numbers.values())
        held = bytes(self._bytes[character] for piece in pieces for character in piece if character in self._bytes)
        return held.decode("utf-8", "replace").strip()
