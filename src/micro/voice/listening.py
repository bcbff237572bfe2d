"""Whisper, as CTranslate2 runs it: words from sound, in the process of `micro.voice.worker`.

Only what the model needs is used of its surroundings: no decoder of films, and no hub is asked for anything.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import ctranslate2
import numpy as np

from micro.voice.spectrum import FRAMES_PER_SECOND, RATE, resampled, spectrum
from micro.voice.tokens import Tokens

__all__ = ["Listener"]

WINDOW_SECONDS: Final = 30
SHORT_SECONDS: Final = 15
AFTER_SECONDS: Final = 3.0
"""A sound that ends so long before the short window does is heard in it, at half the cost."""

SOUND_SECONDS_MIN: Final = 0.2
BEAM: Final = 5
PIECES_MAX: Final = 224
SILENT_MIN: Final = 0.6
SURE_MIN: Final = -0.5
"""From so much silence on, words less sure than that were never said: the mean logarithm of their likelihood."""

PITCHES: Final = 80
VOCABULARIES: Final = ("vocabulary.json", "vocabulary.txt")


class Listener:
    """A model that is loaded.

    Args:
        folder: of the model, as CTranslate2 converts it.
        threads: how many processors it may keep busy.
    """

    def __init__(self, folder: Path, threads: int) -> None:
        self._model = ctranslate2.models.Whisper(str(folder), device="cpu", compute_type="int8", intra_threads=threads)
        self._tokens = Tokens(_pieces(folder))
        self._pitches = getattr(self._model, "n_mels", PITCHES)
        self.hear(bytes(RATE), RATE, "")  # what is set up with the first sound is set up now

    def hear(self, samples: bytes, rate: int, language: str) -> str:
        """Returns what is said in samples of 16 bits, "" where nobody speaks."""
        sound = resampled(samples, rate)
        if len(sound) < SOUND_SECONDS_MIN * RATE:
            return ""
        is_short = len(sound) / RATE <= SHORT_SECONDS - AFTER_SECONDS
        frames = (SHORT_SECONDS if is_short else WINDOW_SECONDS) * FRAMES_PER_SECOND
        seen = ctranslate2.StorageView.from_array(spectrum(sound, frames, self._pitches)[np.newaxis])
        found = self._model.generate(
            seen,
            [self._prompt(seen, language)],
            beam_size=BEAM,
            max_length=PIECES_MAX,
            return_scores=True,
            return_no_speech_prob=True,
        )[0]
        if found.no_speech_prob > SILENT_MIN and found.scores[0] < SURE_MIN:
            return ""
        return self._tokens.text(found.sequences_ids[0])

    def _prompt(self, seen: Any, language: str) -> list[int]:
        marks = [self._tokens.mark("startoftranscript")]
        if self._model.is_multilingual:
            spoken = self._tokens.mark(language) if language else None
            if spoken is None:
                best = self._model.detect_language(seen)[0][0][0]
                spoken = self._tokens.mark(best.strip("<|>"))
            marks += [spoken, self._tokens.mark("transcribe")]
        return [mark for mark in (*marks, self._tokens.mark("notimestamps")) if mark is not None]


def _pieces(folder: Path) -> list[str]:
    for name in VOCABULARIES:
        if (folder / name).exists():
            text = (folder / name).read_text(encoding="utf-8")
            return list(json.loads(text)) if name.endswith(".json") else text.removesuffix("\n").split("\n")
    raise FileNotFoundError(f"{folder} has neither {' nor '.join(VOCABULARIES)}")
