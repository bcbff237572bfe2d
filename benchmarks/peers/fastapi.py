"""FastAPI on uvicorn, with aiohttp as the client: JSON over HTTP/1.1, for reference."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import fastapi
import pydantic
import uvicorn

from benchmarks.peers.peer import NAME, Place, Workloads
from benchmarks.process import program, until

__all__ = ["serve", "workloads"]

CONNECTIONS_MAX = 256
KEPT_SECONDS = 3600
"""A connection of the pool outlives the time in which others are measured; else a call finds it closed."""


class Hello(pydantic.BaseModel):
    """A request."""

    name: str
    times: int = 1


class Greeting(pydantic.BaseModel):
    """An answer."""

    text: str


def _application() -> fastapi.FastAPI:
    application = fastapi.FastAPI()

    @application.post("/hello")
    async def hello(request: Hello) -> Greeting:
        return Greeting(text=f"Hello {request.name}")

    return application


@asynccontextmanager
async def serve(folder: Path) -> AsyncIterator[Place]:
    """Runs the server on a Unix socket."""
    socket = folder / "http.sock"

    async def there() -> bool:
        return socket.exists()

    words = (sys.executable, "-m", "benchmarks.peers.fastapi", str(socket))
    async with program(*words, log=folder / "log") as process:
        await until(there)
        yield Place(str(socket), (process.pid,))


@asynccontextmanager
async def workloads(address: str) -> AsyncIterator[Workloads]:
    """Makes a pool of connections to it, one for each caller."""
    connector = aiohttp.UnixConnector(address, limit=CONNECTIONS_MAX, keepalive_timeout=KEPT_SECONDS)
    async with aiohttp.ClientSession(connector=connector) as session:

        async def hello() -> object:
            async with session.post("http://bench/hello", json={"name": NAME, "times": 1}) as answer:
                return await answer.json()

        yield Workloads(calls={"json": hello})


if __name__ == "__main__":
    uvicorn.run(
        _application(),
        uds=sys.argv[1],
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_level="warning",
        timeout_keep_alive=KEPT_SECONDS,
    )
