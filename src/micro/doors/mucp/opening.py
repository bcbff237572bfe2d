"""Opens the door of go-micro programs for a node."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from micro.doors.api.opening import describe_or_none, note_in
from micro.doors.mucp.door import MucpDoor

if TYPE_CHECKING:
    from micro.node.node import Node

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
        note=partial(note_in, node),
        nid=node.nid,
        trusts=config.mucp_trust,
    )
    port = await door.start(config.mucp_host, config.mucp_port)
    host = f"[{config.mucp_host}]" if ":" in config.mucp_host else config.mucp_host
    node.attach(door, "mucp", f"{host}:{port}")
    return door
