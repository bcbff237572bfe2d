"""A node's voice: what was said to it in words, and words read out."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, Generic, TypeVar

from micro.errors import BadRequest, Forbidden, NotFound, TooManyRequests, Unavailable
from micro.trust.policy import Caller
from micro.voice.engine import Engine, Hearing, Speaking
from micro.voice.sound import read_wav

__all__ = ["Voice"]

WAITING_MAX: Final = 8
"""Of all callers but the owner, who has as many of his own."""

WAITING_OF_CALLER_MAX: Final = 2
SECONDS_MAX: Final = 60.0
"""How long an engine may take for one thing; then it is closed, and opened again for the next."""

IDLE_SECONDS: Final = 600.0
"""An engine nobody needs for so long gives its memory back."""

TEXT_CHARACTERS_MAX: Final = 600
LANGUAGE_CHARACTERS_MAX: Final = 8
TO_HEAR: Final = "`pip install 'micro-network[voice]'`, in a checkout `make voice`, or set `voice_hearing`"
TO_SPEAK: Final = (
    "install espeak-ng with your system's packages, or `pip install 'micro-network[piper]'`, in a checkout "
    "`make voice`, or set `voice_speaking`"
)

Answer = TypeVar("Answer")
Loaded = TypeVar("Loaded", bound=Engine)


class Voice:
    """Hears and speaks for whoever may ask, one at a time.

    Args:
        hearing, speaking: the engines; for a language the first one that knows it.
    """

    def __init__(self, hearing: Sequence[Hearing], speaking: Sequence[Speaking]) -> None:
        self._hearing = [_Turns(engine) for engine in hearing]
        self._speaking = [_Turns(engine) for engine in speaking]
        self._waiting: Counter[str] = Counter()

    def status(self) -> dict[str, Any]:
        """Returns what it can do: its engines, each with its languages, and what would add to them."""
        return {
            "hearing": [_told(turns) for turns in self._hearing],
            "speaking": [_told(turns) for turns in self._speaking],
            "remedies": [*([] if self._hearing else [TO_HEAR]), *([] if self._speaking else [TO_SPEAK])],
        }

    async def prepare(self, caller: Caller, language: str = "") -> None:
        """Loads what will be needed, while somebody still speaks; does nothing where nothing can be loaded."""
        wanted = _language(language)
        found = (_for_language(self._hearing, wanted), _for_language(self._speaking, wanted))
        async with self._place(caller):
            await asyncio.gather(*(turns.take(turns.engine.prepare) for turns in found if turns is not None))

    async def hear(self, caller: Caller, audio: bytes, language: str = "") -> str:
        """Returns what is said in a WAV file, "" where nobody speaks.

        Raises:
            Fault: 400 or 413 where it has the wrong form, 403 for another node, 404 where nothing here hears, 429 while
                too many wait, 503 where the engine fails.
        """
        sound, wanted = read_wav(audio), _language(language)
        turns = _for_language(self._hearing, wanted)
        if turns is None:
            raise NotFound(_lacking("hears", self._hearing, wanted, TO_HEAR), id="voice")
        async with self._place(caller):
            return _unwritten(await turns.take(lambda: turns.engine.hear(sound, wanted)))

    async def speak(self, caller: Caller, text: str, language: str = "") -> bytes:
        """Returns a WAV file in which a text is read out; raises as `hear`."""
        words, wanted = " ".join(text.split()), _language(language)
        if not words or len(text) > TEXT_CHARACTERS_MAX:
            raise BadRequest(f"text: expected 1 to {TEXT_CHARACTERS_MAX} characters, got {len(text)}", id="voice")
        turns = _for_language(self._speaking, wanted)
        if turns is None:
            raise NotFound(_lacking("speaks", self._speaking, wanted, TO_SPEAK), id="voice")
        async with self._place(caller):
            return await turns.take(lambda: turns.engine.speak(words, wanted))

    @asynccontextmanager
    async def _place(self, caller: Caller) -> AsyncIterator[None]:
        """Counts who waits, and turns away whom there is no room for."""
        if caller.peer:
            raise Forbidden(f"the voice of this node does not work for {caller}; it has its own", id="voice")
        key = "owner" if caller.unlimited else f"{caller.kind} {caller}"
        others = self._waiting.total() - self._waiting["owner"]
        full = self._waiting[key] >= WAITING_MAX if caller.unlimited else others >= WAITING_MAX
        if full or (not caller.unlimited and self._waiting[key] >= WAITING_OF_CALLER_MAX):
            raise TooManyRequests("others are being heard; try again in a moment", id="voice")
        self._waiting[key] += 1
        try:
            yield
        finally:
            self._waiting[key] -= 1
            if not self._waiting[key]:
                del self._waiting[key]

    async def close(self) -> None:
        """Ends all engines."""
        for hearing in self._hearing:
            await hearing.close()
        for speaking in self._speaking:
            await speaking.close()


class _Turns(Generic[Loaded]):
    """One thing at a time for an engine, which is closed when it fails, and when nobody needs it for long."""

    def __init__(self, engine: Loaded) -> None:
        self.engine = engine
        self._lock = asyncio.Lock()
        self._idle: asyncio.TimerHandle | None = None
        self._resting: asyncio.Task[None] | None = None

    async def take(self, work: Callable[[], Awaitable[Answer]]) -> Answer:
        async with self._lock:
            if self._idle is not None:
                self._idle.cancel()
            well = False
            try:
                async with asyncio.timeout(SECONDS_MAX):
                    answer = await work()
                well = True
                return answer
            except TimeoutError as error:
                raise Unavailable(
                    f"{self.engine.name} did not answer within {SECONDS_MAX:g} s; try again", id="voice"
                ) from error
            finally:
                if not well:  # what it was at is nobody's any more, and its answer must not become the next one's
                    await self.engine.close()
                self._idle = asyncio.get_running_loop().call_later(IDLE_SECONDS, self._rest)

    def _rest(self) -> None:
        self._resting = asyncio.get_running_loop().create_task(self._end())

    async def _end(self) -> None:
        async with self._lock:
            await self.engine.close()

    async def close(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
        await self.engine.close()


def _for_language(known: Sequence[_Turns[Loaded]], language: str) -> _Turns[Loaded] | None:
    """Returns the first engine that knows a language, or does not say which ones it knows."""
    return next(
        (turns for turns in known if not (language and turns.engine.languages) or language in turns.engine.languages),
        None,
    )


def _lacking(does: str, known: Sequence[_Turns[Any]], language: str, remedy: str) -> str:
    """Says that there is no engine, or none for a language."""
    if not known:
        return f"nothing here {does}: {remedy}"
    languages = ", ".join(sorted({one for turns in known for one in turns.engine.languages}))
    return (
        f"nothing here {does} {language}, but {languages}; the settings voice_hearing and voice_speaking may add to it"
    )


def _unwritten(text: str) -> str:
    """Returns a text without the full stop that engines write and nobody says: `two`, where a number is asked for."""
    last = text.rpartition(" ")[2]
    return text[:-1] if last.endswith(".") and "." not in last[:-1] else text


def _told(turns: _Turns[Any]) -> dict[str, Any]:
    return {"engine": turns.engine.name, "languages": list(turns.engine.languages)}


def _language(language: str) -> str:
    """Returns the code of a language without its region, such as `en` for `en-GB`."""
    code = language.strip().replace("_", "-").partition("-")[0].lower()
    if language.strip() and (len(code) > LANGUAGE_CHARACTERS_MAX or not (code.isascii() and code.isalpha())):
        raise BadRequest("language: expected a code such as en", id="voice")
    return code
