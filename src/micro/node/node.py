"""A node, put together: the one place that knows which engine stands behind which noun."""

from __future__ import annotations

import asyncio
import logging
import os
from functools import partial
from typing import Any

from micro.errors import ConfigError, MicroError, Unavailable
from micro.network.link import Link
from micro.network.peers import Peers
from micro.node.assisting import open_assistant
from micro.node.attesting import Attesting
from micro.node.backbone import Backbone
from micro.node.closing import Closing
from micro.node.condition import Condition
from micro.node.config import NodeConfig
from micro.node.control.assistant import assistant_service
from micro.node.control.auth import auth_service
from micro.node.control.config import config_service
from micro.node.control.node import node_service
from micro.node.control.registry import LOCAL_LEASE_SECONDS, Bell, Registry, registry_service
from micro.node.control.runtime import runtime_service
from micro.node.control.store import store_service
from micro.node.control.voice import voice_service
from micro.node.direct import direct_addresses
from micro.node.elsewhere import Elsewhere
from micro.node.engines import Ports, open_auth, open_broker, open_guests, open_isolator, open_settings, open_stores
from micro.node.eventing import Eventing
from micro.node.expectation import Expectation
from micro.node.figures import Figures
from micro.node.gatekeeper import Ended, Gatekeeper
from micro.node.home import Home
from micro.node.local import InsideClients, InsideDialer, Platform
from micro.node.neighbours import Neighbours
from micro.node.offering import Offering
from micro.node.outside import Outside
from micro.node.reception import Reception
from micro.node.record import Record
from micro.node.remembered import Remembered
from micro.node.running import open_running
from micro.node.sourcing import Notices, source_rules
from micro.node.upkeep import Upkeep
from micro.node.voicing import open_voice
from micro.runtime.source.notice import TOPIC as SOURCE_UPDATED
from micro.service.client import Client
from micro.service.registry.catalog import Catalog
from micro.service.registry.instance import Instance
from micro.service.router import Router
from micro.service.trial import Trials, part_of
from micro.trust.identity import nid_of
from micro.trust.ticket import Ticket

__all__ = ["Node"]

RENEW_SECONDS = LOCAL_LEASE_SECONDS / 3
FINISH_SECONDS = 5.0

log = logging.getLogger("micro.node")


class Node:
    """One machine's place in the network.

    Args:
        config: the settings.
        ports: the openings to the world; `micro.node.engines.system_ports` returns the real ones.
    """

    def __init__(self, config: NodeConfig, ports: Ports) -> None:
        self.config = config
        self.home = Home(config.home)
        self.ports = ports
        self.catalog = Catalog()
        self.trials: Trials = {}
        self.bell = Bell()
        self.platform = Platform(ports.clock.now)
        self.stopped = asyncio.Event()
        self.nid = ""
        self.token = ""
        self._elsewhere = Elsewhere(self.platform)
        self.unverified, self.confirm = self._elsewhere.offering, self._elsewhere.pin
        """Return the strangers that offer a name which nobody vouches for yet, and take it for what it means now."""
        self.record = Record()
        self.condition = Condition(self.home, ports, self.catalog, self.stopped, self._elsewhere.status)
        self._upkeep = Upkeep(self._tick, (self._renew, self._collect), RENEW_SECONDS)
        self._outside: Outside | None = None
        self._doors: list[Closing] = []
        self.client = InsideClients(lambda caller: InsideDialer(self.router, caller), self._client)
        """Returns a client inside the node that has the rights of a caller."""

    # -- life -------------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Starts the node; it serves when this returns.

        Raises:
            ConfigError: the home cannot be used, or another node runs there.
            EngineError: a database or an address cannot be opened.
        """
        if not self.config.network and (self.config.super_node or self.config.join or self.config.dht):
            raise ConfigError("super_node, join and dht need the network; take --no-network away")
        self._source_rules = source_rules(self.config)
        self._voice = open_voice(self.config, self.ports.post)
        self.home.prepare(self.ports.disk)
        self.home.lock(self.ports.disk)
        self._key = self.home.key(self.ports.disk, self.ports.entropy)
        self.token = self.home.token(self.ports.disk, self.ports.entropy)
        self.nid = nid_of(self._key.public)
        await self._open()
        await self.reception.start()
        if self.config.network:
            try:
                await self._go_out()
            except MicroError:  # a node that cannot start leaves nothing behind
                await self.stop()
                raise
        self.supervisor.renewal.on_follow = self._hear_of_sources
        if self._isolator is not None:
            self._isolator.start()
        self.supervisor.restore()
        self._upkeep.start()
        log.info("node %s is ready in %s", self.nid, self.home.path)

    async def _open_engines(self) -> None:
        ports, home = self.ports, self.home
        self.broker = open_broker(self.config, home, ports)
        await self.broker.start()
        self._settings = open_settings(home, ports, self._key.derive("settings-encryption"))
        self._settings.open()
        self._stores = open_stores(home, ports)
        auth = open_auth(home, ports)
        auth.open()
        self.gate = Gatekeeper(auth, self._key, ports.clock)
        self.gate.on_change = self._judge_again

    async def _open(self) -> None:
        ports, home = self.ports, self.home
        await self._open_engines()
        self.reception = Reception(
            home,
            uid=os.getuid(),
            nid=self.nid,
            gate=self.gate,
            router=lambda: self.router,
            catalog=self.catalog,
            clock=ports.clock,
            sockets=ports.sockets,
        )
        self.reception.on_change, self.reception.on_weight = self.bell.ring, self._share_again
        self.eventing = Eventing(
            self.nid,
            self.config,
            home,
            ports,
            self.broker,
            self.gate,
            ring=self.bell.ring,
            link_to=self._elsewhere.log_link,
            part=lambda link, queue: part_of(self.reception.generation_over(link), self.trials, queue, self._chance),
        )
        self._offering = Offering(
            ports.disk, home.path / "offers.json", default=self.config.offer, changed=self.gate.exports_changed
        )
        self.gate.hidden = lambda: self._offering.hidden
        self.gate.unverified = self._elsewhere.unverified
        self.router = Router(
            self.nid,
            self.catalog,
            self.platform,
            self.eventing.desk,
            gate=self.gate,
            link_to=self._link_to,
            on_greeted=self.reception.greet,
            on_going=lambda link, reason: None,
            on_lost=self._lost,
            trials=self.trials,
            expected=lambda service, is_peer: self._expectation.of(service, is_peer=is_peer),
            chance=self._chance,
            now=ports.clock.monotonic,
        )
        self.reception.uses = self.router.uses
        self._neighbours = Neighbours(
            self.catalog, self.eventing.logs, nid=self.nid, clock=ports.clock, changed=self.bell.ring
        )
        self._open_runtime()
        self._add_platform()

    def _open_runtime(self) -> None:
        self._isolator = open_isolator(self.config, self.home, self.ports)
        self._guests = open_guests(self.config, self.home, self.ports, self._isolator)
        self.supervisor = open_running(
            self._key,
            self.config,
            self.home,
            self.ports,
            sources=self._source_rules,
            reception=self.reception,
            broker=self.broker,
            trials=self.trials,
            guests=self._guests,
            isolator=self._isolator,
        )
        self._expectation = Expectation(self.supervisor, self._elsewhere, self._neighbours)

    def _add_platform(self) -> None:
        self.figures = Figures(self.catalog, self.nid, self.reception.link_of)
        registry = Registry(
            self.catalog,
            self.bell,
            nid=self.nid,
            clock=self.ports.clock,
            platform=self.platform.describe,
            direct=partial(direct_addresses, self.catalog, self.trials),
            reception=self.reception,
            elsewhere=self._elsewhere,
            logs=self.eventing.logs.told,
            declare=self._declare,
            hidden=self.gate.hidden_from,
            absent=self.router.absent,
            isolation=lambda: self._isolator.isolation.sandbox if self._isolator is not None else "",
        )
        hidden, soon = self.gate.hidden_from, self._expectation.starting
        assistant = open_assistant(
            self.catalog, self._stores, self.config, self.ports, self.client, hidden, record=self.record, starting=soon
        )
        for service in (
            registry_service(registry),
            node_service(self.status, self.stopped.set, self.broker, self.record),
            runtime_service(
                self.supervisor,
                lambda name: self.platform.describe(name) is not None,
                Attesting(self._key, self.supervisor.inspection.artefact, self._elsewhere.links),
            ),
            store_service(self._stores, self.ports.clock),
            config_service(self._settings),
            auth_service(self.gate, self.ports.clock, self.ports.entropy),
            self.eventing.service(self.catalog),
            assistant_service(assistant),
            voice_service(self._voice),
        ):
            self.platform.add(service)

    async def _go_out(self) -> None:
        """Opens the network; a node without one still serves its own machine."""
        self._outside = self._elsewhere.outside = outside = await Outside.open(
            self._key,
            self.config,
            self.home,
            self.ports,
            Remembered(self.ports.disk, self.home.path / "network.json"),
            catalog=self.catalog,
            bell=self.bell,
            router=self.router,
            neighbours=self._neighbours,
            directory=self.eventing.directory,
            introduce=self.reception.introduce,
            instance_link=self.reception.link_of,
            offering=self._offering,
            gate=self.gate,
        )
        for service in await self.eventing.open(outside):
            self.platform.add(service)
        self.router.judge_again()  # whoever asked for one a moment ago was told that there is none
        await outside.start()
        self.eventing.start(outside)

    async def stop(self) -> None:
        """Ends everything in order: nobody new comes in, what is under way finishes, what is kept is closed."""
        self._upkeep.stop()
        if self._outside is not None:
            await self._outside.withdraw()
        for door in self._doors:
            await door.stop()
        await self.supervisor.close()
        await self._guests.close()
        if self._isolator is not None:
            await self._isolator.close()
        await self.eventing.stop()
        if self._outside is not None:
            await self._outside.stop()
        await self.client.close()
        await self.reception.stop()
        await self.platform.finish(FINISH_SECONDS)
        await self._voice.close()
        await self.broker.stop()
        await self._stores.close()
        await self._settings.close()
        await self.gate.close()
        self.home.unlock()

    # -- what its parts ask -----------------------------------------------------------------------------------------

    def _hear_of_sources(self) -> None:
        self.broker.subscribe(SOURCE_UPDATED, None, Notices(self.supervisor.renewal.hint, self.ports.clock))

    def _chance(self) -> float:
        return int.from_bytes(self.ports.entropy.random_bytes(4)) / 256**4

    def _share_again(self) -> None:
        """Has calls and events shared out anew among generations."""
        self.router.turn_over()
        self.eventing.desk.share_again()

    def _declare(self, service: str, description: dict[str, Any]) -> None:
        """Takes what a service that registers says of who may know of it and of its topics."""
        self.eventing.declare(service, description)
        self._offering.declare(service, export=description.get("export"))

    def _link_to(self, instance: Instance) -> Link | None:
        if instance.local:
            return self.reception.link_of(instance.id)
        return self._elsewhere.link(instance.nid)

    def _lost(self, link: Link, reason: str) -> None:
        self.platform.lost(link)
        self.reception.lost(link)
        self._elsewhere.lost(link, reason)

    def describe(self, name: str) -> dict[str, Any]:
        """Returns the description of a service, the node's own included.

        Raises:
            NotFound: it is not known.
            Unavailable: it is not there now, and will be again.
        """
        platform = self.platform.describe(name)
        if platform is not None:
            return platform
        if self.catalog.lookup(name) is None:
            raise self.router.absent(name)
        return self.catalog.describe(name, self.ports.clock.monotonic(), self.ports.clock.now())

    def status(self) -> dict[str, Any]:
        """Returns the node's id, version, addresses and figures."""
        found = self.condition.status(self.nid)
        return found if self._isolator is None else found | {"isolation": self._isolator.isolation.to_dict()}

    def ready(self) -> dict[str, str]:
        """Returns, for each thing the node needs to serve, "ok" or what is wrong."""
        return self.condition.ready()

    def attach(self, door: Closing, name: str, address: str) -> None:
        """Takes note of a door that was opened for this node, closed with it; `name` is its line in the status."""
        self._doors.append(door)
        if name:
            self.condition.addresses[name] = address

    def ticket(self) -> Ticket:
        """Returns where this node can be reached now.

        Raises:
            Unavailable: it was started without a network.
        """
        if self._outside is None:
            raise Unavailable("this node was started without a network, so nobody can reach it; set network to true")
        return self._outside.ticket()

    @property
    def peers(self) -> Peers | None:
        """The neighbours, None without a network."""
        return self._outside.peers if self._outside is not None else None

    @property
    def backbone(self) -> Backbone | None:
        """The node's place in a network of strangers, None without a network."""
        return self._outside.backbone if self._outside is not None else None

    def _client(self, dialer: InsideDialer) -> Client:
        return Client(dialer, clock=self.ports.clock, entropy=self.ports.entropy, direct=False)

    def _judge_again(self, ended: Ended | None) -> None:
        """Has a change of accounts, tokens or rules count at once; `ended` says whose links end."""
        if ended is not None:
            self.reception.expel(ended)
            self.client.expel(ended)
        self.router.judge_again()
        self.eventing.judge_again()
        self.bell.ring()

    def _tick(self) -> None:
        now = self.ports.clock.monotonic()
        self.broker.tick(now)
        self.reception.expire()
        if self.catalog.expire(now):
            self.bell.ring()

    async def _renew(self) -> None:
        self.reception.renew(LOCAL_LEASE_SECONDS)
        await self._stores.sweep()
        await self.gate.api_tokens.keep_used()
        self._elsewhere.sweep()

    async def _collect(self) -> None:
        await self.figures.collect()
