"""The broker is killed with -9 in the middle of publishing, again and again: nothing acknowledged is lost."""

from __future__ import annotations

import asyncio
import os
import random
import struct
import subprocess
import sys
import threading
from pathlib import Path

from micro.service.broker.broker import StoredEvent
from micro.service.broker.embedded import EmbeddedBroker
from micro.system import SystemClock, SystemDisk
from tests.conftest import Campaign
from tests.fault.broker.publisher import LIMITS

ROOT = Path(__file__).parents[3]
PUBLISHER = Path(__file__).with_name("publisher.py")


def publish_until_killed(folder: Path, number: int, seconds: float, *more: str) -> list[int]:
    """Runs the publisher, kills it `seconds` after its first acknowledgement, and returns all it was given."""
    path = os.pathsep.join([str(ROOT / "src"), str(ROOT)])
    victim = subprocess.Popen(
        [sys.executable, str(PUBLISHER), str(folder), str(number), *more],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": path},
    )
    assert victim.stdout is not None
    output = victim.stdout.read(8)
    killer = threading.Timer(seconds, victim.kill)
    killer.start()
    output += victim.stdout.read()
    killer.join()
    victim.stdout.close()
    victim.wait()
    return [number for (number,) in struct.iter_unpack("<q", output[: len(output) // 8 * 8])]


class Collector:
    """A member that takes everything."""

    def __init__(self) -> None:
        self.numbers: list[int] = []
        self.held: list[int] = []

    def deliver(self, sequence: int, event: StoredEvent) -> bool:
        self.numbers.append(int(event.id))
        self.held.append(sequence)
        return True

    def dropped(self, count: int) -> None:
        raise AssertionError("a queue misses nothing")


async def all_kept(folder: Path, queue: str) -> list[int]:
    """Returns the numbers of all events that a new queue gets."""
    broker = EmbeddedBroker(SystemDisk(), folder / "broker.db", SystemClock(), limits=LIMITS)
    await broker.start()
    collector = Collector()
    subscription = broker.subscribe("work", queue, collector)
    await asyncio.sleep(0)
    while collector.held:
        while collector.held:
            subscription.acknowledge(collector.held.pop())
        await asyncio.sleep(0)
    await broker.stop()
    return collector.numbers


async def test_a_killed_broker_has_lost_nothing(tmp_path: Path, campaign: Campaign) -> None:
    """After every kill all that was ever acknowledged is there, once, in order."""
    chance = random.Random(4)
    acknowledged: list[int] = []
    for _ in range(campaign("kills of the broker", share=5, full=1_000)):
        number = max(acknowledged, default=0) + 1_000
        acknowledged += publish_until_killed(tmp_path, number, chance.uniform(0.005, 0.25))
    kept = await all_kept(tmp_path, "new")

    assert set(acknowledged) <= set(kept)
    assert kept == sorted(set(kept))


async def test_an_early_acknowledgement_is_found(tmp_path: Path) -> None:
    """The kills can find something: with acknowledgements before the commit they find losses."""
    lost: set[int] = set()
    for number in range(0, 50_000_000, 10_000_000):
        acknowledged = publish_until_killed(tmp_path, number, 0.05, "hasty")
        lost = set(acknowledged) - set(await all_kept(tmp_path, f"new-{number}"))
        if lost:
            break

    assert lost
