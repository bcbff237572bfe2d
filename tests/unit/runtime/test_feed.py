"""Progress on its way to whoever looks on."""

from __future__ import annotations

import asyncio

import pytest

from micro.errors import Conflict
from micro.runtime.feed import PROGRESS_MAX, Feed
from micro.runtime.generation import Progress


async def seen(feed: Feed) -> list[str]:
    return [line.detail async for line in feed.lines()]


async def test_lines_come_in_order_and_end() -> None:
    """What was put in comes out, also to one who is late."""
    feed = Feed()
    feed.put(Progress("fetching", "1"))
    looking = asyncio.ensure_future(seen(feed))
    await asyncio.sleep(0)
    feed.put(Progress("done", "2"))
    feed.end()

    assert await looking == ["1", "2"]


async def test_a_fault_comes_after_the_lines() -> None:
    """A work that ended with a fault shows what came before."""
    feed = Feed()
    feed.put(Progress("fetching", "1"))
    feed.end(Conflict("no"))
    lines = feed.lines()

    assert (await anext(lines)).detail == "1"  # type: ignore[arg-type]
    with pytest.raises(Conflict):
        await anext(lines)  # type: ignore[arg-type]


async def test_of_too_many_the_newest_are_kept() -> None:
    """One who does not look finds the end, not the beginning."""
    feed = Feed()
    for number in range(PROGRESS_MAX + 10):
        feed.put(Progress("fetching", str(number)))
    feed.end()

    assert (await seen(feed))[0] == "10"


async def test_who_notes_hears_every_line_and_the_fault() -> None:
    """Also where nobody looks on."""
    noted: list[Progress] = []
    feed = Feed(noted.append)
    feed.put(Progress("fetching", "1"))
    feed.end(Conflict("no"))

    assert [(each.step, each.detail, each.done) for each in noted] == [
        ("fetching", "1", False),
        ("failed", "no", True),
    ]
