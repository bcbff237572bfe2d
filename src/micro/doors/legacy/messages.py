"""What the nodes of a go-micro v2 network say to each other, in protobuf.

Pure.

Source: `transport/grpc/proto/transport.proto`, `network/service/proto/network.proto` and
`router/service/proto/router.proto` of go-micro v2.9.1.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any, Final, NamedTuple

from micro.errors import BadRequest

__all__ = ["Advert", "Change", "Message", "Peer", "Route", "Sync"]

PEERS_MAX: Final = 256
"""So many peers of one node are read; the others are passed over."""

ROUTES_MAX: Final = 4_096
"""So many routes or changes of one message are read."""

HEADERS_MAX: Final = 64
TEXT_CHARACTERS_MAX: Final = 256
CREATED, DELETED = 0, 1
ANNOUNCEMENT: Final = 0

_OPTIONAL, _REPEATED = 1, 3
_KINDS: Final = {"int64": 3, "int32": 5, "string": 9, "bytes": 12}
_MESSAGE: Final = 11
_SCHEMA: Final = {
    "Header": "string key, string value",
    "Message": "*Header header, bytes body",
    "Node": "string id, string address, string network",
    "Peer": "Node node, *Peer peers",
    "Named": "Node node",
    "Route": "string service, string address, string gateway, string network, string router, string link, int64 metric",
    "Sync": "Peer peer, *Route routes",
    "Event": "string id, int32 type, int64 timestamp, Route route",
    "Advert": "string id, int32 type, int64 timestamp, int64 ttl, *Event events",
}
"""Fields in the order of their numbers; `*` is a repeated one. A map is a repeated key with its value."""


class Message(NamedTuple):
    """What go-micro's transport carries.

    Attributes:
        headers: its headers.
        body: whatever belongs to them.
    """

    headers: dict[str, str]
    body: bytes = b""

    def write(self) -> bytes:
        """Returns its bytes."""
        return _made(
            "Message", header=[{"key": name, "value": text} for name, text in self.headers.items()], body=self.body
        )

    @classmethod
    def read(cls, data: bytes) -> Message:
        """Returns what bytes say.

        Raises:
            BadRequest: they say nothing, or too much.
        """
        found = _found("Message", data)
        if len(found.header) > HEADERS_MAX:
            raise BadRequest(f"a message has at most {HEADERS_MAX} headers, got {len(found.header)}")
        return cls({each.key: each.value for each in found.header}, found.body)


class Route(NamedTuple):
    """How a service is reached.

    Attributes:
        service: its name.
        address: of its instances, or a number that stands for all of them behind a gateway.
        gateway: the channel at which it is asked.
        network, router: where it is, and the node that knows it.
        link: `local` or `network`.
        metric: how far that is; less is nearer.
    """

    service: str
    address: str
    gateway: str
    network: str
    router: str
    link: str
    metric: int


class Peer(NamedTuple):
    """A node of the network.

    Attributes:
        id: its name.
        address: the channel at which it is asked.
        peers: the ids of nodes next to it.
    """

    id: str
    address: str
    peers: frozenset[str] = frozenset()

    def write(self, network: str, peers: Iterable[Peer] = ()) -> bytes:
        """Returns the bytes of `peer`: the node, with the nodes next to it."""
        return _made("Peer", **_node(self, network, peers))

    def named(self, network: str) -> bytes:
        """Returns the bytes of `connect` and `close`."""
        return _made("Named", node=_node(self, network)["node"])

    @classmethod
    def read(cls, data: bytes) -> Peer:
        """Returns what `peer` says.

        Raises:
            BadRequest: it says nothing.
        """
        return _peer(_found("Peer", data))

    @classmethod
    def read_named(cls, data: bytes) -> Peer:
        """Returns whom `connect` and `close` name.

        Raises:
            BadRequest: they name nobody.
        """
        return _peer(_found("Named", data))


class Sync(NamedTuple):
    """Everything that a node knows.

    Attributes:
        peer: the node, with those next to it.
        routes: its routes.
    """

    peer: Peer
    routes: list[Route]

    def write(self, network: str, peers: Iterable[Peer] = ()) -> bytes:
        """Returns its bytes."""
        return _made("Sync", peer=_node(self.peer, network, peers), routes=[each._asdict() for each in self.routes])

    @classmethod
    def read(cls, data: bytes) -> Sync:
        """Returns what bytes say.

        Raises:
            BadRequest: they say nothing.
        """
        found = _found("Sync", data)
        return cls(_peer(found.peer), [_route(each) for each in found.routes[:ROUTES_MAX]])


class Change(NamedTuple):
    """One route that is there, or is there no more.

    Attributes:
        is_there: whether it is.
        route: which.
    """

    is_there: bool
    route: Route


class Advert(NamedTuple):
    """What changed of a node's routes.

    Attributes:
        id: the node.
        changes: what changed.
    """

    id: str
    changes: list[Change]

    def write(self, nanoseconds: int, ttl_nanoseconds: int) -> bytes:
        """Returns its bytes; the time is since 1970."""
        events = [
            {"type": CREATED if is_there else DELETED, "timestamp": nanoseconds, "route": route._asdict()}
            for is_there, route in self.changes
        ]
        return _made("Advert", id=self.id, type=ANNOUNCEMENT, timestamp=nanoseconds, ttl=ttl_nanoseconds, events=events)

    @classmethod
    def read(cls, data: bytes) -> Advert:
        """Returns what bytes say.

        Raises:
            BadRequest: they say nothing.
        """
        found = _found("Advert", data)
        events = [each for each in found.events[:ROUTES_MAX] if each.HasField("route")]
        return cls(_short(found.id), [Change(each.type != DELETED, _route(each.route)) for each in events])


def _short(text: str) -> str:
    if len(text) > TEXT_CHARACTERS_MAX:
        raise BadRequest(f"a name has at most {TEXT_CHARACTERS_MAX} characters, got {len(text)}")
    return text


def _node(peer: Peer, network: str, peers: Iterable[Peer] = ()) -> dict[str, Any]:
    node = {"id": peer.id, "address": peer.address, "network": network}
    return {"node": node, "peers": [_node(each, network) for each in peers]}


def _peer(found: Any) -> Peer:
    if not found.node.id:
        raise BadRequest("a node has an id")
    peers = frozenset(_short(each.node.id) for each in getattr(found, "peers", ())[:PEERS_MAX])
    return Peer(_short(found.node.id), _short(found.node.address), peers)


def _route(found: Any) -> Route:
    service, address, gateway, network, router, link = (_short(getattr(found, name)) for name in Route._fields[:-1])
    return Route(service, address, gateway, network, router, link, max(found.metric, 0))


def _made(name: str, **fields: Any) -> bytes:
    made: bytes = _classes()[name](**fields).SerializeToString()
    return made


def _found(name: str, data: bytes) -> Any:
    from google.protobuf.message import DecodeError

    try:
        return _classes()[name].FromString(data)
    except DecodeError as error:
        raise BadRequest(f"{name}: it is no protobuf of the network: {error}") from error


@cache
def _classes() -> dict[str, Any]:
    """Returns protobuf's classes of the messages, in a pool of their own."""
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    file = descriptor_pb2.FileDescriptorProto(name="legacy.proto", package="legacy", syntax="proto3")
    for name, fields in _SCHEMA.items():
        message = file.message_type.add(name=name)
        for number, text in enumerate(fields.split(", "), 1):
            kind, field = text.split(" ")
            plain = kind.removeprefix("*")
            made: Any = message.field.add(name=field, number=number)
            made.type = _KINDS.get(plain, _MESSAGE)
            made.label = _REPEATED if plain != kind else _OPTIONAL
            if made.type == _MESSAGE:
                made.type_name = f".legacy.{plain}"
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    return {name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"legacy.{name}")) for name in _SCHEMA}
