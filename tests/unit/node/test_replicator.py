"""Copies of a node's logs where something goes wrong: a disk that is full, and a super node that lies."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from micro.errors import NotFound, Unavailable
from micro.service.copies import messages as said
from micro.service.copies.replication import FULL_SECONDS
from tests.unit.network.clockwork import run
from tests.unit.node.street import TOPIC, Street

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
