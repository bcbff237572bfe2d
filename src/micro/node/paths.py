"""How this node reaches what it knows: nodes, routes, the graph of both, and the time of each hop.

`Network.Ping` and `Network.Trace` answer other nodes too: each node times what it does itself, and asks the next. What
a next node says of its own hops is its word; it is bounded, and shown under its name.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any

import msgspec

from micro.errors import Fault, LinkClosed, NotFound, Timeout, Unavailable
from micro.network.link import Link
from micro.network.peers import Peers
from micro.ports import Clock
from micro.service.context import Context
from micro.service.once import call_once
from micro.service.registry.catalog import LIST_MAX, Catalog
from micro.service.registry.instance import Instance
from micro.service.service import Service
from micro.trust.beginning import whole_nid
from micro.trust.identity import is_nid
from micro.trust.policy import Caller

__all__ = ["Hop", "Paths"]

HOPS_MAX = 8
"""A trace follows so many nodes at most."""
PINGS_MAX = 100
STRANGERS_SHOWN_MAX = 1000
"""So many nodes that are linked and no neighbours are listed; a super node may have ten times as many guests."""
ASK_SECONDS = 5.0
"""How long the next node may take to answer a ping or a trace."""
TEXT_CHARACTERS_MAX = 255


@dataclass(frozen=True, slots=True)
class Hop:
    """One step of a way: to whom, over what, and how long there and back took.

    Attributes:
        node: the nid of the node that took the step.
        to: what it reached: a nid, or the id of an instance.
        over: `socket`, `direct ip:port` or `relayed url`.
        seconds: there and back, with the answer of what was reached.
    """

    node: str
    to: str
    over: str
    seconds: float


class _Traced(msgspec.Struct):
    hops: list[Hop]


class Paths:
    """The endpoints."""

    def __init__(
        self,
        peers: Peers,
        catalog: Catalog,
        *,
        nid: str,
        clock: Clock,
        instance_link: Callable[[str], Link | None],
        node_link: Callable[[str], Link | None],
        visited: Callable[[], Iterable[tuple[str, str, Link]]],
        linked: Callable[[], str],
        hidden: Callable[[Caller], frozenset[str]],
        look: Callable[[str], Awaitable[None]],
        absent: Callable[[str], Fault],
        named: Callable[[], Iterable[str]],
    ) -> None:
        """Takes what it asks.

        Args:
            instance_link: the link of an instance that runs here.
            node_link: the link to another node.
            visited: the nodes that are linked and no neighbours, each with what it is: `visit` or `guest`.
            linked: how this node is reached itself, for `nodes`.
            hidden: the services that a caller is not shown.
            look: brings a service of strangers into the catalog.
            absent: what a call of a service is answered that is not in the catalog.
            named: nodes that are known beside those with a link or with services: pinned, or in the network's map.
        """
        self._peers = peers
        self._catalog = catalog
        self._nid = nid
        self._clock = clock
        self._instance_link = instance_link
        self._link = node_link
        self._visited = visited
        self._linked = linked
        self._hidden = hidden
        self._look = look
        self._absent = absent
        self._named = named

    def add_to(self, service: Service) -> None:
        """Adds the endpoints to the service `network`."""
        service.add("Network.Nodes", self.nodes, idempotent=True)
        service.add("Network.Routes", self.routes, idempotent=True)
        service.add("Network.Services", self.services, idempotent=True)
        service.add("Network.Graph", self.graph, idempotent=True)
        service.add("Network.Ping", self.ping, idempotent=True)
        service.add("Network.Whole", self.whole, idempotent=True)
        service.add("Network.Measure", self.measure, idempotent=True)
        service.add("Network.Trace", self.trace, idempotent=True)

    async def nodes(self) -> dict[str, Any]:
        """Lists this node and the nodes it knows, each with how it is reached now."""
        found = [{"nid": self._nid, "state": "here", "over": self._linked(), "services": self._count(self._nid)}]
        for nid, peer in sorted(self._peers.known.items()):
            found.append(
                {"nid": nid, "state": peer.state, "over": over(peer.link), "services": self._count(nid)},
            )
        strangers = [each for each in self._visited() if each[0] not in self._peers.known]
        for nid, state, link in strangers[:STRANGERS_SHOWN_MAX]:
            found.append({"nid": nid, "state": state, "over": over(link), "services": self._count(nid)})
        return {"nodes": found}

    async def routes(self, service: str = "") -> dict[str, Any]:
        """Lists the way to each instance in reach.

        Args:
            service: of this service alone.
        """
        found = [
            {
                "service": instance.service,
                "version": instance.version,
                "node": instance.nid,
                "instance": instance.id,
                "over": self._over(instance),
                "state": instance.state,
            }
            for instance in self._instances()
            if service in ("", instance.service)
        ]
        return {"routes": found}

    async def services(self) -> dict[str, Any]:
        """Lists the services of each node in reach."""
        found: dict[str, set[str]] = {}
        for instance in self._instances():
            found.setdefault(instance.nid, set()).add(instance.service)
        return {"nodes": [{"nid": nid, "services": sorted(names)} for nid, names in sorted(found.items())]}

    async def graph(self) -> dict[str, Any]:
        """Returns nodes, and the links between them that this node knows of: its own."""
        nodes = (await self.nodes())["nodes"]
        links = [{"from": self._nid, "to": node["nid"], "over": node["over"]} for node in nodes[1:] if node["over"]]
        return {"nodes": nodes, "links": links, "services": (await self.services())["nodes"]}

    async def ping(self) -> dict[str, Any]:
        """Answers with this node's id."""
        return {"nid": self._nid}

    async def whole(self, beginning: str) -> dict[str, Any]:
        """Returns the node whose id begins so, of all that this node knows.

        Args:
            beginning: a whole node id, or at least eight characters of one; the first four, `b5ua`, may be left out.

        Raises:
            NotFound, Conflict: no node begins so, or several do.
        """
        return {"nid": beginning if is_nid(beginning) else whole_nid(beginning, self._known())}

    def _known(self) -> set[str]:
        """Returns all nodes that this one has a name for, linked now or not."""
        visited = {nid for nid, _, _ in self._visited()}
        serving = {instance.nid for instance in self._instances()}
        return {self._nid, *self._peers.known, *visited, *serving, *self._named()}

    async def measure(self, nid: str, count: int = 5) -> dict[str, Any]:
        """Asks a node for a sign of life several times, one after the other.

        Args:
            nid: the node.
            count: how often, at most 100.
        """
        link = self._link(nid)
        if link is None and nid not in self._known():
            raise NotFound(f"{nid[:64]} is no node that this one knows; `micro network nodes` lists them")
        seconds = [await self._timed(link, nid) for _ in range(max(1, min(count, PINGS_MAX)))]
        return {"nid": nid, "over": over(link), "seconds": seconds}

    async def trace(self, service: str, context: Context, hops: int = HOPS_MAX) -> dict[str, Any]:
        """Follows the way of a call to a service, and times each hop.

        Args:
            service: its name.
            hops: how many nodes may still be asked.

        Raises:
            NotFound, Unavailable: as a call of it.
        """
        if not context.caller.peer:
            await self._look(service)
        instance = self._chosen(service, context.caller)
        if instance.local:
            link = self._instance_link(instance.id)
            seconds, _ = await self._asked(link, instance.service, "Debug.Health", {}, instance.id)
            return {"hops": [asdict(Hop(self._nid, instance.id, "socket", seconds))]}
        link = self._link(instance.nid)
        first = Hop(self._nid, instance.nid, over(link), await self._timed(link, instance.nid))
        further: list[Hop] = []
        if hops > 0:
            request = {"service": service, "hops": min(hops, HOPS_MAX) - 1}
            _, body = await self._asked(link, "network", "Network.Trace", request, instance.nid)
            further = _checked(body, instance.nid)
        return {"hops": [asdict(hop) for hop in (first, *further)]}

    # -- within -----------------------------------------------------------------------------------------------------

    def _instances(self) -> list[Instance]:
        found: list[Instance] = []
        for offset in range(0, len(self._catalog), LIST_MAX):
            for view in self._catalog.list(LIST_MAX, offset):
                found.extend(view.instances)
        return found

    def _count(self, nid: str) -> int:
        return len({instance.service for instance in self._catalog.holding(nid)})

    def _over(self, instance: Instance) -> str:
        return "socket" if instance.local else over(self._link(instance.nid))

    def _chosen(self, service: str, caller: Caller) -> Instance:
        """Returns the instance whose way is shown: one of ours if there is one, as in a call."""
        view = self._catalog.lookup(service)
        instances = [i for i in view.instances if i.state == "serving"] if view is not None else []
        if caller.peer:  # another node's call ends here, and so does its trace
            hidden = self._hidden(caller)
            instances = [i for i in instances if i.local and i.service not in hidden]
        if not instances and not caller.peer:
            if view is not None:
                raise Unavailable(f"{service[:64]} has no instance that answers now; try again")
            name, _, nid = service.partition("@")
            if is_nid(nid):
                raise NotFound(
                    f"{nid} offers no {name[:64]} that this node can find; `micro network nodes` lists nodes"
                )
            raise self._absent(name)
        if not instances:
            raise NotFound(f"no service is called {service[:64]}; `micro services` lists what runs")
        return instances[0]

    async def _timed(self, link: Link | None, nid: str) -> float:
        seconds, _ = await self._asked(link, "network", "Network.Ping", {}, nid)
        return seconds

    async def _asked(
        self, link: Link | None, service: str, endpoint: str, request: dict[str, Any], whom: str
    ) -> tuple[float, bytes]:
        if link is None or link.closed is not None:
            raise Unavailable(f"there is no link to {whom} now; `micro network nodes` says why")
        began = self._clock.monotonic()
        try:
            async with asyncio.timeout(ASK_SECONDS):
                body = await call_once(link, service, endpoint, request)
        except TimeoutError:
            raise Timeout(f"{whom} did not answer within {ASK_SECONDS:g} s") from None
        except LinkClosed as closed:
            raise Unavailable(f"the link to {whom} ended: {closed}") from closed
        return self._clock.monotonic() - began, body


def over(link: Link | None) -> str:
    """Returns how a link travels now: `direct ip:port`, `relayed url`, or "" where there is none."""
    if link is None or link.closed is not None:
        return ""
    return str(link.path()) if link.path is not None else "direct"


def _checked(body: bytes, nid: str) -> list[Hop]:
    """Returns the hops that the next node told, within bounds; nothing where it tells no such thing."""
    try:
        hops = msgspec.json.decode(body, type=_Traced).hops[: HOPS_MAX + 1]
    except msgspec.MsgspecError:
        raise Fault.make(500, f"{nid} answered the trace with something else") from None
    cut = TEXT_CHARACTERS_MAX
    return [Hop(hop.node[:cut], hop.to[:cut], hop.over[:cut], max(0.0, hop.seconds)) for hop in hops]
