"""An ordeal: some hundred operations of clients while machines crash, disks forget and cables are cut, all by chance.

Whoever changes the node sends it through some hundred of these. Each ends with everything mended, all nodes in
agreement, and every event that was acknowledged in the hands of all who subscribed.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

from micro.service.service import Service
from micro.service.subscription import Event
from micro.testing.machine import WorldClient
from micro.testing.play import Play, Work
from micro.testing.world import World, WorldBroken

__all__ = ["Ordeal"]

TOPICS = ("orders", "news")
DELIVERY_SECONDS_MAX = 30.0
"""How long the last event may take after all was mended."""
DOWN_SECONDS_MAX = 1.5
CUT_SECONDS_MAX = 3.0
COUNT = 12
"""How many items a stream has."""
KEEPERS = ("a", "b")
ANSWERERS = ("b", "c", "d")


class Ordeal(Play):
    """Everything that may happen, in an order that chance gives.

    Args:
        operations: how many there are.
        accidents: which share of them are accidents.

    Attributes:
        done: how often each operation was done, by name; what failed counts as `failed`.
    """

    pause_seconds = 0.03
    patience_seconds = 2.0
    tries_max = 5
    backoff_seconds = 0.1
    skew_seconds_max = 86_400.0

    def __init__(self, operations: int = 150, *, accidents: float = 0.08) -> None:
        super().__init__(operations, accidents=accidents)
        self._keepers: list[str] = []

    async def _begin(self, world: World) -> None:
        self._keepers = [name for name in KEEPERS if name in world.nodes]
        for name in world.nodes:
            world.serve(name, self._opener())
        for name in self._keepers:
            world.serve(name, self._keeper(world, name))
        for name in ANSWERERS:
            if name in world.nodes:
                world.serve(name, self._answerer())
        for name in world.nodes:
            self._clients[name] = world.client(name)
        await world.sleep(self.pause_seconds)

    # -- services -----------------------------------------------------------------------------------------------------

    @staticmethod
    def _keeper(world: World, name: str) -> Service:
        """Returns a service that takes every event of all topics, in a queue of its own."""
        service = Service(f"keeper-{name}")

        async def take(event: Event) -> None:
            world.ledger.took(name, event.topic, event.id)
            world.note(f"{name} takes {event.topic} {event.id}")

        for topic in TOPICS:
            service.subscribe(topic, queue=f"keepers-{name}")(take)
        return service

    @staticmethod
    def _opener() -> Service:
        """Returns a service that opens its node's topics to others."""
        service = Service("opener")
        for topic in TOPICS:
            service.topic(topic, export=True)
        return service

    @staticmethod
    def _answerer() -> Service:
        """Returns a service that answers, at once, later, and in streams."""
        service = Service("answers")

        async def double(number: int) -> int:
            return 2 * number

        async def later(number: int) -> int:
            await asyncio.sleep(number / 1000)
            return number

        async def count(to: int) -> AsyncIterator[int]:
            for number in range(to):
                yield number
                await asyncio.sleep(0.01)

        service.add("Answers.Double", double, idempotent=True)
        service.add("Answers.Later", later, idempotent=True)
        service.add("Answers.Count", count)
        return service

    # -- operations ---------------------------------------------------------------------------------------------------

    def _next(self, world: World) -> tuple[str, Work]:
        """Returns what happens next."""
        self._number += 1
        number, chance = self._number, world.random
        client = self._clients[chance.choice(world.nodes)]
        if chance.random() < self.accidents:
            return self._accident(world)
        kind = chance.random()
        if kind < 0.6:
            topic = chance.choice(TOPICS)
            return "publish", lambda: self._insist(world, lambda: self._publish(client, topic, f"event-{number}"))
        if kind < 0.75:
            return "call", lambda: self._insist(world, lambda: self._call(client, "Answers.Double", number, 2 * number))
        if kind < 0.9:
            return "wait", lambda: self._insist(world, lambda: self._call(client, "Answers.Later", number, number))
        return "stream", lambda: self._insist(world, lambda: self._stream(client))

    @staticmethod
    async def _publish(client: WorldClient, topic: str, id: str) -> None:
        await client.publish(topic, {"said": id}, id=id)

    @staticmethod
    async def _call(client: WorldClient, endpoint: str, number: int, wanted: int) -> None:
        found = await client.call("answers", endpoint, {"number": number})
        if found != wanted:
            raise WorldBroken(f"{endpoint} of {number} answered {found}, not {wanted}")

    @staticmethod
    async def _stream(client: WorldClient) -> None:
        async with client.stream("answers", "Answers.Count", {"to": COUNT}) as stream:
            found = [item async for item in stream]
        if found != list(range(COUNT)):
            raise WorldBroken(f"a stream of {COUNT} numbers gave {found}")

    # -- accidents ----------------------------------------------------------------------------------------------------

    def _accident(self, world: World) -> tuple[str, Work]:
        chance = world.random
        name = chance.choice(world.nodes)
        others = [other for other in world.nodes if other != name]
        seconds = chance.uniform(0.05, DOWN_SECONDS_MAX)
        kinds: list[tuple[str, float, Callable[[], None]]] = [
            ("crash", 3, lambda: world.crash(name)),
            ("kill", 3, lambda: world.kill(name)),
            ("crash in the middle of writing", 3, lambda: world.crash_at_step(name, chance.randint(1, 40))),
            ("move", 1, lambda: self._move(world, name)),
            ("disk loss", 0.5, lambda: world.lose_disk(name)),
        ]
        cuts: list[tuple[str, float, Callable[[], None]]] = [
            ("partition", 3, lambda: world.partition([name], others)),
            (
                "half",
                2,
                lambda: world.partition(world.nodes[: len(world.nodes) // 2], world.nodes[len(world.nodes) // 2 :]),
            ),
            ("one way", 3, lambda: world.cut(name, chance.choice(others))),
        ]
        kind, _, begin = chance.choices([*kinds, *cuts], weights=[weight for _, weight, _ in [*kinds, *cuts]])[0]
        if kind in [cut for cut, _, _ in cuts]:
            return kind, lambda: self._cut(world, begin, chance.uniform(0.1, CUT_SECONDS_MAX))
        return kind, lambda: self._down(world, name, begin, seconds)

    # -- the end ------------------------------------------------------------------------------------------------------

    async def _end(self, world: World) -> None:
        """Waits until every promise has reached every keeper whose disk is the one it began with."""
        kept = [name for name in self._keepers if not world.machines[name].age]
        deadline = world.now + DELIVERY_SECONDS_MAX
        while missing := self._missing(world, kept):
            if world.now >= deadline:
                raise WorldBroken(f"acknowledged and never delivered: {'; '.join(missing[:8])}")
            await world.sleep(0.1)

    @staticmethod
    def _missing(world: World, keepers: list[str]) -> list[str]:
        return [
            f"{promise.id} of {promise.machine} to {keeper}"
            for keeper in keepers
            for promise in world.ledger.promises
            if promise.age == world.machines[promise.machine].age
            and (promise.topic, promise.id) not in world.ledger.received.get(keeper, {})
        ]
