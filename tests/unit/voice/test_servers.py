"""Engines that are servers elsewhere: spoken to by their own protocols, and not trusted."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from wyoming.event import Event, async_read_event, async_write_event

from micro.errors import Unavailable
from micro.node.posting import post
from micro.voice.compatible import CompatibleHearing, CompatibleSpeaking, Place
from micro.voice.sound import Sound, read_wav, write_wav
from micro.voice.wyoming import WyomingHearing, WyomingSpeaking

SAID = Sound(16_000, bytes(range(256)) * 300)


async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answers as a Wyoming server does, over that project's own code: tells what it heard, speaks a text's bytes."""
    heard, language = b"", ""
    while (event := await async_read_event(reader)) is not None:
        if event.type == "transcribe":
            language = event.data.get("language", "")
        elif event.type == "audio-chunk":
            heard += event.payload or b""
        elif event.type == "audio-stop":
            said = {"text": f"{language} {heard == SAID.samples}"}
            await async_write_event(Event("transcript", said), writer)
        elif event.type == "synthesize" and event.data["text"] == "fail":
            await async_write_event(Event("error", {"text": "no such voice"}), writer)
        elif event.type == "synthesize":
            kind = {"rate": 22_050, "width": 2, "channels": 1}
            await async_write_event(Event("audio-start", kind), writer)
            await async_write_event(Event("audio-chunk", kind, event.data["text"].encode("utf-16-le")), writer)
            await async_write_event(Event("audio-stop", {}), writer)


@asynccontextmanager
async def listening(
    serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[int]:
    """Has connections served, each closed at its end, and gives the port; nothing is open afterwards."""
    serving: set[asyncio.Task[None]] = set()

    async def served(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        serving.add(task)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await serve(reader, writer)
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    server = await asyncio.start_server(served, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]
    await asyncio.gather(*serving)


@asynccontextmanager
async def wyoming() -> AsyncIterator[int]:
    """Runs such a server, and gives its port."""
    async with listening(converse) as port:
        yield port


async def test_a_wyoming_server_hears() -> None:
    """The sound comes whole, and the language with it."""
    async with wyoming() as port:
        assert await WyomingHearing("127.0.0.1", port).hear(SAID, "de") == "de True"


async def test_a_wyoming_server_speaks() -> None:
    """What it sends becomes a file, and what it complains of a fault."""
    async with wyoming() as port:
        spoken = await WyomingSpeaking("127.0.0.1", port).speak("Hello", "en")

        assert read_wav(spoken) == Sound(22_050, "Hello".encode("utf-16-le"))
        with pytest.raises(Unavailable, match="no such voice"):
            await WyomingSpeaking("127.0.0.1", port).speak("fail", "en")


@asynccontextmanager
async def answering(answer: bytes) -> AsyncIterator[tuple[int, list[bytes]]]:
    """Runs a server that takes what comes and says the same to everybody."""
    heard: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n") if answer.startswith(b"HTTP") else b""
        length = next(
            (int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0
        )
        heard.append(head + await reader.readexactly(length))
        writer.write(answer)

    async with listening(serve) as port:
        yield port, heard


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HELLO\n",
        b"[]\n",
        b'{"type": 1}\n',
        b'{"type": "transcript", "data_length": 99999999999}\n',
        b'{"type": "transcript", "data_length": -1}\n',
        b'{"type": "transcript", "data": [1]}\n',
        b'{"type": "transcript", "data_length": "x"}\n',
        b'{"type": "transcript"}\n',
        b'{"type": "transcript", "data_length": 4}\n{}',
        b"x" * 200_000,
        b'{"type": "audio-chunk", "data": {"rate": 1, "width": 2, "channels": 1}}\n',
        b'{"type": "audio-chunk", "data": {"rate": 16000, "width": 4, "channels": 1}}\n',
        b'{"type": "audio-chunk", "payload_length": 99999999}\n',
        b'{"type": "other"}\n' * 10_001,
    ],
)
async def test_a_wyoming_server_that_lies_is_unavailable(answer: bytes) -> None:
    """Whatever it says, whoever asked is told that it does not work."""
    async with answering(answer) as (port, _):
        with pytest.raises(Unavailable, match=f"127.0.0.1:{port}"):
            await WyomingHearing("127.0.0.1", port).hear(SAID, "")
        with pytest.raises(Unavailable, match=f"127.0.0.1:{port}"):
            await WyomingSpeaking("127.0.0.1", port).speak("Hello", "")


async def test_a_server_that_is_not_there_is_unavailable() -> None:
    """Neither protocol waits for it."""
    async with answering(b"") as (port, _):
        pass

    with pytest.raises(Unavailable, match="not reached"):
        await WyomingHearing("127.0.0.1", port).hear(SAID, "")
    with pytest.raises(Unavailable, match="does not answer"):
        await CompatibleHearing(Place(f"http://127.0.0.1:{port}/v1", post)).hear(SAID, "")


def http(body: bytes, status: str = "200 OK") -> bytes:
    return f"HTTP/1.1 {status}\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body


async def test_a_compatible_server_hears() -> None:
    """It is sent a form with the file, the model and the key."""
    async with answering(http(b'{"text": " Hello Ann "}')) as (port, heard):
        place = Place(f"http://127.0.0.1:{port}/v1", post, model="large", key="secret")
        assert await CompatibleHearing(place).hear(SAID, "en") == "Hello Ann"

    assert heard[0].startswith(b"POST /v1/audio/transcriptions HTTP/1.1\r\n")
    assert b"authorization: Bearer secret\r\n" in heard[0]
    assert b'name="model"\r\n\r\nlarge\r\n' in heard[0]
    assert b'name="language"\r\n\r\nen\r\n' in heard[0]
    assert write_wav(SAID) in heard[0]


async def test_a_compatible_server_speaks() -> None:
    """It is sent the text, and its sound is handed on."""
    async with answering(http(write_wav(SAID))) as (port, heard):
        place = Place(f"http://127.0.0.1:{port}/v1", post, voice="joe")
        assert await CompatibleSpeaking(place).speak("Hello", "en") == write_wav(SAID)

    asked = json.loads(heard[0].partition(b"\r\n\r\n")[2])
    assert asked == {"model": "tts-1", "voice": "joe", "input": "Hello", "response_format": "wav"}


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 nonsense\r\n\r\n",
        http(b"no json"),
        http(b"[]"),
        http(b'{"words": "Hello"}'),
        http(b'{"error": "no"}', "401 Unauthorized"),
        http(b"", "302 Found"),
        http(b"x" * 5_000_000),
    ],
)
async def test_a_compatible_server_that_lies_is_unavailable(answer: bytes) -> None:
    """Nothing it says is taken for words or sound, and nothing is followed elsewhere."""
    async with answering(answer) as (port, _):
        place = Place(f"http://127.0.0.1:{port}/v1", post)
        with pytest.raises(Unavailable):
            await CompatibleHearing(place).hear(SAID, "")
        with pytest.raises(Unavailable):
            await CompatibleSpeaking(place).speak("Hello", "")
