"""Power fails and processes are killed while events are completed: each event has its effect exactly once."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from micro.errors import Fault
from micro.service.broker import log
from micro.service.broker.broker import Output, StoredEvent
from micro.service.broker.embedded import EmbeddedBroker
from micro.service.broker.topic import Place
from micro.store import schema, writer
from micro.system import SystemClock, SystemDisk
from tests.conftest import Campaign
from tests.fault.broker.completer import LIMITS
from tests.fault.broker.completions import EFFECTS, play, wrong_after
from tests.fault.broker.scene import forgetful, turns
from tests.fault.powerloss import Step, power_losses

ROOT = Path(__file__).parents[3]
COMPLETER = Path(__file__).with_name("completer.py")


@pytest.fixture(autouse=True)
def short_logs(monkeypatch: pytest.MonkeyPatch) -> None:
    """The write-ahead log is copied into the database, and begins anew, several times."""
    monkeypatch.setattr(writer, "WAL_BYTES_MAX", 48 * 1024)


async def record() -> list[Step]:
    with forgetful() as disk:
        assert await play(disk) == []
        return disk.tape


async def campaign_of(tape: list[Step], count: int) -> list[str]:
    """Tries `count` crash points, spread evenly over all steps, and returns what was wrong after each."""
    seeds = -(-count // (len(tape) + 1))
    stride = max(1, (len(tape) + 1) * seeds // count)
    wrong = []
    for number, (steps, files) in enumerate(power_losses(tape, seeds)):
        if number % stride == 0:
            wrong += [f"after {steps} steps: {each}" for each in await wrong_after(files)]
    return wrong


async def test_each_effect_happens_once_wherever_power_fails(campaign: Campaign) -> None:
    """What was completed has its outputs and never comes again; what was not comes again and has none."""
    count = campaign("power losses while events are completed", share=500, full=20_000)

    assert await campaign_of(await record(), count) == []


async def test_outputs_before_the_mark_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The campaign can fail: with outputs in a transaction of their own it finds effects that happen twice."""

    def complete(
        broker: EmbeddedBroker,
        place: Place,
        sequence: int,
        publisher: str,
        outputs: list[Output],
        done: Callable[[Fault | None], None],
    ) -> None:
        for output in outputs:
            broker.publish(publisher, output.topic, output.id, {}, output.body, done)
        broker._topics.acknowledge(place, sequence)

    tape_of: list[Any] = []
    with monkeypatch.context() as patch:
        patch.setattr(EmbeddedBroker, "complete", complete)
        tape_of.extend(await record())

    assert await campaign_of(tape_of, 300) != []


async def test_marks_that_are_not_read_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The campaign can fail: if only the cursor counts after a crash, events are completed twice."""
    tape = await record()
    monkeypatch.setattr(log, "with_marks", lambda cursor, marks: cursor)

    assert await campaign_of(tape, 300) != []


async def test_a_lazy_disk_setting_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The campaign can fail: without syncing, marks and outputs part."""
    monkeypatch.setattr(schema, "SYNCHRONOUS", "OFF")

    with pytest.raises(Exception):  # noqa: B017 - a damaged log fails in many ways
        assert await campaign_of(await record(), 300) == []


def complete_until_killed(folder: Path, attempt: int, seconds: float, *more: str) -> int:
    """Runs the completer, kills it `seconds` after its first answer, and returns how many answers it had."""
    victim = subprocess.Popen(
        [sys.executable, str(COMPLETER), str(folder), str(attempt), *more],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)])},
    )
    assert victim.stdout is not None
    output = victim.stdout.read(1)
    killer = threading.Timer(seconds, victim.kill)
    killer.start()
    output += victim.stdout.read()
    killer.join()
    victim.stdout.close()
    victim.wait()
    return len(output)


class Collector:
    """A member that takes everything."""

    def __init__(self) -> None:
        self.events: list[tuple[int, StoredEvent]] = []

    def deliver(self, sequence: int, event: StoredEvent) -> bool:
        self.events.append((sequence, event))
        return True

    def dropped(self, count: int) -> None:
        raise AssertionError("a queue misses nothing")


async def all_of(broker: EmbeddedBroker, topic: str, queue: str) -> list[str]:
    """Returns the bodies, or else the ids, of all that a queue gets since it was last asked."""
    collector = Collector()
    subscription = broker.subscribe(topic, queue, collector)
    found: list[str] = []
    while True:
        await turns()
        if not collector.events:
            return found
        for sequence, event in collector.events:
            found.append(event.body.decode() or event.id)
            subscription.acknowledge(sequence)
        collector.events.clear()


async def wrong_effects(folder: Path) -> set[str]:
    """Returns the events that had no effect and still do not wait, or had one twice, or have one and come again."""
    broker = EmbeddedBroker(SystemDisk(), folder / "broker.db", SystemClock(), limits=LIMITS)
    await broker.start()
    orders, waiting = await all_of(broker, "orders", "new"), await all_of(broker, "orders", "billing")
    wrong = set[str]()
    for number in range(EFFECTS):
        effects = await all_of(broker, f"effects-{number}", "new")
        wrong |= {id for id in effects if effects.count(id) > 1} if len(effects) > len(set(effects)) else set()
        wrong |= (set(orders) - set(waiting)) ^ set(effects)
    await broker.stop()
    return wrong


async def test_each_effect_happens_once_whenever_it_is_killed(tmp_path: Path, campaign: Campaign) -> None:
    """After every kill an event has all its outputs, once, or waits and has none."""
    chance = random.Random(7)
    answers = 0
    for attempt in range(campaign("kills while events are completed", share=4, full=200)):
        answers += complete_until_killed(tmp_path, attempt, chance.uniform(0.005, 0.2))

        assert await wrong_effects(tmp_path) == set()
    assert answers > 0


async def test_outputs_apart_from_the_acknowledgement_are_found(tmp_path: Path) -> None:
    """The kills can find something: where outputs are published first, some events have them and come again."""
    for attempt in range(8):
        complete_until_killed(tmp_path, attempt, 0.05, "apart")
        if await wrong_effects(tmp_path):
            return
    raise AssertionError("nothing was found")
