"""The front door as type checkers see it: every line here must pass mypy --strict and pyright in strict mode."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import assert_type

from micro import Client, Context, Event, Fault, Service, Stream, errors
from micro.testing import STORMY, Ordeal, World


@dataclass(frozen=True)
class Point:
    """Where something is."""

    latitude: float
    longitude: float


service = Service("geolocation", version="1.2.0", description="Where things are.")


@service.endpoint
async def locate(name: str, context: Context) -> Point:
    """Say where something is."""
    assert_type(context.caller.nid, str)
    assert_type(context.caller.owner, bool)
    assert_type(await context.client.call("map", "Map.Find", {"name": name}, returns=Point), Point)
    return Point(0.0, 0.0)


@service.endpoint("Gps.Update", price="0.001", idempotent=True, examples=[{"latitude": 1.0, "longitude": 2.0}])
async def update(points: Stream[Point]) -> AsyncIterator[Point]:
    """Smooth a track."""
    async for point in points:
        assert_type(point, Point)
        yield point


@service.subscribe("moves", queue="geolocation")
async def moved(event: Event) -> None:
    """Take note of a move."""
    assert_type(event.body, bytes)
    assert_type(event.topic, str)
    assert_type(event.attempt, int)


async def calls() -> None:
    """What a caller writes."""
    async with Client() as client:
        assert_type(await client.call("geolocation", "Geolocation.Locate", {"name": "Ann"}, returns=Point), Point)
        assert_type(await client.call_raw("geolocation", "Geolocation.Locate", b"{}"), bytes)
        assert_type(await client.publish("moves", {"name": "Ann"}), str)
        async with client.stream("geolocation", "Gps.Update", returns=Point) as stream:
            await stream.send(Point(1.0, 2.0))
            await stream.end()
            async for point in stream:
                assert_type(point, Point)
        async with await client.stream_raw("geolocation", "Gps.Update") as raw:
            async for item in raw:
                assert_type(item, bytes)
        async with client.subscribe("moves") as events:
            async for event in events:
                assert_type(event, Event)
                await event.ack()


async def faults(context: Context) -> None:
    """What a caller catches; and a decorated handler stays what it was, so that a unit test can call it."""
    try:
        assert_type(await locate("Ann", context), Point)
    except errors.NotFound as fault:
        assert_type(fault.code, int)
    except Fault as fault:
        assert_type(fault.detail, str)


class NobodyDown:
    """What a test says must always hold."""

    def check(self, world: World) -> Iterator[str]:
        """Yields the nodes that are down."""
        yield from (name for name in world.nodes if not world.is_up(name))


async def scenario(world: World) -> None:
    """What a test plays in a world."""
    world.serve("a", Service("empty"))
    assert_type(await world.client("b").publish("moves", {"name": "Ann"}), str)
    world.partition({"a"}, {"b"})
    await world.settle()


def worlds() -> None:
    """What a test writes around it."""
    assert_type(World(seed=1, nodes=2, weather=STORMY, invariants=[NobodyDown()]).run(scenario), World)
    World(2).run(Ordeal())
