"""One after the other, and interrupted."""

from __future__ import annotations

import asyncio

import pytest

from micro.errors import TooManyRequests
from micro.runtime.turns import Turns


async def test_one_after_the_other() -> None:
    """Who comes later waits, in order; another name does not."""
    turns, order = Turns(), []

    async def want(number: int, name: str = "a") -> None:
        async with turns.take(name):
            order.append(f"{name}{number} in")
            await asyncio.sleep(0.01)
            order.append(f"{name}{number} out")

    await asyncio.gather(want(1), want(2), want(1, "b"))
    assert order == ["a1 in", "b1 in", "a1 out", "b1 out", "a2 in", "a2 out"]
    assert not turns.taken("a")


async def test_who_is_at_it_can_be_interrupted() -> None:
    """The one at work is cancelled, the next has his turn."""
    turns = Turns()
    entered = asyncio.Event()

    async def hold() -> None:
        async with turns.take("a"):
            entered.set()
            await asyncio.sleep(60)

    holding = asyncio.ensure_future(hold())
    await entered.wait()
    turns.interrupt("a")
    async with turns.take("a"):
        assert holding.cancelled() or holding.cancelling()
    await asyncio.wait([holding])
    turns.interrupt("a")  # nobody is there


async def test_who_waits_can_be_interrupted() -> None:
    """Whoever waits for the same thing is sent away too, and nothing of him stays behind."""
    turns = Turns()
    async with turns.take("a", firm=True):
        waiting = asyncio.ensure_future(turns.take("a").__aenter__())
        await asyncio.sleep(0)
        turns.interrupt("a")
        await asyncio.wait([waiting])
        assert waiting.cancelled()
    assert not turns.taken("a")


async def test_a_firm_turn_is_not_interrupted() -> None:
    """Who ends something comes to the end, whoever else wants to."""
    turns = Turns()
    async with turns.take("a", firm=True):
        turns.interrupt("a")
        await asyncio.sleep(0)  # where a cancelled task would be told


async def test_a_queue_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Too many who wait are sent away."""
    monkeypatch.setattr("micro.runtime.turns.WAITING_MAX", 1)
    turns = Turns()
    async with turns.take("a"):
        second = asyncio.ensure_future(turns.take("a").__aenter__())
        await asyncio.sleep(0)
        with pytest.raises(TooManyRequests, match="1 others wait to change a"):
            await turns.take("a").__aenter__()
        second.cancel()
