"""The ways of a client: its link to the node, its links straight to instances, and the routes made of them.

A name leads to a route: links straight to the service's instances where the node hands out their sockets, else the link
to the node, which passes the exchange on. A route is kept until its links end or say that they are going away.
"""

from __future__ import annotations

import asyncio

from micro.errors import Fault, Forbidden, LinkClosed, Unauthorized
from micro.network.link import Link
from micro.ports import Entropy
from micro.service.dialed import ClientLinks, Dialer
from micro.service.once import call_once
from micro.service.route import Route, RouteAnswer

__all__ = ["Ways"]

ROUTES_MAX = 4_096
CHANCE_BYTES = 4


class Ways:
    """The links of one client, and which of them lead to a service.

    Attributes:
        routes: the routes in use, by service; always the same dictionary.

    Args:
        dialer: how it reaches the node.
        entropy: for the choice among several instances.
        direct: whether it may ask the node for the sockets of instances and talk to them directly.
    """

    def __init__(self, dialer: Dialer, *, entropy: Entropy, direct: bool) -> None:
        self.routes: dict[str, Route] = {}
        self._last: dict[str, Route] = {}
        self._dialer = dialer
        self._entropy = entropy
        self._direct = direct
        self._serving = ClientLinks(self.forget)
        self._node: Link | None = None
        self._dialing: asyncio.Lock = asyncio.Lock()
        self._asking: dict[str, asyncio.Future[Route]] = {}
        self._direct_links: dict[str, Link] = {}

    async def node(self) -> Link:
        """Returns the link to the node, dialling where there is none.

        Raises:
            NoNode: none answers.
            Unauthorized: the node takes nothing more of us, as our token has expired.
        """
        if self._node is not None and self._node.closed is None and self._node.refusal is not None:
            raise Unauthorized(self._node.refusal.detail)
        if self._node is None or self._node.closed is not None:
            async with self._dialing:
                if self._node is None or self._node.closed is not None:
                    self._node = await self._dialer.dial(None, self._serving)
        return self._node

    async def route(self, service: str) -> Route:
        """Returns how to reach `service`, asking the node where it is not known."""
        route = self.routes.get(service)
        if route is not None:
            return route
        asking = self._asking.get(service)
        if asking is None:  # many callers at once ask once
            asking = self._asking[service] = asyncio.ensure_future(self._learn(service))
            asking.add_done_callback(lambda _: self._asking.pop(service, None))
        return await asyncio.shield(asking)

    def known(self, service: str) -> Route | None:
        """Returns how `service` is reached, or was before its link ended: that says how its answers are read."""
        return self.routes.get(service) or self._last.get(service)

    def forget(self, link: Link) -> None:
        """Uses a link for nothing new."""
        if link is self._node:
            self.routes.clear()
            if link.closed is not None:
                self._node = None
        for address, known in list(self._direct_links.items()):
            if known is link:
                del self._direct_links[address]
        for service, route in list(self.routes.items()):
            if link in route.links and route.drop(link):
                del self.routes[service]

    def let_go(self, route: Route) -> bool:
        """Has the node asked anew for the service of a route; False where it is not in use any more."""
        if self.routes.get(route.service) is not route:
            return False
        del self.routes[route.service]
        return True

    def close(self, reason: str) -> None:
        """Ends all links; calls under way fail."""
        links = [*self._direct_links.values(), *([self._node] if self._node is not None else [])]
        self._node = None
        self._direct_links.clear()
        self.routes.clear()
        for link in links:
            link.close(reason)

    # -- within -----------------------------------------------------------------------------------------------------

    async def _learn(self, service: str) -> Route:
        route = await self._ask(service, await self.node())
        if len(self._last) >= ROUTES_MAX:
            self.routes.clear()
            self._last.clear()
        if route.description is not None:
            self.routes[service] = self._last[service] = route
        return route

    async def _ask(self, service: str, node: Link) -> Route:
        """Asks the node for a service's description and the sockets it hands out."""
        try:
            answer = RouteAnswer.read(await call_once(node, "registry", "Registry.Route", {"name": service}))
        except (Forbidden, Unauthorized):  # not ours to ask: the node answers the call itself
            return Route(service, [node], chance=self._chance)
        except Fault:  # unknown here as yet: it is looked for when it is called
            return Route(service, [node], chance=self._chance, is_unknown=True)
        addresses = answer.addresses if self._direct else []
        links = [link for address in addresses if (link := await self._straight(address)) is not None]
        return Route(service, links or [node], description=answer.description, chance=self._chance)

    async def _straight(self, address: str) -> Link | None:
        known = self._direct_links.get(address)
        if known is not None and known.closed is None:
            return known
        try:
            link = await self._dialer.dial(address, self._serving)
        except (LinkClosed, OSError):
            return None
        self._direct_links[address] = link
        return link

    def _chance(self) -> float:
        return int.from_bytes(self._entropy.random_bytes(CHANCE_BYTES)) / (1 << 8 * CHANCE_BYTES)
