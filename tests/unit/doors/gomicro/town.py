"""A node with the door of go-micro programs and go-micro's own services."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from micro.doors.gomicro.opening import open_go_micro
from micro.doors.mucp.opening import open_mucp
from micro.node.config import NodeConfig
from micro.node.engines import system_ports
from micro.node.node import Node
from tests.unit.doors.api.house import Seen, greeter
from tests.unit.doors.mucp.guest import chatter

__all__ = ["Town", "open_town"]


class Town:
    """A node and what is open at it.

    Attributes:
        node: the node.
        address: where go-micro programs ask.
    """

    def __init__(self, node: Node) -> None:
        self.node = node
        self.address = node.condition.addresses["mucp"]


@asynccontextmanager
async def open_town(*, trusts: bool = False) -> AsyncIterator[Town]:
    """Opens one as `micro server` does, with two services of its own, and closes it."""
    with tempfile.TemporaryDirectory(prefix="micro-") as folder:  # a path short enough for sockets
        config = NodeConfig(home=str(Path(folder)), api=False, network=False, mucp_port=0, mucp_trust=trusts)
        node = Node(config, system_ports())
        await node.start()
        try:
            for service in (greeter(Seen()), chatter()):
                node.platform.add(service)
            door = await open_mucp(node)
            assert door is not None
            await open_go_micro(node, door.port)
            yield Town(node)
        finally:
            await node.stop()
