"""Sound as it travels: a recording of somebody who speaks, in a WAV file.

Pure.
"""

from __future__ import annotations

import io
import wave
from dataclasses import dataclass
from typing import Final

from micro.errors import BadRequest, TooLarge, Unavailable

__all__ = [
    "RATE_MAX",
    "RATE_MIN",
    "SECONDS_MAX",
    "SPOKEN_BYTES_MAX",
    "WAV_BYTES_MAX",
    "Sound",
    "read_wav",
    "spoken_wav",
    "write_wav",
]

SECONDS_MAX: Final = 30.0
"""So much is heard at once; Whisper's window is as long (Radford et al., 2022, arXiv:2212.04356)."""

RATE_MIN: Final = 8_000
RATE_MAX: Final = 48_000
SAMPLE_BYTES: Final = 2
WAV_BYTES_MAX: Final = int(SECONDS_MAX) * RATE_MAX * SAMPLE_BYTES + 4096
"""A recording of that length at the highest rate, with what stands before it."""

SPOKEN_BYTES_MAX: Final = 4 * 1024 * 1024 - 65_536
"""What an engine may answer when it reads a text out: as much as one message holds, a minute and a half of most."""


@dataclass(frozen=True, slots=True)
class Sound:
    """One channel of sound.

    Attributes:
        rate: samples a second.
        samples: whole numbers of 16 bits, the lower byte first.
    """

    rate: int
    samples: bytes

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return len(self.samples) / SAMPLE_BYTES / self.rate


def read_wav(data: bytes) -> Sound:
    """Reads a recording.

    Raises:
        BadRequest: it is no WAV file, or one of another kind.
        TooLarge: it is too long.
    """
    if len(data) > WAV_BYTES_MAX:
        raise TooLarge(f"audio: at most {WAV_BYTES_MAX} bytes are heard at once, got {len(data)}")
    sound = Sound(*_opened(data))
    if sound.seconds > SECONDS_MAX:
        raise TooLarge(f"audio: at most {SECONDS_MAX:g} s are heard at once, got {sound.seconds:.1f} s")
    return sound


def _opened(data: bytes) -> tuple[int, bytes]:
    """Returns the rate and the samples of a WAV file."""
    try:
        with wave.open(io.BytesIO(data)) as file:
            kind = (file.getnchannels(), file.getsampwidth())
            rate, samples = file.getframerate(), file.readframes(len(data))
    except (wave.Error, EOFError, RuntimeError) as error:  # the last where a length leads behind the end
        raise BadRequest(f"audio: expected a WAV file: {str(error) or 'it ends too early'}", id="voice") from error
    if kind != (1, SAMPLE_BYTES) or not RATE_MIN <= rate <= RATE_MAX:
        raise BadRequest(
            f"audio: expected one channel of 16 bits at {RATE_MIN} to {RATE_MAX} Hz, such as 16000, "
            f"got {kind[0]} of {8 * kind[1]} bits at {rate} Hz",
            id="voice",
        )
    return rate, samples[: len(samples) // SAMPLE_BYTES * SAMPLE_BYTES]


def write_wav(sound: Sound) -> bytes:
    """Returns sound as a WAV file."""
    held = io.BytesIO()
    with wave.open(held, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(SAMPLE_BYTES)
        file.setframerate(sound.rate)
        file.writeframes(sound.samples)
    return held.getvalue()


def spoken_wav(data: bytes) -> bytes:
    """Returns a WAV file of an engine's whose head tells the truth of its length, which who writes to a pipe cannot.

    Raises:
        Unavailable: it is no WAV file of one channel of 16 bits.
    """
    try:
        rate, samples = _opened(data)
    except BadRequest as error:
        raise Unavailable(f"what speaks gave no sound: {error.detail}", id="voice") from error
    return write_wav(Sound(rate, samples))
