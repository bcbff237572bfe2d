"""Logs of strangers in simulated networks: what was acknowledged reaches its subscriber, whatever happens to them."""

from __future__ import annotations

import pytest

from micro.service.service import Service
from micro.service.subscription import Event
from micro.testing import World

SEEDS = range(4)
EVENTS = 12


def opener() -> Service:
    """Returns a service that opens the topic `orders` of its node to others."""
    service = Service("opener")
    service.topic("orders", export=True)
    return service


def cook(name: str, log: str, into: list[str]) -> Service:
    """Returns a service that writes down the events of a log, as a member of a queue."""
    service = Service(name)

    async def take(event: Event) -> None:
        into.append(event.id)

    service.subscribe(log, queue="cooks")(take)
    return service


async def until_taken(world: World, taken: list[str], count: int) -> None:
    """Waits until so many different events were taken, for some minutes at most."""
    for _ in range(3_000):
        if len(set(taken)) >= count:
            return
        await world.sleep(0.1)
    raise AssertionError(f"{count - len(set(taken))} events of {count} never came")


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_is_lost_between_strangers(seed: int) -> None:
    """Publisher, subscriber and a super node crash, move and are cut off in turn; each event is taken all the same."""
    taken: list[str] = []
    intruded: list[str] = []

    async def scenario(world: World) -> None:
        log = f"orders@{world.machines['e'].nid}"
        for name in ("d", "e"):
            world.serve(name, opener())
        world.serve("f", cook("cook", log, taken))
        world.serve("f", cook("guest", "orders", intruded))
        accidents = [
            lambda: world.crash("e"),
            lambda: world.crash("f"),
            lambda: world.crash(world.supers[seed % len(world.supers)]),
            lambda: world.move("e"),
        ]
        for number in range(EVENTS):
            if number % 3 == 2:
                accidents[number // 3 % len(accidents)]()
                for name in world.nodes:
                    if not world.is_up(name):
                        await world.start(name)
            await world.client("e").publish("orders", b"{}", id=f"order-{number}")
            await world.client("d").publish("orders", b"{}", id=f"intruder-{number}")
            await world.sleep(1.0 + seed)
        await until_taken(world, taken, EVENTS)

    World(seed, nodes=6, supers=3).run(scenario)
    assert {id for id in taken if id.startswith("intruder")} == set()
    assert intruded == []
