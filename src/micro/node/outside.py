"""The node among other nodes: its endpoint, the relays it uses, its neighbours, and its place in a network."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

from micro.errors import EngineError
from micro.mucp.event import Hello
from micro.network.link import Link
from micro.network.peers import GUESTS_MAX, Peers
from micro.network.relays import Relays
from micro.network.transport.transport import Transport
from micro.node.config import NodeConfig
from micro.node.control.network import network_service
from micro.node.control.registry import Bell
from micro.node.directory import Directory
from micro.node.engines import Ports
from micro.node.far_logs import FarLogs
from micro.node.gatekeeper import Gatekeeper
from micro.node.home import Home
from micro.node.local import dial_own
from micro.node.membership import Membership
from micro.node.neighbours import Neighbours
from micro.node.offering import Offering
from micro.node.openings import open_backbone, open_meters, open_passing, open_second
from micro.node.paths import Paths
from micro.node.reach import NodeReach
from micro.node.relaying import Relaying
from micro.node.remembered import Remembered
from micro.node.strangers import Strangers
from micro.node.whereabouts import Whereabouts
from micro.service.registry.announcement import Place
from micro.service.registry.catalog import Catalog
from micro.service.router import Router
from micro.service.service import Service
from micro.trust.identity import nid_of
from micro.trust.keys import NodeKey
from micro.trust.ticket import ADDRESSES_MAX, Ticket

__all__ = ["Outside"]

SUPER_GUESTS_MAX = 10_000
"""How many nodes may visit a super node at once: those that have their home there, and those that ask."""

log = logging.getLogger("micro.network")


class Outside:
    """What a node has to do with other nodes; made by `open`.

    Attributes:
        peers: the neighbours.
        backbone: the place in a network.
        relaying: the relays.
        strangers: services found in the network.
        logs: logs found there, and who subscribes from there to logs of this node.
        reach: asks super nodes.
        second: the second path to the network, None where the settings want none.
    """

    def __init__(
        self,
        transport: Transport,
        key: NodeKey,
        config: NodeConfig,
        home: Home,
        ports: Ports,
        *,
        catalog: Catalog,
        bell: Bell,
        router: Router,
        neighbours: Neighbours,
        directory: Directory,
        introduce: Callable[[Link, str], None],
        instance_link: Callable[[str], Link | None],
        offering: Offering,
        gate: Gatekeeper,
        remembered: Remembered,
    ) -> None:
        """For `open`; not to be called otherwise."""
        self.nid = nid_of(key.public)
        self._transport, self._remembered = transport, remembered
        self._started = asyncio.Event()
        self._introduced = introduce
        self._offering = offering
        self._wanted: frozenset[str] = frozenset()
        self._gate = gate
        gate.is_wanted = self.is_wanted
        self._meters = open_meters(config, ports)
        relays = Relays()
        self.relaying = Relaying(config, transport, ports.entropy, relays, ports.open_relay)
        self.peers = peers = self._peers(config, ports, router, neighbours, relays)
        self.reach = reach = NodeReach(self.nid, peers.visits, partial(dial_own, router, self.nid))
        membership = Membership(ports.disk, home.path / "backbone.json")
        self.second = open_second(key, config, ports, remembered, reach)
        self.backbone = open_backbone(
            key,
            config,
            home,
            ports,
            catalog,
            reach,
            membership,
            relays,
            topics=directory.marks,
            place=self._place,
            hidden=lambda: offering.hidden,
            heard=bell.heard,
            second=self.second,
        )
        self._passing = open_passing(config, ports, lambda: self.backbone.holder)
        self.strangers = self._strangers(catalog, ports, bell)
        self._directory = directory
        self.logs = self._open_logs(directory, ports, bell)
        self._paths = self._open_paths(catalog, ports, router, instance_link, gate)
        directory.is_known = self._is_known
        directory.widen(self.logs)
        self._whereabouts = Whereabouts(
            self._place, self.relaying, peers, self.backbone, membership, nid=self.nid, clock=ports.clock
        )

    @classmethod
    async def open(
        cls, key: NodeKey, config: NodeConfig, home: Home, ports: Ports, remembered: Remembered, **parts: Any
    ) -> Outside:
        """Opens the node's endpoint, at the port it had before where that is free.

        Args:
            parts: as in `__init__`.

        Raises:
            EngineError: the port of the settings cannot be bound.
        """
        port = config.network_port or remembered.port
        try:
            transport = await ports.open_transport(key, config, port)
        except EngineError as error:
            if not port or config.network_port:
                raise
            log.warning("%s; another port is taken", error)
            transport = await ports.open_transport(key, config, 0)
        remembered.port = transport.port
        return cls(transport, key, config, home, ports, remembered=remembered, **parts)

    def services(self) -> list[Service]:
        """Returns the services of the node that are there because of other nodes."""
        return [
            self._passing.offer(self.backbone.service()),
            network_service(
                self.peers,
                self._settled_ticket,
                self.backbone,
                self.strangers,
                self.logs.strangers,
                self._paths,
                self._offering,
            ),
        ]

    async def start(self) -> None:
        """Takes others in, links with those that were neighbours before, and takes the node's place in its network.

        Raises:
            ConfigError, EngineError: a setting of the relay, of the network or of the second path cannot be used.
        """
        self.backbone.on_turn = self._turned
        self.peers.visits.is_open = lambda nid: bool(self.backbone.network) or nid in self.peers.known
        await self.relaying.start()
        if self.second is not None:
            self.second.start()
        self.peers.start(self._remembered.load(), self._remembered.parted)
        await self.backbone.start()
        await self._passing.start()
        self._whereabouts.start()
        self.logs.start()
        self._started.set()

    async def withdraw(self) -> None:
        """Leaves the network in order: nobody new is sent here."""
        self._whereabouts.stop()
        self.strangers.close()
        self.logs.close()
        await self._passing.stop()
        await self.backbone.stop()
        if self.second is not None:
            await self.second.stop()

    async def stop(self) -> None:
        """Ends all links."""
        await self.peers.close()
        await self.relaying.stop()  # last: farewells may pass through it

    def ticket(self) -> Ticket:
        """Returns where this node can be reached now."""
        return replace(self._whereabouts_ticket(), network=self.backbone.network or None)

    async def _settled_ticket(self) -> Ticket:
        """Returns the ticket once the node has taken its place: a moment earlier it would name no network."""
        await self._started.wait()
        return self.ticket()

    def is_wanted(self, nid: str) -> bool:
        """Says whether a node is a neighbour that the owner asked for."""
        peer = self.peers.known.get(nid)
        return peer is not None and peer.wanted

    def lost(self, link: Link, reason: str) -> None:
        """Takes note that a link to another node is gone."""
        if link.facts is not None and link.facts.caller.peer:
            nid = link.facts.caller.nid
            self.peers.lost(nid, link, reason)
            self.strangers.lost(nid, link)
            self.logs.lost(nid, link)

    def link(self, nid: str) -> Link | None:
        """Returns the link to a node: as a neighbour, else as a stranger whose services are used; None without one."""
        return self.peers.link(nid) or self.strangers.link(nid)

    def status(self) -> dict[str, Any]:
        """Returns the part of the node's status that is about other nodes."""
        found: dict[str, Any] = {
            "peers": sum(peer.link is not None for peer in self.peers.known.values()),
            "network": list(self._transport.addresses()),
            "relay": self.relaying.status(),
        }
        if self.backbone.network:
            found["backbone"] = self.backbone.status()
        if passing := self._passing.status():
            found["passage"] = dict(passing)
        if self.second is not None:
            found["dht"] = self.second.status()
        return found

    def _open_paths(
        self,
        catalog: Catalog,
        ports: Ports,
        router: Router,
        instance_link: Callable[[str], Link | None],
        gate: Gatekeeper,
    ) -> Paths:
        return Paths(
            self.peers,
            catalog,
            nid=self.nid,
            clock=ports.clock,
            instance_link=instance_link,
            node_link=lambda nid: self.link(nid) or self.peers.visits.link(nid),
            visited=self.peers.visits.linked,
            linked=lambda: self._transport.relay or "",
            hidden=gate.hidden_from,
            look=self.strangers.look,
            absent=router.absent,
            named=self._named,
        )

    def _named(self) -> Iterator[str]:
        """Yields the nodes that somebody here pinned a name to, and those in the map of the network."""
        for nids in self.backbone.pinned.everything().values():
            yield from nids
        charts = self.backbone.charting.atlas.charts() if self.backbone.charting is not None else ()
        for chart in charts:
            yield from (nid_of(member.key) for member in chart.ring.members)

    def _strangers(self, catalog: Catalog, ports: Ports, bell: Bell) -> Strangers:
        peers = self.peers
        return Strangers(
            self.backbone,
            peers.visits,
            catalog,
            nid=self.nid,
            clock=ports.clock,
            entropy=ports.entropy,
            is_neighbour=lambda nid: peers.link(nid) is not None,
            changed=bell.ring,
        )

    def _open_logs(self, directory: Directory, ports: Ports, bell: Bell) -> FarLogs:
        def changed() -> None:
            directory.told()
            bell.ring()

        return FarLogs(
            self.backbone,
            self.peers,
            self.reach,
            nid=self.nid,
            entropy=ports.entropy,
            place=self._place,
            topics=lambda: directory.announced,
            may_follow=directory.may_follow,
            changed=changed,
        )

    def _peers(self, config: NodeConfig, ports: Ports, router: Router, neighbours: Neighbours, relays: Relays) -> Peers:
        return Peers(
            self._transport,
            router,
            entropy=ports.entropy,
            peers_max=config.peers_max,
            guests_max=SUPER_GUESTS_MAX if config.super_node else GUESTS_MAX,
            hello=lambda: Hello([], agent="node", ticket=self._whereabouts_ticket().encode()),
            relays=relays,
            prepare=self._introduce,
            on_up=neighbours.up,
            on_down=neighbours.down,
            on_known=self._acquainted,
        )

    def _turned(self) -> None:
        """The node entered a network, or left it: with strangers it has to do only while it is in one."""
        if self.backbone.network:
            self.logs.strangers.entered()
        else:
            self.strangers.depart()  # before its links end, so that nobody else is looked for
            self.peers.visits.depart()
        self._directory.told()

    def _place(self) -> Place:
        return Place(self._transport.addresses()[:ADDRESSES_MAX], self.relaying.home)

    def _whereabouts_ticket(self) -> Ticket:
        place = self._place()
        return Ticket(self.nid, place.addresses, place.relay or None)

    def _introduce(self, link: Link, nid: str) -> None:
        """Gives a link to another node its facts; a stranger's is metered."""
        self._introduced(link, nid)
        if not self.is_wanted(nid):
            link.facts.meter = self._meters.of(nid)

    def _is_known(self, nid: str) -> bool:
        """Says whether a neighbour is no stranger: in an open network anybody may come, elsewhere who has a ticket."""
        return self.is_wanted(nid) or not self.backbone.network

    def _acquainted(self) -> None:
        """The neighbours changed, or who is wanted of them."""
        peers = self.peers
        for nid, peer in peers.known.items():
            if peer.link is not None:
                peer.link.facts.meter = None if peer.wanted else self._meters.of(nid)
        self._remembered.save(peers.known.values(), peers.parted)
        wanted = frozenset(nid for nid, peer in peers.known.items() if peer.wanted)
        if wanted != self._wanted:
            self._wanted = wanted
            self._gate.exports_changed()
        self._directory.told()
