"""One link over iroh between two processes: the hop between nodes by itself, without the nodes around it.

The server's process holds an endpoint and answers as a service does; the client's process dials it and calls. Pipe,
link, session, encryption and dispatch are those of a node.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import uvloop

from benchmarks.peers.peer import BODY, Place, Workloads
from benchmarks.process import READY, program, until
from benchmarks.services.bench.main import bench
from micro.mucp import headers as names
from micro.mucp.codec import BYTES
from micro.mucp.event import Hello, Opened, Published
from micro.mucp.limits import NETWORK, STRANGER
from micro.mucp.message import Form
from micro.network.link import Link
from micro.network.transport.iroh import IrohEndpoint
from micro.network.transport.iroh_pipe import IrohPipe
from micro.service.route import DEFAULT_MILLISECONDS
from micro.service.server import Server
from micro.trust.keys import KEY_BYTES
from micro.trust.policy import Caller

__all__ = ["serve", "workloads"]

HOST = "127.0.0.1"
DIAL_TIMEOUT_SECONDS = 5.0
ENDPOINT = "Say.Raw"


class _Idle:
    """What a side does about exchanges that it does not expect: nothing."""

    def greeted(self, link: Link, hello: Hello) -> None:
        """Takes everybody."""

    def opened(self, link: Link, event: Opened) -> None:
        """Nothing is opened towards a caller."""

    def published(self, link: Link, event: Published) -> None:
        """Nobody listens."""

    def withdrawn(self, link: Link, number: int) -> None:
        """Answers are given at once, so it comes too late."""

    def going(self, link: Link, reason: str) -> None:
        """The run is over."""

    def lost(self, link: Link, reason: str) -> None:
        """The run is over."""


class _Served(_Idle):
    """The side that answers."""

    def __init__(self) -> None:
        self._server = Server(
            bench.name,
            bench.endpoints,
            owner=bench,
            identify=lambda link, headers: Caller(owner=True),
            traced=lambda *said, rejected=False: None,
        )
        self.opened = self._server.opened  # type: ignore[method-assign]


def _link(pipe: IrohPipe, serving: _Idle, *, dialed: bool) -> Link:
    """Makes a link as a node makes one to its neighbour."""
    link = Link(serving, dialed=dialed, limits=STRANGER, liveness=NETWORK)
    link.watch.keeps_deadlines = False
    pipe.start(link)
    return link


async def _main(file: str) -> None:
    """Answers whoever dials, and says where in a file."""
    endpoint = await IrohEndpoint.bind(os.urandom(KEY_BYTES), 0, HOST)

    def accept(pipe: IrohPipe) -> None:
        _link(pipe, _Served(), dialed=False)

    endpoint.listen(accept)
    place = {"nid": endpoint.nid, "addresses": [f"{HOST}:{endpoint.port}"]}
    await asyncio.to_thread(Path(file).write_text, json.dumps(place))
    print(READY, flush=True)
    await asyncio.Event().wait()


@asynccontextmanager
async def serve(folder: Path) -> AsyncIterator[Place]:
    """Runs the answering side."""
    file = folder / "place.json"

    async def there() -> bool:
        return READY in await asyncio.to_thread((folder / "log").read_text)

    async with program(sys.executable, "-m", "benchmarks.peers.iroh_link", str(file), log=folder / "log") as process:
        await until(there)
        yield Place(await asyncio.to_thread(file.read_text), (process.pid,))


@asynccontextmanager
async def workloads(address: str) -> AsyncIterator[Workloads]:
    """Dials it."""
    place: dict[str, Any] = json.loads(address)
    endpoint = await IrohEndpoint.bind(os.urandom(KEY_BYTES), 0, HOST)
    pipe = await endpoint.dial(place["nid"], place["addresses"], None, timeout_seconds=DIAL_TIMEOUT_SECONDS)
    link = _link(pipe, _Idle(), dialed=True)
    await link.greeted()
    headers = {names.SERVICE: bench.name, names.ENDPOINT: ENDPOINT, names.CONTENT_TYPE: BYTES}
    prefix = link.session.begin(Form.CALL, headers, DEFAULT_MILLISECONDS)

    async def call() -> bytes:
        future = link.future()
        link.call(future, prefix, BODY)
        return (await future).body  # type: ignore[no-any-return]

    yield Workloads(calls={"raw": call})
    await endpoint.close()


if __name__ == "__main__":
    uvloop.run(_main(sys.argv[1]))
