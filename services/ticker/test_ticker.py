"""The ticker ticks, and stops."""

from __future__ import annotations

from types import ModuleType

import pytest

from micro.errors import BadRequest


async def test_it_ticks_as_often_as_wished(main: ModuleType) -> None:
    """Counted from one."""
    assert [tick.number async for tick in main.watch(0.01, 3)] == [1, 2, 3]


async def test_it_ticks_for_as_long_as_one_listens(main: ModuleType) -> None:
    """And can be left."""
    ticks = main.watch(0.01)
    numbers = [(await anext(ticks)).number for _ in range(4)]
    await ticks.aclose()

    assert numbers == [1, 2, 3, 4]


class Clock:
    """A clock that moves when somebody sleeps, or takes time over something."""

    def __init__(self) -> None:
        self.time = 100.0

    def now(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.time += seconds


@pytest.mark.parametrize(
    ("work_seconds", "expected"),
    [
        ({}, [0.0, 1.0, 2.0, 3.0, 4.0]),
        ({1: 0.5, 2: 0.75, 3: 1.5}, [0.0, 1.0, 2.0, 3.5, 4.0]),
        ({1: 3.25}, [0.0, 3.25, 4.25, 5.25, 6.25]),
    ],
    ids=["a quick listener", "a busy one", "one that was away"],
)
async def test_the_pace_is_steady(main: ModuleType, work_seconds: dict[int, float], expected: list[float]) -> None:
    """It does not drift, and what is long past is not made up for."""
    clock, times = Clock(), []
    async for number in main.pace(1.0, 5, now=clock.now, sleep=clock.sleep):
        times.append(clock.time - 100.0)
        clock.time += work_seconds.get(number, 0.0)

    assert times == expected


async def test_it_counts_down(main: ModuleType) -> None:
    """To zero."""
    assert [number async for number in main.countdown(3, 0.01)] == [3, 2, 1, 0]


@pytest.mark.parametrize(
    ("interval_seconds", "count"), [(0.0, 1), (3601.0, 1), (float("nan"), 1), (1.0, -1), (1.0, 1_000_001)]
)
async def test_everything_is_bounded(main: ModuleType, interval_seconds: float, count: int) -> None:
    """The fault says what is allowed."""
    with pytest.raises(BadRequest, match="expected"):
        await anext(main.watch(interval_seconds, count))


@pytest.mark.parametrize("start", [-1, 1_000_000])
async def test_the_start_is_bounded(main: ModuleType, start: int) -> None:
    """The fault says what is allowed."""
    with pytest.raises(BadRequest, match="start: expected"):
        await anext(main.countdown(start))


def test_it_describes_itself(main: ModuleType) -> None:
    """Every endpoint has a description and an example, and is a stream."""
    endpoints = main.service.describe()["endpoints"]

    assert all(endpoint["description"] and endpoint["examples"] for endpoint in endpoints)
    assert {endpoint["kind"] for endpoint in endpoints} == {"stream"}
