"""A super node's place in the map of its network: it asks the keeper for it, or is the keeper itself."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Final

from micro.errors import MicroError, Unavailable
from micro.node.keeper import Keeper
from micro.node.reach import NodeReach
from micro.service.registry.backbone import JOIN
from micro.service.registry.charting import Charting
from micro.service.registry.shardmap import SuperNode
from micro.trust.ticket import Ticket

__all__ = ["Standing"]

JOIN_TIMEOUT_SECONDS: Final = 5.0

log = logging.getLogger("micro.backbone")


class Standing:
    """Has the map name a super node as it is.

    Args:
        key: its key.
        charting: the maps.
        reach: how others are reached.
        keeper: the work of the network's keeper, None where that is another node.
        member: returns how this super node is now; raises ConfigError where it cannot be reached.
        tickets: returns where this node came into the network.
    """

    def __init__(
        self,
        charting: Charting,
        reach: NodeReach,
        *,
        keeper: Keeper | None,
        member: Callable[[], SuperNode],
        tickets: Callable[[], Sequence[str]],
    ) -> None:
        self._charting = charting
        self._reach = reach
        self._member = member
        self._tickets = tickets
        self._keeper = keeper

    @property
    def admit(self) -> Callable[[SuperNode | None, bytes], Awaitable[None]] | None:
        """What takes others into the map, or out of it; None where this is not the keeper."""
        return self._keeper.admit if self._keeper is not None else None

    async def begin(self) -> None:
        """Takes the place at the start, as far as that can be done then, and begins the keeper's work."""
        await self.stand()
        if self._keeper is not None:
            self._keeper.start()

    async def stand(self) -> None:
        """Sees to it that the map has this super node as it is; the keeper may be away."""
        try:
            wanted = self._member()
            known = self._known(wanted.key)
            if known is None or not (known.is_like(wanted) or (wanted.relay and known.is_like(_relayed(wanted)))):
                await self._ask(wanted)
        except (MicroError, TimeoutError) as error:
            log.warning("the keeper of the network did not take this super node in; it is asked again: %s", error)

    async def resign(self) -> None:
        """Asks the keeper to be taken out of the map.

        Raises:
            Fault, LinkClosed, HandshakeFailed: it refuses, or cannot be reached.
        """
        await self._send(JOIN.encode({"leaving": True}))

    def stop(self) -> None:
        """Ends the keeper's work, where this is the keeper."""
        if self._keeper is not None:
            self._keeper.stop()

    # -- within -----------------------------------------------------------------------------------------------------

    def _known(self, key: bytes) -> SuperNode | None:
        chart = self._charting.atlas.current
        members = chart.signed.map.members if chart is not None else ()
        return next((member for member in members if member.key == key), None)

    async def _ask(self, member: SuperNode) -> None:
        if self._keeper is not None:
            await self._keeper.admit(member, member.key)
        else:
            wish = {"addresses": member.addresses, "relay": member.relay, "owner": member.owner}
            await self._send(JOIN.encode(wish))

    async def _send(self, wish: bytes) -> None:
        keeper = self._where()
        await self._reach.call(keeper, "Backbone.Join", wish, timeout_seconds=JOIN_TIMEOUT_SECONDS)
        await self._charting.learn(keeper)

    def _where(self) -> Ticket:
        """Returns where the keeper was last known to be."""
        network = self._charting.atlas.network
        known = [Ticket.decode(text) for text in self._tickets()]
        known += [member.ticket() for chart in self._charting.atlas.charts() for member in chart.ring.members]
        for ticket in known:
            if ticket.nid == network:
                return ticket
        raise Unavailable("it is not known where the keeper of the network is; join with a ticket of it")


def _relayed(member: SuperNode) -> SuperNode:
    """Returns the entry of a super node that the keeper reached through its relay alone."""
    return replace(member, addresses=())
