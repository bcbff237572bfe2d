"""The spectrum shows what is loud, when, and at which pitch."""

from __future__ import annotations

import numpy as np
import pytest

from micro.voice.spectrum import FRAMES_PER_SECOND, RATE, resampled, spectrum

PITCHES = 80


def tone(hertz: float, rate: int, seconds: float = 1.0) -> bytes:
    """Returns a tone as samples of 16 bits."""
    times = np.arange(int(rate * seconds)) / rate
    return (np.sin(2 * np.pi * hertz * times) * 16_000).astype("<i2").tobytes()


def loudest(samples: bytes, rate: int = RATE) -> int:
    """Returns at which pitch a sound is loudest in its middle."""
    return int(spectrum(resampled(samples, rate), FRAMES_PER_SECOND, PITCHES)[:, FRAMES_PER_SECOND // 2].argmax())


@pytest.mark.parametrize(("hertz", "pitch"), [(200, 5), (1_000, 26), (4_000, 62)])
def test_a_tone_is_loudest_at_its_pitch(hertz: float, pitch: int) -> None:
    """Slaney's scale: 3, 15 and 35.2 mel; the triangles stand 0.559 mel apart, up to 45.2 at 8000 Hz."""
    assert abs(loudest(tone(hertz, RATE)) - pitch) <= 1


@pytest.mark.parametrize("rate", [8_000, 22_050, 44_100, 48_000])
def test_the_rate_of_a_recording_does_not_matter(rate: int) -> None:
    """A tone has the same pitch, and lasts as long."""
    assert loudest(tone(1_000, rate), rate) == loudest(tone(1_000, RATE))
    assert abs(len(resampled(tone(1_000, rate), rate)) - RATE) <= 2


def test_what_follows_a_sound_is_silence() -> None:
    """As long as the window is; and a longer sound is cut."""
    found = spectrum(resampled(tone(440, RATE, 0.5), RATE), 100, PITCHES)

    assert found.shape == (PITCHES, 100)
    assert found.dtype == np.float32
    assert found[:, 10].max() > found[:, 90].max()
    assert spectrum(resampled(tone(440, RATE, 2.0), RATE), 100, PITCHES).shape == (PITCHES, 100)
    assert len(resampled(b"", 8_000)) == 0
