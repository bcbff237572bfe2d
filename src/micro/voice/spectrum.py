"""What Whisper hears of a sound: how loud it is at 80 pitches, a hundred times a second.

The pitches stand on Slaney's mel scale, and the loudness is its logarithm, as the model was trained with (Radford et
al., 2022, arXiv:2212.04356, section 2.2).
"""

from __future__ import annotations

from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["FRAMES_PER_SECOND", "RATE", "resampled", "spectrum"]

RATE: Final = 16_000
"""Samples a second."""

WINDOW: Final = 400
STEP: Final = 160
FRAMES_PER_SECOND: Final = RATE // STEP
QUIETEST: Final = 1e-10
DEPTH: Final = 8.0
"""Powers of ten below the loudest that are told apart."""

LINEAR_HERTZ: Final = 200 / 3
"""Below 1000 Hz the scale is linear: so many hertz a mel."""

BREAK_HERTZ, BREAK_MEL = 1000.0, 15.0
OCTAVE: Final = float(np.log(6.4) / 27)

Floats = NDArray[np.float32]


def resampled(samples: bytes, rate: int) -> Floats:
    """Returns samples of 16 bits as numbers from -1 to 1, at the rate that Whisper hears."""
    found = np.frombuffer(samples, dtype="<i2").astype(np.float32) / np.float32(32768)
    if rate == RATE or not len(found):
        return found
    places = np.arange(0, len(found) - 1, rate / RATE)
    between: Floats = np.interp(places, np.arange(len(found)), found).astype(np.float32)
    return between


def spectrum(sound: Floats, frames: int, pitches: int) -> Floats:
    """Returns a row for each pitch, of so many frames; a shorter sound is followed by silence."""
    padded = np.zeros(frames * STEP, dtype=np.float32)
    count = min(len(sound), len(padded))
    padded[:count] = sound[:count]
    padded = np.pad(padded, WINDOW // 2, mode="reflect")
    window = np.hanning(WINDOW + 1)[:-1].astype(np.float32)
    pieces = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::STEP][:frames] * window
    power = np.abs(np.fft.rfft(pieces, axis=1)) ** 2
    loudness = np.log10(np.maximum(_filters(pitches) @ power.T, QUIETEST))
    loudness = np.maximum(loudness, loudness.max() - DEPTH)
    return np.ascontiguousarray((loudness + 4) / 4, dtype=np.float32)


@cache
def _filters(pitches: int) -> Floats:
    """Returns how much each frequency counts for each pitch: triangles of the same area."""
    frequencies = np.fft.rfftfreq(WINDOW, 1 / RATE)
    corners = _hertz(np.linspace(0.0, _mel(RATE / 2), pitches + 2))
    widths = np.diff(corners)
    slopes = corners[:, None] - frequencies[None]
    triangles = np.maximum(0, np.minimum(-slopes[:-2] / widths[:-1, None], slopes[2:] / widths[1:, None]))
    return (triangles * (2 / (corners[2:] - corners[:-2]))[:, None]).astype(np.float32)


def _mel(hertz: float) -> float:
    return BREAK_MEL + float(np.log(hertz / BREAK_HERTZ)) / OCTAVE


def _hertz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(mel >= BREAK_MEL, BREAK_HERTZ * np.exp(OCTAVE * (mel - BREAK_MEL)), mel * LINEAR_HERTZ)
