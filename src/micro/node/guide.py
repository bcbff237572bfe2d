"""Where the maps of a network may be had: at super nodes that are known, where the node came in, and aside."""

from __future__ import annotations

import logging
from typing import Final

from micro.errors import BadRequest, Conflict, MicroError, Unavailable
from micro.node.membership import Membership
from micro.node.reach import NodeReach
from micro.node.second import SecondPath
from micro.ports import Entropy
from micro.service.registry.atlas import Atlas
from micro.service.registry.charting import Charting
from micro.trust.identity import public_key_of, short
from micro.trust.ticket import Ticket

__all__ = ["Guide"]

TICKETS_MAX: Final = 3
"""So many nodes of a network are asked, and remembered, beside its maps."""

log = logging.getLogger("micro.backbone")


class Guide:
    """Finds the maps of networks.

    Args:
        nid: this node.
        membership: what it remembers.
        reach: how other nodes are reached.
        entropy: the choice among super nodes.
        second: the second path, None where there is none.
    """

    def __init__(
        self, nid: str, membership: Membership, reach: NodeReach, entropy: Entropy, second: SecondPath | None
    ) -> None:
        self._nid = nid
        self._membership = membership
        self._reach = reach
        self._entropy = entropy
        self._second = second

    def known(self, charting: Charting | None) -> list[Ticket]:
        """Returns where nodes of the network are: of the maps, if there are any, and where this node came in."""
        charts = charting.atlas.charts() if charting is not None else []
        members = [member.ticket() for chart in charts for member in chart.ring.members]
        return [*members, *(Ticket.decode(text) for text in self._membership.tickets)]

    def expect(self, ticket: Ticket) -> str:
        """Returns the network that a ticket leads into.

        Raises:
            BadRequest: it names none.
            Conflict: the node is in another one.
        """
        if ticket.network is None:
            raise BadRequest("this ticket names no network; ask for one of a node that is in a network")
        known = self._membership.network
        if known not in ("", ticket.network):
            raise Conflict(f"this node is in the network {known}; leave that first, with `micro network leave`")
        return ticket.network

    async def enter(self, ticket: Ticket, network: str) -> None:
        """Remembers the network of a ticket, if the node there has a map of it.

        Raises:
            Fault, LinkClosed, HandshakeFailed: the node of the ticket cannot be reached or has no map.
        """
        atlas = Atlas(network)
        if not await Charting(atlas, self._reach, on_change=lambda _: None).learn(ticket) or atlas.current is None:
            raise Unavailable(f"{short(ticket.nid)} knows no map of its network; ask for another ticket")
        self._remember(atlas, [ticket])

    async def enter_by_id(self, network: str) -> None:
        """Remembers a network, if the second path leads to a map of it.

        Raises:
            BadRequest: the node has no second path.
            Unavailable, Timeout: it leads to none.
        """
        if self._second is None:
            raise BadRequest(f"{network} is the id of a network: set dht to join it by that, or give a ticket")
        atlas = Atlas(network)
        tickets = await self._second.learn(Charting(atlas, self._reach, on_change=lambda _: None))
        if atlas.current is None:
            raise Unavailable(f"no map of the network {network} was found over OpenDHT; try again, or give a ticket")
        members = [ticket for ticket in tickets if atlas.member(public_key_of(ticket.nid)) is not None]
        self._remember(atlas, members[:TICKETS_MAX])

    async def learn(self, charting: Charting) -> None:
        """Asks for a newer map until somebody answers; where none of those that are known does, aside."""
        for ticket in self._tickets(charting):
            try:
                await charting.learn(ticket)
            except (MicroError, TimeoutError) as error:
                log.info("no map from %s: %s", short(ticket.nid), error)
            else:
                return
        if self._second is not None:
            try:
                await self._second.learn(charting)
            except MicroError as error:
                log.info("the second path leads to no super node: %s", error)

    async def meet(self, charting: Charting) -> None:
        """Asks super nodes for the way into the commons, while few ways are known."""
        if self._second is not None:
            await self._second.meet(self._tickets(charting))

    # -- within -----------------------------------------------------------------------------------------------------

    def _tickets(self, charting: Charting) -> list[Ticket]:
        members = [member for chart in charting.atlas.charts() for member in chart.ring.members]
        turn = self._entropy.random_bytes(1)[0] % len(members) if members else 0
        found = [member.ticket() for member in (*members[turn:], *members[:turn]) if member.nid != self._nid]
        joined = (Ticket.decode(text) for text in self._membership.tickets)
        return list(dict.fromkeys([*self._membership.homes, *found[:TICKETS_MAX], *joined]))

    def _remember(self, atlas: Atlas, tickets: list[Ticket]) -> None:
        self._membership.enter(atlas.network, [ticket.encode() for ticket in tickets])
        self._membership.keep([chart.signed.sealed for chart in atlas.charts()])
