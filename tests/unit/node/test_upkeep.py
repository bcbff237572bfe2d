"""What a node does again and again."""

from __future__ import annotations

import asyncio

from micro.node.upkeep import Upkeep


async def test_both_rounds_go_on() -> None:
    """The short round is gone again and again, and so is each chore of the long one, in their order."""
    ticks: list[int] = []
    done: list[str] = []
    enough = asyncio.Event()

    async def first() -> None:
        done.append("first")

    async def second() -> None:
        done.append("second")
        if len(done) >= 4 and len(ticks) >= 2:
            enough.set()

    upkeep = Upkeep(lambda: ticks.append(len(ticks)), (first, second), 0.01)
    upkeep.start()
    await asyncio.wait_for(enough.wait(), 30)
    upkeep.stop()
    assert done[:4] == ["first", "second", "first", "second"]
    assert ticks[:2] == [0, 1]


async def test_stopped_is_stopped() -> None:
    """After a stop no round begins."""
    done: list[str] = []

    async def chore() -> None:
        done.append("done")

    upkeep = Upkeep(lambda: done.append("tick"), (chore,), 0.01)
    upkeep.start()
    upkeep.stop()
    await asyncio.sleep(0.15)
    assert done == []
