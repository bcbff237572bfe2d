"""The service `network`: this node's ticket and its neighbours."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from micro.errors import NotFound
from micro.network.peers import Peers
from micro.node.offering import Offering
from micro.node.paths import Paths
from micro.node.pinned import TOPIC, Pinned
from micro.service.service import Service
from micro.trust.identity import is_nid
from micro.trust.ticket import Ticket

__all__ = ["network_service"]

PINS_SHOWN_MAX = 1000


class Joining(Protocol):
    """What takes this node into a network and out of it.

    Attributes:
        pinned: to which nodes names were bound at their first use.
    """

    pinned: Pinned

    @property
    def network(self) -> str:
        """The node id of the keeper of the network that the node is in, "" for none."""

    async def join(self, ticket: Ticket) -> None:
        """Takes the node into the network of a ticket."""

    async def join_network(self, network: str) -> None:
        """Takes the node into a network by its id."""

    async def leave(self, *, force: bool = False) -> None:
        """Takes the node out of its network."""

    def status(self) -> dict[str, Any]:
        """Returns which network this is, and the node's place in it."""


class Meeting(Protocol):
    """What binds names that nobody owns to nodes."""

    async def offering(self, name: str) -> tuple[str, ...]:
        """Returns the nodes that offer a name which nobody vouches for."""

    async def pin(self, name: str) -> tuple[str, ...]:
        """Pins a name to those who offer it now, and returns to whom it is pinned."""


class Network:
    """The endpoints."""

    def __init__(
        self,
        peers: Peers,
        ticket: Callable[[], Awaitable[Ticket]],
        backbone: Joining,
        services: Meeting,
        logs: Meeting,
        offering: Offering,
    ) -> None:
        self._services = services
        self._logs = logs
        self._offering = offering
        self._peers = peers
        self._ticket = ticket
        self._backbone = backbone

    async def ticket(self) -> dict[str, Any]:
        """Returns where this node can be reached, as one word to give to another node's owner."""
        ticket = await self._ticket()
        return {"ticket": ticket.encode(), "nid": ticket.nid, "addresses": list(ticket.addresses)}

    async def connect(self, ticket: str) -> dict[str, Any]:
        """Links with the node of a ticket, and remembers it.

        Args:
            ticket: what `micro network ticket` printed there.
        """
        found = Ticket.decode(ticket.strip())
        peer = await self._peers.connect(found)
        return {"nid": found.nid, "state": peer.state}

    async def peers(self) -> dict[str, Any]:
        """Lists the neighbours, with the state of the link to each."""
        return {"peers": self._peers.status()}

    async def disconnect(self, nid: str) -> dict[str, Any]:
        """Ends the link to a neighbour and forgets it.

        Args:
            nid: its node id.
        """
        self._peers.disconnect(nid)
        return {"nid": nid}

    async def join(self, ticket: str) -> dict[str, Any]:
        """Takes this node into the network of a ticket, now and after every start; says whether it was there `already`.

        Args:
            ticket: what `micro network ticket` printed at a node of that network; with a second path the network's
                id will do, which is the node id of its keeper.
        """
        before, where = self._backbone.network, ticket.strip()
        if is_nid(where):
            await self._backbone.join_network(where)
        else:
            await self._backbone.join(Ticket.decode(where))
        return {**self._backbone.status(), "already": self._backbone.network == before}

    async def leave(self, force: bool = False) -> dict[str, Any]:
        """Withdraws what this node offers in its network, and forgets the network.

        Args:
            force: also where the network ends with it, since it founded it and is its only super node.
        """
        network = self._backbone.network
        await self._backbone.leave(force=force)
        return {"network": network}

    async def pins(self) -> dict[str, Any]:
        """Lists the names that nobody owns, with the nodes that each was bound to when it was first used here."""
        found = [{"name": name, "nodes": list(nids)} for name, nids in self._backbone.pinned.everything().items()]
        return {"pins": found[:PINS_SHOWN_MAX], "total": len(found)}

    async def meet(self, name: str) -> dict[str, Any]:
        """Says whether somebody vouches for a name: this node, a neighbour, or an earlier use of it.

        Args:
            name: of a service, or `topic:` and a topic.
        """
        nodes = await self._meeting(name).offering(name)
        return {"name": name, "unverified": bool(nodes), "nodes": list(nodes)}

    async def pin(self, name: str) -> dict[str, Any]:
        """Pins a name that nobody owns to the nodes that offer it now, as its first use would.

        Args:
            name: of a service, or `topic:` and a topic; `greeter@nid` and `topic:orders@nid` add one node to those it
                is pinned to.
        """
        nodes = await self._meeting(name).pin(name)
        return {"name": name.partition("@")[0], "nodes": list(nodes)}

    def _meeting(self, name: str) -> Meeting:
        return self._logs if name.startswith(TOPIC) else self._services

    async def unpin(self, name: str) -> dict[str, Any]:
        """Lets the next use of a name bind it anew.

        Args:
            name: the service, or `topic:` and the topic.
        """
        if not self._backbone.pinned.unpin(name):
            raise NotFound(f"{name[:80]!r} is not pinned; `micro network pins` lists the names that are")
        return {"name": name}

    async def offers(self) -> dict[str, Any]:
        """Lists the services of this node, each with whether strangers are offered it, and who says so."""
        return {"offers": self._offering.all()}

    async def offer(self, name: str, offered: bool = True) -> dict[str, Any]:
        """Offers a service of this node to strangers, or hides it from them; it need not run yet.

        Args:
            name: the service.
            offered: false hides it.
        """
        return self._offering.rule(name, offered=offered)


def network_service(
    peers: Peers,
    ticket: Callable[[], Awaitable[Ticket]],
    backbone: Joining,
    services: Meeting,
    logs: Meeting,
    paths: Paths,
    offering: Offering,
) -> Service:
    """Returns the service."""
    endpoints = Network(peers, ticket, backbone, services, logs, offering)
    service = Service("network", description="This node's neighbours.", platform=True)
    service.add("Network.Ticket", endpoints.ticket, idempotent=True)
    service.add("Network.Connect", endpoints.connect, idempotent=True)
    service.add("Network.Peers", endpoints.peers, idempotent=True)
    service.add("Network.Disconnect", endpoints.disconnect)
    paths.add_to(service)
    service.add("Network.Join", endpoints.join, idempotent=True)
    service.add("Network.Leave", endpoints.leave)
    service.add("Network.Pins", endpoints.pins, idempotent=True)
    service.add("Network.Unpin", endpoints.unpin)
    service.add("Network.Meet", endpoints.meet, idempotent=True)
    service.add("Network.Pin", endpoints.pin, idempotent=True)
    service.add("Network.Offers", endpoints.offers, idempotent=True)
    service.add("Network.Offer", endpoints.offer, idempotent=True)
    return service
