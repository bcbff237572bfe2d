"""Newcomers in a world: a worse version never has more than a twentieth of the calls, and a better one wins."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable

import pytest

from micro.errors import Conflict, Fault, NotFound
from micro.runtime.household import Lifetimes
from micro.service.service import Service
from micro.testing import World
from micro.testing.descent import Descent
from tests.world.scenes import until_linked

SHORT = Lifetimes(seconds=60.0, idle_seconds=20.0)
CALLERS = 8
PAUSE_SECONDS = 0.01


def version(number: int, *, fails: int = 0, seconds: float = 0.0, world: World | None = None) -> Callable[[], Service]:
    """Returns what makes a version that fails so often of a hundred, and takes so long."""

    def make() -> Service:
        service = Service("greeter")

        async def hello() -> int:
            if seconds:
                await asyncio.sleep(seconds)
            if world is not None and world.random.randrange(100) < fails:
                raise Fault.make(500, "as it is")
            return number

        async def which() -> int:
            return number

        async def count() -> AsyncIterator[int]:
            while True:
                yield number
                await asyncio.sleep(45.0)

        service.add("Say.Hello", hello)
        service.add("Say.Count", count)
        service.add("Say.Version", which)
        return service

    return make


class Crowd:
    """Callers at one node, who call a service at another, and count."""

    def __init__(self, world: World, name: str) -> None:
        self._world = world
        self._name = name
        self._client = world.client(name)
        self.had: Counter[int] = Counter()
        self.failed = 0
        self.most = 0.0

    async def call(self, descent: Descent, count: int, until: Callable[[], bool]) -> None:
        """Calls until something holds, so often at most."""
        node = self._world.machines[self._name].node
        while node is None or node.catalog.lookup("greeter") is None:
            await self._world.sleep(0.05)
        left = iter(range(count))

        async def caller() -> None:
            for _ in left:
                if until():
                    return
                await self._world.sleep(PAUSE_SECONDS)
                try:
                    self.had[await self._client.call("greeter", "Say.Hello")] += 1
                except Fault:
                    self.failed += 1
                trial = descent.trial
                if trial is not None and trial.calls:
                    self.most = max(self.most, trial.taken / trial.calls if trial.weight == 500 else 0.0)

        await asyncio.gather(*(caller() for _ in range(CALLERS)))


@pytest.mark.parametrize("seed", range(3))
def test_a_worse_version_never_has_more_than_a_twentieth_of_the_calls(seed: int) -> None:
    """It is called from another node, and some of its calls only are worse."""

    async def scenario(world: World) -> None:
        await until_linked(world, "b", "a")
        descent = Descent(world.machines["a"], "greeter")
        await descent.begin(version(1, fails=2, world=world))
        await descent.offer("worse", version(2, fails=60, world=world))
        crowd = Crowd(world, "b")
        await crowd.call(descent, 4_000, lambda: descent.generation(2)["state"] == "zero")
        assert descent.generation(2)["state"] == "zero"
        assert "fails or refuses more often than its parent" in descent.generation(2)["reasons"][0]
        assert 0 < crowd.most <= 0.05
        had = crowd.had[2]
        await crowd.call(descent, 200, lambda: False)
        assert crowd.had[2] == had
        await descent.end()

    World(seed, nodes=2).run(scenario, seconds_max=3_600)


def test_a_slow_version_has_nothing_any_more() -> None:
    """It answers every call, and takes a tenth of a second for it."""

    async def scenario(world: World) -> None:
        await until_linked(world, "b", "a")
        descent = Descent(world.machines["a"], "greeter")
        await descent.begin(version(1))
        await descent.offer("slow", version(2, seconds=0.1))
        crowd = Crowd(world, "b")
        await crowd.call(descent, 4_000, lambda: descent.generation(2)["state"] == "zero")
        assert "is slower than its parent" in descent.generation(2)["reasons"][0]
        assert crowd.failed == 0
        assert 0 < crowd.most <= 0.05
        await descent.end()

    World(1, nodes=2).run(scenario, seconds_max=3_600)


def test_a_better_version_wins() -> None:
    """Its parent is retired, and is still there for those who ask for it."""

    async def scenario(world: World) -> None:
        await until_linked(world, "b", "a")
        descent = Descent(world.machines["a"], "greeter")
        await descent.begin(version(1, fails=40, world=world))
        await descent.offer("better", version(2))
        crowd = Crowd(world, "b")
        await crowd.call(descent, 12_000, lambda: descent.generation(2)["state"] == "active")
        assert descent.generation(2)["weight"] == 10_000
        assert [said["kind"] for said in descent.told][-1] == "active"
        failed = crowd.failed
        await crowd.call(descent, 200, lambda: False)
        assert crowd.failed == failed
        for name in ("a", "b"):
            assert await world.client(name).call("greeter#1", "Say.Version") == 1
        await descent.end()

    World(1, nodes=2).run(scenario, seconds_max=3_600)


def test_a_version_that_crashes_has_nothing_any_more_and_no_caller_notices_much() -> None:
    """Calls that were under way on it fail; all others are answered by its parent."""

    async def scenario(world: World) -> None:
        await until_linked(world, "b", "a")
        descent = Descent(world.machines["a"], "greeter")
        await descent.begin(version(1))
        await descent.offer("fragile", version(2))
        crowd = Crowd(world, "b")
        calling = asyncio.ensure_future(
            crowd.call(descent, 8_000, lambda: descent.generation(2)["state"] in ("zero", "ended"))
        )
        while not calling.done():
            descent.crash(2)
            await world.sleep(0.5)
        await calling
        assert descent.generation(2)["state"] in ("zero", "ended")
        assert crowd.failed <= CALLERS
        await descent.end()

    World(1, nodes=2).run(scenario, seconds_max=3_600)


def test_at_most_eight_generations_live_side_by_side() -> None:
    """Each can be called by its number; the ninth waits until one has ended, as idle ones do."""

    async def scenario(world: World) -> None:
        descent = Descent(world.machines["a"], "greeter", lifetimes=SHORT)
        client = world.client("a")
        await descent.begin(version(1))
        for number in range(2, 9):
            await descent.offer(f"version {number}", version(number))
            descent.rollback(number)
        for number in range(1, 9):
            assert await client.call(f"greeter#{number}", "Say.Version") == number
        with pytest.raises(Conflict, match="8 generations of greeter live"):
            await descent.offer("version 9", version(9))
        assert await client.call("greeter", "Say.Version") == 8

        await world.sleep(SHORT.idle_seconds + 10)
        assert [descent.generation(number)["state"] for number in range(1, 9)] == [*["ended"] * 7, "active"]
        await descent.offer("version 9", version(9))
        assert descent.generation(9)["state"] == "canary"
        await descent.end()

    World(1, nodes=1).run(scenario, seconds_max=3_600)


@pytest.mark.parametrize("name", ["greeter", "greeter#1"], ids=["directly", "through the node"])
def test_a_retired_generation_is_not_ended_under_whoever_uses_it(name: str) -> None:
    """A stream that is open for longer than a lifetime is finished, and then the generation ends."""

    async def scenario(world: World) -> None:
        descent = Descent(world.machines["a"], "greeter", lifetimes=SHORT)
        client = world.client("a")
        await descent.begin(version(1))
        async with client.stream(name, "Say.Count") as numbers:
            assert await anext(aiter(numbers)) == 1
            await descent.offer("version 2", version(2))
            descent.rollback(2)
            await world.sleep(SHORT.seconds + 30)
            assert descent.generation(1)["state"] == "retired"
            assert await anext(aiter(numbers)) == 1
        await world.sleep(15)
        assert descent.generation(1)["state"] == "ended"
        assert await client.call("greeter", "Say.Version") == 2
        await descent.end()

    World(1, nodes=1).run(scenario, seconds_max=3_600)


def test_a_retired_generation_that_crashes_is_not_started_again() -> None:
    """The active one is, as ever."""

    async def scenario(world: World) -> None:
        descent = Descent(world.machines["a"], "greeter", lifetimes=SHORT)
        client = world.client("a")
        await descent.begin(version(1))
        await descent.offer("version 2", version(2))
        descent.rollback(2)
        descent.crash(1)
        descent.crash(2)
        await world.sleep(30)
        assert descent.generation(1)["state"] == "ended"
        assert await client.call("greeter", "Say.Version") == 2
        with pytest.raises(NotFound, match="generation 1 of greeter does not run"):
            await client.call("greeter#1", "Say.Version")
        await descent.end()

    World(1, nodes=1).run(scenario, seconds_max=3_600)


def test_a_trial_lapses_to_which_no_calls_come() -> None:
    """A canary gets nothing any more; whoever had been shown to be no worse takes over; calls put it off."""

    async def scenario(world: World) -> None:
        await until_linked(world, "b", "a")
        descent = Descent(world.machines["a"], "greeter", lifetimes=Lifetimes(seconds=9_999.0, lapse_seconds=100.0))
        await descent.begin(version(1))
        await descent.offer("unasked", version(2))
        crowd = Crowd(world, "b")
        for _ in range(4):
            await crowd.call(descent, 1, lambda: False)
            await world.sleep(60.0)
        assert descent.generation(2)["state"] == "canary"
        await world.sleep(60.0)
        assert descent.generation(2)["state"] == "zero"
        assert descent.generation(2)["reasons"][0].startswith("its trial has lapsed: nobody called greeter for 100 s")
        await descent.offer("asked", version(3))
        await crowd.call(descent, 20_000, lambda: descent.generation(3)["state"] == "ramping")
        await world.sleep(60.0)
        assert descent.generation(3)["state"] == "ramping"
        await world.sleep(60.0)
        assert descent.generation(3)["state"] == "active"
        assert "it had been shown to be no worse" in descent.generation(3)["reasons"][0]
        await descent.end()

    World(5, nodes=2).run(scenario, seconds_max=7_200)
