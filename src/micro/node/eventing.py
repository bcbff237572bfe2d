"""Everything a node has to do with events: whose topics are, where logs and their copies are, and the desk."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from micro.network.link import Link
from micro.node.config import NodeConfig
from micro.node.control.events import events_service
from micro.node.copying import Copying
from micro.node.directory import Directory
from micro.node.engines import Ports
from micro.node.exports import Exports
from micro.node.gatekeeper import Gatekeeper
from micro.node.home import Home
from micro.node.logs import NeighbourLogs
from micro.node.outside import Outside
from micro.service.broker.directory import LogPlace
from micro.service.broker.restored import Restorable
from micro.service.broker.turns import Part
from micro.service.events import EventDesk
from micro.service.registry.catalog import Catalog
from micro.service.service import Service

__all__ = ["Eventing"]


class Eventing:
    """The events of a node.

    Args:
        nid: this node.
        config, home, ports: its settings, its files, the world.
        broker: where its logs are.
        gate: who may publish and subscribe; it is told which topics are open to others.
        ring: wakes the watches of the registry, over which neighbours are told of logs.
        link_to: returns the link over which a log of another node, or its copy, is had.
        part: which events of a queue a subscriber over a link is to have.

    Attributes:
        logs: the logs of neighbours.
        directory: all logs of other nodes.
        exports: whose topics are, and which are open to others.
        copying: copies of logs.
        desk: takes events and subscriptions.
    """

    def __init__(
        self,
        nid: str,
        config: NodeConfig,
        home: Home,
        ports: Ports,
        broker: Restorable,
        gate: Gatekeeper,
        *,
        ring: Callable[[], None],
        link_to: Callable[[LogPlace], Link | None],
        part: Callable[[Link, str], Part],
    ) -> None:
        self._broker = broker
        self.logs = NeighbourLogs(gate.may_follow, ring)
        self.directory = Directory(self.logs)
        self.exports = Exports(ports.disk, home.path / "exports.json", self.directory, gate.exports_changed)
        gate.exported = self.exports.is_exported
        self.copying = Copying(nid, config, home, ports, broker, self.exports, gate.readers)
        self.desk = EventDesk(
            broker,
            self.directory,
            nid=nid,
            gate=gate,
            clock=ports.clock,
            entropy=ports.entropy,
            link_to=link_to,
            copying=self.copying,
            part=part,
        )

    def service(self, catalog: Catalog) -> Service:
        """Returns the service `events`."""
        return events_service(
            self.desk,
            self._broker,
            catalog,
            self.exports,
            known=self.directory.subscribing,
            replicator=self.copying.replicator,
        )

    async def open(self, outside: Outside) -> list[Service]:
        """Opens what is kept here of other nodes' logs, and returns the services that are there because of others.

        Raises:
            EngineError: the database cannot be opened.
        """
        return await self.copying.open(outside.services())

    def start(self, outside: Outside) -> None:
        """Begins to copy, and to serve copies."""
        self.copying.start(outside.backbone, outside.reach)

    def declare(self, service: str, description: dict[str, Any]) -> None:
        """Takes what a service that registers says of its topics; raises as `Exports.declare`."""
        self.exports.declare(service, description.get("logs", []))

    def judge_again(self) -> None:
        """Has a change of accounts, rules or exports count at once."""
        self.desk.judge_again()
        self.copying.changed()

    async def stop(self) -> None:
        """Ends what has to do with copies."""
        await self.copying.stop()
