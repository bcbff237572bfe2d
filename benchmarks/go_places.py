"""Who is asked when calls in go-micro's HTTP spelling are measured: a Go server, our node, and a bare responder."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.peers.micro_network import SERVICE, node
from benchmarks.process import program, until
from micro.node.front import Client
from tests.interop.programs import GENERATIONS, build

__all__ = ["Place", "bare", "go_program", "go_server", "node_alone", "node_and_service"]

BUILD_SECONDS = 900
SETTINGS = {"MICRO_API": "false", "MICRO_NETWORK": "false", "MICRO_MUCP_PORT": "0"}


@dataclass(frozen=True)
class Place:
    """Whom the load is for.

    Attributes:
        port: where it is asked.
        pids: the processes that answer.
        service, endpoint, body: what it is asked.
        answer: what is in each answer.
    """

    port: int
    pids: tuple[int, ...]
    service: str = "bench"
    endpoint: str = "Say.Hello"
    body: str = '{"name":"Ann"}'
    answer: str = "Hello Ann"


@asynccontextmanager
async def bare(folder: Path) -> AsyncIterator[Place]:
    """Runs uvloop and httptools, which read no header and always say the same."""
    del folder
    async with program(sys.executable, "-m", "benchmarks.bare_http") as process:
        assert process.stdout is not None
        yield Place(int(await process.stdout.readline()), (process.pid,))


@asynccontextmanager
async def node_alone(folder: Path) -> AsyncIterator[Place]:
    """Runs a node that is asked for an endpoint of its own; its home is `home` in the folder."""
    home = folder / "home"
    async with node(home, **SETTINGS) as pid, Client(home=str(home)) as client:
        yield Place(await _port(client), (pid,), "registry", "Debug.Health", "{}", '"status":"ok"')


async def _port(client: Client) -> int:
    return int(str((await client.call("node", "Node.Status"))["mucp"]).rpartition(":")[2])


@asynccontextmanager
async def node_and_service(folder: Path) -> AsyncIterator[Place]:
    """Runs a node with a service, which is asked; its home is `home` in the folder."""
    home = folder / "home"
    async with node(home, **SETTINGS) as pid, Client(home=str(home)) as client:
        async with client.stream("runtime", "Runtime.Run", {"source": str(SERVICE), "name": "bench"}) as steps:
            async for step in steps:
                if step["failed"]:
                    raise RuntimeError(f"the service does not run: {step['detail']}")
        service = (await client.call("runtime", "Runtime.Status"))["services"][0]["pid"]
        yield Place(await _port(client), (pid, int(service)))


@asynccontextmanager
async def go_server(folder: Path) -> AsyncIterator[Place]:
    """Runs a go-micro server."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
    environment = {
        "INTEROP_DO": "serve",
        "INTEROP_NAME": "bench",
        "MICRO_SERVER_ADDRESS": f"127.0.0.1:{port}",
    }
    built = await go_program()

    async def answers() -> bool:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            return False
        writer.close()
        return True

    async with program(built, environment=environment, log=folder / "log") as process:
        await until(answers)
        yield Place(port, (process.pid,))


async def go_program() -> str:
    """Returns the go-micro program, which is built the first time.

    Raises:
        RuntimeError: it is not built in time.
    """
    built = await asyncio.to_thread(build, GENERATIONS[-1], BUILD_SECONDS)
    if built is None:
        raise RuntimeError(f"go-micro is not built within {BUILD_SECONDS} s; run this again to go on")
    return str(built)
