"""Nobody takes the assistant from others: turns, streams, memory, and threads are bounded."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any, Self

import pytest

from micro.assistant import assistant as assistant_module
from micro.assistant import calling, conversation
from micro.assistant import knowledge as module
from micro.assistant.assistant import TURNS_MAX, TURNS_OF_CALLER_MAX, Assistant
from micro.assistant.calling import Event, carry_out
from micro.assistant.conversation import Conversation, Conversations, Plan
from micro.assistant.knowledge import Knowledge
from micro.assistant.lexical import LexicalEngine
from micro.assistant.offers import Offer, offers_of
from micro.assistant.said import Said
from micro.assistant.sentence import Sentence
from micro.errors import Conflict, Forbidden, TooManyRequests
from micro.service.service import Service
from micro.trust.policy import Caller
from tests.unit.assistant.places import OWNER, Clients, Town, assistant_in

ANYBODY = Caller(anonymous=True)
STRANGER = Caller(nid="b" + "c" * 55)


def ann(number: int) -> Caller:
    return Caller(user=True, account=f"ann{number}")


async def begun(assistant: Assistant, caller: Caller) -> AsyncIterator[Event]:
    """Begins a turn that stays under way."""
    turn = assistant.begin(caller, Said("weather in Oslo"))
    await anext(turn)
    return turn


async def test_one_caller_leaves_room_for_others(tmp_path: Path) -> None:
    """He is refused after a few turns; all together are bounded, and the owner has room all the same."""
    assistant = assistant_in(tmp_path, Clients())
    turns = [await begun(assistant, ANYBODY) for _ in range(TURNS_OF_CALLER_MAX)]
    with pytest.raises(TooManyRequests, match="of yours"):
        assistant.begin(ANYBODY, Said("weather"))
    turns += [await begun(assistant, ann(number)) for number in range(TURNS_OF_CALLER_MAX, TURNS_MAX)]
    with pytest.raises(TooManyRequests, match=f"{TURNS_MAX} turns"):
        assistant.begin(ann(1000), Said("weather"))
    turns.append(await begun(assistant, OWNER))

    for turn in turns:
        await turn.aclose()  # type: ignore[attr-defined]
    await (await begun(assistant, ANYBODY)).aclose()  # type: ignore[attr-defined]


class _Endless:
    """A stream that never ends by itself, and after some messages says no more."""

    def __init__(self, count: int) -> None:
        self._count = count

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *raised: object) -> None:
        self.closed = True

    async def end(self) -> None:
        """Sends nothing more."""

    async def messages(self) -> AsyncIterator[bytes]:
        for _ in range(self._count):
            yield b"1"
        await asyncio.Event().wait()


class _Streams(Clients):
    def __init__(self, stream: _Endless) -> None:
        super().__init__()
        self.stream = stream

    async def stream_raw(self, service: str, endpoint: str, body: bytes = b"", *, content_type: str = "") -> Any:
        return self.stream


def a_stream() -> Offer:
    service = Service("clock")

    @service.endpoint(idempotent=True)
    async def tick() -> AsyncIterator[int]:
        """Tell the time again and again."""
        yield 1

    return offers_of(service.describe())[0]


@pytest.mark.parametrize(("items_max", "seconds_max"), [(3, 60.0), (10, 0.0)])
async def test_a_stream_is_ended(monkeypatch: pytest.MonkeyPatch, items_max: int, seconds_max: float) -> None:
    """After so many items, or so long, and it is told that there is more."""
    monkeypatch.setattr(calling, "ITEMS_MAX", items_max)
    monkeypatch.setattr(calling, "STREAM_SECONDS_MAX", seconds_max)
    stream = _Endless(5)
    events = [event async for event in carry_out(Plan(a_stream(), {}), _Streams(stream), "en", lambda: 0.0)]

    assert sum(event["kind"] == "item" for event in events) <= 5
    assert (events[-1]["kind"], events[-1]["text"]) == ("result", "There is more; I stopped here.")
    assert stream.closed


def test_conversations_are_bounded_by_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A caller's longest silent one goes; one that weighs too much alone keeps nothing."""
    monkeypatch.setattr(conversation, "BYTES_OF_CALLER_MAX", 100)
    monkeypatch.setattr(conversation, "BYTES_MAX", 150)
    talks, offer = Conversations(), a_stream()

    def fill(caller: str, name: str, count: int) -> Conversation:
        found = talks.open(caller, name, 0.0)
        found.plan = found.last = Plan(offer, {"a": "x" * count})
        talks.settle(caller, found)
        return found

    fill("ann", "one", 40)
    fill("ann", "two", 40)
    assert len(talks) == 2
    fill("ann", "three", 40)
    assert len(talks) == 2
    fill("bob", "one", 40)
    assert len(talks) == 3
    fill("cid", "one", 40)
    assert len(talks) == 3
    large = fill("dan", "one", 200)
    assert (large.plan, large.last, large.bytes) == (None, None, 0)


class _Slow(LexicalEngine):
    """An engine that a thread is in until it is let go, and that notes when two are."""

    def __init__(self) -> None:
        super().__init__()
        self.go, self.entered = threading.Event(), threading.Event()
        self.inside = self.most = 0

    def learn(self, offers: Sequence[Offer]) -> None:
        self.inside += 1
        self.most = max(self.most, self.inside)
        self.entered.set()
        self.go.wait(10)
        super().learn(offers)
        self.inside -= 1


async def test_a_thread_is_alone_when_its_asker_is_gone() -> None:
    """The next one waits until it has ended, for engines are for one thread at a time."""
    engine = _Slow()
    knowledge = Knowledge(Town(), lambda: (engine,))
    first = asyncio.create_task(knowledge.rank(Sentence("weather in Oslo")))
    await asyncio.to_thread(engine.entered.wait, 10)
    first.cancel()
    second = asyncio.create_task(knowledge.rank(Sentence("weather in Rome")))
    for _ in range(20):
        await asyncio.sleep(0)
    engine.go.set()
    with pytest.raises(asyncio.CancelledError):
        await first

    assert (await second).candidates
    assert engine.most == 1


async def test_a_service_that_cannot_be_read_is_left_out(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The others are known all the same, and the log says which one it is."""
    read = offers_of

    def broken(description: dict[str, Any]) -> list[Offer]:
        if description["name"] == "taxi":
            raise TypeError("what is this")
        return read(description)

    monkeypatch.setattr(module, "offers_of", broken)
    offers = await Knowledge(Town(), lambda: (LexicalEngine(),)).offers()

    assert {offer.service for offer in offers} == {"weather"}
    assert "description of taxi" in caplog.text


async def test_nothing_is_loaded_before_somebody_is_there(tmp_path: Path) -> None:
    """Then it is once, for the first wish as for whoever is about to have one; another node has its own."""
    made: list[LexicalEngine] = []

    def engines() -> Sequence[LexicalEngine]:
        made.append(LexicalEngine())
        return made

    assistant = assistant_in(tmp_path, Clients(), engines=engines)
    with pytest.raises(Forbidden, match="has its own"):
        await assistant.prepare(STRANGER)
    assert not made
    await asyncio.gather(assistant.prepare(ANYBODY), assistant.prepare(OWNER))
    assert await assistant.search(OWNER, "weather in Oslo", 1)
    assert len(made) == 1


async def test_a_turn_waits_for_the_last_one_of_its_conversation(tmp_path: Path) -> None:
    """Whoever left the last one, or cannot wait, is answered when it is over."""
    assistant = assistant_in(tmp_path, Clients())
    first = assistant.begin(OWNER, Said("weather in Oslo"), "talk")
    await anext(first)
    second = asyncio.ensure_future(_all_of(assistant.begin(OWNER, Said("why"), "talk")))
    await asyncio.sleep(0)
    assert not second.done()

    await first.aclose()  # type: ignore[attr-defined]

    assert [event["kind"] for event in await second] == ["heard", "told", "turn"]


async def test_a_turn_that_never_ends_is_not_waited_for_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is a conflict in the end, and leaves the turn under way as it is."""
    monkeypatch.setattr(assistant_module, "ENDING_SECONDS_MAX", 0.0)
    assistant = assistant_in(tmp_path, Clients())
    first = assistant.begin(OWNER, Said("weather forecast of the city Oslo"), "talk")
    await anext(first)

    with pytest.raises(Conflict):
        await _all_of(assistant.begin(OWNER, Said("why"), "talk"))

    assert [event["kind"] async for event in first][-1] == "turn"


async def _all_of(turn: AsyncIterator[Event]) -> list[Event]:
    return [event async for event in turn]
