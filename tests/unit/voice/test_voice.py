"""One thing at a time is done, for as many as there is room for."""

from __future__ import annotations

import asyncio

import pytest

from micro.errors import BadRequest, Forbidden, NotFound, TooManyRequests, Unavailable
from micro.trust.policy import Caller
from micro.voice.sound import Sound, write_wav
from micro.voice.voice import TEXT_CHARACTERS_MAX, WAITING_MAX, WAITING_OF_CALLER_MAX, Voice

OWNER = Caller(owner=True)
SAID = write_wav(Sound(16_000, bytes(3_200)))


class Room:
    """An engine that does one thing after another, when it is let."""

    def __init__(self, *languages: str) -> None:
        self.name = "room"
        self.languages = languages
        self.go = asyncio.Event()
        self.go.set()
        self.busy = self.closed = 0
        self.fails = False
        self.heard: str | None = None

    async def prepare(self) -> None:
        """Is ready."""

    async def hear(self, sound: Sound, language: str) -> str:
        self.busy += 1
        assert self.busy == 1, "two things at once"
        try:
            await self.go.wait()
            if self.fails:
                raise Unavailable("it broke")
            return f"{language} {sound.seconds}" if self.heard is None else self.heard
        finally:
            self.busy -= 1

    async def speak(self, text: str, language: str) -> bytes:
        return f"{language} {text}".encode()

    async def close(self) -> None:
        self.closed += 1


async def test_sound_becomes_words_and_words_become_sound() -> None:
    """In the language without its region."""
    voice = Voice([Room()], [Room()])

    assert await voice.hear(OWNER, SAID, "en-GB") == "en 0.1"
    assert await voice.speak(OWNER, " Hello\n  Ann ", "de_AT") == b"de Hello Ann"


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("Two.", "Two"),
        ("Hello. Ann.", "Hello. Ann"),
        ("At 5 p.m.", "At 5 p.m."),
        ("Why?", "Why?"),
        ("...", "..."),
        ("", ""),
    ],
)
async def test_a_full_stop_is_not_said(written: str, said: str) -> None:
    """What is heard may be a number, or a name."""
    room = Room()
    room.heard = written

    assert await Voice([room], []).hear(OWNER, SAID) == said


async def test_the_first_engine_that_knows_a_language_is_taken() -> None:
    """One that says nothing of languages knows all."""
    voice = Voice([Room("en")], [Room("en"), Room()])

    assert await voice.hear(OWNER, SAID, "") == " 0.1"
    assert await voice.speak(OWNER, "Guten Tag", "de") == b"de Guten Tag"
    with pytest.raises(NotFound, match="nothing here hears de, but en"):
        await voice.hear(OWNER, SAID, "de")


async def test_what_is_not_there_says_what_to_install() -> None:
    """In the refusal and in the status."""
    voice = Voice([], [])

    with pytest.raises(NotFound, match="nothing here hears: `pip install"):
        await voice.hear(OWNER, SAID)
    with pytest.raises(NotFound, match="nothing here speaks: install espeak-ng"):
        await voice.speak(OWNER, "Hello")
    await voice.prepare(OWNER, "en")
    assert [one.count("`make voice`") for one in voice.status()["remedies"]] == [1, 1]


@pytest.mark.parametrize("text", ["", " \n", "a" * (TEXT_CHARACTERS_MAX + 1)])
async def test_a_text_is_neither_nothing_nor_a_book(text: str) -> None:
    """It is refused before an engine is asked."""
    with pytest.raises(BadRequest, match="text: expected"):
        await Voice([], [Room()]).speak(OWNER, text)


@pytest.mark.parametrize("language", ["e1", "../..", "-v", "nn nn", "x" * 9, "ü"])
async def test_a_language_is_a_code(language: str) -> None:
    """Nothing else becomes a word of a command."""
    with pytest.raises(BadRequest, match="language"):
        await Voice([], [Room()]).speak(OWNER, "Hello", language)


async def test_another_node_has_a_voice_of_its_own() -> None:
    """It cannot keep this machine's processors busy."""
    with pytest.raises(Forbidden, match="its own"):
        await Voice([Room()], []).hear(Caller("a" * 56), SAID)


async def test_whoever_finds_no_room_is_turned_away() -> None:
    """Two of one caller wait, a few of all others, and none of them takes the owner's places."""
    room = Room()
    voice = Voice([room], [])
    room.go.clear()
    callers = [Caller(account=f"ann-{number}", user=True) for number in range(WAITING_MAX)]
    waiting = [asyncio.ensure_future(voice.hear(callers[0], SAID)) for _ in range(WAITING_OF_CALLER_MAX)]
    await asyncio.sleep(0)
    with pytest.raises(TooManyRequests):
        await voice.hear(callers[0], SAID)
    waiting += [asyncio.ensure_future(voice.hear(caller, SAID)) for caller in callers[WAITING_OF_CALLER_MAX:]]
    await asyncio.sleep(0)
    with pytest.raises(TooManyRequests):
        await voice.hear(callers[1], SAID)
    waiting += [asyncio.ensure_future(voice.hear(OWNER, SAID)) for _ in range(WAITING_MAX)]
    await asyncio.sleep(0)
    with pytest.raises(TooManyRequests):
        await voice.hear(OWNER, SAID)

    room.go.set()

    assert set(await asyncio.gather(*waiting)) == {" 0.1"}
    assert await voice.hear(callers[0], SAID) == " 0.1"


@pytest.mark.parametrize("ends", ["fails", "is given up"])
async def test_an_engine_whose_work_did_not_end_well_begins_anew(ends: str) -> None:
    """Its late answer never becomes the next one's."""
    room = Room()
    voice = Voice([room], [])
    room.go.clear()
    room.fails = ends == "fails"
    working = asyncio.ensure_future(voice.hear(OWNER, SAID))
    await asyncio.sleep(0)
    if room.fails:
        room.go.set()
    else:
        working.cancel()

    with pytest.raises(Unavailable if room.fails else asyncio.CancelledError):
        await working

    assert room.closed == 1
    room.fails = False
    room.go.set()
    assert await voice.hear(OWNER, SAID) == " 0.1"
