"""Publishing, handling, saving and shortening on a broker, with a note of what was promised after which step."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from micro.errors import Fault
from micro.service.broker.broker import Limits, StoredEvent, Subscription
from micro.service.broker.embedded import EmbeddedBroker
from tests.fault.powerloss import ForgetfulDisk

PATH = Path("broker.db")
LIMITS = Limits(kept_messages=24, away_seconds=1e9, ids_kept=64)
EVENTS = 120


class StillClock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.time = 1_700_000_000.0

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time


class Reader:
    """A member that takes everything and answers nothing by itself."""

    def __init__(self) -> None:
        self.got: list[tuple[int, StoredEvent]] = []
        self.subscription: Subscription | None = None

    def deliver(self, sequence: int, event: StoredEvent) -> bool:
        self.got.append((sequence, event))
        return True

    def dropped(self, count: int) -> None:
        raise AssertionError("a queue misses nothing")


@dataclass
class Promises:
    """What somebody was told, and after how many steps of the disk: (steps, id).

    An event of which the publisher was told "outcome unknown" may be in the log, and be one of the newest kept.
    """

    unknown: list[Fault] = field(default_factory=list)
    published: list[tuple[int, str]] = field(default_factory=list)
    handled: dict[str, int] = field(default_factory=dict)
    saved: list[tuple[int, frozenset[str]]] = field(default_factory=list)

    def published_by(self, steps: int) -> list[str]:
        return [id for told, id in self.published if told <= steps]

    def handled_by(self, steps: int) -> set[str]:
        """Those that were acknowledged before: they need not come again."""
        return {id for id, told in self.handled.items() if told <= steps}

    def saved_by(self, steps: int) -> frozenset[str]:
        """Those whose acknowledgement was on disk: they must not come again."""
        return max((each for each in self.saved if each[0] <= steps), default=(0, frozenset()))[1]


@contextmanager
def forgetful(files: dict[str, bytes] | None = None) -> Iterator[ForgetfulDisk]:
    """Gives a disk in memory."""
    disk = ForgetfulDisk(files)
    try:
        yield disk
    finally:
        disk.remove()


async def turns(count: int = 4) -> None:
    """Lets the loop do what is due; without threads that is everything."""
    for _ in range(count):
        await asyncio.sleep(0)


async def play(disk: ForgetfulDisk) -> Promises:
    """Plays the scene to its end, and closes properly."""
    promises = Promises()
    clock = StillClock()
    broker = EmbeddedBroker(disk, PATH, clock, limits=LIMITS, threaded=False)
    await broker.start()
    reader = Reader()
    reader.subscription = broker.subscribe("work", "queue", reader)

    def told(id: str, fault: Fault | None) -> None:
        if fault is None:
            promises.published.append((len(disk.tape), id))
        else:
            promises.unknown.append(fault)

    number = 0
    for size in (1, 3, 12, 2, 7) * (EVENTS // 25 + 1):
        for _ in range(size):
            number += 1
            topic = "work" if number % 3 else "news"
            body = bytes([number % 251]) * (30 * (number % 11))
            broker.publish(
                "me", topic, f"{topic}-{number}", {"n": str(number)}, body, partial(told, f"{topic}-{number}")
            )
        await turns()
        handle(reader, promises, len(disk.tape), leave=number % 4)
        clock.time += 0.1
        broker.tick(clock.time)
        saved = frozenset(promises.handled)
        await turns()
        if not list(broker._topics.changed()):
            promises.saved.append((len(disk.tape), saved))
        if number >= EVENTS:
            break
    await broker.stop()
    return promises


def handle(reader: Reader, promises: Promises, steps: int, *, leave: int) -> None:
    """Acknowledges all but some of what the reader holds, the newest first, so that the rest are holes."""
    assert reader.subscription is not None
    while len(reader.got) > leave:
        sequence, event = reader.got.pop()
        promises.handled[event.id] = steps
        reader.subscription.acknowledge(sequence)


async def broken_promises(files: dict[str, bytes], promises: Promises, steps: int) -> list[str]:
    """Starts a broker on what a power loss left, and returns what it does not keep of what was promised."""
    with forgetful(files) as disk:
        try:
            return await _broken(disk, promises, steps)
        except Exception as error:  # noqa: BLE001 - whatever it is, a broker that does not start keeps no promise
            return [f"does not start: {error!r}"]


async def _broken(disk: ForgetfulDisk, promises: Promises, steps: int) -> list[str]:
    broker = EmbeddedBroker(disk, PATH, StillClock(), limits=LIMITS, threaded=False)
    await broker.start()
    work, news = Reader(), Reader()
    work.subscription = broker.subscribe("work", "queue", work)
    news.subscription = broker.subscribe("news", "new", news)
    await turns(8)
    broken = []
    found = broker._database.read("PRAGMA integrity_check")
    if found != [("ok",)]:
        broken.append(f"damaged: {found}")
    published = promises.published_by(steps)
    came = {event.id for _, event in work.got}
    lost = [id for id in published if id.startswith("work") and id not in came | promises.handled_by(steps)]
    newest = [id for id in reversed(published) if id.startswith("news")]
    certain = newest[: max(0, LIMITS.kept_messages - len(promises.unknown))]
    lost += sorted(set(certain) - {event.id for _, event in news.got})
    if lost:
        broken.append(f"lost: {lost}")
    if again := came & promises.saved_by(steps):
        broken.append(f"came again: {again}")
    broken += await _twice(broker, published[-3:])
    broken += await _goes_on(broker, work, news)
    await broker.stop()
    return broken


async def _goes_on(broker: EmbeddedBroker, work: Reader, news: Reader) -> list[str]:
    """Publishes something new, which has to come after all that was there."""
    for reader, topic in ((work, "work"), (news, "news")):
        assert reader.subscription is not None
        for sequence, _ in reader.got:
            reader.subscription.acknowledge(sequence)
        broker.publish("me", topic, f"{topic}-new", {}, b"new", lambda fault: None)
    await turns(8)
    return [f"does not go on: {reader.got[-1:]}" for reader in (work, news) if not reader.got[-1][1].id.endswith("new")]


async def _twice(broker: EmbeddedBroker, ids: list[str]) -> list[str]:
    """Publishes once more what is known to be there."""
    faults: list[Any] = []
    for id in ids:
        broker.publish("me", id.partition("-")[0], id, {}, b"again", faults.append)
    await turns()
    twice = len(ids) - broker.stats().get("duplicates", 0)
    return [f"{twice} taken twice, {faults}"] if twice or faults != [None] * len(ids) else []
