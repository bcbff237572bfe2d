"""What the contract tests of brokers share: each engine, a clock to turn, members that note what they get."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from micro.service.broker.broker import Broker, Limits, Member, StoredEvent, Subscription
from micro.service.broker.embedded import EmbeddedBroker
from micro.system import SystemDisk

TURNS_MAX = 10_000
BODIES = [b"0", b"1", b"2", b"3", b"4"]
LIMITS = Limits(attempts=3, in_flight=4, buffered_messages=8, acknowledge_seconds=10.0, body_bytes=1_000)


class HandClock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.time = 1_000.0

    def now(self) -> float:
        return 1_700_000_000.0 + self.time

    def monotonic(self) -> float:
        return self.time


Engine = Callable[[Path, HandClock, Limits], Broker]


def embedded(folder: Path, clock: HandClock, limits: Limits, *, threaded: bool) -> Broker:
    return EmbeddedBroker(SystemDisk(), folder / "broker.db", clock, limits=limits, threaded=threaded)


ENGINES: dict[str, Engine] = {
    "embedded": partial(embedded, threaded=True),
    "embedded without threads": partial(embedded, threaded=False),
}


async def until(condition: Callable[[], Any]) -> None:
    """Lets the loop run until the condition holds."""
    for _ in range(TURNS_MAX):
        if condition():
            return
        await asyncio.sleep(0.0005)
    raise AssertionError("it never came about")


async def while_nothing_happens() -> None:
    """Lets the loop run for as long as anything that is going to happen takes."""
    for _ in range(40):
        await asyncio.sleep(0.0005)


class Person(Member):
    """A member with credit for so many events, that notes what it got."""

    def __init__(self, credit: int = 1_000_000) -> None:
        self.credit = credit
        self.got: list[tuple[int, StoredEvent]] = []
        self.missed: list[int] = []
        self.subscription: Subscription

    def deliver(self, sequence: int, event: StoredEvent) -> bool:
        if not self.credit:
            return False
        self.credit -= 1
        self.got.append((sequence, event))
        return True

    def dropped(self, count: int) -> None:
        self.missed.append(count)

    @property
    def ids(self) -> list[str]:
        return [event.id for _, event in self.got]

    @property
    def bodies(self) -> list[bytes]:
        return [event.body for _, event in self.got]

    def resume(self, credit: int) -> None:
        self.credit += credit
        self.subscription.resume()

    def acknowledge_all(self) -> None:
        for sequence, _ in self.got:
            self.subscription.acknowledge(sequence)


class House:
    """A broker that can be stopped and started again, and a clock to turn."""

    def __init__(self, engine: Engine, folder: Path, limits: Limits = LIMITS) -> None:
        self.engine = engine
        self.folder = folder
        self.limits = limits
        self.clock = HandClock()
        self.broker = engine(folder, self.clock, limits)

    async def restart(self) -> None:
        await self.broker.stop()
        self.broker = self.engine(self.folder, self.clock, self.limits)
        await self.broker.start()

    def pass_time(self, seconds: float) -> None:
        self.clock.time += seconds
        self.broker.tick(self.clock.time)

    def publish_soon(self, id: str, topic: str = "news", body: bytes = b"hello", publisher: str = "me") -> list[Any]:
        told: list[Any] = []
        self.broker.publish(publisher, topic, id, {"Content-Type": "text/plain"}, body, told.append)
        return told

    async def publish(self, *ids: str, topic: str = "news", body: bytes = b"hello", publisher: str = "me") -> None:
        told = [self.publish_soon(id, topic, body, publisher) for id in ids]
        await until(lambda: all(told))
        faults = [each[0] for each in told if each[0] is not None]
        if faults:
            raise faults[0]

    def join(self, queue: str | None = None, *, topic: str = "news", credit: int = 1_000_000) -> Person:
        person = Person(credit)
        person.subscription = self.broker.subscribe(topic, queue, person)
        return person


async def restarted_with(house: House, **limits: Any) -> House:
    """Gives the house other limits."""
    house.limits = Limits(**limits)
    await house.restart()
    return house
