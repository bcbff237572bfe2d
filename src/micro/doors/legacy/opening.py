"""Has a node join the go-micro v2 networks that its settings name."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Final

from micro.doors.api.access import OWNER
from micro.doors.legacy.asking import Asked
from micro.doors.legacy.messages import Peer
from micro.doors.legacy.neighbour import Neighbour
from micro.doors.legacy.routes import fnv64
from micro.doors.legacy.spoken import Spoken, SpokenFor
from micro.doors.mucp.names import name_of
from micro.errors import ConfigError, NotFound
from micro.network.link import Link
from micro.node.local import InsideDialer
from micro.node.offered import offers_of
from micro.service.stream import RawStream
from micro.trust.policy import Caller

if TYPE_CHECKING:
    from micro.node.node import Node

__all__ = ["GUEST", "LegacyNetwork", "open_legacy"]

NEIGHBOURS_MAX: Final = 8
GUEST: Final = Caller(nid="go-micro-v2-network")
"""Whoever asks through a tunnel: the token of a network says of nobody who he is, so he may what a stranger may."""

_ADDRESS = re.compile(r"(?:[A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\]):[0-9]{1,5}")


class LegacyNetwork:
    """A node's place in go-micro v2 networks.

    Args:
        node: the node.
        addresses: of the nodes to which links are kept.
        token: the secret of the network.
    """

    def __init__(self, node: Node, addresses: list[str], token: str) -> None:
        self._node = node
        self._spoken: list[SpokenFor] = []
        self._neighbours: list[Neighbour] = []
        self._tasks: list[asyncio.Task[None]] = []
        own = Peer(node.nid, str(fnv64(node.nid)))
        ports = node.ports
        for address in addresses:
            neighbour = Neighbour(
                address,
                token,
                own,
                clock=ports.clock,
                entropy=ports.entropy,
                offered=self._offered,
                answer=self._answer,
                stream=self._stream,
                on_change=partial(self._found, len(self._spoken)),
            )
            self._neighbours.append(neighbour)
            self._spoken.append(SpokenFor(address, neighbour, dial=self._dial, has=self._has))

    def start(self) -> None:
        """Dials."""
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(neighbour.run()) for neighbour in self._neighbours]

    async def stop(self) -> None:
        """Says that the node leaves, and does."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for spoken in self._spoken:
            spoken.stop()
        await asyncio.sleep(0)

    def _found(self, number: int, services: Mapping[str, list[str]]) -> None:
        self._spoken[number].update(services)

    async def _dial(self, spoken: Spoken) -> Link:
        return await InsideDialer(self._node.router, OWNER).dial(None, spoken)

    def _has(self, name: str) -> bool:
        """Says whether the node has a service that none of the neighbours has brought."""
        if any(name in spoken.names() for spoken in self._spoken):
            return False
        return self._node.catalog.lookup(name) is not None or self._node.platform.describe(name) is not None

    def _offered(self) -> frozenset[str]:
        """Returns what strangers may ask of this node, but for what came from a neighbour: that must not go back."""
        node = self._node
        offers = offers_of(node.catalog, node.nid, node.gate.hidden)
        return frozenset(offers).difference(*(spoken.names() for spoken in self._spoken))

    def _asked(self, asked: Asked) -> str:
        """Returns the name of the service that is asked.

        Raises:
            NotFound: it is not offered.
        """
        name = name_of(asked.service)
        if name not in self._offered():
            raise NotFound(f"no service {asked.service[:80]!r} is offered here", id="legacy")
        return name

    async def _answer(self, asked: Asked) -> bytes:
        return await self._node.client(GUEST).call_raw(
            self._asked(asked),
            asked.endpoint,
            asked.body,
            content_type=asked.content_type,
            timeout_seconds=asked.seconds,
            headers=asked.headers or None,
        )

    async def _stream(self, asked: Asked) -> RawStream:
        return await self._node.client(GUEST).stream_raw(
            self._asked(asked),
            asked.endpoint,
            asked.body,
            content_type=asked.content_type,
            headers=asked.headers or None,
        )


async def open_legacy(node: Node) -> None:
    """Joins, and has the node leave when it stops.

    Raises:
        ConfigError: an address is none, there are too many, or the token is missing.
    """
    config = node.config
    addresses = list(dict.fromkeys(part.strip() for part in config.legacy_network.split(",") if part.strip()))
    for address in addresses:
        if _ADDRESS.fullmatch(address) is None:
            raise ConfigError(f"legacy_network: expected HOST:PORT, separated by commas, got {address[:80]!r}")
    if len(addresses) > NEIGHBOURS_MAX:
        raise ConfigError(f"legacy_network names {len(addresses)} nodes: name {NEIGHBOURS_MAX} at most")
    if not config.legacy_token:
        raise ConfigError(
            "legacy_network needs the network's token: set legacy_token in config.toml, or in the "
            "environment as MICRO_LEGACY_TOKEN"
        )
    network = LegacyNetwork(node, addresses, config.legacy_token)
    network.start()
    node.attach(network, "legacy", ", ".join(addresses))
