"""The Micro network: two nodes, each with the service `bench`, the second one called `far-bench`.

Raw bytes and typed values go straight to the service, through the local node, and over iroh to the other node's.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.load import Window, fan_out
from benchmarks.peers.peer import BODY, LARGE_BODY, NAME, SUBSCRIBERS, Place, Workloads
from benchmarks.process import program, until
from micro.errors import MicroError, Unavailable
from micro.mucp.codec import BYTES
from micro.node.front import Client

__all__ = ["node", "serve", "workloads"]

NEAR, FAR = "bench", "far-bench"
SERVICE = Path(__file__).parent.parent / "services" / "bench"
FAN, KEPT = "fan", "kept"
CLOCK_EVERY_ITEMS = 64
SETTLE_SECONDS = 0.3
SLOW_SECONDS = 20.0


@dataclass
class Hello:
    """A request."""

    name: str
    times: int = 1


@dataclass
class Greeting:
    """An answer."""

    text: str


@asynccontextmanager
async def node(home: Path, **settings: str) -> AsyncIterator[int]:
    """Runs a node in a process of its own until the block ends, and gives its pid once it answers."""
    await asyncio.to_thread(home.mkdir, 0o700)
    environment = {"MICRO_HOME": str(home), "MICRO_NETWORK_HOST": "127.0.0.1", **settings}

    async def answers() -> bool:
        try:
            async with Client(home=str(home)) as client:
                return bool(await client.call("node", "Node.Status"))
        except (MicroError, OSError):
            return False

    async with program(sys.executable, "-m", "micro", "server", environment=environment, log=home / "out") as process:
        await until(answers)
        yield process.pid


async def _run(client: Client, name: str) -> int:
    """Runs the service under a name and returns its pid."""
    async with client.stream("runtime", "Runtime.Run", {"source": str(SERVICE), "name": name}) as progress:
        async for step in progress:
            if step["failed"]:
                raise RuntimeError(f"the service does not run: {step['detail']}")
    found = await client.call("runtime", "Runtime.Status")
    return int(found["services"][0]["pid"])


@asynccontextmanager
async def serve(folder: Path) -> AsyncIterator[Place]:
    """Runs two nodes that know each other."""
    near_home, far_home = folder / "near", folder / "far"
    async with (
        node(near_home, MICRO_API="false") as near_pid,
        node(far_home, MICRO_API="false") as far_pid,
        Client(home=str(near_home)) as near,
        Client(home=str(far_home)) as far,
    ):
        pids = (near_pid, far_pid, await _run(near, NEAR), await _run(far, FAR))
        for one, other in ((near, far), (far, near)):  # neighbours that asked for each other have no rate
            ticket = (await other.call("network", "Network.Ticket"))["ticket"]
            await one.call("network", "Network.Connect", {"ticket": ticket})

        async def known() -> bool:
            try:
                return bool(await near.call("registry", "Registry.Get", {"name": FAR}))
            except MicroError:
                return False

        await until(known)
        yield Place(json.dumps({"home": str(near_home), "far": far_pid}), pids)


@asynccontextmanager
async def workloads(address: str) -> AsyncIterator[Workloads]:
    """Connects to the near node: one client that may talk to instances, one that may not, and one a subscriber."""
    places = json.loads(address)
    home = places["home"]
    async with AsyncExitStack() as stack:
        direct = await stack.enter_async_context(Client(home=home))
        hop = await stack.enter_async_context(Client(home=home, direct=False))
        request, greeting = Hello(NAME), {"name": NAME, "times": 1}
        found = Workloads(
            calls={
                "raw": lambda: direct.call_raw(NEAR, "Say.Raw", BODY, content_type=BYTES),
                "large": lambda: direct.call_raw(NEAR, "Say.Raw", LARGE_BODY, content_type=BYTES),
                "json": lambda: direct.call(NEAR, "Say.Hello", greeting),
                "protobuf": lambda: direct.call(NEAR, "Say.Hello", request, returns=Greeting),
                "hop": lambda: hop.call_raw(NEAR, "Say.Raw", BODY, content_type=BYTES),
                "far": lambda: hop.call_raw(FAR, "Say.Raw", BODY, content_type=BYTES),
                "durable": lambda: direct.publish_raw(KEPT, BODY, content_type=BYTES),
            },
            flows={"stream": lambda seconds: _stream(direct, seconds)},
            probes={"loss": lambda: _loss(hop, places["far"])},
        )
        window = Window(SUBSCRIBERS)
        for number in range(SUBSCRIBERS):
            await _subscribe(stack, home, window, number)
        found.flows["fan_out"] = lambda seconds: fan_out(
            lambda: direct.publish_raw(FAN, BODY, content_type=BYTES, durable=False), window, seconds
        )
        yield found


async def _subscribe(stack: AsyncExitStack, home: str, window: Window, number: int) -> None:
    client = await stack.enter_async_context(Client(home=home))
    events = await stack.enter_async_context(client.subscribe(FAN))

    async def read() -> None:
        async for _ in events:
            window.arrived(number)

    stack.callback(asyncio.create_task(read()).cancel)


async def _stream(client: Client, seconds: float) -> int:
    count = 0
    ends = time.perf_counter() + seconds
    async with await client.stream_raw(NEAR, "Say.Many", b"{}") as items:
        async for _ in items:
            count += 1
            if count % CLOCK_EVERY_ITEMS == 0 and time.perf_counter() > ends:
                break
    return count


async def _loss(client: Client, far_pid: int) -> float:
    """Stands the far node still while a call is open there, and returns how long the caller waits to hear of it."""
    call = asyncio.ensure_future(client.call(FAR, "Say.Slowly", {"seconds": SLOW_SECONDS}))
    await asyncio.sleep(SETTLE_SECONDS)
    os.kill(far_pid, signal.SIGSTOP)
    began = time.perf_counter()
    try:
        await call
    except Unavailable:
        return time.perf_counter() - began
    finally:
        os.kill(far_pid, signal.SIGCONT)
    raise RuntimeError("a call to a node that stands still was answered")
