"""What is over is let go of: the collector does not look into what a link reports, so nothing may hold that."""

from __future__ import annotations

import gc
import weakref

from micro.errors import MicroError
from micro.testing import CALM, Ordeal, World
from micro.testing.world import Scenario


def is_left_behind(scenario: Scenario, *, nodes: int = 1, weather: bool = False) -> bool:
    """Plays a scenario and says whether its world is still held by something."""
    world = World(1, nodes=nodes, weather=None if weather else CALM)
    world.run(scenario)
    reference = weakref.ref(world)
    del world, scenario
    gc.collect()
    return reference() is not None


def test_a_refused_caller_is_let_go_of() -> None:
    """A refusal is kept beside what was refused, and not with all that stood around it then."""

    async def scenario(world: World) -> None:
        try:
            await world.client("a").call("nobody", "Is.Here")
        except MicroError:
            pass

    assert not is_left_behind(scenario)


def test_a_subscription_that_failed_is_let_go_of() -> None:
    """The failure's traceback holds no event that holds the subscription."""

    async def scenario(world: World) -> None:
        client = world.client("a")
        await client.publish("news", b"it rained")
        try:
            async with client.subscribe("news", "readers") as events:
                async for event in events:
                    await event.ack()
                    world.kill("a")
        except MicroError:
            pass

    assert not is_left_behind(scenario)


def test_a_subscription_that_is_left_is_let_go_of() -> None:
    """Events that came and were never taken go with it."""

    async def scenario(world: World) -> None:
        client = world.client("a")
        for _ in range(3):
            await client.publish("news", b"it rained")
        async with client.subscribe("news", "readers") as events:
            async for _ in events:
                await world.sleep(1.0)
                break

    assert not is_left_behind(scenario)


def test_an_ordeal_is_let_go_of() -> None:
    """However a world ended for its programs, all of it goes."""
    is_left = is_left_behind(Ordeal(60, accidents=0.1), nodes=3, weather=True)  # an assert would hold the ordeal

    assert not is_left
