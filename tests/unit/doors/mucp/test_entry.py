"""What is noted of calls and streams of go-micro programs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from micro.doors.api.call import Noted
from micro.mucp.http.asker import Ended, Failed, Said
from tests.unit.doors.mucp.guest import TOKEN, WAIT_SECONDS, Place, open_place

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def place() -> AsyncIterator[Place]:
    """A place for all tests."""
    async with open_place() as found:
        yield found


async def noted(place: Place) -> Noted:
    """Waits until something is noted, and returns it, which has to be all."""
    async with asyncio.timeout(WAIT_SECONDS):
        while not place.noted:  # noqa: ASYNC110 - a client that leaves is heard of late
            await asyncio.sleep(0.01)
    (found,) = place.noted
    place.noted.clear()
    return found


async def test_a_call_is_noted(place: Place) -> None:
    """Who asked whom for what, and how much came back."""
    async with place.guest(Authorization=f"Bearer {TOKEN}") as guest:
        await guest.call("Say.Hello", b'{"name":"Ann"}')
    found = await noted(place)
    assert (found.door, found.caller.owner, found.fault) == ("mucp", True, None)
    assert (found.target.service, found.target.endpoint) == ("greeter", "Say.Hello")
    assert (found.said.content_type, found.said.body) == ("application/json", b'{"name":"Ann"}')
    assert found.answer_bytes == len(b'{"result":"Hello Ann"}')


async def test_a_call_that_fails_is_noted(place: Place) -> None:
    """With its fault; of an anonymous caller too, and of a service that nobody knows."""
    async with place.guest() as guest:
        assert isinstance(await guest.call("Say.Fail", b'{"code":409}'), Failed)
        found = await noted(place)
        assert found.caller.anonymous
        assert found.fault is not None
        assert found.fault.code == 409
        await guest.call("Say.Hello", service="nobody")
        missing = await noted(place)
        assert missing.fault is not None
        assert (missing.target.service, missing.fault.code) == ("nobody", 404)


async def test_a_stream_is_noted_once(place: Place) -> None:
    """When it is over, with the bytes of all that was said."""
    async with place.guest() as guest:
        guest.open("Say.Chat", service="chatter")
        guest.item(b'{"name":"a"}')
        said = await guest.next()
        assert isinstance(said, Said)
        assert not place.noted
        guest.item(b'{"name":"bye"}')
        assert await guest.next() == Ended()
    found = await noted(place)
    assert (found.target.endpoint, found.fault, found.answer_bytes) == ("Say.Chat", None, len(said.body))


async def test_whoever_leaves_is_noted(place: Place) -> None:
    """With 499, whether he called or streamed."""
    async with place.guest() as guest:
        place.seen.started.clear()
        guest.writer.write(guest.asker.call("greeter", "Say.Slow", b"{}"))
        async with asyncio.timeout(WAIT_SECONDS):
            await place.seen.started.wait()
    async with place.guest() as guest:
        left = await noted(place)
        guest.open("Say.Chat", service="chatter")
        guest.item(b'{"name":"a"}')
        await guest.next()
    assert [found.fault.code for found in (left, await noted(place)) if found.fault] == [499, 499]


async def test_refused_callers_and_events_are_not_noted(place: Place) -> None:
    """Nobody was asked anything."""
    async with place.guest(Authorization="Bearer wrong") as guest:
        assert isinstance(await guest.call("Say.Hello"), Failed)
    async with place.guest(Micro_Topic="notes") as guest:
        assert isinstance(await guest.call("Say.Hello"), Failed)  # an anonymous caller publishes nothing
    async with place.guest() as guest:
        await guest.call("Say.Hello")
    assert (await noted(place)).target.endpoint == "Say.Hello"
