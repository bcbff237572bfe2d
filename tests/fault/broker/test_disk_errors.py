"""The disk fails at any step, once or for a while: nobody is told a lie, and the broker goes on by itself."""

from __future__ import annotations

import asyncio

import pytest

from micro.errors import EngineError, Unavailable
from micro.service.broker.embedded import EmbeddedBroker
from micro.store import writer
from tests.conftest import Campaign
from tests.fault.broker.scene import PATH, Promises, StillClock, broken_promises, forgetful, play
from tests.fault.powerloss import ForgetfulDisk, Step


def fail_from(disk: ForgetfulDisk, first: int, count: int) -> None:
    """Has `count` steps fail from number `first` on; reading goes on."""
    asked = 0

    def fails(step: Step) -> bool:
        nonlocal asked
        asked += 1
        return first <= asked < first + count

    disk.fails = fails


async def scene(first: int, count: int) -> tuple[dict[str, bytes], Promises]:
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
    with forgetful() as disk:
        fail_from(disk, first, count)
        promises = await play(disk)
        return {name: bytes(content) for name, content in disk.files.items()}, promises


async def steps() -> tuple[int, int]:
    """Returns how many steps it takes to start, and how many the scene has in all."""
    with forgetful() as disk:
        broker = EmbeddedBroker(disk, PATH, StillClock(), threaded=False)
        await broker.start()
        start = len(disk.tape)
        await broker.stop()
    with forgetful() as disk:
        await play(disk)
        return start, len(disk.tape)


@pytest.fixture(autouse=True)
def short_logs(monkeypatch: pytest.MonkeyPatch) -> None:
    """The write-ahead log is copied into the database, and begins anew, several times."""
    monkeypatch.setattr(writer, "WAL_BYTES_MAX", 48 * 1024)


async def test_an_error_of_the_disk_is_never_acknowledged(campaign: Campaign) -> None:
    """Whatever was acknowledged around a failing disk is there afterwards, and the broker has gone on."""
    first, last = await steps()
    points = [(step, length) for step in range(first + 1, last) for length in (1, 7)]
    count = campaign("errors of the broker's disk", share=150, full=len(points))
    broken, told = [], 0
    for step, length in points[:: max(1, len(points) // count)]:
        files, promises = await scene(step, length)
        told += len(promises.unknown)
        broken += [f"{step}: {each}" for each in await broken_promises(files, promises, 1 << 62)]
        broken += [f"{step}: {fault!r}" for fault in promises.unknown if not isinstance(fault, Unavailable)]

    assert broken == []
    assert told > 0


async def test_an_error_while_starting_is_told_and_passes() -> None:
    """A broker on a failing disk does not start, says why, and starts once the disk works."""
    first, _ = await steps()
    for step in range(1, first + 1):
        with forgetful() as disk:
            fail_from(disk, step, 1)
            broker = EmbeddedBroker(disk, PATH, StillClock(), threaded=False)
            with pytest.raises(EngineError):
                await broker.start()
            await broker.start()
            await broker.stop()
