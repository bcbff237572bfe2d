"""Processes killed with -9, in the middle of what they do: nothing acknowledged is lost, and everything comes back."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from micro.errors import Fault, LinkClosed, NoNode
from micro.node.front import Client
from tests.conftest import Campaign
from tests.network.places import StartNode, client_of, until

RECORDER = """
import os
from micro import Event, Service
recorder = Service("recorder")
@recorder.subscribe("facts", queue="recorder")
async def on_fact(event: Event) -> None:
    with open(os.environ["RECORD"], "a") as file:
        file.write(f"{event.value['n']}\\n")
recorder.run()
"""


@asynccontextmanager
async def node_process(home: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """Starts `micro server` as a process of its own and waits until it answers; kills it at the end."""
    environment = {**os.environ, "MICRO_HOME": str(home), "MICRO_API": "false", "MICRO_NETWORK": "false"}
    environment["MICRO_SANDBOX"] = "none"  # what it runs writes a record into the test's folder
    with (home / "out").open("ab") as out:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "micro", "server", env=environment, stdout=out, stderr=out
        )
    try:
        await until(lambda: _answers(home))
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _answers(home: Path) -> bool:
    async with Client(home=str(home)) as client:
        return bool(await client.call("node", "Node.Status"))


async def publish(client: Client, numbers: list[int], acknowledged: set[int]) -> None:
    """Publishes facts until the list is empty, each again with the same id until it is acknowledged."""
    while numbers:
        n = numbers.pop()
        while n not in acknowledged:
            try:
                await client.publish("facts", {"n": n}, id=f"fact-{n}")
                acknowledged.add(n)
            except (Fault, LinkClosed, NoNode):
                await asyncio.sleep(0.02)


async def test_a_killed_node_loses_nothing_acknowledged(home: Path, campaign: Campaign) -> None:
    """Publishing goes on over kills of the node; at the end a subscriber has every acknowledged fact."""
    kills = campaign("kills of a node while events are published", share=3, full=60)
    folder, record = home / "recorder", home / "record"
    folder.mkdir()
    (folder / "main.py").write_text(RECORDER)
    acknowledged: set[int] = set()
    numbers = list(range(kills * 300))
    total = len(numbers)
    client = Client(home=str(home))
    publishing: list[asyncio.Task[None]] = []
    for kill in range(kills + 1):
        async with node_process(home) as process:
            if kill == 0:
                await _run(client, folder, record)
                publishing = [asyncio.create_task(publish(client, numbers, acknowledged)) for _ in range(8)]
            if kill < kills:
                await asyncio.sleep(0.4)
                process.send_signal(signal.SIGKILL)
                await process.wait()
                continue
            await asyncio.gather(*publishing)
            await until(lambda: _read(record) >= acknowledged, 60)
    await client.close()

    assert len(acknowledged) == total
    assert _read(record) == set(range(total))


async def _run(client: Client, folder: Path, record: Path) -> None:
    request = {"source": str(folder), "environment": {"RECORD": str(record)}}
    async with client.stream("runtime", "Runtime.Run", request) as progress:
        async for step in progress:
            assert not step["failed"], step


async def test_a_killed_subscriber_loses_nothing(start_node: StartNode, tmp_path: Path, campaign: Campaign) -> None:
    """A subscriber that is killed while it handles events gets what it had not acknowledged when it is back."""
    kills = campaign("kills of a subscriber in the middle of its events", share=3, full=60)
    record = tmp_path / "record"
    folder = tmp_path / "recorder"
    folder.mkdir()
    (folder / "main.py").write_text(RECORDER)
    node = await start_node(sandbox="none")  # what it runs writes a record into the test's folder
    async for progress in node.supervisor.run(str(folder), None, {"RECORD": str(record)}):
        assert not progress.failed, progress
    total = kills * 200
    async with client_of(node) as client:
        publishing = asyncio.create_task(_publish_all(client, total))
        for _ in range(kills):
            await asyncio.sleep(0.3)
            pids = [found["pid"] for found in node.supervisor.status() if found["pid"]]
            for pid in pids:
                os.kill(pid, signal.SIGKILL)
        await publishing
        await until(lambda: len(_read(record)) == total, 60)

    assert _read(record) == set(range(total))


async def _publish_all(client: Client, total: int) -> None:
    for n in range(total):
        await client.publish("facts", {"n": n}, id=f"fact-{n}")


def _read(record: Path) -> set[int]:
    return {int(line) for line in record.read_text().split()} if record.exists() else set()
