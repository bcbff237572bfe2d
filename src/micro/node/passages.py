"""How a node is reached through super nodes by browsers: which of them pass connections on, and how they are taken."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from micro.errors import MicroError, Unavailable
from micro.mucp.limits import HOME
from micro.node.reach import NodeReach
from micro.service.registry import passage as said
from micro.service.registry.charting import Charting
from micro.service.registry.shardmap import SuperNode, shard_of_node
from micro.service.stream import RawStream
from micro.trust.identity import public_key_of, short

__all__ = ["Passage", "Passages"]

ASK_SECONDS: Final = 3.0
ASKED_MAX: Final = 8
"""So many super nodes are asked at once: as many as one shard has."""


@dataclass(frozen=True, slots=True)
class Passage:
    """A super node that passes connections on to this node.

    Attributes:
        nid: the super node.
        domain: below which this node is named there.
        port: the one that browsers use.
    """

    nid: str
    domain: str
    port: int


class Passages:
    """The passages of one node.

    Args:
        nid: the node.
        reach: how super nodes are reached.
        charting: returns the maps, None while the node is in no network.
    """

    def __init__(self, nid: str, reach: NodeReach, charting: Callable[[], Charting | None]) -> None:
        self._nid = nid
        self._reach = reach
        self._charting = charting

    async def offers(self) -> list[Passage]:
        """Returns the super nodes that may be this node's home and pass connections on, by domain.

        Raises:
            Unavailable: the node is in no network.
        """
        found = await asyncio.gather(*(self._offer(member) for member in self._homes()[:ASKED_MAX]))
        return sorted((each for each in found if each is not None), key=lambda each: each.domain)

    async def wait(self, nid: str) -> RawStream:
        """Asks a super node for this node's connections: `PASSAGE` comes first, then a `CALLED` for each.

        Raises:
            Fault, HandshakeFailed: it is no super node by the map, cannot be reached, or there is no network.
        """
        stream = await self._reach.open(self._member(nid).ticket(), "Backbone.Await", said.PASSAGE_REQUEST.encode({}))
        stream.link.watch.hasten(HOME)
        return stream

    async def take(self, nid: str, name: bytes) -> RawStream:
        """Takes a connection: what the browser says comes in, what is sent it hears.

        Raises:
            Fault, HandshakeFailed: as `wait`.
        """
        return await self._reach.open(self._member(nid).ticket(), "Backbone.Pass", said.TAKING.encode({"name": name}))

    async def _offer(self, member: SuperNode) -> Passage | None:
        body = said.PASSAGE_REQUEST.encode({})
        try:
            answer = await self._reach.call(member.ticket(), "Backbone.Passage", body, timeout_seconds=ASK_SECONDS)
            found = said.PASSAGE.decode(answer)
        except (MicroError, TimeoutError):  # it is away, or too old to know of this
            return None
        return Passage(member.nid, found["domain"], found["port"]) if found["domain"] else None

    def _homes(self) -> Sequence[SuperNode]:
        charting = self._charting()
        current = charting.atlas.current if charting is not None else None
        if current is None:
            raise Unavailable("this node is in no network, so no super node passes anything on to it; next: join one")
        return list(current.ring.holders(shard_of_node(self._nid)))

    def _member(self, nid: str) -> SuperNode:
        charting = self._charting()
        member = charting.atlas.member(public_key_of(nid)) if charting is not None else None
        if member is None:
            raise Unavailable(f"{short(nid)} is no super node of this node's network now")
        return member
