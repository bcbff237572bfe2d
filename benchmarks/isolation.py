"""Measures what confining a service costs: `python -m benchmarks.isolation [ROUNDS]`.

Each round is a fresh process with a node for each sandbox. They start a small service in turn, have it called in turn,
directly and through the node, and each has a guest take more memory than it may. Printed are the medians of each
round's ratio to the service that is not confined, with their spread, and how long a guest lived beyond its limit.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path

from micro.node.client import Client
from micro.node.config import NodeConfig
from micro.node.engines import system_ports
from micro.node.node import Node
from micro.runtime.engine.confined import ConfinedEngine
from micro.runtime.engine.engine import Launch
from micro.runtime.environments import Interpreter
from micro.runtime.sandbox.sandbox import MEGABYTE, Bounds

SANDBOXES = ("none", "bubblewrap", "sandlock")
ROUNDS = 7
STARTS = 5
CALLS = 1_000
WARM_UP = 100
MEASURES = ("start", "direct", "node")

SERVICE = """
from micro import Service

small = Service("small")


@small.endpoint("Say.Hello")
async def hello(name: str) -> str:
    return f"Hello {name}"


small.run()
"""

HOG = """
import time
held = []
while True:
    held.append(bytearray(b"x") * 1_000_000)
    print(time.monotonic(), flush=True)
"""


async def _start(node: Node, folder: Path) -> float:
    """Returns the seconds from the order to start a service, all of it there, until it has registered."""
    began = time.perf_counter()
    async for progress in node.supervisor.run(str(folder)):
        assert not progress.failed, progress
    return time.perf_counter() - began


async def _starts(nodes: dict[str, Node], folder: Path) -> dict[str, float]:
    taken: dict[str, list[float]] = {sandbox: [] for sandbox in nodes}
    for _ in range(STARTS):
        for sandbox, node in nodes.items():
            taken[sandbox].append(await _start(node, folder))
            await node.supervisor.kill("small")
    return {sandbox: statistics.median(seconds) for sandbox, seconds in taken.items()}


async def _calls(nodes: dict[str, Node], *, direct: bool) -> dict[str, float]:
    """Returns the seconds of one call of each node's service; they are called in turn, one at a time."""
    taken: dict[str, list[float]] = {sandbox: [] for sandbox in nodes}
    async with AsyncExitStack() as stack:
        clients = {
            sandbox: await stack.enter_async_context(Client(home=str(node.home.path), direct=direct))
            for sandbox, node in nodes.items()
        }
        for number in range(CALLS + WARM_UP):
            for sandbox, client in clients.items():
                began = time.perf_counter()
                await client.call("small", "Say.Hello", {"name": "Ann"})
                if number >= WARM_UP:
                    taken[sandbox].append(time.perf_counter() - began)
    return {sandbox: statistics.median(seconds) for sandbox, seconds in taken.items()}


async def _overrun(node: Node, folder: Path) -> float:
    """Returns the seconds from a guest's last word before it had too much memory until its end was known."""
    isolator = node._isolator
    assert isolator is not None
    engine = ConfinedEngine(isolator.confinement, Bounds(memory_bytes=96 * MEGABYTE))
    interpreter = Interpreter.of_this_process()
    private = folder / "private"
    private.mkdir()
    launch = Launch(
        (str(interpreter.program), "hog.py"),
        folder,
        interpreter.environment(),
        readable=interpreter.folders(),
        private=private,
    )
    said: list[float] = []

    async def hear(stream: str, line: str) -> None:
        if stream == "out":
            said.append(float(line))

    instance = await engine.start(launch, hear)
    await instance.wait()
    return time.monotonic() - said[-1]


async def _measure() -> dict[str, dict[str, float]]:
    """Returns, for each measure, the figure of each sandbox."""
    with tempfile.TemporaryDirectory(prefix="micro-") as place:
        folder = Path(place) / "small"
        folder.mkdir()
        (folder / "main.py").write_text(SERVICE)
        async with AsyncExitStack() as stack:
            nodes = {}
            for sandbox in SANDBOXES:
                config = NodeConfig(home=f"{place}/{sandbox}", network=False, api=False, sandbox=sandbox)
                nodes[sandbox] = node = Node(config, system_ports())
                await node.start()
                stack.push_async_callback(node.stop)
                assert node._isolator is not None
                await node._isolator.confinement()
            found = {"start": await _starts(nodes, folder)}
            for node in nodes.values():
                await _start(node, folder)
            found["direct"] = await _calls(nodes, direct=True)
            found["node"] = await _calls(nodes, direct=False)
            found["overrun"] = {}
            for sandbox in SANDBOXES[1:]:
                hogs = Path(place) / f"hog-{sandbox}"
                hogs.mkdir()
                (hogs / "hog.py").write_text(HOG)
                found["overrun"][sandbox] = await _overrun(nodes[sandbox], hogs)
            return found


def main(rounds: int) -> None:
    """Prints the table."""
    command = [sys.executable, "-m", "benchmarks.isolation", "one"]
    seen = [json.loads(subprocess.run(command, check=True, capture_output=True).stdout) for _ in range(rounds)]
    for sandbox in SANDBOXES[1:]:
        for name in MEASURES:
            ratios = sorted(found[name][sandbox] / found[name]["none"] for found in seen)
            print(f"{sandbox:10} {name:8} {statistics.median(ratios):5.2f} x  ({ratios[0]:.2f} to {ratios[-1]:.2f})")
        beyond = [1_000 * found["overrun"][sandbox] for found in seen]
        print(f"{sandbox:10} overrun  {statistics.median(beyond):5.1f} ms (at most {max(beyond):.1f})")


if __name__ == "__main__":
    if sys.argv[1:2] == ["one"]:
        print(json.dumps(asyncio.run(_measure())))
    else:
        main(int(sys.argv[1]) if sys.argv[1:] else ROUNDS)
