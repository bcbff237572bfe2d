"""Strangers that are met: what one offers is called only while it is followed, however it comes and goes."""

from __future__ import annotations

import asyncio

import pytest

from micro.errors import MicroError
from micro.node.followed import Followed, Stranger
from micro.node.strangers import MEET_SECONDS
from micro.testing import CALM, World
from micro.testing.machine import WorldClient
from micro.testing.world import Scenario
from tests.world.scenes import greeter

TRIES_MAX = 20
"""So often, half a second apart, a service is called that is to be there again."""


def run(scenario: Scenario) -> None:
    """Plays a scenario in a small network without bad weather."""
    World(1, nodes=5, supers=3, weather=CALM).run(scenario)


async def greets(world: World, client: WorldClient, service: str) -> None:
    """Calls a service until it answers."""
    for _ in range(TRIES_MAX):
        try:
            assert await client.call(service, "Say.Hello") == "Hello world"
        except MicroError:
            await world.sleep(0.5)
        else:
            return
    raise AssertionError(f"{service} is never called again")


def test_a_stranger_that_goes_while_it_is_met_is_met_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its link ends in the turn in which it has said everything: nothing of it stays, which would not be looked for."""
    gone: list[Stranger] = []
    heard = Followed._heard

    def heard_and_gone(self: Followed, stranger: Stranger, word: str) -> None:
        heard(self, stranger, word)
        if word == "ready" and "greeter" in stranger.services and not gone:
            gone.append(stranger)
            stranger.following.link.abort("the cable was pulled")

    monkeypatch.setattr(Followed, "_heard", heard_and_gone)

    async def scenario(world: World) -> None:
        world.serve("e", greeter())
        await world.settle()
        await greets(world, world.client("d"), "greeter")

    run(scenario)
    assert gone


def test_two_services_of_one_stranger_are_met_at_the_same_time() -> None:
    """Neither waits in vain for what is said to the other."""

    async def scenario(world: World) -> None:
        for name in ("greeter", "welcomer"):
            service = greeter()
            service.name = name
            world.serve("e", service)
        await world.settle()
        client = world.client("d")
        async with asyncio.timeout(MEET_SECONDS):
            answers = await asyncio.gather(*(client.call(name, "Say.Hello") for name in ("greeter", "welcomer")))
        assert answers == ["Hello world"] * 2

    run(scenario)
