"""nats-py with a real nats-server: calls, core publishing, and JetStream that syncs every event."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import nats
import uvloop
from nats.js.api import StorageType

from benchmarks.load import Window, fan_out
from benchmarks.peers.peer import BODY, SUBSCRIBERS, Place, Workloads
from benchmarks.process import READY, program, python, until

__all__ = ["serve", "workloads"]

HOST = "127.0.0.1"
ECHO, FAN, KEPT = "echo", "fan", "kept"
STREAM_BYTES_MAX = 1 << 30
CONFIGURATION = """
host: {host}
port: {port}
jetstream {{
    store_dir: "{folder}"
    sync_interval: always
}}
"""


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


async def _main(address: str) -> None:
    """Answers requests with what they carry."""
    client = await nats.connect(address)

    async def answer(message: Any) -> None:
        await message.respond(message.data)

    await client.subscribe(ECHO, cb=answer)
    await client.flush()
    print(READY, flush=True)
    await asyncio.Event().wait()


@asynccontextmanager
async def serve(folder: Path) -> AsyncIterator[Place]:
    """Runs nats-server, and a program that answers requests."""
    port = _free_port()
    configuration = folder / "nats.conf"
    configuration.write_text(CONFIGURATION.format(host=HOST, port=port, folder=folder / "jetstream"))
    binary = Path(sys.executable).parent / "nats-server"

    async def listens() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex((HOST, port)) == 0

    async with program(str(binary), "-c", str(configuration), log=folder / "log") as server:
        await until(listens)
        address = f"nats://{HOST}:{port}"
        async with python("benchmarks.peers.nats", address) as responder:
            yield Place(address, (server.pid, responder.pid))


@asynccontextmanager
async def workloads(address: str) -> AsyncIterator[Workloads]:
    """Connects to the server: one connection for calls and publishing, and one for each subscriber."""
    async with AsyncExitStack() as stack:
        client = await nats.connect(address)
        stack.push_async_callback(client.close)
        journal = client.jetstream()
        await journal.add_stream(name=KEPT, subjects=[KEPT], storage=StorageType.FILE, max_bytes=STREAM_BYTES_MAX)
        window = Window(SUBSCRIBERS)
        for number in range(SUBSCRIBERS):
            await _subscribe(stack, address, window, number)
        yield Workloads(
            calls={
                "raw": lambda: client.request(ECHO, BODY, timeout=5),
                "durable": lambda: journal.publish(KEPT, BODY),
            },
            flows={"fan_out": lambda seconds: fan_out(lambda: client.publish(FAN, BODY), window, seconds)},
        )


async def _subscribe(stack: AsyncExitStack, address: str, window: Window, number: int) -> None:
    client = await nats.connect(address)
    stack.push_async_callback(client.close)

    async def arrived(message: Any) -> None:
        window.arrived(number)

    await client.subscribe(FAN, cb=arrived)
    await client.flush()


if __name__ == "__main__":
    uvloop.run(_main(sys.argv[1]))
