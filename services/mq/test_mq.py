"""Messages are taken in order, come back where nobody finishes them, and are never lost."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import sys
from types import ModuleType
from typing import Any

import pytest

from micro.errors import BadRequest, Conflict, TooLarge, TooManyRequests

WAIT_SECONDS = 25.0


async def take(main: ModuleType, context: Any, **options: Any) -> list[Any]:
    return [message.message for message in await main.take(context, "q", **options)]


async def test_messages_are_taken_in_order(main: ModuleType, context: Any) -> None:
    """Each by one, whatever JSON it is."""
    pushed = ["a", 1, None, {"b": [2]}]
    for message in pushed:
        await main.push(context, "q", message)

    assert await take(main, context) + await take(main, context, limit=10) == pushed
    assert await take(main, context) == []


async def test_two_who_take_at_once_share(main: ModuleType, context: Any) -> None:
    """No message is taken twice."""
    for number in range(12):
        await main.push(context, "q", number)
    taken = await asyncio.gather(*(take(main, context, limit=2) for _ in range(8)))

    assert sorted(message for some in taken for message in some) == list(range(12))


async def test_two_generations_share(main: ModuleType, context: Any) -> None:
    """They know nothing of each other's locks, and hand out each message once all the same."""
    spec = importlib.util.spec_from_file_location("another_generation", main.__file__ or "")
    assert spec is not None
    assert spec.loader is not None
    other = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = other
    spec.loader.exec_module(other)
    for number in range(40):
        await main.push(context, "q", number)
    rounds = [await asyncio.gather(*(take(one, context, limit=3) for one in (main, other))) for _ in range(14)]

    assert sorted(message for some in rounds for taken in some for message in taken) == list(range(40))


async def test_what_is_acknowledged_is_gone(main: ModuleType, context: Any, clock: Any) -> None:
    """Also when the lease would have ended."""
    await main.push(context, "q", "a")
    (message,) = await main.take(context, "q")
    done = [await main.acknowledge(context, "q", message.id, message.receipt) for _ in range(2)]
    clock.ahead_seconds = 1000

    assert (done, await take(main, context)) == ([True, False], [])
    assert await main.status(context, "q") == main.Status(0, 0, 0)


async def test_what_is_not_acknowledged_comes_back(main: ModuleType, context: Any, clock: Any) -> None:
    """First in the queue, with its attempts counted; and only its new taker can acknowledge it."""
    for message in ("a", "b"):
        await main.push(context, "q", message)
    (first,) = await main.take(context, "q", lease_seconds=30)
    clock.ahead_seconds = 31
    (second,) = await main.take(context, "q")

    assert (first.attempt, second.attempt, second.message, second.id) == (1, 2, "a", first.id)
    with pytest.raises(Conflict, match="taken again"):
        await main.acknowledge(context, "q", first.id, first.receipt)
    assert await main.acknowledge(context, "q", second.id, second.receipt) is True


async def test_a_late_acknowledgement_counts(main: ModuleType, context: Any, clock: Any) -> None:
    """As long as nobody else took the message."""
    await main.push(context, "q", "a")
    (message,) = await main.take(context, "q", lease_seconds=1)
    clock.ahead_seconds = 1000

    assert await main.acknowledge(context, "q", message.id, message.receipt) is True


async def test_what_fails_too_often_is_dead(main: ModuleType, context: Any, clock: Any) -> None:
    """It is kept apart, out of the way of others, and can be revived."""
    await main.push(context, "q", "bad", attempts_max=2)
    await main.push(context, "q", "good")
    for seconds in (0, 100):
        clock.ahead_seconds = seconds
        assert await take(main, context) == ["bad"]
    clock.ahead_seconds = 1000

    assert await take(main, context, limit=10) == ["good"]
    assert await main.status(context, "q") == main.Status(ready=0, held=1, dead=1)
    assert [(message.message, message.attempt) for message in await main.dead(context, "q")] == [("bad", 2)]
    assert [await main.revive(context, "q"), await main.revive(context, "q")] == [1, 0]
    assert [message.attempt for message in await main.take(context, "q")] == [1]


async def test_a_message_can_be_delayed(main: ModuleType, context: Any, clock: Any) -> None:
    """And others pass it."""
    await main.push(context, "q", "later", delay_seconds=60)
    await main.push(context, "q", "now")
    early = await take(main, context, limit=10)
    clock.ahead_seconds = 61

    assert early == ["now"]
    assert "later" in await take(main, context, limit=10)


async def test_a_message_can_be_given_back(main: ModuleType, context: Any, clock: Any) -> None:
    """At once, or after a while; and so a lease can be made longer."""
    await main.push(context, "q", "a")
    (message,) = await main.take(context, "q")
    assert await main.release(context, "q", message.id, message.receipt) is True
    (message,) = await main.take(context, "q")
    await main.release(context, "q", message.id, message.receipt, delay_seconds=100)
    clock.ahead_seconds = 99
    held = await take(main, context)
    clock.ahead_seconds = 101

    assert (held, await take(main, context)) == ([], ["a"])


async def test_dead_messages_hide_no_others(main: ModuleType, context: Any, clock: Any) -> None:
    """Whoever passes them on his way gets the first that is alive."""
    for number in range(3):
        await main.push(context, "q", f"bad {number}", attempts_max=1)
    await main.take(context, "q", limit=3)
    for number in range(3):
        await main.push(context, "q", number)
    clock.ahead_seconds = 31

    assert (await take(main, context), (await main.status(context, "q")).dead) == ([0], 3)


async def test_one_can_wait_for_a_message(main: ModuleType, context: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """And is woken when it is pushed: he does not look for it."""
    monkeypatch.setattr(main, "LOOK_SECONDS", 1000.0)
    waiting = asyncio.ensure_future(take(main, context, wait_seconds=30))
    await asyncio.sleep(0)
    await main.push(context, "q", "a")
    async with asyncio.timeout(WAIT_SECONDS):
        assert await waiting == ["a"]


async def test_one_who_waits_gets_what_comes_back(
    main: ModuleType, context: Any, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is pushed then, so he looks."""
    monkeypatch.setattr(main, "LOOK_SECONDS", 0.005)
    await main.push(context, "q", "a")
    await take(main, context, lease_seconds=30)
    waiting = asyncio.ensure_future(take(main, context, wait_seconds=30))
    await asyncio.sleep(0)
    clock.ahead_seconds = 31
    async with asyncio.timeout(WAIT_SECONDS):
        assert await waiting == ["a"]


async def test_a_crash_while_taking_loses_nothing(main: ModuleType, context: Any, clock: Any) -> None:
    """Whichever write is the last one, the message comes back."""
    for writes in range(3):
        await main.push(context, "q", writes)
        store = Crashing(context.store, writes)
        with contextlib.suppress(Crash):
            await main._take(Wrapped(context, store), "q", 1, 30.0)
        clock.ahead_seconds += 31
        (message,) = await main.take(context, "q")
        assert message.message == writes
        await main.acknowledge(context, "q", message.id, message.receipt)


class Crash(Exception):
    """The process ended here."""


class Crashing:
    """A store that is written so often and no more."""

    def __init__(self, store: Any, writes: int) -> None:
        self._store = store
        self._left = writes

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def write(self, *arguments: Any, **options: Any) -> None:
        if not self._left:
            raise Crash
        self._left -= 1
        await self._store.write(*arguments, **options)


class Wrapped:
    """A context with another store."""

    def __init__(self, context: Any, store: Any) -> None:
        self.store = store
        self.caller = context.caller


async def test_queues_are_listed_and_dropped(main: ModuleType, context: Any) -> None:
    """With all their messages, and nothing of others."""
    for queue in ("q", "q-2", "a"):
        await main.push(context, queue, queue)
    await main.take(context, "q")

    assert await main.queues(context) == ["a", "q", "q-2"]
    assert [await main.drop(context, "q"), await main.drop(context, "q")] == [True, False]
    assert await main.status(context, "q") == main.Status(0, 0, 0)
    assert [message.message for message in await main.take(context, "q-2")] == ["q-2"]


async def test_callers_have_their_own(main: ModuleType, context: Any, stranger: Any) -> None:
    """A queue of the same name is another."""
    await main.push(context, "q", "mine")

    assert await take(main, stranger) == []
    assert await take(main, context) == ["mine"]


async def test_large_messages_are_taken_too(main: ModuleType, context: Any) -> None:
    """Where values are large, the store lists few of them at once; and they are counted."""
    for number in range(20):
        await main.push(context, "q", f"{number}" + "x" * 250_000)

    assert await main.status(context, "q") == main.Status(ready=20, held=0, dead=0)
    assert len(await take(main, context, limit=100)) == 20


@pytest.mark.parametrize(
    ("endpoint", "fields"),
    [
        ("push", {"queue": "", "message": 1}),
        ("push", {"queue": "a/b", "message": 1}),
        ("push", {"queue": "x" * 61, "message": 1}),
        ("push", {"queue": "q", "message": 1, "delay_seconds": -1}),
        ("push", {"queue": "q", "message": 1, "attempts_max": 0}),
        ("take", {"queue": "q", "limit": 0}),
        ("take", {"queue": "q", "lease_seconds": 0.5}),
        ("take", {"queue": "q", "wait_seconds": 31}),
        ("release", {"queue": "q", "id": "x", "receipt": "x", "delay_seconds": float("inf")}),
        ("dead", {"queue": "q", "limit": 101}),
        ("revive", {"queue": "../q"}),
    ],
)
async def test_what_is_asked_is_bounded(main: ModuleType, context: Any, endpoint: str, fields: dict[str, Any]) -> None:
    """The fault names the field."""
    with pytest.raises(BadRequest, match=rf"^({'|'.join(fields)}): expected"):
        await getattr(main, endpoint)(context, **fields)


async def test_what_is_kept_is_bounded(main: ModuleType, context: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Messages, queues, delays, and what is taken at once."""
    for name in ("MESSAGES_MAX", "QUEUES_MAX", "DELAYED_MAX", "HELD_MAX"):
        monkeypatch.setattr(main, name, 3)
    with pytest.raises(TooLarge, match="message: "):
        await main.push(context, "q", "x" * main.MESSAGE_BYTES_MAX)
    for queue in "abc":
        await main.push(context, queue, 1, delay_seconds=60)
    with pytest.raises(TooManyRequests, match="3 queues, the most"):
        await main.push(context, "d", 1)
    for _ in range(2):
        await main.push(context, "a", 1, delay_seconds=60)
    with pytest.raises(TooManyRequests, match="messages, the most"):
        await main.push(context, "a", 1)
    with pytest.raises(TooManyRequests, match="acknowledge some"):
        await main.take(context, "a")


def test_it_describes_itself(main: ModuleType) -> None:
    """Every endpoint has a description and an example."""
    assert all(endpoint["description"] and endpoint["examples"] for endpoint in main.service.describe()["endpoints"])
