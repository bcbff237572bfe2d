"""One link over iroh between two processes that reach each other through a relay only, which is a third process.

Each is in a network namespace of its own. The two ends can open TCP to the relay and nothing else, so that no datagram
finds a shorter way. Needs the rights of root and iproute2.
"""

from __future__ import annotations

import asyncio
import ctypes
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import uvloop

from benchmarks.peers.iroh_link import ENDPOINT, _Idle, _link, _Served
from benchmarks.peers.peer import BODY, Place, Workloads
from benchmarks.process import READY, program, until
from benchmarks.services.bench.main import bench
from micro.errors import Unavailable
from micro.mucp import headers as names
from micro.mucp.codec import BYTES
from micro.mucp.message import Form
from micro.network.transport.iroh import IrohEndpoint
from micro.network.transport.iroh_pipe import IrohPipe
from micro.service.route import DEFAULT_MILLISECONDS
from micro.trust.keys import KEY_BYTES
from tests.network.lab import Lab

__all__ = ["serve", "workloads"]

PORT = 3340
DIAL_TIMEOUT_SECONDS = 10.0
CLONE_NEWNET = 0x40000000
"""setns(2): the namespace of the network."""


async def _bind(url: str) -> IrohEndpoint:
    """Returns an endpoint that is at the relay."""
    endpoint = await IrohEndpoint.bind(os.urandom(KEY_BYTES), 0, relays=[url])

    async def there() -> bool:
        return endpoint.relay is not None

    await until(there)
    return endpoint


async def _main(file: str, url: str) -> None:
    """Answers whoever dials, and says who it is in a file."""
    endpoint = await _bind(url)

    def accept(pipe: IrohPipe) -> None:
        _link(pipe, _Served(), dialed=False)

    endpoint.listen(accept)
    await asyncio.to_thread(Path(file).write_text, json.dumps({"nid": endpoint.nid}))
    print(READY, flush=True)
    await asyncio.Event().wait()


@asynccontextmanager
async def serve(folder: Path) -> AsyncIterator[Place]:
    """Runs the relay and the answering side, each in a namespace."""
    file, log = folder / "place.json", folder / "log"
    lab = Lab()
    try:
        relay = lab.host("relay")
        answering, asking = lab.hidden("answering", [relay]), lab.hidden("asking", [relay])
        await relay.start("--relay")
        assert relay.process is not None
        url = f"http://{relay.address}:{PORT}"

        async def there() -> bool:
            return READY in await asyncio.to_thread(log.read_text)

        words = ("ip", "netns", "exec", answering.space, sys.executable, "-m", "benchmarks.peers.relayed_link")
        async with program(*words, str(file), url, log=log) as process:
            await until(there)
            place = json.loads(await asyncio.to_thread(file.read_text)) | {"space": asking.space, "relay": url}
            yield Place(json.dumps(place), (process.pid, relay.process.pid))
    finally:
        await lab.close()


def _enter(space: str) -> None:
    """Moves this thread, and those that it will start, into a network namespace.

    Raises:
        OSError: it may not.
    """
    library = ctypes.CDLL(None, use_errno=True)
    with open(f"/run/netns/{space}", "rb") as file:
        if library.setns(file.fileno(), CLONE_NEWNET) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), space)


@asynccontextmanager
async def workloads(address: str) -> AsyncIterator[Workloads]:
    """Dials it through the relay."""
    place: dict[str, Any] = json.loads(address)
    _enter(place["space"])
    endpoint = await _bind(place["relay"])
    pipe = await endpoint.dial(place["nid"], [], place["relay"], timeout_seconds=DIAL_TIMEOUT_SECONDS)
    link = _link(pipe, _Idle(), dialed=True)
    await link.greeted()
    headers = {names.SERVICE: bench.name, names.ENDPOINT: ENDPOINT, names.CONTENT_TYPE: BYTES}
    prefix = link.session.begin(Form.CALL, headers, DEFAULT_MILLISECONDS)

    async def call() -> bytes:
        future = link.future()
        link.call(future, prefix, BODY)
        return (await future).body  # type: ignore[no-any-return]

    yield Workloads(calls={"raw": call})
    way = str(pipe.get_extra_info("path")())
    if not way.startswith("relayed"):
        raise Unavailable(f"the link is not relayed but {way}: what was measured is something else")
    await endpoint.close()


if __name__ == "__main__":
    uvloop.run(_main(sys.argv[1], sys.argv[2]))
