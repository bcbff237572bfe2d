"""The services that live in the node itself, and programs inside the node that call."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

from micro.errors import Fault, LinkClosed, TooManyRequests
from micro.mucp.event import Block, Hello
from micro.mucp.headers import FROM_SERVICE, Headers
from micro.mucp.limits import OWNER
from micro.network.beside import Asked, Asking, join
from micro.network.link import Link, Serving
from micro.network.transport.memory import pair
from micro.node.gatekeeper import Ended
from micro.service.client import Client
from micro.service.dialed import ClientLinks
from micro.service.router import Facts, Way
from micro.service.server import Server
from micro.service.service import Service
from micro.trust.policy import Caller

__all__ = ["InsideClients", "InsideDialer", "Platform", "identify"]

CLIENTS_MAX = 256
"""So many callers have a client inside the node at once."""
FAREWELL_SECONDS = 1.0
FAREWELL_CHECK_SECONDS = 0.01
"""How long a caller inside the node may take to hear why its link ends."""


def identify(link: Link, headers: Headers) -> Caller:
    """Returns who calls over one of the node's links."""
    caller: Caller = link.facts.caller
    service = headers.get(FROM_SERVICE)
    if caller.unlimited and service and not caller.service:
        return Caller(nid=caller.nid, service=str(service), owner=True)
    return caller


class Platform:
    """The node's own services, by name."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._servers: dict[str, Server] = {}
        self._services: dict[str, Service] = {}

    def add(self, service: Service) -> None:
        """Adds a service."""
        debug = service.with_debug(self._now)
        self._services[service.name] = service
        self._servers[service.name] = Server(
            service.name, service.endpoints, owner=service, identify=identify, traced=debug.traced
        )

    def __contains__(self, name: object) -> bool:
        """Says whether the node has a service of its own that is called so."""
        return name in self._services

    def describe(self, name: str) -> dict[str, Any] | None:
        """Returns the description of one of the services, or None."""
        service = self._services.get(name)
        return service.describe() if service is not None else None

    def describe_all(self) -> list[dict[str, Any]]:
        """Returns all descriptions."""
        return [service.describe() for service in self._services.values()]

    def way(self, link: Link, service: str, block: Block) -> Way | None:
        """Returns what serves these headers, or None where the node has no such service."""
        server = self._servers.get(service)
        return server.way(link, block) if server is not None else None

    def withdrawn(self, link: Link, number: int) -> None:
        """Stops work that nobody waits for."""
        for server in self._servers.values():
            server.withdrawn(link, number)

    def lost(self, link: Link) -> None:
        """Stops work for a link that is gone."""
        for server in self._servers.values():
            server.lost(link)

    async def finish(self, seconds: float) -> None:
        """Waits for what is under way."""
        for server in self._servers.values():
            await server.finish(seconds)


async def dial_own(router: Serving, nid: str) -> Link:
    """Returns a link of a node to itself, with the rights that another node would have."""
    return await InsideDialer(router, Caller(nid=nid)).dial(None, ClientLinks(lambda link: None))


class InsideDialer:
    """Reaches the node from within its own process."""

    def __init__(self, router: Serving, caller: Caller) -> None:
        self._router = router
        self._caller = caller
        self._link: Link | None = None
        self._there: Link | None = None

    @property
    def busy(self) -> bool:
        """Whether anything is under way over its link."""
        return self._link is not None and self._link.closed is None and self._link.session.busy

    async def dial(self, address: str | None, serving: Serving, *, instance: str = "") -> Link:
        """Returns a link to the node; nothing else can be dialled from inside."""
        if address is not None:
            raise LinkClosed("a program inside the node goes through the node")
        there = Asked(self._router, dialed=False, limits=OWNER, hello=Hello([], agent="node"))
        there.facts = Facts(self._caller)
        there.watch.keeps_deadlines = False
        here = Asking(serving, dialed=True, limits=OWNER, hello=Hello([], agent="node", instance=instance))
        near, far = pair()
        far.start(there)
        near.start(here)
        await here.greeted()
        join(here, there)
        self._link, self._there = here, there
        return here

    async def expel(self, fault: Fault) -> None:
        """Ends the link, and all that is open on it with a fault; returns when the caller has heard it."""
        if self._there is None or self._link is None:
            return
        self._there.dismiss(fault)
        self._there.close(fault.detail)
        with contextlib.suppress(TimeoutError):  # a caller that does not read is not waited for
            async with asyncio.timeout(FAREWELL_SECONDS):
                while self._link.closed is None:  # noqa: ASYNC110 - a link ends in many places
                    await asyncio.sleep(FAREWELL_CHECK_SECONDS)


class InsideClients:
    """Clients inside the node, one for each caller that comes in through a door of it.

    Args:
        dialer: makes what reaches the node with a caller's rights.
        client: makes a client of that.
    """

    def __init__(self, dialer: Callable[[Caller], InsideDialer], client: Callable[[InsideDialer], Client]) -> None:
        self._dialer = dialer
        self._client = client
        self._clients: dict[Caller, tuple[InsideDialer, Client]] = {}
        self._closing: set[asyncio.Task[None]] = set()

    def __call__(self, caller: Caller) -> Client:
        """Returns the client that has the rights of `caller`.

        Raises:
            TooManyRequests: so many callers are here, and all of them at work, that there is no room for another.
        """
        found = self._clients.pop(caller, None)
        if found is None:
            self._make_room()
            dialer = self._dialer(caller)
            found = dialer, self._client(dialer)
        self._clients[caller] = found  # whoever was not heard of for the longest comes first
        return found[1]

    def _make_room(self) -> None:
        if len(self._clients) < CLIENTS_MAX:
            return
        idle = next((caller for caller, (dialer, _) in self._clients.items() if not dialer.busy), None)
        if idle is None:
            raise TooManyRequests(f"{CLIENTS_MAX} callers are at work here; try again in a moment")
        self._end(idle)

    def expel(self, ended: Ended) -> None:
        """Ends all that is under way for those who are meant with a fault."""
        for caller in [caller for caller in self._clients if ended.covers(caller)]:
            self._end(caller, ended.fault)

    def _end(self, caller: Caller, fault: Fault | None = None) -> None:
        task = asyncio.get_running_loop().create_task(self._close(*self._clients.pop(caller), fault))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    @staticmethod
    async def _close(dialer: InsideDialer, client: Client, fault: Fault | None) -> None:
        if fault is not None:
            await dialer.expel(fault)
        await client.close()

    async def close(self) -> None:
        """Ends all."""
        for caller in list(self._clients):
            self._end(caller)
        await asyncio.gather(*self._closing)
