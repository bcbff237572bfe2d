"""Copies of a node's logs where something goes wrong: a disk that is full, and a super node that lies."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from micro.errors import Fault, NotFound, Unavailable
from micro.service.broker.broker import StoredEvent
from micro.service.copies import messages as said
from micro.service.copies.replication import FULL_SECONDS
from tests.unit.network.clockwork import run
from tests.unit.node.street import NODE, TOPIC, Street

Scenario = Callable[[Street], Awaitable[None]]


@pytest.fixture
def play(tmp_path: Path) -> Callable[[Scenario, int], None]:
    """Returns a function that plays a scenario in a street of so many super nodes."""

    def go(scenario: Scenario, supers: int) -> None:
        async def whole() -> None:
            street = Street(tmp_path)
            await street.open(supers)
            try:
                await scenario(street)
            finally:
                await street.close()

        run(whole())

    return go


def test_a_full_disk_is_told_and_outlived(
    play: Callable[[Scenario, int], None], caplog: pytest.LogCaptureFixture
) -> None:
    """A choice that cannot be written is not made, publishers are told in time, and with room again all goes on."""

    async def scenario(street: Street) -> None:
        street.disk.is_full = True
        street.replicator.wanted({TOPIC: 2})
        told = await street.publish("one", timeout_seconds=2.0)
        assert isinstance(told, Unavailable)
        assert "copies.json could not be written: No space left on device" in str(told)
        assert {endpoint for _, endpoint in street.called} == {"Copy.List"}
        assert "No space left" in street.replicator.status()[0]["trouble"]
        assert street.disk.refusals > 5
        street.disk.is_full = False
        assert await street.publish("two") is None
        assert street.replicator.status()[0]["trouble"] == ""

    with caplog.at_level(logging.WARNING, "micro.copies"):
        play(scenario, 2)
    assert len(caplog.records) == 1


def test_what_is_not_written_is_not_known(play: Callable[[Scenario, int], None]) -> None:
    """Copies that nobody wants any more are forgotten on disk first, and at the next try where that fails."""

    async def scenario(street: Street) -> None:
        street.replicator.wanted({TOPIC: 2})
        assert await street.publish("one") is None
        street.disk.is_full = True
        street.replicator.wanted({})
        await asyncio.sleep(3)
        path = street.replicator._path
        assert TOPIC in street.replicator._known
        assert TOPIC.encode() in path.read_bytes()
        street.disk.is_full = False
        await asyncio.sleep(3)
        assert (street.replicator._known, path.read_bytes()) == ({}, b"{}")
        assert [street.logs_at(nid) for nid in street.supers] == [set(), set()]

    play(scenario, 2)


def ahead(body: bytes) -> bytes:
    """Answers an opening with more events than the log ever had."""
    return said.OPENED.encode({"last": 10**9, "served": False})


def test_no_super_node_has_a_log_renamed_again_and_again(play: Callable[[Scenario, int], None]) -> None:
    """Once after a start, where nothing else was heard before; then it counts as one that refuses, and is replaced."""

    async def scenario(street: Street) -> None:
        liar, *honest = street.supers
        street.map(range(1, 3), version=2)
        street.lies[liar, "Copy.Open"] = ahead
        street.replicator.wanted({TOPIC: 2})
        names = set()
        for number in range(200):
            await street.publish(str(number), timeout_seconds=1.0)
            names |= {name for nid in honest for name in street.logs_at(nid)}
        assert len(names) <= 2
        street.map(range(1, 4), version=3)
        await asyncio.sleep(1)
        assert await street.publish("last") is None
        assert set(street.chosen()) == set(honest)
        await asyncio.sleep(2 * FULL_SECONDS)
        assert [len(street.logs_at(nid)) for nid in honest] == [1, 1]

    play(scenario, 3)


def test_a_log_of_which_there_are_copies_keeps_its_name(play: Callable[[Scenario, int], None]) -> None:
    """After a restart, too: a copy that is a beginning of it was heard before one that has more."""

    async def scenario(street: Street) -> None:
        street.replicator.wanted({TOPIC: 2})
        assert await street.publish("one") is None
        liar, honest = street.chosen()
        [name] = street.logs_at(honest)
        street.replicator.stop()
        start = len(street.called)

        def late(body: bytes) -> bytes:
            if street.called[start:].count((liar, "Copy.Open")) < 3:
                raise Unavailable("busy")
            return ahead(body)

        street.lies[liar, "Copy.Open"] = late
        street.begin()
        street.replicator.wanted({TOPIC: 2})
        await asyncio.sleep(5)
        assert await street.publish("two") is None
        assert liar not in street.chosen()
        assert [street.logs_at(nid) for nid in street.chosen()] == [{name}, {name}]

    play(scenario, 3)


def older(body: bytes) -> bytes:
    """Answers as a super node does that cannot give a log back."""
    raise NotFound("backbone has no endpoint Copy.List")


def test_a_log_that_was_set_back_is_copied_under_one_other_name(play: Callable[[Scenario, int], None]) -> None:
    """Where they do not give it back what its copies have more stays there, at each, and all of them go on."""

    async def scenario(street: Street) -> None:
        street.replicator.wanted({TOPIC: 2})
        for number in range(3):
            assert await street.publish(str(number)) is None
        chosen, before = street.chosen(), street.replicator._path.read_bytes()
        street.replicator.stop()
        await street.wipe()
        for nid in chosen:
            street.lies[nid, "Copy.List"] = older
        street.begin()
        street.replicator.wanted({TOPIC: 2})
        assert await street.publish("fresh") is None
        await asyncio.sleep(60)
        assert street.chosen() == chosen
        assert street.replicator._path.read_bytes() != before
        for nid in chosen:
            copies = street.supers[nid]
            assert sorted(copies.broker.bounds(kept.name)[1] for kept in copies.all()) == [1, 3]

    play(scenario, 2)


async def written_elsewhere(street: Street, nid: str, number: int, id: str) -> None:
    """Another node with the same key writes an event into a copy."""
    [kept] = street.supers[nid].of(NODE)
    event = StoredEvent(id, TOPIC, "me", {}, b"{}", street.log()[-1][1].time)
    fields = {"topic": TOPIC, "log": kept.log, "first": 1, "events": [said.event_fields((number, event))]}
    told: asyncio.Future[Fault | None] = asyncio.get_running_loop().create_future()
    street.supers[nid].write(NODE, fields, lambda last, fault: told.set_result(fault))
    assert await told is None


def test_another_node_with_this_key_is_told(
    play: Callable[[Scenario, int], None], caplog: pytest.LogCaptureFixture
) -> None:
    """To the publisher, whose event no copy has, to whoever looks, and in the log once; the other's event stays."""

    async def scenario(street: Street) -> None:
        street.replicator.wanted({TOPIC: 2})
        assert await street.publish("one") is None
        nids = street.chosen()
        for nid in nids:
            await written_elsewhere(street, nid, 2, "of-the-other")
        told = await street.publish("of-this", timeout_seconds=3.0)
        assert isinstance(told, Unavailable)
        [row] = street.replicator.status()
        assert "another node runs with this key" in str(told)
        assert "another node runs with this key" in row["trouble"]
        assert (row["last"], row["copied"]) == (2, 1)
        await asyncio.sleep(3 * FULL_SECONDS)
        assert [[event.id for _, event in street.copy_at(nid)] for nid in nids] == [["one", "of-the-other"]] * 2
        assert "another node runs with this key" in street.replicator.status()[0]["trouble"]

    with caplog.at_level(logging.WARNING, "micro.copies"):
        play(scenario, 2)
    assert len([record for record in caplog.records if "this key" in record.message]) == 1


def test_what_was_not_taken_back_is_told(
    play: Callable[[Scenario, int], None], caplog: pytest.LogCaptureFixture
) -> None:
    """A log that got an event before it asked for its copies goes on with that; where the older one lies is said."""

    async def scenario(street: Street) -> None:
        street.replicator.wanted({TOPIC: 2})
        for number in range(3):
            assert await street.publish(str(number)) is None
        [name] = street.logs_at(street.chosen()[0])
        time, nids = street.log()[-1][1].time, sorted(street.chosen())
        assert street.replicator.status()[0]["older"] == []
        street.replicator.stop()
        await street.wipe()
        street.forget()
        street.begin()
        assert await street.publish("early") is None
        street.replicator.wanted({TOPIC: 2})
        older = {"log": name, "first": 1, "last": 3, "time": time, "copies": nids}
        assert await street.replicator.older(TOPIC) == [older]
        assert await street.publish("late") is None
        [row] = street.replicator.status()
        assert (row["older"], row["copied"], row["trouble"]) == ([older], 2, "")
        street.replicator.stop()
        street.begin()
        street.replicator.wanted({TOPIC: 2})
        assert await street.replicator.older(TOPIC) == [older]

    with caplog.at_level(logging.WARNING, "micro.copies"):
        play(scenario, 2)
    assert any("events 1 to 3, lies at" in record.message for record in caplog.records)


def test_what_a_log_leaves_under_another_name_is_told(play: Callable[[Scenario, int], None]) -> None:
    """Where it is seen only when the copies are opened that they have more."""

    async def scenario(street: Street) -> None:
        street.replicator.wanted({TOPIC: 2})
        for number in range(3):
            assert await street.publish(str(number)) is None
        chosen = street.chosen()
        street.replicator.stop()
        await street.wipe()
        for nid in chosen:
            street.lies[nid, "Copy.List"] = older
        street.begin()
        street.replicator.wanted({TOPIC: 2})
        await street.replicator.older(TOPIC)
        street.lies.clear()
        assert await street.publish("fresh") is None
        assert [(each["first"], each["last"]) for each in await street.replicator.older(TOPIC)] == [(1, 3)]

    play(scenario, 2)
