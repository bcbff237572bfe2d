"""Copies of logs at this node: of its own at super nodes, and, where it is one, of other nodes' here."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from micro.errors import Fault, Forbidden
from micro.network.link import Link
from micro.node.backbone import Backbone
from micro.node.config import NodeConfig
from micro.node.control.copies import CopyEndpoints, add_copies
from micro.node.engines import Ports, open_copies
from micro.node.exports import Exports
from micro.node.gatekeeper import Gatekeeper
from micro.node.home import Home
from micro.node.reach import NodeReach
from micro.node.replicator import Done, Replicator
from micro.node.serving import Serving
from micro.service.broker.broker import Broker, Member, Subscription
from micro.service.broker.directory import LogDirectory
from micro.service.copies.placing import candidates
from micro.service.registry.atlas import Atlas
from micro.service.service import Service
from micro.trust.identity import is_nid, public_key_of
from micro.trust.policy import Caller

__all__ = ["Copying"]

DAY_SECONDS = 86_400.0
TICK_SECONDS = 0.1
SWEEP_TICKS = 600
"""After so many ticks what is too old is let go."""


class Copying:
    """What a node has to do with copies.

    Args:
        nid: this node.
        config, home, ports: its settings, its files, the world.
        broker: where its own logs are.
        exports: which of them are to be copied.
        directory: where it is announced which copies are served here.
        gate: who may subscribe to this node's logs, and is told of what is open to others.

    Attributes:
        replicator: has this node's logs copied.
        copies: other nodes' logs, None where this is no super node.
    """

    def __init__(
        self,
        nid: str,
        config: NodeConfig,
        home: Home,
        ports: Ports,
        broker: Broker,
        exports: Exports,
        directory: LogDirectory,
        gate: Gatekeeper,
    ) -> None:
        self._nid = nid
        self._clock = ports.clock
        self._atlas: Callable[[], Atlas | None] = lambda: None
        self.copies = open_copies(config, home, ports) if config.super_node and config.network else None
        self.replicator = Replicator(
            nid,
            broker,
            ports.disk,
            home.path / "copies.json",
            clock=ports.clock,
            entropy=ports.entropy,
            readers=gate.readers,
            kept_seconds=config.kept_days * DAY_SECONDS,
        )
        self._task: asyncio.Task[None] | None = None
        self._serving = Serving(nid, self.copies, directory, ports.clock) if self.copies is not None else None
        self._exports = exports
        gate.exported = self._is_open
        self.changed()

    def _is_open(self, topic: str) -> bool:
        return self._exports.is_exported(topic) or (self._serving is not None and self._serving.serves(topic))

    async def open(self, services: list[Service]) -> list[Service]:
        """Opens what is kept here, adds its endpoints to the service `backbone`, and returns the services.

        Args:
            services: those that the node has because of other nodes.

        Raises:
            EngineError: the database cannot be opened.
        """
        if self.copies is not None:
            await self.copies.start()
        for service in services:
            if service.name == "backbone":
                add_copies(service, CopyEndpoints(self.copies, self._serving, self._is_super, self._clock))
        return services

    def start(self, backbone: Backbone, reach: NodeReach) -> None:
        """Begins to copy, to serve, and to let go of what is too old."""
        self._atlas = lambda: backbone.charting.atlas if backbone.charting is not None else None
        self.replicator.start(self._atlas, reach)
        if self._serving is not None:
            self._serving.start(backbone, reach)
        self._task = asyncio.get_running_loop().create_task(self._tick())

    def changed(self) -> None:
        """Takes note that other topics may be to be copied than before."""
        self.replicator.wanted(self._exports.copied())

    async def stop(self) -> None:
        """Ends."""
        if self._task is not None:
            self._task.cancel()
        self.replicator.stop()
        if self._serving is not None:
            self._serving.stop()
        if self.copies is not None:
            await self.copies.stop()

    # -- for the desk --------------------------------------------------------------------------------------------------

    def check(self, topic: str, size: int) -> None:
        """See `Replicator.check`."""
        self.replicator.check(topic, size)

    def awaited(self, topic: str, timeout_milliseconds: int, done: Done) -> Done:
        """See `Replicator.awaited`."""
        return self.replicator.awaited(topic, timeout_milliseconds, done)

    def refusal(self, caller: Caller, name: str) -> Fault | None:
        """See `Serving.refusal`; a node that is no super node serves no copies."""
        if self._serving is None:
            return Forbidden("this node is no super node, and serves no copies of other nodes' logs")
        return self._serving.refusal(caller, name)

    def watch(self, changed: Callable[[], None]) -> None:
        """Has `changed` called when other copies are served here than before."""
        if self._serving is not None:
            self._serving.changed = changed

    def own(self, name: str) -> Link | None:
        """Returns the link over which this node's own subscribers are given the copies it serves under a name."""
        is_served = self._serving is not None and self._serving.serves(name)
        return self._serving.own if self._serving is not None and is_served else None

    def subscribe(self, caller: Caller, name: str, queue: str | None, member: Member) -> Subscription:
        """See `Serving.subscribe`."""
        refusal = self.refusal(caller, name)
        if refusal is not None or self._serving is None:
            raise refusal or Forbidden("no copies are served here")
        return self._serving.subscribe(caller, name, queue, member)

    def vouches(self, keeper: str, topic: str, nid: str) -> bool:
        """Says whether, by the map, a super node may have a copy of a node's log of a topic."""
        atlas = self._atlas()
        if atlas is None or not is_nid(nid):
            return False
        itself = public_key_of(nid)
        return any(
            member.nid == keeper
            for chart in atlas.charts()
            for member in candidates(chart.ring, nid, topic, itself=itself)
        )

    # -- within --------------------------------------------------------------------------------------------------------

    def _is_super(self, nid: str) -> bool:
        atlas = self._atlas()
        return atlas is not None and atlas.member(public_key_of(nid)) is not None

    async def _tick(self) -> None:
        ticks = 0
        while True:
            await asyncio.sleep(TICK_SECONDS)
            ticks += 1
            if self.copies is not None:
                self.copies.broker.tick(self._clock.monotonic())
                if ticks % SWEEP_TICKS == 0:
                    self.copies.sweep()
