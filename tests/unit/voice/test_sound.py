"""Recordings are read as they are meant, and others refused with a reason."""

from __future__ import annotations

import contextlib
import io
import wave

import pytest
from hypothesis import given
from hypothesis import strategies as st

from micro.errors import BadRequest, TooLarge, Unavailable
from micro.voice.sound import SECONDS_MAX, WAV_BYTES_MAX, Sound, read_wav, spoken_wav, write_wav


def wav(channels: int = 1, width: int = 2, rate: int = 16_000, samples: bytes = bytes(320)) -> bytes:
    held = io.BytesIO()
    with wave.open(held, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(samples)
    return held.getvalue()


@given(st.integers(8_000, 48_000), st.binary(max_size=400))
def test_what_is_written_is_read(rate: int, samples: bytes) -> None:
    """With half a sample left out."""
    sound = Sound(rate, samples[: len(samples) // 2 * 2])

    assert read_wav(write_wav(sound)) == sound


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "ends too early"),
        (b"RIFF", "ends too early"),
        (b"OggS" + bytes(100), "RIFF"),
        (wav(channels=2), "2 of 16 bits"),
        (wav(width=1), "1 of 8 bits"),
        (wav(rate=4_000), "4000 Hz"),
        (wav(rate=96_000), "96000 Hz"),
    ],
)
def test_another_kind_of_sound_is_refused(data: bytes, reason: str) -> None:
    """The detail says what came."""
    with pytest.raises(BadRequest, match=reason):
        read_wav(data)


def test_what_is_too_long_is_refused() -> None:
    """By its bytes before it is read, and by how long it lasts."""
    seconds = int(SECONDS_MAX) + 1

    with pytest.raises(TooLarge, match=r"31\.0 s"):
        read_wav(wav(samples=bytes(16_000 * 2 * seconds)))
    with pytest.raises(TooLarge, match="bytes"):
        read_wav(bytes(WAV_BYTES_MAX + 1))


@given(st.binary(max_size=200))
def test_no_bytes_do_more_than_be_refused(junk: bytes) -> None:
    """Behind a good beginning, too."""
    for data in (junk, wav()[:44] + junk, wav()[:20] + junk):
        with contextlib.suppress(BadRequest, TooLarge):
            read_wav(data)


def test_a_length_that_was_not_known_is_mended() -> None:
    """Who writes to a pipe says that the file is as long as can be."""
    lies = bytearray(wav(samples=bytes(range(100))))
    lies[40:44] = (0x7FFFF000).to_bytes(4, "little")

    assert read_wav(spoken_wav(bytes(lies))).samples == bytes(range(100))


def test_what_an_engine_gives_that_is_no_sound_is_its_fault() -> None:
    """Whoever asked did nothing wrong."""
    with pytest.raises(Unavailable, match="gave no sound"):
        spoken_wav(b"no such voice")
