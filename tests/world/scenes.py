"""Services and small scenes for tests of worlds."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from micro.service.service import Service
from micro.service.subscription import Event
from micro.testing import World

PIECE_BYTES = 8_000


def greeter() -> Service:
    """Returns a service that greets."""
    service = Service("greeter")

    async def hello(name: str = "world") -> str:
        return f"Hello {name}"

    service.add("Say.Hello", hello, idempotent=True)
    return service


def pourer() -> Service:
    """Returns a service that pours out pieces of text, and goes on a second later until it is left."""
    service = Service("pourer")

    async def pour(pieces: int) -> AsyncIterator[str]:
        for _ in range(pieces):
            yield "x" * PIECE_BYTES
        await asyncio.sleep(1.0)

    service.add("Pour.Out", pour)
    return service


def collector(topic: str, into: list[str]) -> Service:
    """Returns a service that writes down the id of each event of a topic, as a member of a queue."""
    service = Service(f"collector-of-{topic}")

    async def take(event: Event) -> None:
        into.append(event.id)

    service.subscribe(topic, queue="collectors")(take)
    return service


async def until_linked(world: World, name: str, other: str) -> None:
    """Waits until one node has a link to another, for a minute at most."""
    for _ in range(1_200):
        if world.machines[name].is_linked(world.machines[other].nid):
            return
        await world.sleep(0.05)
    raise AssertionError(f"{name} has no link to {other}")
