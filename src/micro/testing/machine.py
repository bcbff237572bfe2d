"""One machine of a world: its disk, its node, and the services that run beside it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Coroutine, Mapping
from dataclasses import replace
from functools import partial
from random import Random
from typing import Any

from micro.errors import NoNode, Unavailable
from micro.mucp.codec import JSON
from micro.network.transport.transport import Transport
from micro.node.client import NodeDialer
from micro.node.config import NodeConfig
from micro.node.engines import Ports
from micro.node.node import Node
from micro.node.place import NODE_SOCKET
from micro.ports import Entropy
from micro.service.broker.directory import split_log
from micro.service.client import Client
from micro.service.registry.record import mark_of_log, mark_of_subscription
from micro.service.running import Running
from micro.service.service import Service
from micro.testing.disk import MemoryDisk
from micro.testing.ground import WorldClock, WorldEntropy, WorldProcesses, unspent
from micro.testing.ledger import Ledger
from micro.testing.loop import Life, VirtualLoop
from micro.testing.network import Internet, WorldSockets
from micro.testing.relays import WorldRelay
from micro.trust.keys import NodeKey

__all__ = ["AWAY_SECONDS", "Machine", "WorldClient"]

INSTANCE_BYTES = 8
AWAY_SECONDS = 60.0
"""A keeper takes whoever is away for so long out of the map: a tenth of what it is elsewhere, as worlds are short."""
AGAIN_SECONDS = 0.5
"""A service that found no node is started again after so long."""


class WorldClient(Client):
    """A client at a machine of a world; what is acknowledged to it is written into the world's ledger."""

    def __init__(self, machine: Machine, ledger: Ledger, **options: Any) -> None:
        super().__init__(machine.dialer(), clock=machine.clock, entropy=machine.entropy, **options)
        self._machine = machine
        self._ledger = ledger

    async def publish_raw(
        self,
        topic: str,
        body: bytes,
        *,
        content_type: str = JSON,
        id: str | None = None,
        headers: Mapping[str, str] | None = None,
        durable: bool = True,
        timeout_seconds: float | None = None,
    ) -> str:
        """Does `Client.publish_raw`, and remembers what was promised."""
        age = self._machine.age
        if durable and id is not None:
            self._ledger.tried(topic, id)
        said = await super().publish_raw(
            topic,
            body,
            content_type=content_type,
            id=id,
            headers=headers,
            durable=durable,
            timeout_seconds=timeout_seconds,
        )
        if durable:
            self._ledger.acknowledged(self._machine.name, age, topic, said)
        return said


class Machine:
    """A machine.

    Attributes:
        name: what the world calls it.
        disk: its disk, which outlives its programs.
        clock, entropy, sockets: what its programs stand on.
        node: its node while that runs.
        nid: the node's id, also while it is down; "" before the first start.
        age: how many disks it has had before this one.
        starts, audits, leaves, entries: how often its node was started, its log looked through, its network to be left,
            and that done.
        host: its address; a node takes a new one at its next start.
        hosts: the addresses it has had.
        is_super: whether its node is a super node of an open network.
        is_hidden: whether it reaches others, and is reached by them, through relays alone.
        has_relays: whether its node, as a super node, runs a relay.
        is_gone: whether it is gone for good.
        is_hostile: whether what its node says and believes is a lie for others to withstand.
        join: a ticket of a network that its node joins where it is in none, "" for none.
        known: the nids it has had, each with every (service, instance) that may have registered there.
    """

    def __init__(self, name: str, host: str, *, loop: VirtualLoop, internet: Internet, seed: str) -> None:
        self.name = name
        self.is_super = self.is_hidden = self.has_relays = False
        self.is_hostile = self.is_gone = False
        self.join = ""
        self.disk = MemoryDisk(Random(f"{seed} disk"))
        self.clock = WorldClock(loop)
        self.entropy = WorldEntropy(f"{seed} chance")
        self.sockets = WorldSockets(internet.wire, name)
        self.services: dict[str, Service] = {}
        self.node: Node | None = None
        self.nid = ""
        self.age = self.starts = self.audits = self.leaves = self.entries = 0
        self.known: dict[str, dict[tuple[str, str], None]] = {}
        self.lives: list[Life] = []
        self.host = host
        self.hosts: dict[str, None] = {}
        self._loop = loop
        self._internet = internet
        self._node_life: Life | None = None
        self._service_lives: dict[str, Life] = {}
        self._config = NodeConfig(
            home=f"/world/{name}",
            api=False,
            network_host="0.0.0.0",  # noqa: S104 - to be reached
            super_away_seconds=AWAY_SECONDS,
        )
        self._address = ""

    # -- what it stands on --------------------------------------------------------------------------------------------

    def _ports(self) -> Ports:
        async def open_transport(key: NodeKey, config: NodeConfig, port: int) -> Transport:
            return self._internet.bind(self.name, self.host, key, port, is_hidden=self.is_hidden)

        def open_relay(entropy: Entropy) -> WorldRelay:
            return WorldRelay(self._internet.relays, self.name, self.host)

        return Ports(
            self.clock,
            self.entropy,
            self.disk,
            WorldProcesses(),
            self.sockets,
            open_transport,
            threaded=False,
            open_relay=open_relay if self.has_relays else None,
        )

    def dialer(self, service: str = "") -> NodeDialer:
        """Returns how a program of this machine reaches the node."""
        return NodeDialer(self._address, token="", service=service, sockets=self.sockets)

    # -- life ---------------------------------------------------------------------------------------------------------

    @property
    def is_up(self) -> bool:
        """Whether its node runs and serves."""
        return self.node is not None

    @property
    def is_starting(self) -> bool:
        """Whether its node is on the way."""
        return self.node is None and self._node_life is not None and self._node_life.alive

    def is_linked(self, nid: str) -> bool:
        """Whether its node has a link to another that lives."""
        peers = self.node.peers if self.node is not None else None
        link = peers.link(nid) if peers is not None else None
        return link is not None and link.closed is None

    async def start(self) -> bool:
        """Starts the node, then the services; returns False where the machine went down meanwhile."""
        life = self._node_life = self._life("node")
        self.starts += 1
        self.is_hostile = False
        self.hosts[self.host] = None
        label = self.name if self.is_super else ""
        config = replace(self._config, super_node=self.is_super, owner_label=label, join=self.join)
        node = Node(config, self._ports())
        self._address = f"unix:{node.home.node_socket}"
        if not await self.within(life, node.start()):
            return False
        self.node, self.nid = node, node.nid
        self.known.setdefault(node.nid, {})
        self._internet.wire.back(self.name)
        for name in list(self.services):
            if name not in self._service_lives:
                self._run(name)
        return True

    def _life(self, name: str) -> Life:
        life = Life(f"{self.name}/{name}")
        self.lives.append(life)
        return life

    async def within(self, life: Life, work: Coroutine[Any, Any, Any]) -> bool:
        """Has work done by a program and waits for it; returns False where the program ended first."""
        over = self._loop.create_future()
        life.when_over(partial(_tell, over))
        task = self._loop.create_task(work, context=life.context.copy())
        await asyncio.wait([task, over], return_when=asyncio.FIRST_COMPLETED)
        if not life.alive:
            return False
        over.cancel()
        task.result()
        return True

    async def by_node(self, work: Coroutine[Any, Any, Any]) -> bool:
        """Has work done by the node's own program; see `within`."""
        if self._node_life is None:
            work.close()
            raise Unavailable(f"{self.name} is down")
        return await self.within(self._node_life, work)

    def down(self) -> None:
        """Ends the node from one moment to the next; the services go on."""
        self.node = None
        self._internet.wire.down(self.name)
        self._end(self._node_life)
        self._node_life = None

    def power_off(self) -> None:
        """Ends everything from one moment to the next."""
        self.down()
        for life in self._service_lives.values():
            self._end(life)
        self._service_lives.clear()

    def _end(self, life: Life | None) -> None:
        if life is not None and life.alive:
            life.end()
            self._internet.wire.over(life)

    # -- services -----------------------------------------------------------------------------------------------------

    def serve(self, service: Service) -> None:
        """Has a service run on this machine whenever that is up."""
        self.services[service.name] = service
        if self.is_up:
            self._run(service.name)

    def withdraw(self, name: str) -> None:
        """Ends a service at once, as if it had crashed, for good."""
        del self.services[name]
        self._end(self._service_lives.pop(name, None))

    def _run(self, name: str) -> None:
        life = self._service_lives[name] = self._life(name)
        self._loop.create_task(self._running(name, life), context=life.context.copy())

    async def _running(self, name: str, life: Life) -> None:
        """Runs a service as its owner would: again, where it found no node."""
        while True:
            instance = self.entropy.random_bytes(INSTANCE_BYTES).hex()
            if self.nid:
                told = dict.fromkeys((mark, "") for mark in _marks(self.services[name]))
                self.known[self.nid] |= {(name, instance): None, **told}
            running = Running(
                self.services[name],
                dialer=self.dialer(name),
                clock=self.clock,
                entropy=self.entropy,
                instance=instance,
                socket=f"{self._address.removesuffix(NODE_SOCKET)}s/{instance}.sock",
                uid=os.getuid(),
                sockets=self.sockets,
                spending=unspent,
            )
            try:
                await running.run()
            except NoNode:
                await asyncio.sleep(AGAIN_SECONDS)


def _tell(over: asyncio.Future[None]) -> None:
    if not over.done():
        over.set_result(None)


def _marks(service: Service) -> list[str]:
    """Returns the marks of the records by which a network hears of a service's topics and subscriptions."""
    logs = [mark_of_log(topic) for topic, is_exported in service.topics.items() if is_exported]
    names = [split_log(subscriber.topic) for subscriber in service.subscribers]
    return [*logs, *(mark_of_subscription(topic, nid) for topic, nid in names if nid)]
