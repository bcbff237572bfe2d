"""The service `go.micro.registry`: go-micro programs find, register and watch services at the node.

What a program registered is found as it said it, and the node speaks for it where it speaks MUCP. What else is in reach
of the node is found at the node's door.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from micro.doors.gomicro.messages import Empty, Endpoint, Node, Options, Result, Services
from micro.doors.gomicro.messages import Service as GoService
from micro.doors.gomicro.roster import Roster
from micro.doors.mucp.entry import DOOR as MUCP
from micro.doors.mucp.lan import Lan, is_of_this_machine
from micro.doors.mucp.names import ASKED_AT, name_of
from micro.errors import BadRequest, Forbidden, NotFound, TooLarge, TooManyRequests, Unauthorized
from micro.mucp.codec import encode_json
from micro.mucp.http.post import BROKER
from micro.node.control.registry import Bell
from micro.ports import Clock
from micro.service.context import Context
from micro.service.registry.mdns import Found
from micro.service.service import Service
from micro.trust.policy import Caller

__all__ = ["NAME", "RegistryControl", "registry_service"]

NAME = "go-micro-registry"
TTL_SECONDS = 90
"""What go-micro's servers say where they are not told."""

TTL_SECONDS_MAX = 3_600
NODES_MAX = 64
NAME_CHARACTERS_MAX = 128
SERVICE_BYTES_MAX = 65_536
GATHER_SECONDS = 0.1
WATCHES_MAX = 64
WATCH_SECONDS = 5.0
"""A watch looks so often for what has lasted its time; what is registered it hears of at once."""

Describe = Callable[[str], Mapping[str, Any] | None]


class RegistryControl:
    """The endpoints."""

    def __init__(
        self,
        roster: Roster,
        *,
        clock: Clock,
        lan: Lan,
        describe: Describe,
        list_names: Callable[[], list[str]],
        number: Callable[[], int],
        trusts: bool,
        heard: Callable[[Found, float], None],
        left: Callable[[Found], None],
        bell: Bell,
        grpc: Callable[[], str],
    ) -> None:
        """Takes what it is made of.

        Args:
            roster: keeps what is registered.
            clock: for how long it lasts.
            lan: how the node's services look to go-micro programs.
            describe, list_names: what is in reach of the node.
            number: returns another number once something else is.
            trusts: whether programs of this machine register without a token.
            heard, left: told of what is registered, and of what is not any more.
            bell: rings when something changes.
            grpc: returns where the node is asked by gRPC, "" where it is not.
        """
        self._roster = roster
        self._clock = clock
        self._lan = lan
        self._describe = describe
        self._list_names = list_names
        self._number = number
        self._trusts = trusts
        self._heard = heard
        self._left = left
        self._bell = bell
        self._grpc = grpc
        self._watches = 0

    async def get_service(self, context: Context, service: str = "") -> Services:
        """Finds a service: each version, with where it is asked.

        Args:
            service: its name.
        """
        grpc = self._grpc() if context.headers.get(ASKED_AT) != MUCP else ""
        found = self._found(service, grpc)
        if not found:
            raise NotFound(f"service {service[:NAME_CHARACTERS_MAX]!r} not found; see Registry.ListServices", id=NAME)
        return Services(found)

    async def list_services(self) -> Services:
        """Lists the services by name."""
        self._roster.expire(self._clock.monotonic())
        names = dict.fromkeys([each.name for each in self._roster.services()] + self._list_names())
        if self._lan.topics():
            names[BROKER] = None
        return Services([GoService(name) for name in names])

    async def register(self, service: GoService, context: Context) -> Empty:
        """Registers a version of a service with its nodes, for the seconds that its options say.

        Args:
            service: the service.
        """
        _check(service)
        seconds = _seconds(service.options)
        places = {node.id: _place(node) for node in service.nodes}
        self._judge(context.caller, "Registry.Register", [host for host, _ in places.values()])
        size = len(encode_json(service))
        if size > SERVICE_BYTES_MAX:
            raise TooLarge(f"service: it takes at most {SERVICE_BYTES_MAX} bytes, got {size}")
        now = self._clock.monotonic()
        self._roster.expire(now)
        number = self._roster.number
        self._roster.register(service, str(context.caller), now + seconds, size)
        for node in service.nodes:
            self._heard(_as_found(service, node, *places[node.id]), seconds)
        if self._roster.number != number:
            self._bell.ring()
        return Empty()

    async def deregister(self, service: GoService, context: Context) -> Empty:
        """Forgets nodes of a service; whoever registered them may say so, and the owner.

        Args:
            service: the service, with the nodes that leave.
        """
        self._judge(context.caller, "Registry.Deregister", [])
        gone = self._roster.deregister(service, str(context.caller), anybody=context.caller.unlimited)
        for kept in gone:
            self._left(_as_found(kept.service, kept.node, *_place(kept.node)))
        if gone:
            self._bell.ring()
        return Empty()

    async def watch(self, context: Context, service: str = "") -> AsyncIterator[Result]:
        """Yields what changes from now on.

        Args:
            service: of this one alone; "" for all.
        """
        if self._watches >= WATCHES_MAX:
            raise TooManyRequests(f"{WATCHES_MAX} watch already; try again in a moment")
        context.exchange.patient = True
        self._watches += 1
        try:
            async for result in self._changes(service):
                yield result
        finally:
            self._watches -= 1

    async def _changes(self, service: str) -> AsyncIterator[Result]:
        known, number = self._everything(service), self._state()
        while True:
            await self._bell.heard(WATCH_SECONDS)
            await asyncio.sleep(GATHER_SECONDS)  # what changes together is told together
            if (state := self._state()) == number:
                continue
            found, number = self._everything(service), state
            for key in sorted({*known, *found}):
                now, before = found.get(key), known.get(key)
                if now != before:
                    action = "create" if before is None else "delete" if now is None else "update"
                    yield Result(action, now or before, int(self._clock.now()))
            known = found

    def _judge(self, caller: Caller, endpoint: str, hosts: list[str]) -> None:
        """Raises a fault where a caller may not register; who has no token speaks for this machine alone."""
        if caller.owner:
            return
        if not caller.anonymous:
            raise Forbidden(f"{NAME} {endpoint} is for this node's owner, and this is {caller}; use his token")
        if not self._trusts:
            raise Unauthorized(
                f"{NAME} {endpoint} needs the node's token in Authorization, or the node the setting mucp_trust"
            )
        for host in hosts:
            if not _is_here(host):
                raise Forbidden(f"nodes: without a token addresses of this machine are registered, not {host[:80]}")

    def _state(self) -> tuple[int, int]:
        self._roster.expire(self._clock.monotonic())
        return self._number(), self._roster.number

    def _everything(self, name: str) -> dict[tuple[str, str], GoService]:
        said = (kept.service.name for kept in self._roster.all())
        names = [name] if name else list(dict.fromkeys([*said, *self._list_names()]))
        return {(found.name, found.version): found for each in names for found in self._found(each)}

    def _found(self, name: str, grpc: str = "") -> list[GoService]:
        """Returns a service as programs said it, else as the node has it: by gRPC at an address, or by MUCP."""
        self._roster.expire(self._clock.monotonic())
        said = self._roster.services(name) if name else []
        if name == BROKER:
            for topic in self._lan.topics():
                each = self._lan.subscriber(topic)
                node = Node(each.node, f"{each.address}:{each.port}", each.port, dict(each.metadata))
                said.append(GoService(BROKER, each.version, nodes=[node]))
            return said
        if said or not name:
            return said
        described = self._describe(name_of(name))
        if described is None:
            return []
        known = self._lan.found(name, described)
        metadata = {**known.metadata, **({"protocol": "grpc", "server": "grpc", "transport": "grpc"} if grpc else {})}
        node = Node(f"{name}-{known.node}", grpc or f"{known.address}:{known.port}", metadata=metadata)
        endpoints = [Endpoint(each["name"], metadata=dict(each["metadata"])) for each in known.endpoints]
        return [GoService(name, known.version, {}, endpoints, [node])]


def _seconds(options: Options | None) -> int:
    asked = options.ttl if options is not None else 0
    if asked < 0:
        raise BadRequest(f"options.ttl: seconds are expected, got {asked}")
    return min(asked or TTL_SECONDS, TTL_SECONDS_MAX)


def _check(service: GoService) -> None:
    for name in (service.name, service.version):
        if not 1 <= len(name) <= NAME_CHARACTERS_MAX or not name.isprintable():
            raise BadRequest(f"name, version: 1 to {NAME_CHARACTERS_MAX} printable characters are expected")
    if not 1 <= len(service.nodes) <= NODES_MAX:
        raise BadRequest(f"nodes: 1 to {NODES_MAX} are registered at once, got {len(service.nodes)}")
    for node in service.nodes:
        if not 1 <= len(node.id) <= NAME_CHARACTERS_MAX * 2:
            raise BadRequest(f"nodes: an id has 1 to {NAME_CHARACTERS_MAX * 2} characters")


def _place(node: Node) -> tuple[str, int]:
    """Returns host and port of a node.

    Raises:
        BadRequest: it says none.
    """
    host, _, port = node.address.rpartition(":")
    if not host and node.port:
        host, port = node.address, str(node.port)
    if not host or not (port.isascii() and port.isdigit() and 0 < int(port[:6]) <= 65_535):
        raise BadRequest(f"nodes: an address is HOST:PORT, got {node.address[:80]!a}")
    return host.strip("[]"), int(port)


def _is_here(host: str) -> bool:
    """Says whether an address is this machine's own; a name may become that of another."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return is_of_this_machine(host)


def _as_found(service: GoService, node: Node, host: str, port: int) -> Found:
    endpoints = [{"name": each.name, "metadata": each.metadata} for each in service.endpoints if each.name]
    return Found(service.name, service.version, node.id, host, port, node.metadata, endpoints)


def registry_service(control: RegistryControl) -> Service:
    """Returns the service."""
    service = Service(NAME, description="The node's services, for go-micro's registry over RPC.", platform=True)
    service.add("Registry.GetService", control.get_service, idempotent=True)
    service.add("Registry.ListServices", control.list_services, idempotent=True)
    service.add("Registry.Register", control.register)
    service.add("Registry.Deregister", control.deregister)
    service.add("Registry.Watch", control.watch, idempotent=True)
    return service
