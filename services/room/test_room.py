"""People in a room hear each other, and nobody else does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from types import ModuleType
from typing import Any

import pytest

from micro.errors import BadRequest, Cancelled, Conflict, TooManyRequests

WAIT_SECONDS = 10.0


class Mouth:
    """What a caller sends on its stream."""

    def __init__(self) -> None:
        self._said: asyncio.Queue[Any] = asyncio.Queue()

    def say(self, *texts: str) -> None:
        for text in texts:
            self._said.put_nowait(text)

    def stop(self, error: Exception | None = None) -> None:
        self._said.put_nowait(error)

    async def __aiter__(self) -> AsyncIterator[str]:
        while True:
            said = await self._said.get()
            if isinstance(said, Exception):
                raise said
            if said is None:
                return
            yield said


@pytest.fixture(autouse=True)
def fresh(main: ModuleType) -> None:
    """Every test begins without rooms."""
    main.rooms.rooms.clear()


async def heard(messages: AsyncIterator[Any], count: int) -> list[tuple[str, str, str]]:
    async with asyncio.timeout(WAIT_SECONDS):
        found = [await anext(messages) for _ in range(count)]
    return [(message.kind, message.name, message.text) for message in found]


async def rest(messages: AsyncIterator[Any]) -> list[str]:
    async with asyncio.timeout(WAIT_SECONDS):
        return [message.kind async for message in messages]


async def test_all_in_a_room_hear_what_is_said(main: ModuleType) -> None:
    """Who said it, too."""
    ann, bob = Mouth(), Mouth()
    anns, bobs = main.join(ann, "tea", "Ann"), main.join(bob, "tea", "Bob")
    await heard(anns, 1)
    await heard(bobs, 1)
    ann.say("Hello!")

    assert await heard(bobs, 1) == [("said", "Ann", "Hello!")]
    assert await heard(anns, 2) == [("joined", "Bob", ""), ("said", "Ann", "Hello!")]


async def test_nobody_else_hears_it(main: ModuleType) -> None:
    """Rooms have walls."""
    ann, bob = Mouth(), Mouth()
    anns, bobs = main.join(ann, "tea", "Ann"), main.join(bob, "coffee", "Bob")
    await heard(anns, 1)
    await heard(bobs, 1)
    ann.say("Hello!")
    await heard(anns, 1)
    bob.stop()

    assert await rest(bobs) == []


async def test_who_stops_sending_leaves(main: ModuleType) -> None:
    """What waits is read first, and the others are told."""
    ann, bob = Mouth(), Mouth()
    anns, bobs = main.join(ann, "tea", "Ann"), main.join(bob, "tea", "Bob")
    await heard(anns, 1)
    await heard(bobs, 1)
    bob.say("Bye.")
    bob.stop()

    assert await rest(bobs) == ["said"]
    assert (await heard(anns, 3))[1:] == [("said", "Bob", "Bye."), ("left", "Bob", "")]


@pytest.mark.parametrize("end", ["withdrawn", "closed"])
async def test_who_goes_without_a_word_leaves_too(main: ModuleType, end: str) -> None:
    """Whether its link ends or it stops listening."""
    ann, bob = Mouth(), Mouth()
    anns, bobs = main.join(ann, "tea", "Ann"), main.join(bob, "tea", "Bob")
    await heard(anns, 1)
    await heard(bobs, 1)
    if end == "withdrawn":
        bob.stop(Cancelled("gone"))
        await rest(bobs)
    else:
        await bobs.aclose()

    assert (await heard(anns, 2))[1] == ("left", "Bob", "")


async def test_one_can_speak_into_a_room(main: ModuleType) -> None:
    """Without entering it; the number of listeners comes back."""
    anns = main.join(Mouth(), "tea", "Ann")
    await heard(anns, 1)

    assert (await main.say("Hello!", "tea", "Bob"), await main.say("Hello?", "empty")) == (1, 0)
    assert await heard(anns, 1) == [("said", "Bob", "Hello!")]


async def test_what_was_said_is_remembered_for_a_while(main: ModuleType) -> None:
    """The last of it."""
    for number in range(main.HISTORY_MAX + 5):
        await main.say(str(number), "tea")

    assert [message.text for message in await main.history("tea", 2)] == ["103", "104"]
    assert (len(await main.history("tea", 100)), await main.history("tea", 0), await main.history("no")) == (
        100,
        [],
        [],
    )


async def test_rooms_with_people_are_listed(main: ModuleType) -> None:
    """With their names."""
    anns = main.join(Mouth(), "tea", "Ann")
    await heard(anns, 1)
    await main.say("x", "empty")

    assert await main.list_rooms() == [main.RoomLine("tea", ["Ann"])]


async def test_a_slow_reader_misses_the_oldest_and_is_told(main: ModuleType) -> None:
    """Its memory is bounded."""
    anns = main.join(Mouth(), "tea", "Ann")
    await heard(anns, 1)
    for number in range(main.WAITING_MAX + 3):
        await main.say(str(number), "tea")

    assert await heard(anns, 2) == [("missed", "Ann", "3 messages"), ("said", "someone", "3")]


async def test_two_of_a_name_would_be_confusing(main: ModuleType) -> None:
    """The second is asked for another."""
    anns = main.join(Mouth(), "tea", "Ann")
    await heard(anns, 1)
    with pytest.raises(Conflict, match="another name"):
        await anext(main.join(Mouth(), "tea", "Ann"))


async def test_who_says_too_much_is_told(main: ModuleType) -> None:
    """And leaves."""
    ann = Mouth()
    anns = main.join(ann, "tea", "Ann")
    await heard(anns, 1)
    ann.say("x" * 4001)
    with pytest.raises(BadRequest, match="4000"):
        await rest(anns)

    assert await main.list_rooms() == []


@pytest.mark.parametrize(
    ("room", "name"), [("", "Ann"), ("x" * 41, "Ann"), ("tea", ""), ("tea", "A\x1b"), (" tea", "Ann")]
)
async def test_names_are_bounded(main: ModuleType, room: str, name: str) -> None:
    """The fault names the field."""
    with pytest.raises(BadRequest, match="expected 1 to 40"):
        await anext(main.join(Mouth(), room, name))


async def test_a_room_is_bounded(main: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """One more is sent elsewhere."""
    monkeypatch.setattr(main, "MEMBERS_MAX", 2)
    members = [main.join(Mouth(), "tea", f"member {number}") for number in range(2)]
    for member in members:
        await heard(member, 1)
    with pytest.raises(TooManyRequests, match="full"):
        await anext(main.join(Mouth(), "tea", "one more"))


async def test_empty_rooms_give_way(main: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those with people do not."""
    monkeypatch.setattr(main, "ROOMS_MAX", 2)
    anns = main.join(Mouth(), "a", "Ann")
    await heard(anns, 1)
    for room in "bcd":
        await main.say("x", room)
    kept = sorted(main.rooms.rooms)
    bobs = main.join(Mouth(), "e", "Bob")
    await heard(bobs, 1)
    with pytest.raises(TooManyRequests, match="rooms"):
        await main.say("x", "f")

    assert kept == ["a", "d"]


@pytest.mark.parametrize("limit", [-1, 101])
async def test_the_history_is_bounded(main: ModuleType, limit: int) -> None:
    """The fault says what is allowed."""
    with pytest.raises(BadRequest, match="limit"):
        await main.history("tea", limit)


def test_it_describes_itself(main: ModuleType) -> None:
    """Every endpoint has a description, and joining is a stream both ways."""
    endpoints = {endpoint["name"]: endpoint for endpoint in main.service.describe()["endpoints"]}

    assert all(endpoint["description"] for endpoint in endpoints.values())
    assert (endpoints["Room.Join"]["kind"], "x-micro-stream" in endpoints["Room.Join"]["request"]) == ("stream", True)
