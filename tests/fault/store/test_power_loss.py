"""Power fails after any step of the disk: every record is as it was last acknowledged, or as it was being changed."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from micro.store import schema, writer
from micro.store.kv import KeyValue
from tests.conftest import Campaign
from tests.fault.powerloss import ForgetfulDisk, Step, power_losses
from tests.unit.store.hand import HandClock

PATH = Path("notes.db")
KEYS = [str(number) for number in range(12)]


@dataclass
class History:
    """What each key was set to: (steps when asked, steps when acknowledged, value or None for deleted)."""

    changes: dict[str, list[tuple[int, int, bytes | None]]] = field(default_factory=dict)

    def allowed(self, key: str, steps: int) -> set[bytes | None]:
        """The last value acknowledged by then, and any that was asked for since."""
        values: set[bytes | None] = {None}
        for asked, acknowledged, value in self.changes.get(key, []):
            if acknowledged <= steps:
                values = {value}
            elif asked <= steps:
                values.add(value)
        return values


async def record() -> tuple[list[Step], History]:
    """Changes records, several in each transaction, and notes what was promised when."""
    disk, history, chance = ForgetfulDisk(), History(), random.Random(1)
    store = KeyValue(disk, PATH, HandClock(), threaded=False)
    store.open()

    async def change(key: str) -> None:
        asked = len(disk.tape)
        value = None if chance.random() < 0.2 else chance.randbytes(chance.choice((10, 500, 6_000)))
        if value is None:
            await store.delete("ann", key)
        else:
            await store.write("ann", key, value)
        history.changes.setdefault(key, []).append((asked, len(disk.tape), value))

    for _ in range(40):
        await asyncio.gather(*(change(key) for key in chance.sample(KEYS, chance.randrange(1, 6))))
    await store.close()
    disk.remove()
    return disk.tape, history


async def broken(files: dict[str, bytes], history: History, steps: int) -> list[str]:
    disk = ForgetfulDisk(files)
    store = KeyValue(disk, PATH, HandClock(), threaded=False)
    found = []
    try:
        store.open()
        for key in KEYS:
            record = await store.read("ann", key)
            if (record.value if record else None) not in history.allowed(key, steps):
                found.append(f"after {steps} steps: {key}")
        await store.close()
    except Exception as error:  # noqa: BLE001 - whatever it is, a store that does not open keeps no promise
        found.append(f"after {steps} steps: {error!r}")
    disk.remove()
    return found


async def campaign_of(count: int) -> list[str]:
    tape, history = await record()
    seeds = -(-count // (len(tape) + 1))
    stride = max(1, (len(tape) + 1) * seeds // count)
    found = []
    for number, (steps, files) in enumerate(power_losses(tape, seeds)):
        if number % stride == 0:
            found += await broken(files, history, steps)
    return found


@pytest.fixture(autouse=True)
def short_logs(monkeypatch: pytest.MonkeyPatch) -> None:
    """The write-ahead log is copied into the database, and begins anew, several times."""
    monkeypatch.setattr(writer, "WAL_BYTES_MAX", 48 * 1024)


async def test_no_acknowledged_change_is_lost_at_any_crash_point(campaign: Campaign) -> None:
    """Whatever was said to be written is read, and what was deleted does not come back."""
    assert await campaign_of(campaign("power losses of a store", share=2_000, full=50_000)) == []


@pytest.mark.parametrize("synchronous", ["OFF", "NORMAL"])
async def test_a_lazy_disk_setting_is_found(monkeypatch: pytest.MonkeyPatch, synchronous: str) -> None:
    """The campaign can fail: with less than synchronous=FULL it finds losses."""
    monkeypatch.setattr(schema, "SYNCHRONOUS", synchronous)

    assert await campaign_of(300) != []
