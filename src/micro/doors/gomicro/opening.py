"""Opens a node for go-micro programs: for their own services, their events, and multicast DNS."""

from __future__ import annotations

from typing import TYPE_CHECKING

from micro.doors.api.access import OWNER
from micro.doors.api.directory import Directory
from micro.doors.api.opening import describe_or_none, note_in
from micro.doors.gomicro.auth import auth_service
from micro.doors.gomicro.broker import broker_service
from micro.doors.gomicro.client import client_service
from micro.doors.gomicro.config import config_service
from micro.doors.gomicro.events import events_service
from micro.doors.gomicro.registry import RegistryControl, registry_service
from micro.doors.gomicro.roster import Roster
from micro.doors.gomicro.store import store_service
from micro.doors.mucp.door import EVERY_HOST
from micro.doors.mucp.lan import Lan
from micro.doors.mucp.lookout import Lookout
from micro.doors.mucp.posting import Postings
from micro.doors.mucp.speaking import MUCP_ALONE, Speaker, Speaking
from micro.errors import Fault
from micro.mucp.http.post import BROKER
from micro.node.local import InsideDialer
from micro.service.client import Client
from micro.service.registry.mdns import Found
from micro.service.registry.view import View
from micro.trust.policy import Caller

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from micro.node.node import Node

MULTICAST = "224.0.0.251:5353"

__all__ = ["open_go_micro"]


async def open_go_micro(node: Node, port: int, speakers: Mapping[str, Speaker] = MUCP_ALONE) -> None:
    """Has the node meet go-micro programs, as they meet each other: over RPC, and by multicast DNS if it is to.

    Args:
        node: the node.
        port: where they ask it.
        speakers: what asks their servers, by protocol.

    Raises:
        EngineError: there is no multicast on this machine.
    """
    config, host = node.config, node.config.mucp_host
    lan = Lan(
        "127.0.0.1" if host in EVERY_HOST or ":" in host or host == "localhost" else host,
        port,
        list_names=lambda: [view.name for view in node.catalog.list() if _is_told(view, speaking)],
        describe=lambda name: _told(node, name, speaking),
        list_topics=lambda: _topics(node) if config.mucp_trust else [],
    )
    postings = Postings(node.nid, lambda topic, queue: node.client(OWNER).subscribe_raw(topic, queue))
    speaking = Speaking(
        dial=lambda spoken: InsideDialer(node.router, OWNER).dial(None, spoken),
        has=lambda name: node.catalog.lookup(name) is not None or node.platform.describe(name) is not None,
        speakers=speakers,
    )
    for part in (postings, speaking):
        await part.start()
        node.attach(part, "", "")
    _add(node, lan, postings, speaking)
    if not config.mdns:
        return
    await lan.start()
    node.attach(lan, "mdns", MULTICAST)
    lookout = Lookout(
        lan.node_id,
        served=speaking.heard,
        subscribed=postings.heard if config.mucp_trust else lambda found: None,
    )
    await lookout.start()
    node.attach(lookout, "", "")


def _is_told(view: View, speaking: Speaking) -> bool:
    """Says whether the node answers for a service by multicast DNS, and not its own servers do.

    Two nodes that answered for what each has of the other would never find out that it is gone.
    """
    public = speaking.public()
    return any((view.name, instance.id) not in public for instance in view.instances)


def _told(node: Node, name: str, speaking: Speaking) -> dict[str, Any] | None:
    view = node.catalog.lookup(name)
    return describe_or_none(node, name) if view is None or _is_told(view, speaking) else None


def _topics(node: Node) -> list[str]:
    """Returns the topics that somebody at the node listens to, now or later."""
    return [report.topic for report in node.broker.topics() if report.subscribers or report.queues]


def _add(node: Node, lan: Lan, postings: Postings, speaking: Speaking) -> None:
    """Adds go-micro's own services."""
    trusts = node.config.mucp_trust

    def client_for(caller: Caller) -> Client:
        return node.client(OWNER if trusts and caller.anonymous else caller)

    def heard(found: Found, seconds: float) -> None:
        if found.service == BROKER:
            postings.heard(found, seconds)
        else:
            speaking.heard(found, seconds, is_public=False)

    def left(found: Found) -> None:
        postings.left(found)
        speaking.left(found)

    def describe(name: str) -> Mapping[str, Any] | None:
        try:
            return describe_or_none(node, name)
        except Fault:  # it is not there now
            return None

    registry = RegistryControl(
        Roster(),
        clock=node.ports.clock,
        lan=lan,
        describe=describe,
        list_names=lambda: [view.name for view in node.catalog.list()],
        number=lambda: node.catalog.number,
        trusts=trusts,
        heard=heard,
        left=left,
        bell=node.bell,
        grpc=lambda: node.condition.addresses.get("grpc", "").replace("0.0.0.0", "127.0.0.1"),  # noqa: S104 - none is bound
    )
    clock = node.ports.clock
    for service in (
        registry_service(registry),
        broker_service(client_for),
        client_service(node.client, Directory(describe, list), lambda noted: note_in(node, noted)),
        store_service(node.client, clock),
        config_service(node.client, clock),
        auth_service(node.client),
        events_service(node.client),
    ):
        node.platform.add(service)
    node.router.judge_again()  # whoever asked for one a moment ago was told that there is none
