"""Watchers: told in order, never waited for, and told when they were too slow."""

from __future__ import annotations

import asyncio

import pytest

from micro.errors import TooManyRequests
from micro.store import watch as module
from micro.store.watch import Change, Watchers


def change(key: str) -> Change:
    return Change("write", key)


async def test_a_watcher_gets_changes_in_order() -> None:
    """As they were told."""
    watchers = Watchers()
    watch = watchers.add(lambda change: True)
    for key in "abc":
        watchers.tell(change(key))

    assert [(await anext(watch)).key for _ in range(3)] == ["a", "b", "c"]


async def test_a_watcher_gets_only_what_it_wants() -> None:
    """Others are for others."""
    watchers = Watchers()
    watch = watchers.add(lambda change: change.key == "b")
    for key in "abc":
        watchers.tell(change(key))
    watch.close()

    assert [found.key async for found in watch] == ["b"]


async def test_a_watcher_that_waits_is_woken() -> None:
    """It need not ask again."""
    watchers = Watchers()
    watch = watchers.add(lambda change: True)
    waiting = asyncio.ensure_future(anext(watch))
    await asyncio.sleep(0)
    watchers.tell(change("a"))

    assert (await waiting).key == "a"


async def test_a_slow_watcher_is_told_how_much_it_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    """After what was kept for it, and before what comes then."""
    monkeypatch.setattr(module, "CHANGES_WAITING_MAX", 2)
    watchers = Watchers()
    watch = watchers.add(lambda change: True)
    for key in "abcde":
        watchers.tell(change(key))
    found = [await anext(watch) for _ in range(3)]
    watchers.tell(change("f"))

    assert [(each.kind, each.key, each.missed) for each in [*found, await anext(watch)]] == [
        ("write", "a", 0),
        ("write", "b", 0),
        ("lagged", "", 3),
        ("write", "f", 0),
    ]


async def test_closing_ends_the_iteration() -> None:
    """Also for one that waits."""
    watchers = Watchers()
    watch = watchers.add(lambda change: True)
    waiting = asyncio.ensure_future(anext(watch, None))
    await asyncio.sleep(0)
    watchers.close()

    assert await waiting is None
    assert len(watchers) == 0


async def test_watchers_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """One too many is refused."""
    monkeypatch.setattr(module, "WATCHERS_MAX", 1)
    watchers = Watchers()
    watchers.add(lambda change: True)

    with pytest.raises(TooManyRequests):
        watchers.add(lambda change: True)
