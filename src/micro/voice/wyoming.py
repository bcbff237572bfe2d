"""The engines that ask a server which speaks Wyoming, the protocol of Home Assistant's voices.

Each event is a line of JSON with a type, then as many bytes of more JSON (`data_length`) and of sound
(`payload_length`) as it says: https://github.com/OHF-Voice/wyoming.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

from micro.errors import Unavailable
from micro.voice.sound import RATE_MAX, RATE_MIN, SPOKEN_BYTES_MAX, Sound, write_wav

__all__ = ["WyomingHearing", "WyomingSpeaking"]

LINE_BYTES_MAX: Final = 65_536
DATA_BYTES_MAX: Final = 1024 * 1024
EVENTS_MAX: Final = 10_000
CHUNK_BYTES: Final = 32_768


@dataclass(frozen=True)
class Event:
    """One event.

    Attributes:
        type: its name.
        data: what it says.
        payload: sound.
    """

    type: str
    data: Mapping[str, Any]
    payload: bytes = b""

    def encode(self) -> bytes:
        """Returns it as it travels."""
        data = json.dumps(self.data).encode()
        head = {"type": self.type, "data_length": len(data), "payload_length": len(self.payload)}
        return json.dumps(head).encode() + b"\n" + data + self.payload


class _Server:
    """Where a server is, and what both engines do with it."""

    languages: tuple[str, ...] = ()

    def __init__(self, host: str, port: int) -> None:
        self.name = "wyoming"
        self._host, self._port = host, port

    async def prepare(self) -> None:
        """The server is there, or is not."""

    async def close(self) -> None:
        """Each question has a connection of its own."""

    @asynccontextmanager
    async def _asked(self, *events: Event) -> AsyncIterator[AsyncIterator[Event]]:
        """Sends events, and gives those that come back."""
        try:
            reader, writer = await asyncio.open_connection(self._host, self._port, limit=LINE_BYTES_MAX)
        except OSError as error:
            raise self._wrong(f"is not reached: {error}") from error
        try:
            for event in events:
                writer.write(event.encode())
                await writer.drain()
            yield self._events(reader)
        except (OSError, ValueError, KeyError, TypeError, AttributeError, asyncio.IncompleteReadError) as error:
            raise self._wrong(f"does not speak Wyoming as it should: {error!r}") from error
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _events(self, reader: asyncio.StreamReader) -> AsyncIterator[Event]:
        for _ in range(EVENTS_MAX):
            line = await reader.readline()
            if not line:
                raise self._wrong("ended before it had answered")
            head = json.loads(line)
            data = dict(head.get("data") or {})
            if length := int(head.get("data_length") or 0):
                data |= json.loads(await reader.readexactly(_bounded(length, DATA_BYTES_MAX)))
            payload = await reader.readexactly(_bounded(int(head.get("payload_length") or 0), SPOKEN_BYTES_MAX))
            if head["type"] == "error":
                raise self._wrong(f"says: {data.get('text')}")
            yield Event(str(head["type"]), data, payload)
        raise self._wrong(f"sent more than {EVENTS_MAX} events")

    def _wrong(self, what: str) -> Unavailable:
        return Unavailable(f"the Wyoming server at {self._host}:{self._port} {what}", id="voice")


def _bounded(length: int, most: int) -> int:
    if not 0 <= length <= most:
        raise ValueError(f"{length} bytes, at most {most}")
    return length


class WyomingHearing(_Server):
    """An engine that hears, see `micro.voice.engine`."""

    async def hear(self, sound: Sound, language: str) -> str:
        """Returns what is said in a sound."""
        kind = {"rate": sound.rate, "width": 2, "channels": 1}
        chunks = (sound.samples[at : at + CHUNK_BYTES] for at in range(0, len(sound.samples), CHUNK_BYTES))
        async with self._asked(
            Event("transcribe", {"language": language} if language else {}),
            Event("audio-start", kind),
            *(Event("audio-chunk", kind, chunk) for chunk in chunks),
            Event("audio-stop", {}),
        ) as events:
            async for event in events:
                if event.type == "transcript":
                    return str(event.data["text"]).strip()
        raise self._wrong("said nothing")


class WyomingSpeaking(_Server):
    """An engine that speaks, see `micro.voice.engine`."""

    async def speak(self, text: str, language: str) -> bytes:
        """Returns a WAV file in which a text is read out."""
        said: dict[str, Any] = {"text": text, **({"voice": {"language": language}} if language else {})}
        rate, samples = RATE_MIN, bytearray()
        async with self._asked(Event("synthesize", said)) as events:
            async for event in events:
                if event.type == "audio-stop":
                    return write_wav(Sound(rate, bytes(samples)))
                if event.type == "audio-chunk":
                    rate = int(event.data["rate"])
                    if (event.data["width"], event.data["channels"]) != (2, 1) or not RATE_MIN <= rate <= RATE_MAX:
                        raise self._wrong("sends another kind of sound than one channel of 16 bits")
                    samples += event.payload
                    _bounded(len(samples), SPOKEN_BYTES_MAX)
        raise self._wrong("said nothing")
