"""The service `voice`: hears what is said to the node, and reads out what it answers."""

from __future__ import annotations

from typing import Any

from micro.service.context import Context
from micro.service.service import Service
from micro.voice.voice import Voice

__all__ = ["voice_service"]


class VoiceControl:
    """The endpoints."""

    def __init__(self, voice: Voice) -> None:
        self._voice = voice

    async def status(self) -> dict[str, Any]:
        """Says what hears and speaks here, in which languages, and what to install where something lacks."""
        return self._voice.status()

    async def prepare(self, context: Context, language: str = "") -> dict[str, Any]:
        """Loads what hears and speaks, so that the first sentence is not kept waiting.

        Args:
            language: that will be spoken, such as en; empty where it is not known.
        """
        await self._voice.prepare(context.caller, language)
        return self._voice.status()

    async def hear(self, audio: bytes, context: Context, language: str = "") -> dict[str, Any]:
        """Returns what somebody says, as text; it is empty where nobody speaks.

        Args:
            audio: a WAV file of one channel of 16 bits, at most 30 seconds long.
            language: that is spoken, such as en; empty where it is not known.
        """
        return {"text": await self._voice.hear(context.caller, audio, language)}

    async def say(self, text: str, context: Context, language: str = "") -> bytes:
        """Reads a text out; returns a WAV file.

        Args:
            text: at most 600 characters.
            language: that it is in, such as en; empty where it is not known.
        """
        return await self._voice.speak(context.caller, text, language)


def voice_service(voice: Voice) -> Service:
    """Returns the service."""
    endpoints = VoiceControl(voice)
    service = Service("voice", description="Hears what you say, and reads answers out.", platform=True)
    service.add("Voice.Status", endpoints.status, idempotent=True)
    service.add("Voice.Prepare", endpoints.prepare, idempotent=True)
    service.add("Voice.Hear", endpoints.hear, idempotent=True)
    service.add("Voice.Say", endpoints.say, idempotent=True)
    return service
