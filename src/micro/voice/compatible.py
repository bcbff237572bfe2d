"""The engines that ask a server which speaks as OpenAI's does: `/audio/transcriptions` and `/audio/speech`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final

from micro.errors import Unavailable
from micro.ports import Post
from micro.voice.sound import SPOKEN_BYTES_MAX, Sound, spoken_wav, write_wav

__all__ = ["CompatibleHearing", "CompatibleSpeaking", "Place"]

SECONDS_MAX: Final = 50.0
ANSWER_BYTES_MAX: Final = 65_536
HEARING_MODEL, SPEAKING_MODEL, SPEAKING_VOICE = "whisper-1", "tts-1", "alloy"


@dataclass(frozen=True)
class Place:
    """Where such a server is.

    Attributes:
        url: up to and with `/v1`.
        post: asks it.
        model: its model; "" for the usual one.
        voice: its voice; "" for the usual one.
        key: the secret it wants; "" for none.
    """

    url: str
    post: Post
    model: str = ""
    voice: str = ""
    key: str = ""

    async def asked(self, path: str, body: bytes, content_type: str, bytes_max: int) -> bytes:
        """Returns what it answers.

        Raises:
            Unavailable: it does not, or refuses.
        """
        headers = {"content-type": content_type} | ({"authorization": f"Bearer {self.key}"} if self.key else {})
        status, answer = await self.post(
            f"{self.url}{path}", body, headers, bytes_max=bytes_max, seconds_max=SECONDS_MAX
        )
        if status != 200:
            raise Unavailable(f"{self.url}{path} answers {status}: {answer[:200]!r}", id="voice")
        return answer


class _Server:
    languages: tuple[str, ...] = ()

    def __init__(self, place: Place) -> None:
        self.name = "openai"
        self._place = place

    async def prepare(self) -> None:
        """The server is there, or is not."""

    async def close(self) -> None:
        """Each question has a connection of its own."""


class CompatibleHearing(_Server):
    """An engine that hears, see `micro.voice.engine`."""

    async def hear(self, sound: Sound, language: str) -> str:
        """Returns what is said in a sound."""
        fields = {"model": self._place.model or HEARING_MODEL, "response_format": "json"}
        body, content_type = _form(fields | ({"language": language} if language else {}), write_wav(sound))
        answer = await self._place.asked("/audio/transcriptions", body, content_type, ANSWER_BYTES_MAX)
        try:
            return str(json.loads(answer)["text"]).strip()
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise Unavailable(f"{self._place.url} answers no transcript: {answer[:200]!r}", id="voice") from error


class CompatibleSpeaking(_Server):
    """An engine that speaks, see `micro.voice.engine`."""

    async def speak(self, text: str, language: str) -> bytes:
        """Returns a WAV file in which a text is read out."""
        model, voice = self._place.model or SPEAKING_MODEL, self._place.voice or SPEAKING_VOICE
        asked = {"model": model, "voice": voice, "input": text, "response_format": "wav"}
        answer = await self._place.asked(
            "/audio/speech", json.dumps(asked).encode(), "application/json", SPOKEN_BYTES_MAX
        )
        return spoken_wav(answer)


def _form(fields: dict[str, str], wav: bytes) -> tuple[bytes, str]:
    """Returns a form with a file, RFC 7578, and its content type; no field of ours has a line end in it."""
    boundary = "micro-voice-form"
    while boundary.encode() in wav:
        boundary += "-"
    parts = [f'--{boundary}\r\ncontent-disposition: form-data; name="{n}"\r\n\r\n{v}\r\n' for n, v in fields.items()]
    head = 'content-disposition: form-data; name="file"; filename="said.wav"\r\ncontent-type: audio/wav\r\n\r\n'
    text = "".join(parts) + f"--{boundary}\r\n{head}"
    return text.encode() + wav + f"\r\n--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"
