"""The engine that speaks with piper: its own program, beside the node, one process for each text.

Piper is under the GPL, so no line of it is loaded here: its command is run. A process is ready before it is needed,
with its voice loaded, and ends with the text it has read out.
"""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path

from micro.errors import Unavailable
from micro.voice.program import Program
from micro.voice.sound import SPOKEN_BYTES_MAX, spoken_wav

__all__ = ["Piper"]


class Piper:
    """An engine, see `micro.voice.engine`.

    Args:
        voice: the file of its voice, called after its language as piper's are, such as `en_US-joe-medium.onnx`.
    """

    def __init__(self, voice: Path) -> None:
        language = voice.name.partition("_")[0].lower()
        self.name = "piper"
        self.languages: tuple[str, ...] = (language,) if len(language) in (2, 3) else ()
        self._command = (sys.executable, "-P", "-m", "piper", "--model", str(voice), "--output-file", "-")
        self._ready: Program | None = None

    async def prepare(self) -> None:
        """Has a process ready for the next text."""
        if self._ready is None or not self._ready.runs:
            self._ready = await Program.start(self._command, self.name)

    async def speak(self, text: str, language: str) -> bytes:
        """Returns a WAV file in which a text is read out."""
        await self.prepare()
        program, self._ready = self._ready, None
        assert program is not None
        try:
            await program.write(f"{text}\n".encode(), last=True)
            spoken = await program.read_all(SPOKEN_BYTES_MAX)
        finally:
            await program.end()
        with contextlib.suppress(Unavailable):  # the next text will tell, if there is one
            await self.prepare()
        return spoken_wav(spoken)

    async def close(self) -> None:
        """Ends the process that is ready."""
        program, self._ready = self._ready, None
        if program is not None:
            await program.end()
