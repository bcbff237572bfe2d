"""What a call cost: what is told, what is believed of it, and what is counted."""

from __future__ import annotations

import asyncio
import time

import pytest

from micro.service.cost import FUEL, MICROSECONDS, Cost, Handled, read_cost, read_handled, told_of
from micro.service.spending import Spending


@pytest.mark.parametrize(
    ("told", "cost"),
    [
        ("1200 fuel", Cost(1_200, FUEL)),
        ("15 microseconds", Cost(15, MICROSECONDS)),
        ("99999999999 microseconds", Cost(1_024_000_000, MICROSECONDS)),
        ("999999999999999999 fuel", Cost(999_999_999_999_999_999, FUEL)),
        ("9999999999999999999 fuel", None),
        ("-1 fuel", None),
        ("1.5 fuel", None),
        ("\u0661 fuel", None),
        ("1 gold", None),
        ("asked", None),
        ("", None),
        (None, None),
    ],
)
def test_only_what_can_be_true_is_believed(told: object, cost: Cost | None) -> None:
    """Of a call that took a second; whatever else stands there says nothing."""
    assert read_cost(told, 1.0) == cost


@pytest.mark.parametrize(
    ("told", "found"),
    [
        ("17 5300 120 microseconds", (17, Handled(0.0053, Cost(120, MICROSECONDS)))),
        ("17 0 120 fuel", (17, Handled(0.0, Cost(120, FUEL)))),
        ("17 1 9999999 microseconds", (17, Handled(0.000001, Cost(1_024, MICROSECONDS)))),
        ("17 5300 much", (17, Handled(0.0053, None))),
        ("17 5300", None),
        ("17 -5 120 fuel", None),
        ("\u0661 5 120 fuel", None),
        (f"17 5300 {'1' * 65}", None),
        (f"{'1' * 20} 5300 1 fuel", None),
        ("asked", None),
        ("120 fuel", None),
        (None, None),
    ],
)
def test_of_an_event_that_was_handled(told: object, found: tuple[int, Handled] | None) -> None:
    """Nothing, or its sequence with what handling it took."""
    assert read_handled(told) == found
    if found is not None and found[1].cost is not None and "9999999" not in str(told):
        assert told_of(found[0], found[1].seconds, found[1].cost) == told


def busy(seconds: float) -> None:
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        pass


async def test_an_exchange_pays_for_its_own_steps() -> None:
    """Not for what others do on the same loop while it waits, nor for the time it waits."""
    waiting, working = Spending(), Spending()

    async def wait() -> str:
        await asyncio.sleep(0.05)
        return "waited"

    async def work() -> str:
        busy(0.01)
        await asyncio.sleep(0)
        busy(0.02)
        return "worked"

    async def through(spending: Spending, coroutine: object) -> str:
        found: str = await spending.of(coroutine)  # type: ignore[arg-type]
        return found

    assert await asyncio.gather(through(waiting, wait()), through(working, work())) == ["waited", "worked"]
    assert working.cost.amount >= 30_000
    assert waiting.cost.amount < working.cost.amount / 2


async def test_a_thread_pays_too() -> None:
    """And hands on what was returned, or raised."""
    spending = Spending()
    await asyncio.to_thread(spending.in_thread(busy), 0.01)
    assert spending.cost.amount >= 10_000
    with pytest.raises(ZeroDivisionError):
        spending.in_thread(lambda: 1 / 0)()


async def test_what_is_counted_ends_as_it_would_uncounted() -> None:
    """By its own errors, by those that it is sent, and by being stopped."""

    async def fails() -> None:
        raise KeyError("own")

    async def catches() -> str:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            await asyncio.sleep(0)
            return "stopped in order"
        return "never"

    async def through(coroutine: object) -> object:
        return await Spending().of(coroutine)  # type: ignore[arg-type]

    with pytest.raises(KeyError, match="own"):
        await through(fails())
    task = asyncio.ensure_future(through(catches()))
    await asyncio.sleep(0)
    task.cancel()
    assert await task == "stopped in order"
