"""What every registry engine must do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing

import pytest

from micro.errors import BadRequest
from micro.service.registry.changes import Changes
from micro.service.registry.embedded import WATCHERS_MAX, EmbeddedRegistry
from micro.service.registry.instance import Instance
from micro.service.registry.registry import Registry

WAIT_SECONDS = 10.0


class HandClock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.time = 1000.0

    def now(self) -> float:
        return 1_700_000_000.0 + self.time

    def monotonic(self) -> float:
        return self.time


ENGINES: dict[str, Callable[[HandClock], Registry]] = {"embedded": EmbeddedRegistry}


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture(params=ENGINES)
def registry(request: pytest.FixtureRequest, clock: HandClock) -> Registry:
    return ENGINES[request.param](clock)


def instance(id: str = "1", service: str = "greeter") -> Instance:
    return Instance(service, "1.0.0", id, "bhere", local=True)


async def put(registry: Registry, found: Instance, lease_seconds: float = 90.0) -> bool:
    fields = {"name": found.service, "version": "1.0.0", "description": f"The {found.service}."}
    return await registry.register(found, fields, lease_seconds)


async def ids(registry: Registry) -> list[str]:
    view = await registry.lookup("greeter")
    return [found.id for found in view.instances] if view else []


async def kinds(changes: AsyncIterator[Changes], count: int) -> list[str]:
    found: list[str] = []
    async with asyncio.timeout(WAIT_SECONDS):
        while len(found) < count:
            found += [change.kind for change in (await anext(changes)).changes]
    return found


async def test_what_is_registered_is_found(registry: Registry) -> None:
    """By name, in the list and by its words."""
    await put(registry, instance())

    assert await ids(registry) == ["1"]
    assert [view.name for view in await registry.list()] == ["greeter"]
    assert [match.name for match in await registry.search("greet")] == ["greeter"]


async def test_what_is_withdrawn_is_gone(registry: Registry) -> None:
    """And withdrawing it again says that it was not there."""
    await put(registry, instance())

    assert [await registry.deregister(instance()), await registry.deregister(instance())] == [True, False]
    assert await ids(registry) == []


async def test_a_lease_that_ends_takes_the_instance_along(registry: Registry, clock: HandClock) -> None:
    """Nobody needs to withdraw what was killed."""
    await put(registry, instance("1"), lease_seconds=30.0)
    await put(registry, instance("2"), lease_seconds=90.0)
    clock.time += 30.0

    assert await ids(registry) == ["2"]


async def test_registering_again_renews(registry: Registry, clock: HandClock) -> None:
    """The lease lasts from the last time on."""
    await put(registry, instance())
    clock.time += 60.0
    await put(registry, instance())
    clock.time += 60.0

    assert await ids(registry) == ["1"]


async def test_nonsense_is_refused(registry: Registry) -> None:
    """With the fault of the catalog."""
    with pytest.raises(BadRequest):
        await registry.register(instance(), {"name": "greeter"}, 90.0)


async def test_a_watcher_sees_what_happens(registry: Registry) -> None:
    """In order, and while it waits."""
    changes = registry.watch()
    waiting = asyncio.ensure_future(kinds(changes, 2))
    await asyncio.sleep(0)
    await put(registry, instance())
    await registry.deregister(instance())

    assert await waiting == ["added", "removed"]


async def test_a_watcher_may_begin_in_the_past(registry: Registry) -> None:
    """It gets what it missed at once."""
    await put(registry, instance())

    assert await kinds(registry.watch(0), 1) == ["added"]


async def test_a_watcher_from_another_life_must_resync(registry: Registry) -> None:
    """A number that was never given means that the registry began anew."""
    async with asyncio.timeout(WAIT_SECONDS):
        assert (await anext(registry.watch(10**9))).resync


async def test_a_watcher_sees_the_end_of_a_lease(registry: Registry, clock: HandClock) -> None:
    """Though nobody else asks for anything."""
    await put(registry, instance(), lease_seconds=0.05)
    waiting = asyncio.ensure_future(kinds(registry.watch(), 1))
    await asyncio.sleep(0)
    clock.time += 1.0

    assert await waiting == ["removed"]


async def test_watchers_do_not_disturb_each_other(registry: Registry) -> None:
    """One that has gone leaves the others as they were."""
    first, second = registry.watch(0), registry.watch(0)
    await put(registry, instance())
    await kinds(first, 1)
    await first.aclose()  # type: ignore[attr-defined]
    await put(registry, instance("2"))

    assert await kinds(second, 2) == ["added", "added"]


async def test_watchers_are_bounded(clock: HandClock) -> None:
    """The embedded engine refuses more, and takes new ones when others have gone."""
    registry = EmbeddedRegistry(clock)
    await put(registry, instance())
    watchers = [registry.watch(0) for _ in range(WATCHERS_MAX)]
    for watcher in watchers:
        await anext(watcher)
    with pytest.raises(Exception, match="watch the registry already"):
        await anext(registry.watch(0))
    for watcher in watchers:
        async with aclosing(watcher):  # type: ignore[type-var]
            pass

    assert (await anext(registry.watch(0))).number == 1


async def test_the_engine_serves_signs_of_life_and_lost_links(clock: HandClock) -> None:
    """What a node does for its peers: renew all they hold, or drop it and tell the watchers."""
    registry = EmbeddedRegistry(clock)
    await put(registry, instance())
    clock.time += 60.0
    renewed = registry.renew_node("bhere")
    clock.time += 60.0
    alive = await ids(registry)
    waiting = asyncio.ensure_future(kinds(registry.watch(), 1))
    await asyncio.sleep(0)

    assert (renewed, alive, registry.drop_node("bhere"), await waiting) == (1, ["1"], 1, ["removed"])


async def test_the_engine_dates_what_it_has_seen(clock: HandClock) -> None:
    """`last_seen` is a date, though leases run on a clock that is none."""
    registry = EmbeddedRegistry(clock)
    await put(registry, instance())
    seen = clock.now()
    clock.time += 5.0

    assert [node["last_seen"] for node in registry.describe("greeter")["nodes"]] == [seen]
