"""Opens all doors of a node that its settings ask for."""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING

from micro.doors.api.opening import open_api
from micro.doors.gomicro.opening import open_go_micro
from micro.doors.mucp.opening import open_mucp
from micro.doors.mucp.speaking import MUCP_ALONE
from micro.doors.phone.opening import open_phone
from micro.errors import ConfigError

if TYPE_CHECKING:
    from micro.node.node import Node

__all__ = ["open_doors"]


async def open_doors(node: Node) -> None:
    """Opens them.

    Raises:
        ConfigError: a door is an extra that is not installed, or a setting of one cannot be.
        EngineError: an address cannot be listened on.
    """
    api = await open_api(node)
    await open_phone(node, api)
    door = await open_mucp(node)
    speakers = {**MUCP_ALONE, **({"grpc": _grpc().GrpcSpoken} if node.config.grpc else {})}
    if door is not None:
        await open_go_micro(node, door.port, speakers)
    if node.config.grpc:
        await _grpc().open_grpc(node)
    if node.config.legacy_network:
        await _open_legacy(node)


def _grpc() -> ModuleType:
    """Returns the door for gRPC, which is loaded only where it is asked for."""
    try:
        from micro.doors.grpc import opening
    except ImportError as missing:
        raise ConfigError("the setting grpc needs an extra: pip install 'micro-network[grpc]'") from missing
    return opening


async def _open_legacy(node: Node) -> None:
    try:
        from micro.doors.legacy.opening import open_legacy
    except ImportError as missing:
        raise ConfigError("the setting legacy_network needs an extra: pip install 'micro-network[grpc]'") from missing
    await open_legacy(node)
