"""What passes with time at a super node, also where its disk is full for a while."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from pathlib import Path

import pytest

from micro.node.config import NodeConfig
from micro.node.copying import SWEEP_TICKS, TICK_SECONDS, Copying
from micro.node.engines import system_ports
from micro.node.exports import Exports
from micro.node.home import Home
from micro.node.logs import NeighbourLogs
from micro.service.broker.restored import RestoringBroker
from tests.contract.town import TownClock
from tests.unit.network.clockwork import run
from tests.unit.node.street import NODE, FillingDisk, Street
from tests.unit.node.test_serving import Outskirts

SWEEP_SECONDS = SWEEP_TICKS * TICK_SECONDS


def test_a_full_disk_ends_no_sweeping(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Copies that are too old go once there is room again, and until then one line says why they stay."""

    async def scenario() -> None:
        disk = FillingDisk()
        ports = replace(system_ports(), clock=TownClock(), disk=disk, threaded=False)
        broker = RestoringBroker(disk, tmp_path / "broker.db", TownClock(), threaded=False)
        logs = NeighbourLogs(lambda nid, topic: True, lambda: None)
        exports = Exports(disk, tmp_path / "exports.json", logs, lambda: None)
        config = NodeConfig(super_node=True, network=True)
        copying = Copying(NODE, config, Home(tmp_path), ports, broker, exports, lambda topic: (True, []))
        await copying.open([])
        assert copying.copies is not None
        said = {"topic": "orders", "first": 1, "kept_seconds": 1, "generation": 1, "copies": (), "everybody": True}
        for log in range(8):
            copying.copies.open(NODE, {**said, "log": f"{log:08x}", "others": ()})
        copying.start(Outskirts(), Street(tmp_path))
        disk.is_full = True
        await asyncio.sleep(4 * SWEEP_SECONDS)
        assert len(copying.copies.all()) > 1
        disk.is_full = False
        await asyncio.sleep(2 * SWEEP_SECONDS)
        assert copying.copies.all() == []
        await copying.stop()

    with caplog.at_level(logging.WARNING, "micro.copies"):
        run(scenario())
    lines = [record.getMessage() for record in caplog.records if "too old stay" in record.getMessage()]
    assert ["No space left" in line for line in lines] == [True]
