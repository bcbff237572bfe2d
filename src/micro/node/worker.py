"""The main of a worker process for WebAssembly guests: started by the node, and gone with it."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Any

import msgspec

from micro.handing import Receiving
from micro.mucp.event import Hello, Opened, Published
from micro.mucp.headers import Headers
from micro.mucp.limits import OWNER
from micro.network.link import Link
from micro.network.transport import stream
from micro.node.client import NodeDialer
from micro.node.front import run_loop
from micro.runtime.guest.grant import Grant
from micro.runtime.guest.life import Surroundings
from micro.runtime.guest.machine import Machine
from micro.runtime.guest.worker import worker_service
from micro.service.server import Server
from micro.system import SystemClock, SystemEntropy
from micro.trust.policy import Caller

__all__ = ["main"]

SOCKET_MASK = 0o177
"""What it listens at is its owner's alone, in a sandbox too that lets nobody change modes."""


class _Desk:
    """Serves the node, and nobody else: the socket's other end was checked."""

    def __init__(self, surroundings: Surroundings, handed: Receiving) -> None:
        service = worker_service(surroundings, handed)
        self._uid = surroundings.uid
        self._server = Server(
            service.name,
            service.endpoints,
            owner=self,
            identify=_owner,
            traced=lambda *said, rejected=False: None,
        )
        self.opened = self._server.opened  # type: ignore[method-assign]

    def accept(self) -> Link:
        desk = self

        class WorkerLink(Link):
            """A link from the node."""

            def connection_made(self, transport: Any) -> None:
                super().connection_made(transport)
                if stream.peer_uid(transport) != desk._uid:
                    self.abort("only the owner's node may have guests hosted")

        return WorkerLink(self, dialed=False, limits=OWNER)

    def greeted(self, link: Link, hello: Hello) -> None:
        """The node needs to show nothing more."""

    def opened(self, link: Link, event: Opened) -> None:
        self._server.opened(link, event)

    def published(self, link: Link, event: Published) -> None:
        """A worker keeps no topics."""

    def withdrawn(self, link: Link, number: int) -> None:
        self._server.withdrawn(link, number)

    def going(self, link: Link, reason: str) -> None:
        """The node says by the end of the link that it is gone."""

    def lost(self, link: Link, reason: str) -> None:
        self._server.lost(link)


def _owner(link: Link, headers: Headers) -> Caller:
    return Caller(owner=True)


async def _serve(grant: Grant, address: str, channel: int | None) -> None:
    clock, entropy = SystemClock(), SystemEntropy()
    surroundings = Surroundings(
        Machine(clock, entropy),
        lambda address, token, service: NodeDialer(address, token=token, service=service),
        grant,
        clock=clock,
        entropy=entropy,
        sockets=stream,
        uid=os.getuid(),
    )
    listener = await stream.listen(address, _Desk(surroundings, Receiving(channel)).accept)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    try:
        await asyncio.Event().wait()
    finally:
        listener.close()


def main(words: list[str]) -> None:
    """Hosts guests until the node ends it: `python -m micro.node.worker GRANT ADDRESS CHANNEL`.

    The grant is in JSON. Numbers stand for what is open already: a socket to listen at, and the channel by which the
    node hands over sockets; `-` is none.
    """
    os.umask(SOCKET_MASK)
    grant, address, channel = words
    place = f"open:{address}" if address.isdigit() else address
    run_loop(_serve(msgspec.json.decode(grant, type=Grant), place, int(channel) if channel.isdigit() else None))


if __name__ == "__main__":
    main(sys.argv[1:])
