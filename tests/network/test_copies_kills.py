"""A publisher's node is killed with -9 and its disk thrown away: what was acknowledged is at the super nodes."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from micro.errors import Fault, LinkClosed, NoNode
from micro.node.front import Client
from tests.network.places import until

PUBLISHERS = 4
EVENTS = 150
"""So many of each publisher at the kill, or more."""


class Server:
    """A node in a process of its own."""

    def __init__(self, home: Path, process: asyncio.subprocess.Process) -> None:
        self.home = home
        self.process = process
        self.client = Client(home=str(home))

    async def ticket(self) -> str:
        return str((await self.client.call("network", "Network.Ticket"))["ticket"])

    async def super_nodes(self) -> int:
        return int((await self.client.call("node", "Node.Status"))["backbone"]["super_nodes"])


@asynccontextmanager
async def server(**settings: str) -> AsyncIterator[Server]:
    """Starts `micro server` in a home of its own and waits until it answers; kills it at the end."""
    with tempfile.TemporaryDirectory(prefix="micro-", ignore_cleanup_errors=True) as folder:
        home = Path(folder)
        fixed = {"HOME": folder, "API": "false", "NETWORK_HOST": "127.0.0.1", "RELAY_PORT": "0"}
        said = {f"MICRO_{name.upper()}": value for name, value in {**fixed, **settings}.items()}
        with (home / "out").open("ab") as out:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "micro", "server", env={**os.environ, **said}, stdout=out, stderr=out
            )
        found = Server(home, process)
        try:
            await until(lambda: found.client.call("node", "Node.Status"))
            yield found
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()
            await found.client.close()


async def publish(client: Client, publisher: int, acknowledged: list[tuple[int, int]]) -> None:
    """Publishes one event after the other until the node is gone."""
    number = 0
    while True:
        try:
            await client.publish("orders", {"by": publisher, "n": number}, id=f"{publisher}-{number}")
        except (Fault, LinkClosed, NoNode):
            return
        acknowledged.append((publisher, number))
        number += 1


async def test_a_log_outlives_its_machine() -> None:
    """Nobody subscribed; whoever comes later gets every acknowledged event, each publisher's in order."""
    acknowledged: list[tuple[int, int]] = []
    async with AsyncExitStack() as stack:
        supers = [await stack.enter_async_context(server(super_node="true"))]
        join = await supers[0].ticket()
        supers += [await stack.enter_async_context(server(super_node="true", join=join)) for _ in range(2)]
        origin = await stack.enter_async_context(server(join=join))
        far = await stack.enter_async_context(server(join=join))

        async def are_three() -> bool:
            return await origin.super_nodes() == 3

        await until(are_three)
        wish = {"topic": "orders", "exported": True, "replicas": 2}
        await origin.client.call("events", "Events.Export", wish)
        nid = (await origin.client.call("node", "Node.Status"))["nid"]
        publishing = [asyncio.create_task(publish(origin.client, by, acknowledged)) for by in range(PUBLISHERS)]
        await until(lambda: len(acknowledged) >= PUBLISHERS * EVENTS)
        origin.process.send_signal(signal.SIGKILL)
        await origin.process.wait()
        shutil.rmtree(origin.home)
        for task in publishing:
            task.cancel()

        came: list[tuple[int, int]] = []
        async with asyncio.timeout(120), far.client.subscribe(f"orders@{nid}", "work") as events:
            async for event in events:
                came.append((event.value["by"], event.value["n"]))
                await event.ack()
                if set(acknowledged) <= set(came):
                    break
    assert len(came) == len(set(came))
    for by in range(PUBLISHERS):
        mine = [number for publisher, number in came if publisher == by]
        assert mine == list(range(len(mine)))
