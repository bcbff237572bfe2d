"""The node's second path: its place in a commons, what it puts there, and how it finds its network through it.

Nodes of the commons are known from the settings, from earlier runs, and from the super nodes of the network, each of
which tells its port; the address is the one that its ticket names, so that nobody can send us to somebody else.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from micro.errors import BadRequest, ConfigError, EngineError, MicroError
from micro.node.reach import NodeReach
from micro.node.remembered import Remembered
from micro.ports import Clock
from micro.service.registry.announcement import Announcement, Place
from micro.service.registry.backbone import COMMONS, COMMONS_REQUEST
from micro.service.registry.charting import Charting
from micro.service.registry.commons.commons import Commons
from micro.service.registry.commons.poster import Poster
from micro.service.registry.commons.seeker import Seeker
from micro.trust.identity import short
from micro.trust.keys import NodeKey
from micro.trust.ticket import Ticket, canonical_address

__all__ = ["SecondPath", "bootstrap_addresses"]

ENOUGH: Final = 8
"""With so many nodes of the commons known no super node is asked for more."""

ASKED_MAX: Final = 4
"""So many nodes that say they are super nodes are asked for the map at once."""

ASK_SECONDS: Final = 3.0

log = logging.getLogger("micro.backbone")


def bootstrap_addresses(text: str) -> tuple[str, ...]:
    """Returns the addresses of the setting `dht_bootstrap`.

    Raises:
        ConfigError: one of them is no `ip:port`.
    """
    try:
        return tuple(canonical_address(part.strip()) for part in text.split(",") if part.strip())
    except BadRequest as fault:
        raise ConfigError(f"the setting dht_bootstrap: {fault}; give ip:port, separated by commas") from fault


class SecondPath:
    """One node's second path.

    Args:
        key: the node's key.
        open_commons: opens the commons at a port, 0 for any, with addresses of nodes of it that are known.
        remembered: the port and the nodes from earlier runs.
        reach: how super nodes are asked.
        clock: time.
        port: of the settings, 0 for the one that was chosen before.
        bootstrap: nodes of the commons by the settings.
    """

    def __init__(
        self,
        key: NodeKey,
        open_commons: Callable[[int, Sequence[str]], Commons],
        remembered: Remembered,
        reach: NodeReach,
        *,
        clock: Clock,
        port: int,
        bootstrap: Sequence[str],
    ) -> None:
        self._key = key
        self._open_commons = open_commons
        self._remembered = remembered
        self._reach = reach
        self._clock = clock
        self._wanted_port = port
        self._bootstrap = list(bootstrap)
        self._commons: Commons | None = None
        self._poster: Poster | None = None
        self._seeker: tuple[str, Seeker] | None = None

    @property
    def port(self) -> int:
        """The UDP port of the commons, 0 where there is none."""
        return self._commons.port if self._commons is not None else 0

    def start(self) -> None:
        """Takes the node's place in the commons, at the port it had before where that is free.

        Raises:
            ConfigError: the extra is not installed.
            EngineError: the port of the settings cannot be bound.
        """
        known = list(dict.fromkeys([*self._bootstrap, *self._remembered.dht_nodes]))
        port = self._wanted_port or self._remembered.dht_port
        try:
            self._commons = self._open_commons(port, known)
        except EngineError as error:
            if not port or self._wanted_port:
                raise
            log.warning("%s; another port is taken", error)
            self._commons = self._open_commons(0, known)
        self._remembered.dht_port = self._commons.port

    def seeker(self, network: str) -> Seeker:
        """Returns what looks for things of a network."""
        assert self._commons is not None, "it was started"
        if self._seeker is None or self._seeker[0] != network:
            self._seeker = (network, Seeker(self._commons, network, self._clock))
        return self._seeker[1]

    def post(
        self,
        announcement: Announcement,
        charting: Charting,
        *,
        sequence: Callable[[], int],
        place: Callable[[], Place],
        is_super: Callable[[], bool],
    ) -> None:
        """Begins to keep in the commons what the node says of itself; see `Poster`."""
        assert self._commons is not None, "it was started"
        self._poster = Poster(
            self._commons,
            self._key,
            announcement,
            charting,
            clock=self._clock,
            sequence=sequence,
            place=place,
            is_super=is_super,
        )
        self._poster.start()

    async def learn(self, charting: Charting) -> list[Ticket]:
        """Looks for a newer map, and returns where those are that may be super nodes, the surest first.

        Raises:
            Timeout: the commons does not answer.
        """
        found = await self.seeker(charting.atlas.network).supers()
        for sealed in found.maps:
            await charting.take(sealed)
        members = {member.nid for chart in charting.atlas.charts() for member in chart.ring.members}
        tickets = sorted(found.tickets, key=lambda ticket: ticket.nid not in members)
        if found.version > charting.atlas.version:
            asked = (self._learn_from(charting, ticket) for ticket in tickets[:ASKED_MAX])
            await asyncio.gather(*asked)
        return tickets

    async def meet(self, tickets: Iterable[Ticket]) -> None:
        """Asks super nodes for nodes of the commons, while few are known."""
        commons = self._commons
        if commons is None or not commons.port or len(self._remembered.dht_nodes) >= ENOUGH:
            return
        found = await asyncio.gather(*(self._nodes_at(ticket) for ticket in list(tickets)[:ASKED_MAX]))
        known = self._remembered.dht_nodes
        fresh = [address for part in found for address in part if address not in known]
        if fresh:
            commons.bootstrap(fresh)
            self._remembered.dht_nodes = [*known, *dict.fromkeys(fresh)]

    async def leave(self) -> None:
        """Withdraws what the node said of itself in its network."""
        if self._poster is not None:
            await self._poster.leave()
        self._poster = None

    async def stop(self) -> None:
        """Leaves the commons."""
        await self.leave()
        if self._commons is not None:
            await self._commons.stop()
            self._commons = None

    def status(self) -> dict[str, Any]:
        """Returns the port, and how many values of this node stand in the commons."""
        return {"port": self.port, "values": self._poster.count if self._poster is not None else 0}

    # -- within -----------------------------------------------------------------------------------------------------

    async def _learn_from(self, charting: Charting, ticket: Ticket) -> None:
        try:
            await charting.learn(ticket)
        except MicroError as error:
            log.info("no map from %s, which says it is a super node: %s", short(ticket.nid), error)

    async def _nodes_at(self, ticket: Ticket) -> list[str]:
        try:
            body = await self._reach.call(
                ticket, "Backbone.Commons", COMMONS_REQUEST.encode({}), timeout_seconds=ASK_SECONDS
            )
            port = COMMONS.decode(body)["port"]
            hosts = dict.fromkeys(address.rpartition(":")[0] for address in ticket.addresses)
            addresses = [canonical_address(f"{host}:{port}") for host in hosts if _is_ipv4(host)] if port else []
        except MicroError as error:
            log.info("%s names no node of the commons: %s", short(ticket.nid), error)
            return []
        return addresses[:ENOUGH]


def _is_ipv4(host: str) -> bool:
    """Says whether a host is one that the commons reaches: it speaks IPv4 alone."""
    return ipaddress.ip_address(host.strip("[]")).version == 4
