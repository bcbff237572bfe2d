"""Real nodes with real services, each in a home of its own."""

from __future__ import annotations

import os
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from micro.node.config import NodeConfig
from micro.node.engines import system_ports
from micro.node.node import Node
from tests.network.places import GREETER, StartNode


@pytest.fixture(scope="session", autouse=True)
def confined(sandbox_of_here: str) -> str:
    """Has every service of these tests confined, where this machine permits that."""
    return sandbox_of_here


@pytest.fixture
def greeter_folder(tmp_path: Path) -> Path:
    """Returns a folder with the source of the service `greeter`."""
    folder = tmp_path / "greeter"
    folder.mkdir()
    (folder / "main.py").write_text(GREETER)
    return folder


@pytest.fixture
async def start_node() -> AsyncIterator[StartNode]:
    """Returns a function that starts a node, in a new home or in a given one; all are stopped at the end."""
    nodes: list[Node] = []
    async with AsyncExitStack() as homes:

        async def start(home: str | None = None, **settings: object) -> Node:
            if home is None:
                home = homes.enter_context(tempfile.TemporaryDirectory(prefix="micro-", ignore_cleanup_errors=True))
            known = {"network": False, "network_host": "127.0.0.1", "api": False, "allow_private_sources": True}
            known |= {"sandbox": os.environ.get("MICRO_SANDBOX", "auto"), "kits": os.environ["MICRO_KITS"]}
            node = Node(NodeConfig(home=home, **{**known, **settings}), system_ports())  # type: ignore[arg-type]
            await node.start()
            nodes.append(node)
            return node

        yield start
        for node in nodes:
            if node.home.is_locked:
                await node.stop()
