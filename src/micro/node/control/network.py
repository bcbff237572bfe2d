"""The service `network`: this node's ticket and its neighbours."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from micro.network.peers import Peers
from micro.node.paths import Paths
from micro.service.service import Service
from micro.trust.ticket import Ticket

__all__ = ["network_service"]


class Network:
    """The endpoints."""

    def __init__(self, peers: Peers, ticket: Callable[[], Ticket]) -> None:
        self._peers = peers
        self._ticket = ticket

    async def ticket(self) -> dict[str, Any]:
        """Returns where this node can be reached, as one word to give to another node's owner."""
        ticket = self._ticket()
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


def network_service(peers: Peers, ticket: Callable[[], Ticket], paths: Paths) -> Service:
    """Returns the service."""
    endpoints = Network(peers, ticket)
    service = Service("network", description="This node's neighbours.", platform=True)
    service.add("Network.Ticket", endpoints.ticket, idempotent=True)
    service.add("Network.Connect", endpoints.connect, idempotent=True)
    service.add("Network.Peers", endpoints.peers, idempotent=True)
    service.add("Network.Disconnect", endpoints.disconnect)
    paths.add_to(service)
    return service
