"""Nodes that are nothing but their place in a network: an endpoint, links, a home, and a finder; many fit in a process.

What they say and how they say it is a node's own code; only a catalog, a store and doors are missing.
"""

from __future__ import annotations

import asyncio
import itertools
import os
from collections.abc import Mapping
from typing import Any

from benchmarks.peers.iroh_link import _Idle
from benchmarks.scale.distance import Distance
from micro.errors import Unavailable
from micro.mucp.event import Hello
from micro.mucp.limits import STRANGER, VISIT
from micro.network.link import Link
from micro.network.transport.iroh import IrohEndpoint
from micro.network.visits import PURPOSE, VISIT_TIMEOUT_SECONDS
from micro.node.reach import NodeReach
from micro.service.registry.announcement import Announcement, Place
from micro.service.registry.announcer import Announcer
from micro.service.registry.atlas import Atlas
from micro.service.registry.charting import Charting
from micro.service.registry.description import Description, check_description
from micro.service.registry.finder import Finder
from micro.system import SystemClock, SystemEntropy
from micro.trust.identity import nid_of
from micro.trust.keys import KEY_BYTES, NodeKey
from micro.trust.ticket import Ticket

__all__ = ["Member", "described", "host_of"]

JOIN_TRIES_MAX = 5
WORDS = ("greet", "people", "kindly", "orders", "weather", "music", "maps", "paint")


def host_of(number: int) -> str:
    """Returns a loopback address in a /24 of its own, since a node counts connections by where they come from."""
    return f"127.{1 + number // 250}.{1 + number % 250}.1"


def described(name: str) -> Description:
    """Returns the description of a service with one endpoint, filed under eight words."""
    endpoint = {"name": "Say.Hello", "kind": "call", "description": "Greets."}
    fields: dict[str, Any] = {"name": name, "version": "1.0.0", "description": " ".join(WORDS), "endpoints": [endpoint]}
    return check_description(fields)


class _Visits:
    """Links to super nodes, dialled once each."""

    def __init__(self, endpoint: IrohEndpoint, ticket: str, way_seconds: float) -> None:
        self._endpoint = endpoint
        self._way_seconds = way_seconds
        self._hello = Hello([], agent="bench", purpose=PURPOSE, ticket=ticket)
        self._links: dict[str, Link] = {}

    async def visit(self, ticket: Ticket) -> Link:
        """Returns the link to a node."""
        link = self._links.get(ticket.nid)
        if link is None or link.closed is not None:
            pipe = await self._endpoint.dial(
                ticket.nid, ticket.addresses[:1], None, timeout_seconds=VISIT_TIMEOUT_SECONDS
            )
            link = Link(_Idle(), dialed=True, limits=STRANGER, liveness=VISIT, hello=self._hello)
            link.watch.keeps_deadlines = False
            (Distance(pipe, self._way_seconds) if self._way_seconds else pipe).start(link)
            await link.greeted()
            self._links[ticket.nid] = link
        return link

    def guest(self, nid: str) -> None:
        """Nobody visits a member."""


class Member:
    """One of them.

    Attributes:
        reach: how it reaches super nodes.
        finder: finds services.
        announcer: its home.
    """

    def __init__(self, endpoint: IrohEndpoint, key: NodeKey, way_seconds: float = 0.0) -> None:
        """For `join`; not to be called otherwise."""
        self._endpoint = endpoint
        self._offers: dict[str, Description] = {}
        place = Place((f"{endpoint.addresses()[0]}",))
        nid = nid_of(key.public)
        visits = _Visits(endpoint, Ticket(nid, place.addresses).encode(), way_seconds)
        self.reach = NodeReach(nid, visits, _never)  # type: ignore[arg-type]
        clock, entropy = SystemClock(), SystemEntropy()
        self._clock, self._entropy, self._nid, self._place = clock, entropy, nid, place
        self._announcement = Announcement(key, itertools.count(1).__next__, os.urandom)
        self.charting: Charting
        self.finder: Finder
        self.announcer: Announcer

    @classmethod
    async def join(cls, ticket: Ticket, number: int, way_seconds: float = 0.0) -> Member:
        """Takes a new node into the network of a ticket, from a loopback address of its own, so far away."""
        seed = os.urandom(KEY_BYTES)
        member = cls(await IrohEndpoint.bind(seed, 0, host_of(number)), NodeKey(seed), way_seconds)
        assert ticket.network is not None
        member.charting = Charting(Atlas(ticket.network), member.reach, on_change=lambda _: None)
        for attempt in range(JOIN_TRIES_MAX):
            try:
                await member.charting.learn(ticket)
                break
            except Unavailable:  # the machine has other work than this one, too
                if attempt == JOIN_TRIES_MAX - 1:
                    raise
        member.finder = Finder(member.charting, member.reach, clock=member._clock, entropy=member._entropy)
        member.announcer = Announcer(
            member._nid,
            member._announcement,
            member.charting,
            member.reach,
            clock=member._clock,
            entropy=member._entropy,
            offers=lambda: member._offers,
            topics=tuple,
            place=lambda: member._place,
        )
        member.announcer.start()
        async with asyncio.timeout(30):
            while not member.announcer.home:  # noqa: ASYNC110 - it does not tell
                await asyncio.sleep(0.01)
        return member

    def offer(self, offers: Mapping[str, Description]) -> None:
        """Announces services instead of those before."""
        self._offers = dict(offers)
        self.announcer.changed()

    async def close(self) -> None:
        """Ends everything at once."""
        self.finder.close()
        await self._endpoint.close()


async def _never() -> Link:
    raise AssertionError("a member is no super node")
