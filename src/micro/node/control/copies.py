"""The struct `Copy` of the service `backbone`: what a super node answers about copies of other nodes' logs.

| endpoint | who may |
| --- | --- |
| `Open`, `Write`, `Cursors`, `Learn`, `Drop`, `List`, `Read` | every node for its own logs |
| `Standing` | super nodes of the newest map or the one before |

A node proves by its link who it is, and names its logs without itself: so it writes copies of its own and no others.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

from micro.errors import Fault, Forbidden, TooManyRequests, Unauthorized, Unavailable
from micro.ports import Clock
from micro.service.context import Context
from micro.service.copies import messages as said
from micro.service.copies.keeping import Copies
from micro.service.service import Service
from micro.trust.identity import nid_of
from micro.trust.rates import Rates

__all__ = ["CopyEndpoints", "add_copies"]

OPENS_PER_SECOND: Final = 5.0
OPENS_BURST: Final = 100.0
"""A node may open, drop and ask so often; each costs a file."""

READS_PER_SECOND: Final = 20.0
READS_BURST: Final = 300.0
"""And it may read back so many pieces of its logs: what is kept of one node at once, and then some a second."""

Standing = Callable[[str, dict[str, Any]], dict[str, Any]]


class CopyEndpoints:
    """The endpoints. Each takes and gives one message of `micro.service.copies.messages` in bytes.

    Args:
        copies: what the node keeps, None where it is no super node.
        standing: returns how the copy of a node's log stands, by what was asked; the same holds.
        is_super: says whether a node is a super node.
        clock: for the rates.
    """

    def __init__(
        self, copies: Copies | None, standing: Standing | None, is_super: Callable[[str], bool], clock: Clock
    ) -> None:
        self._copies = copies
        self._standing = standing
        self._is_super = is_super
        self._clock = clock
        self._opens: Rates[str] = Rates(OPENS_PER_SECOND, OPENS_BURST)
        self._reads: Rates[str] = Rates(READS_PER_SECOND, READS_BURST)

    async def open(self, body: bytes, context: Context) -> bytes:
        """Opens a copy of a log of the caller's, and returns how far it goes."""
        nid, copies = self._caller(context, is_dear=True)
        return said.OPENED.encode(copies.open(nid, said.OPEN.decode(body)))

    async def write(self, body: bytes, context: Context) -> bytes:
        """Takes events of a log of the caller's; answers once they are on disk."""
        nid, copies = self._caller(context, is_dear=False)
        told: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        def done(last: int, fault: Fault | None) -> None:
            if told.done():
                return
            if fault is None:
                told.set_result(last)
            else:
                told.set_exception(fault)

        copies.write(nid, said.WRITE.decode(body), done)
        return said.WRITTEN.encode({"last": await told})

    async def cursors(self, body: bytes, context: Context) -> bytes:
        """Takes note of how far the queues of a log of the caller's have come."""
        nid, copies = self._caller(context, is_dear=False)
        copies.cursors(nid, said.CURSORS.decode(body))
        return b""

    async def learn(self, body: bytes, context: Context) -> bytes:
        """Returns how far queues of a log of the caller's came here."""
        nid, copies = self._caller(context, is_dear=True)
        return said.LEARNED.encode(copies.learned(nid, said.DROP.decode(body)))

    async def drop(self, body: bytes, context: Context) -> bytes:
        """Drops the copy of a log of the caller's."""
        nid, copies = self._caller(context, is_dear=True)
        copies.drop(nid, said.DROP.decode(body))
        return b""

    async def list(self, body: bytes, context: Context) -> bytes:
        """Returns which copies of the caller's logs of a topic are here."""
        nid, copies = self._caller(context, is_dear=True)
        return said.LISTED.encode(copies.listed(nid, said.LIST.decode(body)["topic"]))

    async def read(self, body: bytes, context: Context) -> bytes:
        """Returns events of a log of the caller's, which may have lost them."""
        nid, copies = self._caller(context, is_dear=False)
        if not self._reads.allow(nid, self._clock.monotonic()):
            raise TooManyRequests(f"{READS_PER_SECOND:g} pieces a second are read back by one node; wait")
        return said.READ_PIECE.encode(copies.read(nid, said.READ.decode(body)))

    async def standing(self, body: bytes, context: Context) -> bytes:
        """Returns how the copy of a node's log stands here, to a super node that has one, too."""
        nid, _ = self._caller(context, is_dear=False)
        if not self._is_super(nid) or self._standing is None:
            raise Forbidden(f"{context.caller} is no super node; only those ask each other how their copies stand")
        asked = said.STANDING.decode(body)
        return said.STOOD.encode(self._standing(nid_of(asked["key"]), asked))

    def _caller(self, context: Context, *, is_dear: bool) -> tuple[str, Copies]:
        """Returns the node that calls, which its link has proved, and what is kept here."""
        caller = context.caller
        if not caller.nid or not caller.peer:
            raise Unauthorized("copies are kept for nodes, which prove who they are")
        copies = self._copies
        if copies is None:
            raise Unavailable("this node is no super node, and keeps no copies; the shard map names those that do")
        if is_dear and not self._opens.allow(caller.nid, self._clock.monotonic()):
            raise TooManyRequests(f"{OPENS_PER_SECOND:g} copies a second are opened or dropped for one node; wait")
        return caller.nid, copies


def add_copies(service: Service, endpoints: CopyEndpoints) -> None:
    """Adds the endpoints to the service `backbone`."""
    service.add("Copy.Open", endpoints.open, idempotent=True)
    service.add("Copy.Write", endpoints.write, idempotent=True)
    service.add("Copy.Cursors", endpoints.cursors, idempotent=True)
    service.add("Copy.Learn", endpoints.learn, idempotent=True)
    service.add("Copy.Drop", endpoints.drop, idempotent=True)
    service.add("Copy.List", endpoints.list, idempotent=True)
    service.add("Copy.Read", endpoints.read, idempotent=True)
    service.add("Copy.Standing", endpoints.standing, idempotent=True)
