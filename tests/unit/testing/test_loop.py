"""The virtual loop: time that passes when nobody is ready, and programs that end from one moment to the next."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from micro.testing.loop import Deadlock, Life, VirtualLoop


def run(work: Coroutine[Any, Any, Any]) -> Any:
    return VirtualLoop().run_until_complete(work)


def test_an_hour_passes_at_once() -> None:
    """Who sleeps wakes at his time, in the order of the times."""
    woken: list[tuple[str, float]] = []

    async def sleep(name: str, seconds: float) -> None:
        await asyncio.sleep(seconds)
        woken.append((name, asyncio.get_running_loop().time()))

    async def sleepers() -> None:
        await asyncio.gather(sleep("late", 3_600.0), sleep("early", 0.5), sleep("later", 3_600.0))

    run(sleepers())
    assert woken == [("early", 0.5), ("late", 3_600.0), ("later", 3_600.0)]


def test_turns_are_first_in_first_out() -> None:
    """Whoever is ready first goes first, as on every real loop."""
    happened: list[int] = []

    async def turns() -> None:
        for number in range(5):
            asyncio.get_running_loop().call_soon(happened.append, number)
        await asyncio.sleep(0)

    run(turns())
    assert happened == [0, 1, 2, 3, 4]


def test_a_timeout_is_kept() -> None:
    """What waits too long is told, although no time passes outside."""

    async def wait() -> None:
        async with asyncio.timeout(100.0):
            await asyncio.Event().wait()

    with pytest.raises(TimeoutError):
        run(wait())


def test_a_thread_is_done_at_once() -> None:
    """What is sent to a thread is done, and its error raised, without one."""

    async def both() -> tuple[int, str]:
        try:
            await asyncio.to_thread(int, "no number")
        except ValueError as error:
            return await asyncio.to_thread(int, "7"), type(error).__name__
        raise AssertionError("no number is none")

    assert run(both()) == (7, "ValueError")


def test_waiting_for_nothing_is_an_error_that_says_where() -> None:
    """Where no time will wake anybody, the loop says who waits."""

    async def stand_still() -> None:
        await asyncio.Event().wait()

    with pytest.raises(Deadlock, match=r"Task.* at wait"):
        run(stand_still())


def test_of_the_dead_nothing_runs() -> None:
    """When a life ends its timers, tasks and their last words are gone, and those of others are not."""
    happened: list[str] = []

    async def live(name: str) -> None:
        try:
            while True:
                await asyncio.sleep(1.0)
                happened.append(name)
        finally:
            happened.append(f"{name} cleans up")

    async def world() -> None:
        loop = asyncio.get_running_loop()
        lives = Life("one"), Life("other")
        tasks = [loop.create_task(live(life.name), context=life.context.copy()) for life in lives]
        await asyncio.sleep(1.5)
        lives[0].end()
        await asyncio.sleep(1.0)
        assert isinstance(loop, VirtualLoop)
        before = list(happened)
        loop.bury(list(lives))
        happened[:] = before
        assert not any(task.done() for task in tasks)

    run(world())
    assert happened == ["one", "other", "other"]


def test_what_belongs_to_a_life_is_inherited() -> None:
    """What a program starts, and what that starts, ends with it."""
    happened: list[str] = []

    async def child() -> None:
        await asyncio.sleep(1.0)
        happened.append("child")

    async def parent() -> None:
        asyncio.get_running_loop().create_task(child())
        await asyncio.sleep(10.0)

    async def world() -> None:
        life = Life("program")
        asyncio.get_running_loop().create_task(parent(), context=life.context.copy())
        await asyncio.sleep(0.5)
        life.end()
        await asyncio.sleep(5.0)
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        loop.bury([life])

    run(world())
    assert happened == []
