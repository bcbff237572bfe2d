"""What an engine of voice can do: hear, or speak.

An engine is opened when somebody first needs it, and one thing at a time is asked of it.
"""

from __future__ import annotations

from typing import Protocol

from micro.voice.sound import Sound

__all__ = ["Engine", "Hearing", "Speaking"]


class Engine(Protocol):
    """What both can do.

    Attributes:
        name: what it is, in a word.
        languages: codes such as `en` of those it knows; none where it does not say.
    """

    name: str
    languages: tuple[str, ...]

    async def prepare(self) -> None:
        """Loads what it needs, so that the first sentence is not kept waiting.

        Raises:
            Unavailable: it does not come up; the detail says why.
        """

    async def close(self) -> None:
        """Lets go of what it has loaded; it is loaded again when needed."""


class Hearing(Engine, Protocol):
    """Turns sound into words."""

    async def hear(self, sound: Sound, language: str) -> str:
        """Returns what is said in a sound, "" where nobody speaks; `language` is "" where it is not known.

        Raises:
            Fault: it does not answer, or not with words.
        """


class Speaking(Engine, Protocol):
    """Turns words into sound."""

    async def speak(self, text: str, language: str) -> bytes:
        """Returns a WAV file in which a text is read out.

        Raises:
            Fault: it does not answer, or not with sound.
        """
