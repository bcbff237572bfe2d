"""Measures what confining a service costs: `python -m benchmarks.isolation [ROUNDS]`.

Each round has a fresh process for each sandbox, one after the other: a node starts a small service several times, calls
it directly and through the node, and has a guest take more memory than it may. Printed are the medians of each
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
CALLS = 2_000
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


async def _starts(node: Node, folder: Path) -> float:
    """Returns the seconds from the order to start a service, all of it there, until it has registered."""
    taken = []
    for _ in range(STARTS):
        began = time.perf_counter()
        async for progress in node.supervisor.run(str(folder)):
            assert not progress.failed, progress
        taken.append(time.perf_counter() - began)
        await node.supervisor.kill("small")
    return statistics.median(taken)


async def _calls(client: Client) -> float:
    """Returns the seconds of one call, one after the other."""
    for _ in range(CALLS // 10):
        await client.call("small", "Say.Hello", {"name": "Ann"})
    taken = []
    for _ in range(CALLS):
        began = time.perf_counter()
        await client.call("small", "Say.Hello", {"name": "Ann"})
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)


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


async def _measure(sandbox: str) -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="micro-") as place:
        folder, hogs = Path(place) / "small", Path(place) / "hogs"
        folder.mkdir()
        hogs.mkdir()
        (folder / "main.py").write_text(SERVICE)
        (hogs / "hog.py").write_text(HOG)
        node = Node(NodeConfig(home=f"{place}/home", network=False, api=False, sandbox=sandbox), system_ports())
        await node.start()
        try:
            assert node._isolator is not None
            await node._isolator.confinement()
            found = {"start": await _starts(node, folder)}
            async for progress in node.supervisor.run(str(folder)):
                assert not progress.failed, progress
            for name, direct in (("direct", True), ("node", False)):
                async with Client(home=str(node.home.path), direct=direct) as client:
                    found[name] = await _calls(client)
            if sandbox != "none":
                found["overrun"] = await _overrun(node, hogs)
            return found
        finally:
            await node.stop()


def main(rounds: int) -> None:
    """Prints the table."""
    seen: dict[str, list[dict[str, float]]] = {sandbox: [] for sandbox in SANDBOXES}
    for _ in range(rounds):
        for sandbox in SANDBOXES:
            command = [sys.executable, "-m", "benchmarks.isolation", "one", sandbox]
            seen[sandbox].append(json.loads(subprocess.run(command, check=True, capture_output=True).stdout))
    for sandbox in SANDBOXES[1:]:
        for name in MEASURES:
            ratios = [mine[name] / bare[name] for mine, bare in zip(seen[sandbox], seen["none"], strict=True)]
            print(f"{sandbox:10} {name:8} {statistics.median(ratios):5.2f} x  ({min(ratios):.2f} to {max(ratios):.2f})")
        beyond = [1_000 * mine["overrun"] for mine in seen[sandbox]]
        print(f"{sandbox:10} overrun  {statistics.median(beyond):5.1f} ms (at most {max(beyond):.1f})")


if __name__ == "__main__":
    if sys.argv[1:2] == ["one"]:
        print(json.dumps(asyncio.run(_measure(sys.argv[2]))))
    else:
        main(int(sys.argv[1]) if sys.argv[1:] else ROUNDS)
