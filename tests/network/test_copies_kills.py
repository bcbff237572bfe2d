"""A publisher's node is killed with -9, its disk thrown away or not: what was acknowledged is at the super nodes."""

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
from micro.service.subscription import Subscription
from tests.network.places import until

PUBLISHERS = 4
EVENTS = 150
"""So many of each publisher at the kill, or more."""

SERVED_SECONDS = 120
"""A bound of waiting, no bar: a copy is served after 20 s of silence."""

TOLD_SECONDS = 6
"""A change of rules is told the copies in less."""


class Server:
    """A node in a process of its own."""

    def __init__(self, home: Path, process: asyncio.subprocess.Process) -> None:
        self.home = home
        self.process = process
        self.client = Client(home=str(home))

    async def ticket(self) -> str:
        return str((await self.client.call("network", "Network.Ticket"))["ticket"])

    async def nid(self) -> str:
        return str((await self.client.call("node", "Node.Status"))["nid"])

    async def super_nodes(self) -> int:
        return int((await self.client.call("node", "Node.Status"))["backbone"]["super_nodes"])

    async def kill(self) -> None:
        """Kills it with -9."""
        self.process.send_signal(signal.SIGKILL)
        await self.process.wait()


@asynccontextmanager
async def server(home: Path | None = None, **settings: str) -> AsyncIterator[Server]:
    """Starts `micro server`, by default in a new home, and waits until it answers; kills it at the end."""
    with tempfile.TemporaryDirectory(prefix="micro-", ignore_cleanup_errors=True) as folder:
        place = home or Path(folder)
        fixed = {"HOME": str(place), "API": "false", "NETWORK_HOST": "127.0.0.1", "RELAY_PORT": "0"}
        said = {f"MICRO_{name.upper()}": value for name, value in {**fixed, **settings}.items()}
        with (place / "out").open("ab") as out:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "micro", "server", env={**os.environ, **said}, stdout=out, stderr=out
            )
        found = Server(place, process)
        try:
            await until(lambda: found.client.call("network", "Network.Ticket"))
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


class Land:
    """Three super nodes, and a node that publishes with two copies."""

    def __init__(self, stack: AsyncExitStack) -> None:
        self._stack = stack
        self.join = ""
        self.origin: Server
        self.nid = ""

    async def build(self) -> Land:
        root = await self._stack.enter_async_context(server(super_node="true"))
        self.join = await root.ticket()
        for _ in range(2):
            await self.settle(super_node="true")
        self.origin = await self.settle()
        self.nid = await self.origin.nid()

        async def are_three() -> bool:
            return await self.origin.super_nodes() == 3

        await until(are_three)
        wish = {"topic": "orders", "exported": True, "replicas": 2}
        await self.origin.client.call("events", "Events.Export", wish)
        return self

    async def settle(self, home: Path | None = None, **settings: str) -> Server:
        return await self._stack.enter_async_context(server(home, join=self.join, **settings))

    async def queue(self, at: Server, name: str, queue: str = "work") -> Subscription:
        return await self._stack.enter_async_context(at.client.subscribe(name, queue))


async def take(events: Subscription, count: int) -> list[int]:
    """Returns the numbers of the next events, which are acknowledged."""
    found: list[int] = []
    async with asyncio.timeout(SERVED_SECONDS):
        async for event in events:
            found.append(event.value["n"])
            await event.ack()
            if len(found) == count:
                return found
    raise AssertionError("the subscription ended")


async def count_all(events: Subscription, came: list[int]) -> None:
    async for event in events:
        came += [event.value["n"]]


async def test_a_log_outlives_its_machine() -> None:
    """Nobody subscribed; whoever comes later, a neighbour of nobody, gets every acknowledged event in order."""
    acknowledged: list[tuple[int, int]] = []
    async with AsyncExitStack() as stack:
        land = await Land(stack).build()
        client = land.origin.client
        publishing = [asyncio.create_task(publish(client, by, acknowledged)) for by in range(PUBLISHERS)]
        await until(lambda: len(acknowledged) >= PUBLISHERS * EVENTS)
        await land.origin.kill()
        shutil.rmtree(land.origin.home)
        for task in publishing:
            task.cancel()

        far = await land.settle()
        came: list[tuple[int, int]] = []
        events = await land.queue(far, f"orders@{land.nid}")
        async with asyncio.timeout(SERVED_SECONDS):
            async for event in events:
                came.append((event.value["by"], event.value["n"]))
                assert event.publisher == land.nid
                await event.ack()
                if set(acknowledged) <= set(came):
                    break
        assert (await far.client.call("network", "Network.Peers"))["peers"] == []
    assert len(came) == len(set(came))
    for by in range(PUBLISHERS):
        mine = [number for publisher, number in came if publisher == by]
        assert mine == list(range(len(mine)))


async def test_a_log_is_handed_on_and_taken_back() -> None:
    """What was acknowledged at a copy the node knows when it is back; and a copy is given to nobody but who may."""
    async with AsyncExitStack() as stack:
        land = await Land(stack).build()
        origin, far, foe = land.origin, await land.settle(), await land.settle()
        about = {"type": "topic", "name": "orders", "endpoint": "Subscribe"}
        rule = {"id": "foe", "scope": f"node:{await foe.nid()}", "access": "denied", "priority": 5, "resource": about}
        await origin.client.call("auth", "Rules.Create", rule)
        for number in range(20):
            await origin.client.publish("orders", {"n": number}, id=str(number))
        await asyncio.sleep(TOLD_SECONDS)
        await origin.kill()

        leaked: list[int] = []
        for at, name in ((foe, f"orders@{land.nid}"), (far, "orders"), (foe, "orders")):
            watching = asyncio.create_task(count_all(await land.queue(at, name, "leak"), leaked))
            stack.callback(watching.cancel)
        events = await land.queue(far, f"orders@{land.nid}")
        assert await take(events, 12) == list(range(12))
        await asyncio.sleep(TOLD_SECONDS)  # nobody confirms an acknowledgement: one that has not arrived does not count

        await land.settle(origin.home)
        assert await take(events, 8) == list(range(12, 20))
        await origin.client.publish("orders", {"n": 20}, id="20")
        assert await take(events, 1) == [20]
        assert leaked == []


async def kept(server: Server) -> dict[int, str]:
    """Returns the numbers and ids of the events in a node's log."""
    async with server.client.stream("events", "Events.Read", {"topic": "orders"}) as events:
        return {each["sequence"]: each["id"] async for each in events}


async def test_a_publisher_that_loses_its_disk_has_everything_back() -> None:
    """Killed with -9, its events thrown away and its key not: all has its number, and a queue goes on where it was."""
    acknowledged: list[tuple[int, int]] = []
    async with AsyncExitStack() as stack:
        land = await Land(stack).build()
        origin = land.origin
        for number in range(40):
            await origin.client.publish("orders", {"n": number, "by": -1}, id=f"first-{number}")
        assert await take(await land.queue(origin, "orders"), 25) == list(range(25))
        await asyncio.sleep(TOLD_SECONDS)
        before = await kept(origin)
        publishing = [asyncio.create_task(publish(origin.client, by, acknowledged)) for by in range(PUBLISHERS)]
        await until(lambda: len(acknowledged) >= PUBLISHERS * EVENTS)
        await origin.kill()
        for task in publishing:
            task.cancel()
        for name in ("broker.db", "broker.db-wal", "broker.db-shm", "copies.json"):
            (origin.home / name).unlink(missing_ok=True)

        again = await land.settle(origin.home)
        events = await land.queue(again, "orders")
        await again.client.publish("orders", {"n": 0, "by": "last"}, id="last")
        after = await kept(again)
        assert {number: after[number] for number in before} == before
        assert sorted(after) == list(range(1, len(after) + 1))
        assert len(set(after.values())) == len(after)
        assert {f"{by}-{number}" for by, number in acknowledged} <= set(after.values())
        assert after[len(after)] == "last"

        came: list[str] = []
        async with asyncio.timeout(SERVED_SECONDS):
            async for event in events:
                came.append(event.id)
                await event.ack()
                if event.id == "last":
                    break
        assert came == [after[number] for number in range(26, len(after) + 1)]
        [shown] = (await again.client.call("events", "Events.Copies"))["topics"]
        assert shown["copied"] == len(after)
