"""Power fails after any step of the disk: nothing acknowledged is lost, nothing saved comes again."""

from __future__ import annotations

import pytest

from micro.service.broker.cursor import Cursor
from micro.service.broker.embedded import EmbeddedBroker
from micro.service.broker.inbox import Inbox
from micro.store import schema, writer
from tests.conftest import Campaign
from tests.fault.broker.scene import Promises, broken_promises, forgetful, play
from tests.fault.powerloss import Step, power_losses


@pytest.fixture(autouse=True)
def short_logs(monkeypatch: pytest.MonkeyPatch) -> None:
    """The write-ahead log is copied into the database, and begins anew, several times."""
    monkeypatch.setattr(writer, "WAL_BYTES_MAX", 48 * 1024)


async def record() -> tuple[list[Step], Promises]:
    with forgetful() as disk:
        promises = await play(disk)
        assert not promises.unknown
        return disk.tape, promises


async def campaign_of(tape: list[Step], promises: Promises, count: int) -> list[str]:
    """Tries `count` crash points, spread evenly over all steps, and returns what was broken at each."""
    seeds = -(-count // (len(tape) + 1))
    stride = max(1, (len(tape) + 1) * seeds // count)
    broken = []
    for number, (steps, files) in enumerate(power_losses(tape, seeds)):
        if number % stride == 0:
            broken += [f"after {steps} steps: {each}" for each in await broken_promises(files, promises, steps)]
    return broken


async def test_nothing_acknowledged_is_lost_at_any_crash_point(campaign: Campaign) -> None:
    """Every promise is kept, wherever power fails."""
    count = campaign("power losses of the broker", share=5_000, full=100_000)
    tape, promises = await record()

    assert await campaign_of(tape, promises, count) == []


@pytest.mark.parametrize("synchronous", ["OFF", "NORMAL"])
async def test_a_lazy_disk_setting_is_found(monkeypatch: pytest.MonkeyPatch, synchronous: str) -> None:
    """The campaign can fail: with less than synchronous=FULL it finds losses."""
    monkeypatch.setattr(schema, "SYNCHRONOUS", synchronous)
    tape, promises = await record()

    assert await campaign_of(tape, promises, 400) != []


async def test_an_early_acknowledgement_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The campaign can fail: if the publisher is told before the commit it finds losses."""

    def append(broker: EmbeddedBroker, topic: object, event: object, size: int, done: object) -> None:
        assert callable(done)
        done(None)
        broker._uncommitted += size
        broker._log.append(topic, event, size, lambda fault: None)  # type: ignore[arg-type]

    monkeypatch.setattr(EmbeddedBroker, "_append", append)
    tape, promises = await record()

    assert await campaign_of(tape, promises, 400) != []


async def test_a_cursor_ahead_of_its_events_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The campaign can fail: if a cursor claims what was not acknowledged it finds losses."""
    monkeypatch.setattr(Inbox, "cursor", lambda inbox: Cursor(inbox.handed_out))
    tape, promises = await record()

    assert await campaign_of(tape, promises, 400) != []
