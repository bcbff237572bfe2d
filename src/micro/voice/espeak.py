"""The engine that speaks with espeak-ng: its own program, beside the node, in a hundred languages.

It is under the GPL, so it is run and never loaded. It starts within a hundredth of a second, and needs no preparation.
"""

from __future__ import annotations

from pathlib import Path

from micro.voice.program import Program
from micro.voice.sound import SPOKEN_BYTES_MAX, spoken_wav

__all__ = ["Espeak"]

USUAL_LANGUAGE = "en"


class Espeak:
    """An engine, see `micro.voice.engine`.

    Args:
        program: where it is.
    """

    def __init__(self, program: Path) -> None:
        self.name = "espeak-ng"
        self.languages: tuple[str, ...] = ()
        self._program = program

    async def prepare(self) -> None:
        """Nothing is to be loaded."""

    async def speak(self, text: str, language: str) -> bytes:
        """Returns a WAV file in which a text is read out."""
        words = (str(self._program), "--stdin", "--stdout", "-v", language or USUAL_LANGUAGE)
        program = await Program.start(words, self.name)
        try:
            await program.write(text.encode(), last=True)
            return spoken_wav(await program.read_all(SPOKEN_BYTES_MAX))
        finally:
            await program.end()

    async def close(self) -> None:
        """Nothing was loaded."""
