"""Events that are completed with what follows from them, and whether each had its effect exactly once.

What follows bears another id at each attempt, so that nothing but the one transaction keeps an effect from happening
twice or not at all.
"""

from __future__ import annotations

from pathlib import Path

from micro.errors import Fault
from micro.service.broker.broker import Limits, Output
from micro.service.broker.embedded import EmbeddedBroker
from tests.fault.broker.scene import PATH, Reader, StillClock, forgetful, turns
from tests.fault.powerloss import ForgetfulDisk

LIMITS = Limits(away_seconds=1e9, in_flight=8)
EVENTS = 60
EFFECTS = 2
"""How many outputs follow from each event, each on a topic of its own."""


def outputs_of(id: str, attempt: str) -> list[Output]:
    """Returns what follows from an event; the body says from which."""
    return [Output(f"effects-{number}", f"{id}-{attempt}", {}, id.encode()) for number in range(EFFECTS)]


async def play(disk: ForgetfulDisk, path: Path = PATH) -> list[str]:
    """Publishes and completes some at a time, with saves in between and some left lying; returns what failed."""
    clock, failed = StillClock(), list[str]()
    broker = EmbeddedBroker(disk, path, clock, limits=LIMITS, threaded=False)
    await broker.start()
    reader = Reader()
    reader.subscription = broker.subscribe("orders", "billing", reader)

    def told(fault: Fault | None) -> None:
        if fault is not None:
            failed.append(fault.detail)

    for number in range(EVENTS):
        broker.publish("me", "orders", str(number), {}, b"", told)
        if number % 3 == 0:
            await turns()
        while len(reader.got) > number % 5:
            sequence, event = reader.got.pop(0)
            reader.subscription.complete(sequence, "biller", outputs_of(event.id, "first"), told)
        if number % 4 == 0:
            clock.time += 0.1
            broker.tick(clock.time)
    await turns()
    await broker.stop()
    return failed


async def wrong_effects(broker: EmbeddedBroker) -> list[str]:
    """Completes all that is left on a broker that was started again, and returns the events with a wrong effect."""
    reader, orders = Reader(), Reader()
    effects = [Reader() for _ in range(EFFECTS)]
    orders.subscription = broker.subscribe("orders", "all", orders)
    reader.subscription = broker.subscribe("orders", "billing", reader)
    faults: list[Fault | None] = []
    taken = 0
    for _ in range(EVENTS):
        await turns(8)
        for sequence, event in reader.got[taken:]:
            reader.subscription.complete(sequence, "biller", outputs_of(event.id, "again"), faults.append)
        for sequence, _ in orders.got:
            orders.subscription.acknowledge(sequence)
        taken = len(reader.got)
    for number, each in enumerate(effects):
        each.subscription = broker.subscribe(f"effects-{number}", "all", each)
    for _ in range(EVENTS):
        await turns(8)
        for each in effects:
            assert each.subscription is not None
            for sequence, _ in each.got:
                each.subscription.acknowledge(sequence)
    wanted = sorted({event.id for _, event in orders.got})
    wrong = [f"refused: {fault.detail}" for fault in faults if fault is not None]
    for number, each in enumerate(effects):
        had = sorted(event.body.decode() for _, event in each.got)
        if had != wanted:
            wrong.append(f"effects-{number}: {sorted(set(had) ^ set(wanted))} missing, or {len(had)} of {len(wanted)}")
    return wrong


async def wrong_after(files: dict[str, bytes]) -> list[str]:
    """Returns what is wrong with the effects once a broker has gone on from what a power loss left."""
    with forgetful(files) as disk:
        broker = EmbeddedBroker(disk, PATH, StillClock(), limits=LIMITS, threaded=False)
        await broker.start()
        wrong = await wrong_effects(broker)
        await broker.stop()
        return wrong
