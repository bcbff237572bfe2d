"""The messages of go-micro's registry: a field's place is its number on the wire.

Pure.

Source: `registry/service/proto/registry.proto` of go-micro v2.9.1.
"""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["Empty", "Endpoint", "Node", "Options", "Result", "Service", "Services", "Value"]


@dataclass
class Node:
    """Where a service is asked.

    Attributes:
        id: of the node.
        address: `host:port`.
        port: as old programs say it beside an address without one; 0 where they do not.
        metadata: what it says of itself; `protocol` is `mucp` or `grpc`.
    """

    id: str = ""
    address: str = ""
    port: int = 0
    metadata: dict[str, str] = field(default_factory=dict)


@dataclass
class Value:
    """The type of a field.

    Attributes:
        name, type: of the field.
        values: the fields inside it.
    """

    name: str = ""
    type: str = ""
    values: list[Value] = field(default_factory=list)


@dataclass
class Endpoint:
    """One endpoint.

    Attributes:
        name: `Struct.Method`.
        request, response: their types.
        metadata: `stream` is `true` for a stream.
    """

    name: str = ""
    request: Value | None = None
    response: Value | None = None
    metadata: dict[str, str] = field(default_factory=dict)


@dataclass
class Options:
    """How it is registered.

    Attributes:
        ttl: for how long, in seconds; 0 leaves it to the registry.
        domain: of micro v3; there is one here.
    """

    ttl: int = 0
    domain: str = ""


@dataclass
class Service:
    """A version of a service.

    Attributes:
        name, version: what it is.
        metadata: what it says of itself.
        endpoints: what it can do.
        nodes: where it is asked.
        options: how it is registered.
    """

    name: str = ""
    version: str = ""
    metadata: dict[str, str] = field(default_factory=dict)
    endpoints: list[Endpoint] = field(default_factory=list)
    nodes: list[Node] = field(default_factory=list)
    options: Options | None = None


@dataclass
class Services:
    """Some services.

    Attributes:
        services: each version of each.
    """

    services: list[Service] = field(default_factory=list)


@dataclass
class Result:
    """A change.

    Attributes:
        action: `create`, `update` or `delete`.
        service: of what, as it is now, or was.
        timestamp: when, in seconds since 1970.
    """

    action: str = ""
    service: Service | None = None
    timestamp: int = 0


@dataclass
class Empty:
    """Nothing."""
