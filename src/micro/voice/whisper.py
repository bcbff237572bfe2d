"""The engine that hears by itself: Whisper, in a process beside the node, so that the node never waits for it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, Final

from micro.errors import Unavailable
from micro.voice.program import Program
from micro.voice.sound import Sound
from micro.voice.worker import HEAD, framed

__all__ = ["Whisper"]

ANSWER_BYTES_MAX: Final = 65_536


class Whisper:
    """An engine, see `micro.voice.engine`.

    Args:
        folder: of its model.
        languages: it understands; none where the model tells them apart by itself.
        threads: how many processors it may keep busy.
    """

    def __init__(self, folder: Path, languages: tuple[str, ...], threads: int) -> None:
        self.name = "whisper"
        self.languages = languages
        self._folder = folder
        self._threads = threads
        self._program: Program | None = None

    async def prepare(self) -> None:
        """Starts the process, and waits until its model is loaded."""
        if self._program is not None and self._program.runs:
            return
        words = ("-P", "-m", "micro.voice.worker", str(self._folder), str(self._threads))
        self._program = await Program.start((sys.executable, *words), self.name)
        await self._answer(self._program)

    async def hear(self, sound: Sound, language: str) -> str:
        """Returns what is said in a sound, "" where nobody speaks."""
        await self.prepare()
        assert self._program is not None
        asked = json.dumps({"rate": sound.rate, "language": language}).encode()
        await self._program.write(framed(b"q", asked) + framed(b"s", sound.samples))
        return str((await self._answer(self._program))["text"])

    async def _answer(self, program: Program) -> dict[str, Any]:
        length, kind = HEAD.unpack(await program.read(HEAD.size))
        if length > ANSWER_BYTES_MAX:
            raise Unavailable(f"{self.name} answered more than {ANSWER_BYTES_MAX} bytes", id="voice")
        found: dict[str, Any] = json.loads(await program.read(length))
        if kind == b"f":
            raise Unavailable(f"{self.name}: {found['detail']}", id="voice")
        return found

    async def close(self) -> None:
        """Ends the process."""
        program, self._program = self._program, None
        if program is not None:
            await program.end()
