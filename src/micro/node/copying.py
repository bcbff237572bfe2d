"""Copies of logs at this node: of its own at super nodes, and, where it is one, of other nodes' here."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable

from micro.errors import Fault, Forbidden, MicroError
from micro.node.backbone import Backbone
from micro.node.config import NodeConfig
from micro.node.control.copies import CopyEndpoints, add_copies
from micro.node.engines import Ports, open_copies
from micro.node.exports import Exports
from micro.node.home import Home
from micro.node.reach import NodeReach
from micro.node.replicator import Done, Readers, Replicator
from micro.node.serving import Serving
from micro.service.broker.broker import Member, Subscription
from micro.service.broker.restored import Restorable
from micro.service.registry.atlas import Atlas
from micro.service.service import Service
from micro.trust.identity import public_key_of, short
from micro.trust.policy import Caller

__all__ = ["Copying"]

DAY_SECONDS = 86_400.0
TICK_SECONDS = 0.1
SWEEP_TICKS = 600
"""After so many ticks what is too old is let go."""

log = logging.getLogger("micro.copies")


class Copying:
    """What a node has to do with copies.

    Args:
        nid: this node.
        config, home, ports: its settings, its files, the world.
        broker: where its own logs are.
        exports: which of them are to be copied.
        readers: who may subscribe to this node's logs.

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
        broker: Restorable,
        exports: Exports,
        readers: Readers,
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
            readers=readers,
            has_network=config.network,
            kept_seconds=config.kept_days * DAY_SECONDS,
        )
        self._task: asyncio.Task[None] | None = None
        self._serving = Serving(nid, self.copies, ports.clock) if self.copies is not None else None
        self._exports = exports
        self.changed()

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
                standing = self._serving.standing if self._serving is not None else None
                add_copies(service, CopyEndpoints(self.copies, standing, self._is_super, self._clock))
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

    def followed(self, topic: str, outputs: Iterable[str]) -> None:
        """See `Replicator.followed`."""
        self.replicator.followed(topic, outputs)

    def refusal(self, caller: Caller, topic: str, nid: str) -> Fault | None:
        """See `Serving.refusal`; a node that is no super node keeps no copies."""
        if self._serving is None:
            return _no_copies(nid)
        return self._serving.refusal(caller, topic, nid)

    def subscribe(self, caller: Caller, topic: str, nid: str, queue: str | None, member: Member) -> Subscription:
        """See `Serving.subscribe`."""
        if self._serving is None:
            raise _no_copies(nid)
        return self._serving.subscribe(caller, topic, nid, queue, member)

    # -- within --------------------------------------------------------------------------------------------------------

    def _is_super(self, nid: str) -> bool:
        atlas = self._atlas()
        return atlas is not None and atlas.member(public_key_of(nid)) is not None

    async def _tick(self) -> None:
        ticks, trouble = 0, ""
        while True:
            await asyncio.sleep(TICK_SECONDS)
            ticks += 1
            try:
                if self.copies is not None:
                    self.copies.broker.tick(self._clock.monotonic())
                    if ticks % SWEEP_TICKS == 0:
                        self.copies.sweep()
                        trouble = ""
            except (MicroError, OSError) as error:  # a disk may be full for a while
                if trouble != str(error):
                    log.warning("copies that are too old stay for now: %s; check the disk", error)
                trouble = str(error)


def _no_copies(nid: str) -> Fault:
    return Forbidden(f"this node is no super node, and keeps no log of {short(nid)} for others; ask that one")
