"""Visits: links to nodes that are asked something and are no neighbours, and guests that came to ask.

A visit is dialled when it is needed and closed when nobody has used it for a while; nobody follows the other's registry
on it, and nothing of it is remembered. Where the node visited is a neighbour, its link serves. Both kinds are bounded.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from micro.errors import Fault, HandshakeFailed, MicroError, TooManyRequests, Unavailable
from micro.mucp.limits import VISIT
from micro.network.link import Link
from micro.network.relays import Relays
from micro.network.transport.transport import FreshPipe, Transport
from micro.network.vigil import Vigil
from micro.trust.identity import short
from micro.trust.ticket import Ticket

__all__ = ["PURPOSE", "VISIT_TIMEOUT_SECONDS", "Visits"]

PURPOSE: Final = "visit"
"""What a HELLO says of such a link."""

VISITS_MAX: Final = 256
"""So many nodes are visited at once; the visit longest unused gives way."""

VISIT_TIMEOUT_SECONDS: Final = 3.0
"""How long dialling and greeting may take."""

LEFT: Final = "this node is in no network any more"
"""What those hear whose visits end because this node left."""

UNUSED_SECONDS: Final = 120.0
"""A visit without open exchanges ends when it was not used for so long."""

FAILED_SECONDS: Final = 1.0
"""Whoever could not be reached is not dialled again there for so long."""

_Place = tuple[str, tuple[str, ...], str | None]
"""A node and where it is said to be."""


class _Visit:
    """One node visited."""

    def __init__(self, link: Link, now: float) -> None:
        self.link = link
        self.used = now


class Visits:
    """The links of a node that are for asking only.

    Attributes:
        on_welcome: told which node has come to visit this one.
        is_open: says whether a node may visit this one.

    Args:
        transport: how other nodes are reached.
        opened: makes a link on a fresh pipe to a node.
        neighbour: the link to a node that is a neighbour, or None.
        relays: which relays others are dialled through.
        guests_max: how many others may visit this node at once.
    """

    def __init__(
        self,
        transport: Transport,
        opened: Callable[[FreshPipe, str], Link],
        *,
        neighbour: Callable[[str], Link | None],
        relays: Relays,
        guests_max: int,
    ) -> None:
        self._transport = transport
        self._opened = opened
        self._neighbour = neighbour
        self._relays = relays
        self._guests_max = guests_max
        self._loop = asyncio.get_running_loop()
        self._visits: dict[str, _Visit] = {}
        self._dialing: dict[_Place, asyncio.Task[Link]] = {}
        self._failed: dict[_Place, tuple[float, str]] = {}
        self._guests: dict[Link, str] = {}
        self._departures = 0
        self.on_welcome: Callable[[str], None] = lambda nid: None
        self.is_open: Callable[[str], bool] = lambda nid: True
        self._sweeping = self._loop.call_later(UNUSED_SECONDS, self._sweep)

    @property
    def guests(self) -> int:
        """How many visit this node."""
        return len(self._guests)

    async def visit(self, ticket: Ticket) -> Link:
        """Returns a link to a node: its link as a neighbour, that of a visit, or a new one.

        Raises:
            Unavailable, HandshakeFailed: it cannot be reached.
            TooManyRequests: too many nodes are visited.
        """
        nid = ticket.nid
        link = self._neighbour(nid)
        if link is not None and link.closed is None:
            return link
        known = self._visits.get(nid)
        if known is not None and known.link.closed is None:
            known.used = self._loop.time()
            return known.link
        place = nid, ticket.addresses, ticket.relay  # who could not be reached may be elsewhere by now
        task = self._dialing.get(place)
        if task is None:  # many that ask at once dial once
            when, why = self._failed.get(place, (0.0, ""))
            if why and self._loop.time() < when + FAILED_SECONDS:
                raise Unavailable(why)
            task = self._dialing[place] = self._loop.create_task(self._dial(ticket))
            task.add_done_callback(lambda done: self._dialed(place, done))
        return await asyncio.shield(task)

    async def prove(self, ticket: Ticket) -> str:
        """Reaches a node where a ticket says it is, past every link there is to it, and leaves again.

        Returns:
            The address at which it was reached, `ip:port`; something else, or nothing, where it was through a relay.

        Raises:
            Unavailable, HandshakeFailed: it cannot be reached.
        """
        link, address = await self._greeted(ticket)
        link.close("that was all")
        return address

    def linked(self) -> list[tuple[str, str, Link]]:
        """Returns the nodes that are no neighbours and linked now, each once: its id, `visit` or `guest`, the link."""
        found = {nid: ("guest", link) for link, nid in self._guests.items()}
        found |= {nid: ("visit", visit.link) for nid, visit in self._visits.items()}
        return [
            (nid, state, link)
            for nid, (state, link) in sorted(found.items())
            if link.closed is None and self._neighbour(nid) is None
        ]

    def link(self, nid: str) -> Link | None:
        """Returns the link of a visit to a node, or of its visit here, or None."""
        known = self._visits.get(nid)
        return known.link if known is not None and known.link.closed is None else self.guest(nid)

    def guest(self, nid: str) -> Link | None:
        """Returns a link over which a node visits this one, or None: it leads there wherever that node is now."""
        return next((link for link, guest in self._guests.items() if guest == nid and link.closed is None), None)

    def welcome(self, link: Link, nid: str) -> None:
        """Takes a guest in.

        Raises:
            Unavailable: it may not visit this node now.
            TooManyRequests: there are enough.
        """
        if not self.is_open(nid):
            raise Unavailable("this node is in no network, so only its neighbours may ask it; connect to it")
        if len(self._guests) >= self._guests_max:
            raise TooManyRequests(f"{self._guests_max} nodes visit this one already; ask another one, or later")
        link.watch.vigil = Vigil(VISIT, self._loop.time())
        self._guests[link] = nid
        self.on_welcome(nid)

    def lost(self, nid: str, link: Link) -> None:
        """Takes note that a link to a node is gone."""
        self._guests.pop(link, None)
        known = self._visits.get(nid)
        if known is not None and known.link is link:
            del self._visits[nid]

    def depart(self) -> None:
        """Ends the visits of strangers and to strangers, because this node left its network; neighbours stay."""
        self._departures += 1  # a dial that is on its way is given up when it arrives
        self._failed.clear()
        visits = [(nid, visit.link) for nid, visit in self._visits.items()]
        for nid, link in [*visits, *((nid, link) for link, nid in self._guests.items())]:
            if self._neighbour(nid) is None:
                link.close(LEFT)

    def close(self) -> None:
        """Ends all visits, and sends the guests away."""
        self._sweeping.cancel()
        for task in tuple(self._dialing.values()):
            task.cancel()
        for visit in tuple(self._visits.values()):
            visit.link.abort("the node is stopping")  # whoever asked is gone, and the other side may be dead
        for link in tuple(self._guests):
            link.close("the node is stopping")

    # -- within -----------------------------------------------------------------------------------------------------

    async def _greeted(self, ticket: Ticket) -> tuple[Link, str]:
        """Returns a new link to a node that has answered, and the address at which it was reached."""
        try:
            async with asyncio.timeout(VISIT_TIMEOUT_SECONDS):
                relay = await self._relays.find(ticket)
                pipe = await self._transport.dial(
                    ticket.nid, ticket.addresses, relay, timeout_seconds=VISIT_TIMEOUT_SECONDS
                )
                link = self._opened(pipe, ticket.nid)
                link.watch.vigil = Vigil(VISIT, self._loop.time())
                await link.greeted()
        except (MicroError, TimeoutError) as error:
            if isinstance(error, Fault | HandshakeFailed):
                raise
            text = str(error) or f"no answer within {VISIT_TIMEOUT_SECONDS:g} s"
            raise Unavailable(f"{short(ticket.nid)} cannot be reached: {text}") from error
        return link, str(pipe.get_extra_info("peername") or "")

    async def _dial(self, ticket: Ticket) -> Link:
        self._make_room()
        departures = self._departures
        link, _ = await self._greeted(ticket)
        if departures != self._departures:
            link.close(LEFT)
            raise Unavailable(f"{short(ticket.nid)} is not visited: {LEFT}")
        known = self._visits.get(ticket.nid)
        if known is not None and known.link.closed is None:  # it was reached elsewhere meanwhile
            link.close("there is a visit already")
            return known.link
        self._visits[ticket.nid] = _Visit(link, self._loop.time())
        return link

    def _dialed(self, place: _Place, task: asyncio.Task[Link]) -> None:
        self._dialing.pop(place, None)
        self._failed.pop(place, None)
        if not task.cancelled() and task.exception() is not None:
            if len(self._failed) >= VISITS_MAX:
                del self._failed[next(iter(self._failed))]
            self._failed[place] = (self._loop.time(), str(task.exception()))

    def _make_room(self) -> None:
        if len(self._visits) + len(self._dialing) <= VISITS_MAX:
            return
        idle = [nid for nid, visit in self._visits.items() if _is_unused(visit.link)]
        if not idle:
            raise TooManyRequests(f"{VISITS_MAX} nodes are visited at once already; try again later")
        self._leave(min(idle, key=lambda nid: self._visits[nid].used))

    def _sweep(self) -> None:
        self._sweeping = self._loop.call_later(UNUSED_SECONDS, self._sweep)
        since = self._loop.time() - UNUSED_SECONDS
        for nid in [nid for nid, v in self._visits.items() if v.used <= since and _is_unused(v.link)]:
            self._leave(nid)

    def _leave(self, nid: str) -> None:
        self._visits.pop(nid).link.close("the visit is over")


def _is_unused(link: Link) -> bool:
    return not link.session.busy and not link.session.exchanges
