"""The front door of the Micro network: services that anyone runs and anyone calls."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from micro import errors
    from micro.errors import Fault
    from micro.node.blocking import BlockingClient
    from micro.node.client import Client
    from micro.node.config import NodeConfig
    from micro.node.front import Service
    from micro.node.node import Node
    from micro.service.context import Context
    from micro.service.subscription import Event
    from micro.service.typed import Stream

__all__ = ["BlockingClient", "Client", "Context", "Event", "Fault", "Node", "NodeConfig", "Service", "Stream", "errors"]

_ROOMS = {
    "BlockingClient": "micro.node.blocking",
    "Client": "micro.node.client",
    "Context": "micro.service.context",
    "Event": "micro.service.subscription",
    "Fault": "micro.errors",
    "Node": "micro.node.node",
    "NodeConfig": "micro.node.config",
    "Service": "micro.node.front",
    "Stream": "micro.service.typed",
}


def __getattr__(name: str) -> Any:
    """Opens the room that a name is in when it is first asked for, so that importing `micro` costs nothing."""
    if name == "errors":
        return import_module("micro.errors")
    if name in _ROOMS:
        return getattr(import_module(_ROOMS[name]), name)
    raise AttributeError(f"module 'micro' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
