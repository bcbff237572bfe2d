"""The bare echo on uvloop: as fast as two Python processes can talk here, and the measure of the machine's mood."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from benchmarks.peers.peer import BODY, Place, Workloads
from benchmarks.process import program, until
from micro.doors.cli.echo import HEADER_BYTES, EchoClient

__all__ = ["serve", "workloads"]

_MESSAGE = len(BODY).to_bytes(HEADER_BYTES, "big") + BODY


@asynccontextmanager
async def serve(folder: Path) -> AsyncIterator[Place]:
    """Runs the echo that `micro bench` uses too."""
    socket = folder / "echo.sock"

    async def there() -> bool:
        return socket.exists()

    async with program(sys.executable, "-m", "micro.doors.cli.echo", str(socket), log=folder / "log") as process:
        await until(there)
        yield Place(str(socket), (process.pid,))


@asynccontextmanager
async def workloads(address: str) -> AsyncIterator[Workloads]:
    """Connects to it."""
    _, client = await asyncio.get_running_loop().create_unix_connection(EchoClient, address)
    yield Workloads(calls={"raw": lambda: client.ask(_MESSAGE)})
    client.close()
