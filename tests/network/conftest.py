"""Real nodes with real services, each in a home of its own."""

from __future__ import annotations

import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from micro.node.config import NodeConfig
from micro.node.engines import system_ports
from micro.node.node import Node
from micro.runtime.sandbox.confinement import Confinement
from micro.runtime.sandbox.probe import Isolation, Probe
from micro.runtime.sandbox.sandbox import Sandbox
from tests.network.places import GREETER, StartNode


@pytest.fixture(scope="session", autouse=True)
def confined(sandbox_of_here: str) -> str:
    """Has every service of these tests confined, where this machine permits that."""
    return sandbox_of_here


@pytest.fixture(scope="session", autouse=True)
def tried_once(confined: str) -> Iterator[None]:
    """Has each sandbox tried by the first node of this process alone, which costs a fifth of a second of a processor.

    The machine is the same for all of them, and what did not hold is tried again. Nodes in processes of their own try
    for themselves.
    """
    held: dict[tuple[str, type[Sandbox]], Isolation] = {}
    try_out = Probe.try_out

    async def once(probe: Probe, confinement: Confinement) -> Isolation:
        kind = (confinement.sandbox.name, type(confinement.sandbox))
        found = held.get(kind) or await try_out(probe, confinement)
        if not found.leaks:
            held[kind] = found
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Probe, "try_out", once)
        yield


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
