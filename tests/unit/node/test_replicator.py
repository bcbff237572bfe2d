"""Copies of a node's logs where something goes wrong: a disk that is full."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from micro.errors import Unavailable
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
        assert street.called == []
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
