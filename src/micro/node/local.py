"""The services that live in the node itself, and programs inside the node that call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from micro.errors import LinkClosed
from micro.mucp.event import Block, Hello
from micro.mucp.headers import FROM_SERVICE, Headers
from micro.mucp.limits import OWNER
from micro.network.link import Link, Serving
from micro.network.transport.memory import pair
from micro.service.router import Facts, Way
from micro.service.server import Server
from micro.service.service import Service
from micro.trust.policy import Caller

__all__ = ["InsideDialer", "Platform", "identify"]


def identify(link: Link, headers: Headers) -> Caller:
    """Returns who calls over one of the node's links."""
    caller: Caller = link.facts.caller
    service = headers.get(FROM_SERVICE)
    if caller.owner and service and not caller.service:
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


class InsideDialer:
    """Reaches the node from within its own process."""

    def __init__(self, router: Serving, caller: Caller) -> None:
        self._router = router
        self._caller = caller

    async def dial(self, address: str | None, serving: Serving, *, instance: str = "") -> Link:
        """Returns a link to the node; nothing else can be dialled from inside."""
        if address is not None:
            raise LinkClosed("a program inside the node goes through the node")
        there = Link(self._router, dialed=False, limits=OWNER, hello=Hello([], agent="node"))
        there.facts = Facts(self._caller)
        there.keeps_deadlines = False
        here = Link(serving, dialed=True, limits=OWNER, hello=Hello([], agent="node", instance=instance))
        near, far = pair()
        far.start(there)
        near.start(here)
        await here.greeted()
        return here
