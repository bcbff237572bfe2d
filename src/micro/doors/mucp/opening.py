"""Opens the door of go-micro programs for a node."""

from __future__ import annotations

from typing import TYPE_CHECKING

from micro.doors.api.access import OWNER
from micro.doors.api.opening import describe_or_none, note_in
from micro.doors.mucp.door import EVERY_HOST, MucpDoor
from micro.doors.mucp.lan import Lan
from micro.doors.mucp.lookout import Lookout
from micro.doors.mucp.posting import Postings
from micro.node.local import InsideDialer

if TYPE_CHECKING:
    from micro.node.node import Node

MULTICAST = "224.0.0.251:5353"

__all__ = ["open_mucp"]


async def open_mucp(node: Node) -> MucpDoor | None:
    """Opens the door as the node's settings say, and tells the node its address; None where there is to be none.

    Raises:
        EngineError: the host cannot be listened on.
    """
    config = node.config
    if not config.mucp:
        return None
    door = MucpDoor(
        client_for=node.client,
        describe=lambda name: describe_or_none(node, name),
        list_services=lambda: [view.summary() for view in node.catalog.list()],
        token=node.token,
        user=lambda token: node.gate.visit(token).caller,
        seconds_left=lambda token: node.gate.visit(token).expires - node.ports.clock.now(),
        hosts=tuple(host.strip() for host in config.api_hosts.split(",") if host.strip()),
        note=lambda noted: note_in(node, noted),
        nid=node.nid,
        trusts=config.mucp_trust,
    )
    port = await door.start(config.mucp_host, config.mucp_port)
    host = f"[{config.mucp_host}]" if ":" in config.mucp_host else config.mucp_host
    node.attach(door, "mucp", f"{host}:{port}")
    postings = Postings(node.nid, node.client(OWNER).subscribe_raw)
    await postings.start()
    node.attach(postings, "", "")
    if config.mdns:
        place = "127.0.0.1" if config.mucp_host in EVERY_HOST or ":" in config.mucp_host else config.mucp_host
        lan = Lan(
            place if place != "localhost" else "127.0.0.1",
            port,
            list_names=lambda: [view.name for view in node.catalog.list()],
            describe=lambda name: describe_or_none(node, name),
            list_topics=lambda: _topics(node) if config.mucp_trust else [],
        )
        await lan.start()
        node.attach(lan, "mdns", MULTICAST)
        lookout = Lookout(
            lan.node_id,
            dial=lambda spoken: InsideDialer(node.router, OWNER).dial(None, spoken),
            has=lambda name: node.catalog.lookup(name) is not None or node.platform.describe(name) is not None,
            subscribed=postings.heard if config.mucp_trust else lambda found: None,
        )
        await lookout.start()
        node.attach(lookout, "", "")
    return door


def _topics(node: Node) -> list[str]:
    """Returns the topics that somebody at the node listens to, now or later."""
    return [report.topic for report in node.broker.topics() if report.subscribers or report.queues]
