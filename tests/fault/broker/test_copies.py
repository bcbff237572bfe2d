"""Power fails at a super node after any step of the disk: what it said that it has of a log, it has."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pytest

from micro.errors import Fault
from micro.service.broker.broker import StoredEvent
from micro.service.broker.copied import CopyBroker
from micro.service.broker.cursor import Cursor
from micro.service.broker.delivery import Numbered
from micro.service.broker.pieces import Told
from micro.service.copies.naming import copy_name, parts_of
from micro.store import writer
from micro.trust.identity import nid_of
from tests.conftest import Campaign
from tests.fault.broker.scene import Reader, StillClock, forgetful, turns
from tests.fault.powerloss import ForgetfulDisk, Step, power_losses
from tests.unit.service.registry.makings import key_of

NAME = copy_name("orders", nid_of(key_of(1).public), "0123abcd")
PIECES = (1, 3, 12, 2, 7, 1, 5)
FIRST = 41
"""The log is older than its copy."""

Receipts = list[tuple[int, int, int]]
"""After how many steps of the disk which event was said to be on it, and from which on the log still had them."""


@pytest.fixture(autouse=True)
def short_logs(monkeypatch: pytest.MonkeyPatch) -> None:
    """The write-ahead log is copied into the database, and begins anew, several times."""
    monkeypatch.setattr(writer, "WAL_BYTES_MAX", 48 * 1024)


def event(number: int) -> Numbered:
    headers = {"n": str(number)}
    return number, StoredEvent(
        f"id-{number}", NAME, "someone", headers, bytes([number % 251]) * (30 * (number % 11)), 1.0
    )


def broker_on(disk: ForgetfulDisk) -> CopyBroker:
    return CopyBroker(disk, Path("copies.db"), StillClock(), check=parts_of, threaded=False)


async def play(disk: ForgetfulDisk) -> Receipts:
    """Takes pieces, some twice, and lets go of the beginning now and then."""
    broker, receipts = broker_on(disk), Receipts()
    await broker.start()
    number = first = FIRST

    def told(last: int, fault: Fault | None) -> None:
        assert fault is None
        receipts.append((len(disk.tape), last, first))

    for turn, count in enumerate(PIECES * 3):
        again = 2 if turn % 3 == 1 else 0  # as after a receipt that was lost
        events = [event(each) for each in range(max(FIRST, number - again), number + count)]
        broker.copy(NAME, events, told)
        number += count
        await turns()
        broker.surpass(NAME, "work", Cursor(number - 3, ((number - 5, 0, ""),)))
        if turn % 5 == 4:
            first = number - 10
            broker.shorten(NAME, first, 0.0)
        broker.tick(turn / 10)
        await turns()
    await broker.stop()
    return receipts


async def broken_promises(files: dict[str, bytes], receipts: Receipts, steps: int) -> list[str]:
    """Starts on what a power loss left, and returns what is not as it was said to be."""
    with forgetful(files) as disk:
        broker = broker_on(disk)
        await broker.start()
        said = [(last, first) for told, last, first in receipts if told <= steps]
        last = said[-1][0] if said else 0
        first = max((since for _, _, since in receipts), default=FIRST)
        found = broker.bounds(NAME)
        kept = list(broker.read(NAME, 1, count=1_000, size=10**9)) if NAME in broker.names else []
        broken = []
        if found[1] < last or [number for number, _ in kept] != list(range(found[0], found[1] + 1)):
            broken.append(f"{found}, with {len(kept)} events, after {last} was said to be there")
        if kept and kept != [event(number) for number, _ in kept]:
            broken.append("events differ from those of the log")
        if last and kept and kept[0][0] > max(first, FIRST):
            broken.append(f"begins with {kept[0][0]}, the log with {first}")
        faults: list[Fault | None] = []
        if found[1]:
            broker.copy(NAME, [event(number) for number in range(found[1], found[1] + 3)], _into(faults))
            await turns()
            broken += [] if faults == [None] else [f"does not go on: {faults}"]
        await broker.stop()
        return broken


def _into(faults: list[Fault | None]) -> partial[None]:
    def told(last: int, fault: Fault | None) -> None:
        faults.append(fault)

    return partial(told)


async def campaign_of(tape: list[Step], receipts: Receipts, count: int) -> list[str]:
    seeds = -(-count // (len(tape) + 1))
    stride = max(1, (len(tape) + 1) * seeds // count)
    broken = []
    for number, (steps, files) in enumerate(power_losses(tape, seeds)):
        if number % stride == 0:
            broken += [f"after {steps} steps: {each}" for each in await broken_promises(files, receipts, steps)]
    return broken


async def test_what_a_copy_said_it_has_it_has(campaign: Campaign) -> None:
    """Wherever power fails; and it goes on from there."""
    count = campaign("power losses of a super node", share=1_500, full=20_000)
    with forgetful() as disk:
        receipts = await play(disk)
        assert await campaign_of(disk.tape, receipts, count) == []


async def test_an_early_receipt_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The campaign can fail: a receipt that is given before the commit breaks promises."""
    before = CopyBroker.copy

    def copy(self: CopyBroker, name: str, events: Sequence[Numbered], done: Told) -> None:
        done(events[-1][0], None)
        before(self, name, events, lambda last, fault: None)

    monkeypatch.setattr(CopyBroker, "copy", copy)
    with forgetful() as disk:
        receipts = await play(disk)
        assert await campaign_of(disk.tape, receipts, 300) != []


async def test_a_queue_is_given_what_follows_on_its_cursor() -> None:
    """Events that it has had at the log's own node do not come again."""
    with forgetful() as disk:
        broker = broker_on(disk)
        await broker.start()
        broker.copy(NAME, [event(number) for number in range(FIRST, FIRST + 10)], lambda last, fault: None)
        await turns()
        broker.surpass(NAME, "work", Cursor(FIRST + 5, ((FIRST + 2, 0, ""),)))
        work, new = Reader(), Reader()
        work.subscription = broker.subscribe(NAME, "work", work)
        new.subscription = broker.subscribe(NAME, "new", new)
        await turns(8)
        assert [number for number, _ in work.got] == [FIRST + 2, *range(FIRST + 6, FIRST + 10)]
        assert [number for number, _ in new.got] == list(range(FIRST, FIRST + 10))
        await broker.stop()
