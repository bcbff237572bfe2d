"""The victim: publishes events and completes each with what follows from it, as fast as it may, until it is killed.

    python completer.py FOLDER ATTEMPT [apart]

`ATTEMPT` is part of the outputs' ids, so that what happens twice is seen twice. With `apart` the outputs are published
before the event is acknowledged instead of with it: the mistake that a test must find.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from micro.errors import Fault
from micro.service.broker.broker import Limits, StoredEvent
from micro.service.broker.embedded import EmbeddedBroker
from micro.system import SystemClock, SystemDisk
from tests.fault.broker.completions import outputs_of

LIMITS = Limits(kept_messages=10_000_000, ids_kept=10_000_000, in_flight=64)
IN_FLIGHT = 32


class Biller:
    """A member that completes all it gets at the end of the loop's turn."""

    def __init__(self) -> None:
        self.waiting: list[tuple[int, StoredEvent]] = []

    def deliver(self, sequence: int, event: StoredEvent) -> bool:
        self.waiting.append((sequence, event))
        return True

    def dropped(self, count: int) -> None: ...


async def main(folder: Path, attempt: str, *, apart: bool) -> None:
    clock = SystemClock()
    broker = EmbeddedBroker(SystemDisk(), folder / "broker.db", clock, limits=LIMITS)
    await broker.start()
    biller = Biller()
    subscription = broker.subscribe("orders", "billing", biller)
    count = 0

    def publish(fault: Fault | None = None) -> None:
        nonlocal count
        assert fault is None, fault
        count += 1
        broker.publish("me", "orders", f"{attempt}.{count}", {}, b"", publish)

    def completed(fault: Fault | None) -> None:
        assert fault is None, fault
        os.write(1, b".")

    def complete(sequence: int, event: StoredEvent) -> None:
        outputs = outputs_of(event.id, attempt)
        if not apart:
            subscription.complete(sequence, "biller", outputs, completed)
            return

        def published(fault: Fault | None) -> None:
            completed(fault)
            subscription.acknowledge(sequence)

        for output in outputs:
            broker.publish("biller", output.topic, output.id, {}, output.body, published)

    for _ in range(IN_FLIGHT):
        publish()
    while True:
        await asyncio.sleep(0)
        for sequence, event in biller.waiting:
            complete(sequence, event)
        biller.waiting.clear()
        broker.tick(clock.monotonic())


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2], apart=sys.argv[3:] == ["apart"]))
