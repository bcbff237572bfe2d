"""When more providers of a service are looked for."""

from __future__ import annotations

import asyncio

import pytest

from micro.errors import Unavailable
from micro.node import refill
from micro.node.refill import PAUSE_SECONDS_MAX, PAUSE_SECONDS_MIN, Refill, pause_seconds
from micro.system import SystemEntropy
from tests.waiting import until


def test_pauses_begin_short_grow_and_are_spread() -> None:
    """Nobody asks for ever in short order, and not all who lost the same provider ask at once."""
    means = [pause_seconds(tried, 128) for tried in range(20)]
    assert means == sorted(means)
    assert pause_seconds(0, 0) == PAUSE_SECONDS_MIN / 2
    assert pause_seconds(0, 255) == PAUSE_SECONDS_MIN * 1.5
    assert pause_seconds(10_000, 255) == PAUSE_SECONDS_MAX * 1.5
    assert len({pause_seconds(0, chance) for chance in range(256)}) == 256


async def test_it_is_tried_until_there_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once at a time for a name, also where a try fails; then it is over, and can be wanted anew."""
    monkeypatch.setattr(refill, "PAUSE_SECONDS_MIN", 0.0)
    tries: list[str] = []

    async def fill(name: str) -> bool:
        tries.append(name)
        if len(tries) == 1:
            raise Unavailable("nobody answers")
        return len(tries) >= 3

    fillings = Refill(fill, SystemEntropy())
    fillings.want("greeter")
    fillings.want("greeter")
    await until(lambda: not fillings._tasks)
    assert tries == ["greeter"] * 3
    fillings.want("greeter")
    await until(lambda: len(tries) == 4)
    fillings.close()


async def test_no_more_than_so_many_names_are_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many are short."""
    monkeypatch.setattr(refill, "NAMES_MAX", 2)

    async def fill(name: str) -> bool:
        await asyncio.sleep(3600)
        return True

    fillings = Refill(fill, SystemEntropy())
    for number in range(5):
        fillings.want(f"name-{number}")
    assert len(fillings._tasks) == 2
    fillings.close()
