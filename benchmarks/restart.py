"""Measures a start of the broker after a crash, in a process of its own: until it takes an event and hands one out.

`fill FOLDER COUNT` publishes events and stops dead; `start FOLDER` starts where somebody stopped dead, tells how long
it took, and stops dead as well. So every start finds a write-ahead log that nobody has copied.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from pathlib import Path

from micro.errors import Fault
from micro.service.broker.broker import Limits, Member, StoredEvent
from micro.service.broker.embedded import EmbeddedBroker
from micro.system import SystemClock, SystemDisk

__all__ = ["EVENTS"]

EVENTS = 1_000_000
"""How many kept events a start is measured with."""

TOPICS = 50
"""One topic holds half of the events, so many others share the rest."""

LARGE = "large"
LIMITS = Limits(kept_messages=EVENTS, backlog_messages=2 * EVENTS, uncommitted_bytes=1 << 30)
BODY, HEADERS = b"x" * 100, {"Content-Type": "application/octet-stream"}
BATCH = 1_024
QUEUE = "queue"


def _broker(folder: Path) -> EmbeddedBroker:
    return EmbeddedBroker(SystemDisk(), folder / "broker.db", SystemClock(), limits=LIMITS)


async def _publish(broker: EmbeddedBroker, events: list[tuple[str, str]]) -> None:
    """Publishes events, each a topic and an id, and waits until the last is on disk."""
    last: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    left = len(events)

    def done(fault: Fault | None) -> None:
        nonlocal left
        left -= 1
        if fault is not None and not last.done():
            last.set_exception(fault)
        elif not left and not last.done():
            last.set_result(None)

    for topic, id in events:
        broker.publish("node", topic, id, HEADERS, BODY, done)
    await last


class _Member(Member):
    """Takes one event."""

    def __init__(self) -> None:
        self.first: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def deliver(self, sequence: int, event: StoredEvent) -> bool:
        if self.first.done():
            return False
        self.first.set_result(None)
        return True

    def dropped(self, count: int) -> None:
        """A member of a queue misses nothing."""


async def _fill(folder: Path, count: int) -> None:
    broker = _broker(folder)
    await broker.start()
    topics = [LARGE if number % 2 else f"topic-{number // 2 % TOPICS}" for number in range(count)]
    for start in range(0, count, BATCH):
        ids = enumerate(topics[start : start + BATCH], start)
        await _publish(broker, [(topic, f"{number:032x}") for number, topic in ids])


async def _start(folder: Path) -> float:
    began = time.perf_counter()
    broker = _broker(folder)
    await broker.start()
    broker.tick(time.monotonic())
    await _publish(broker, [(LARGE, f"again-{time.time_ns()}")])
    member = _Member()
    broker.subscribe(LARGE, QUEUE, member)
    await member.first
    return time.perf_counter() - began


if __name__ == "__main__":
    if sys.argv[1] == "fill":
        asyncio.run(_fill(Path(sys.argv[2]), int(sys.argv[3])))
    else:
        print(asyncio.run(_start(Path(sys.argv[2]))), flush=True)
    os._exit(0)
