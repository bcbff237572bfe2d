"""One subscriber at several logs: events come under numbers of their own, and go back to the log they are of."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from micro.errors import TooManyRequests
from micro.node.serving import Serving
from micro.service.broker.broker import Limits, StoredEvent
from micro.service.broker.copied import CopyBroker
from micro.service.copies.gathering import Gathering
from micro.service.copies.naming import copy_name, parts_of
from micro.system import SystemDisk
from micro.trust.identity import nid_of
from micro.trust.policy import Caller
from tests.fault.broker.scene import Reader, StillClock, turns
from tests.unit.service.copies.keep import LOG, NODES, keep_at
from tests.unit.service.registry.makings import key_of

NAMES = [copy_name("orders", nid_of(key_of(number).public), "0123abcd") for number in (1, 2)]


@pytest.fixture
async def broker(tmp_path: Path) -> AsyncIterator[CopyBroker]:
    """Returns a broker with three events in each of two copies."""
    broker = CopyBroker(SystemDisk(), tmp_path / "copies.db", StillClock(), check=parts_of, threaded=False)
    await broker.start()
    for which, name in enumerate(NAMES):
        events = [(n, StoredEvent(f"{which}-{n}", name, "x", {}, b"", 1.0)) for n in range(1, 4)]
        broker.copy(name, events, lambda last, fault: None)
    await turns()
    yield broker
    await broker.stop()


def done(broker: CopyBroker, name: str) -> list[int]:
    cursor = broker.cursors(name).get("work")
    return cursor.done_of(range(1, 4)) if cursor is not None else []


async def test_events_go_back_to_their_log(broker: CopyBroker) -> None:
    """What is acknowledged is done there and nowhere else; what is given back comes again."""
    reader = Reader()
    gathering = Gathering(broker, "work", reader)
    gathering.gather(NAMES)
    await turns(8)
    assert sorted(event.id for _, event in reader.got) == ["0-1", "0-2", "0-3", "1-1", "1-2", "1-3"]
    assert len({number for number, _ in reader.got}) == 6
    by_id = {event.id: number for number, event in reader.got}
    gathering.acknowledge(by_id["0-2"])
    gathering.acknowledge(by_id["1-1"])
    gathering.acknowledge(by_id["1-1"])
    gathering.acknowledge(4711)
    gathering.negative(by_id["1-3"])
    await turns(8)
    assert (done(broker, NAMES[0]), done(broker, NAMES[1])) == ([2], [1])
    number, again = reader.got[-1]
    assert (again.id, again.attempt) == ("1-3", 2)
    gathering.acknowledge(number)
    assert done(broker, NAMES[1]) == [1, 3]


async def test_a_log_that_is_served_no_longer_is_left(broker: CopyBroker) -> None:
    """Its events that were under way are the log's again; those of the others go on."""
    reader = Reader()
    gathering = Gathering(broker, "work", reader)
    gathering.gather(NAMES)
    await turns(8)
    gathering.gather(NAMES[1:])
    assert (broker.members(NAMES[0]), broker.members(NAMES[1])) == (0, 1)
    for number, _ in reader.got:
        gathering.acknowledge(number)
    assert (done(broker, NAMES[0]), done(broker, NAMES[1])) == ([], [1, 2, 3])
    gathering.close()
    assert (broker.members(NAMES[1]), gathering.is_closed) == (0, True)


async def test_a_log_without_room_is_joined_later(broker: CopyBroker, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is tried again, and nobody has a place in the meantime that he does not know of."""
    monkeypatch.setattr(broker._topics, "limits", Limits(members=1))
    early = broker.subscribe(NAMES[1], "work", Reader())
    reader = Reader()
    gathering = Gathering(broker, "work", reader)
    with pytest.raises(TooManyRequests):
        gathering.gather(NAMES)
    with pytest.raises(TooManyRequests):
        gathering.gather(NAMES)
    early.close()
    gathering.gather(NAMES)
    await turns(8)
    assert {event.id[0] for _, event in reader.got} == {"0", "1"}
    gathering.close()
    assert (broker.members(NAMES[0]), broker.members(NAMES[1])) == (0, 0)


async def test_whoever_is_refused_at_one_copy_is_at_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Or a subscriber that tries again takes one place more each time at the copies that have room."""
    async with keep_at(tmp_path) as keep:
        serving = Serving(NODES[7], keep.copies, keep.clock)
        for log in (LOG, "4567cdef"):
            keep.open(NODES[0], log=log)
        kept = sorted(keep.copies.all(), key=lambda each: each.name)
        for each in kept:
            serving._serve(each)
        monkeypatch.setattr(keep.broker._topics, "limits", Limits(members=1))
        keep.broker.subscribe(kept[1].name, None, Reader())
        with pytest.raises(TooManyRequests):
            serving.subscribe(Caller(nid=NODES[1]), "orders", NODES[0], "work", Reader())
        assert [keep.broker.members(each.name) for each in kept] == [0, 1]
