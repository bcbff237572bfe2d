"""Values are kept until they expire, and counted exactly."""

from __future__ import annotations

import asyncio
from types import ModuleType
from typing import Any

import pytest

from micro.errors import BadRequest, Conflict, TooLarge


@pytest.fixture(autouse=True)
def same_clock(main: ModuleType, clock: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The service and its store have one time."""
    monkeypatch.setattr(main, "now", clock.now)


@pytest.mark.parametrize("value", ["text", 7, 1.5, None, True, ["a", 1], {"a": {"b": []}}, ""])
async def test_what_was_set_is_got(main: ModuleType, context: Any, value: Any) -> None:
    """Whatever JSON it is."""
    await main.set_value(context, "key", value)

    assert await main.get(context, "key") == main.Entry(found=True, value=value)


async def test_a_missing_value_is_no_error(main: ModuleType, context: Any) -> None:
    """A cache is asked for what may not be there."""
    assert await main.get(context, "key") == main.Entry(found=False)


async def test_a_value_expires(main: ModuleType, context: Any, clock: Any) -> None:
    """At its time, which the answer tells, and not before."""
    await main.set_value(context, "key", "value", 60)
    clock.ahead_seconds = 50
    entry = await main.get(context, "key")
    clock.ahead_seconds = 61

    assert (entry.found, entry.expires_in_seconds) == (True, 10)
    assert (await main.get(context, "key")).found is False
    assert await main.keys(context) == []


async def test_a_value_that_is_set_again_has_a_new_time(main: ModuleType, context: Any, clock: Any) -> None:
    """Also where it no longer expires."""
    await main.set_value(context, "key", 1, 60)
    await main.set_value(context, "key", 2)
    clock.ahead_seconds = 1000

    assert await main.get(context, "key") == main.Entry(found=True, value=2)


async def test_counters_count(main: ModuleType, context: Any) -> None:
    """Up and down, and every one who counts at once."""
    await asyncio.gather(*(main.increment(context, "visits") for _ in range(20)))

    assert await main.increment(context, "visits", -3) == 17
    assert (await main.get(context, "visits")).value == 17


async def test_a_counter_counts_within_a_window(main: ModuleType, context: Any, clock: Any) -> None:
    """It begins again when the first count's time is over, however often it was counted meanwhile."""
    counts = []
    for seconds in (0, 30, 59, 61):
        clock.ahead_seconds = seconds
        counts.append(await main.increment(context, "calls", expiry_seconds=60))

    assert counts == [1, 2, 3, 1]


@pytest.mark.parametrize("value", ["text", 1.5, True, None])
async def test_only_whole_numbers_are_counted(main: ModuleType, context: Any, value: Any) -> None:
    """And what is there stays."""
    await main.set_value(context, "key", value)
    with pytest.raises(Conflict, match="no whole number"):
        await main.increment(context, "key")

    assert (await main.get(context, "key")).value == value


async def test_keys_are_listed_and_cleared(main: ModuleType, context: Any) -> None:
    """By what they begin with."""
    for key in ("b/1", "a/2", "a/1", "c"):
        await main.set_value(context, key, 0)

    assert await main.keys(context, "a/") == ["a/1", "a/2"]
    assert await main.keys(context, limit=2, offset=1) == ["a/2", "b/1"]
    assert (await main.clear(context, "a/"), await main.keys(context)) == (2, ["b/1", "c"])
    assert [await main.delete(context, "c"), await main.delete(context, "c")] == [True, False]


async def test_large_values_are_listed_too(main: ModuleType, context: Any) -> None:
    """Where values are large, the store lists few of them at once."""
    await asyncio.gather(*(main.set_value(context, f"{number:02d}", "x" * 250_000) for number in range(20)))

    assert len(await context.store.list(table=main.TABLE)) < 20
    assert len(await main.keys(context)) == 20


async def test_callers_have_their_own(main: ModuleType, context: Any, stranger: Any) -> None:
    """The same key is another value."""
    await main.set_value(context, "key", "mine")
    await main.set_value(stranger, "key", "theirs")
    await main.clear(stranger, "")

    assert (await main.get(context, "key")).value == "mine"


@pytest.mark.parametrize(
    ("endpoint", "fields"),
    [
        ("set_value", {"key": "", "value": 1}),
        ("set_value", {"key": "x" * 257, "value": 1}),
        ("set_value", {"key": "x", "value": 1, "expiry_seconds": -1}),
        ("set_value", {"key": "x", "value": 1, "expiry_seconds": 1e9}),
        ("set_value", {"key": "x", "value": 1, "expiry_seconds": float("nan")}),
        ("increment", {"key": "x", "by": 2**60}),
        ("get", {"key": ""}),
        ("delete", {"key": "é" * 129}),
        ("keys", {"limit": 0}),
        ("keys", {"limit": 1001}),
    ],
)
async def test_what_is_asked_is_bounded(main: ModuleType, context: Any, endpoint: str, fields: dict[str, Any]) -> None:
    """The fault names the field."""
    with pytest.raises(BadRequest, match=r"^(key|expiry_seconds|by|limit): "):
        await getattr(main, endpoint)(context, **fields)


async def test_a_value_is_bounded(main: ModuleType, context: Any) -> None:
    """And what was there stays."""
    await main.set_value(context, "key", "old")
    with pytest.raises(TooLarge, match="value: "):
        await main.set_value(context, "key", "x" * main.VALUE_BYTES_MAX)

    assert (await main.get(context, "key")).value == "old"


def test_it_describes_itself(main: ModuleType) -> None:
    """Every endpoint has a description and an example."""
    assert all(endpoint["description"] and endpoint["examples"] for endpoint in main.service.describe()["endpoints"])
