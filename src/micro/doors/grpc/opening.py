"""Opens the gRPC door of a node."""

from __future__ import annotations

from typing import TYPE_CHECKING

from micro.doors.api.opening import describe_or_none, note_in
from micro.doors.grpc.door import GrpcDoor
from micro.doors.grpc.spoken import GrpcSpoken

if TYPE_CHECKING:
    from micro.node.node import Node

__all__ = ["GrpcDoor", "GrpcSpoken", "open_grpc"]


async def open_grpc(node: Node) -> GrpcDoor:
    """Opens the door, and tells the node its address.

    Raises:
        EngineError: the host cannot be listened on.
    """
    config = node.config
    door = GrpcDoor(
        client_for=node.client,
        describe=lambda name: describe_or_none(node, name),
        list_services=lambda: [view.summary() for view in node.catalog.list()],
        token=node.token,
        user=lambda token: node.gate.visit(token).caller,
        seconds_left=lambda token: node.gate.visit(token).expires - node.ports.clock.now(),
        unverified=node.unverified,
        note=lambda noted: note_in(node, noted),
    )
    port = await door.start(config.grpc_host, config.grpc_port)
    host = f"[{config.grpc_host}]" if ":" in config.grpc_host else config.grpc_host
    node.attach(door, "grpc", f"{host}:{port}")
    return door
