"""Several instances of one service: calls are spread, and an instance that fails is left out."""

from __future__ import annotations

import asyncio
import os
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from micro.errors import Fault, InternalError
from micro.node.node import Node
from tests.network.places import StartNode, client_of, until

MOODY = """
import os
from micro import Service
moody = Service("moody")
@moody.endpoint("Say.Name")
async def name() -> str:
    if os.environ.get("FAILS"):
        raise RuntimeError("a bad day")
    return os.environ["NAME"]
moody.run()
"""


@asynccontextmanager
async def instances(node: Node, folder: Path, *environments: dict[str, str]) -> AsyncIterator[None]:
    """Starts instances of the service by hand, as their owner would, and waits until all are registered."""
    (folder / "main.py").write_text(MOODY)
    started = [
        await asyncio.create_subprocess_exec(
            sys.executable,
            str(folder / "main.py"),
            env={**os.environ, "MICRO_HOME": str(node.home.path), **environment},
        )
        for environment in environments
    ]
    try:
        await until(lambda: len(getattr(node.catalog.lookup("moody"), "instances", ())) == len(started))
        yield
    finally:
        for process in started:
            process.kill()
            await process.wait()


@pytest.mark.parametrize("direct", [True, False], ids=["direct", "through the node"])
async def test_calls_are_spread(start_node: StartNode, tmp_path: Path, direct: bool) -> None:
    """Two instances that do well both get a fair share."""
    node = await start_node()
    async with instances(node, tmp_path, {"NAME": "one"}, {"NAME": "two"}), client_of(node, direct=direct) as client:
        names = Counter([await client.call("moody", "Say.Name") for _ in range(200)])

    assert min(names["one"], names["two"]) > 40


@pytest.mark.parametrize("direct", [True, False], ids=["direct", "through the node"])
async def test_an_instance_that_fails_is_left_out(start_node: StartNode, tmp_path: Path, direct: bool) -> None:
    """After some failures in a row all calls go to the one that does well."""
    node = await start_node()
    bad = {"NAME": "bad", "FAILS": "1"}
    async with instances(node, tmp_path, {"NAME": "good"}, bad), client_of(node, direct=direct) as client:
        failures = 0
        for _ in range(60):
            try:
                await client.call("moody", "Say.Name")
            except InternalError:
                failures += 1
        later = [await client.call("moody", "Say.Name") for _ in range(50)]

    assert failures == 5
    assert set(later) == {"good"}


async def test_a_lost_instance_costs_no_call_that_was_not_sent(start_node: StartNode, tmp_path: Path) -> None:
    """When one of two is killed, calls go on with the other."""
    node = await start_node()
    async with instances(node, tmp_path, {"NAME": "one"}, {"NAME": "two"}), client_of(node, direct=False) as client:
        await client.call("moody", "Say.Name")
        view = node.catalog.lookup("moody")
        assert view is not None
        link = node.reception.link_of(view.instances[0].id)
        assert link is not None
        link.abort("as if it had been killed")
        names = set()
        for _ in range(30):
            try:
                names.add(await client.call("moody", "Say.Name"))
            except Fault as fault:
                pytest.fail(f"a call failed: {fault}")
    assert names
