"""The victim: publishes as fast as it may, and writes to its output which events were acknowledged.

    python publisher.py FOLDER START [hasty]

Each number is written as eight bytes after its publish was answered; killing this process loses nothing of them. With
`hasty` it is written at the end of the loop's turn, whether it was answered or not: the mistake that a test must find.
"""

from __future__ import annotations

import asyncio
import os
import struct
import sys
from functools import partial
from pathlib import Path

from micro.errors import Fault
from micro.service.broker.broker import Limits
from micro.service.broker.embedded import EmbeddedBroker
from micro.system import SystemClock, SystemDisk

IN_FLIGHT = 64
LIMITS = Limits(kept_messages=10_000_000)


class Eager:
    """A member that acknowledges all it gets, so that cursors are written, too."""

    def __init__(self) -> None:
        self.waiting: list[int] = []

    def deliver(self, sequence: int, event: object) -> bool:
        self.waiting.append(sequence)
        return True

    def dropped(self, count: int) -> None: ...


async def main(folder: Path, number: int, *, hasty: bool) -> None:
    clock = SystemClock()
    broker = EmbeddedBroker(SystemDisk(), folder / "broker.db", clock, limits=LIMITS)
    await broker.start()
    eager = Eager()
    subscription = broker.subscribe("work", "eager", eager)

    def publish() -> None:
        nonlocal number
        number += 1
        told = partial(done, number)
        if hasty:
            asyncio.get_running_loop().call_soon(told, None)
        broker.publish("me", "work", str(number), {}, os.urandom(200), ignore if hasty else told)

    def ignore(fault: Fault | None) -> None: ...

    def done(acknowledged: int, fault: Fault | None) -> None:
        assert fault is None, fault
        os.write(1, struct.pack("<q", acknowledged))
        publish()

    for _ in range(IN_FLIGHT):
        publish()
    while True:
        await asyncio.sleep(0.01)
        while eager.waiting:
            subscription.acknowledge(eager.waiting.pop())
        broker.tick(clock.monotonic())


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]), hasty=sys.argv[3:] == ["hasty"]))
