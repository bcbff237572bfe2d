"""The neighbours of a node: dialled, accepted, remembered, and dialled again when their link is gone.

One link per neighbour: where both dialled at once, the one that the smaller node id dialled stays, so that both sides
keep the same. Back-off doubles from half a second to a minute, with jitter, and begins anew after a link that lasted.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from micro.errors import (
    Conflict,
    Fault,
    HandshakeFailed,
    LinkClosed,
    MicroError,
    NotFound,
    TooManyRequests,
    Unavailable,
)
from micro.mucp.event import Hello
from micro.mucp.limits import NETWORK, STRANGER
from micro.network.link import Link, Serving
from micro.network.transport.transport import FreshPipe, Transport
from micro.network.visits import PURPOSE, Visits
from micro.ports import Entropy
from micro.trust.identity import short
from micro.trust.ticket import ADDRESSES_MAX, Ticket

__all__ = ["Peer", "Peers"]

DIAL_TIMEOUT_SECONDS = 5.0
BACKOFF_SECONDS_MIN = 0.5
BACKOFF_SECONDS_MAX = 60.0
LASTED_SECONDS = 30.0
"""A link that lasted so long makes the next back-off begin anew."""
ATTEMPTS_MAX = 2_000
"""A neighbour that was met by its own dialling is forgotten after so many failures in a row."""

GUESTS_MAX = 64
"""How many nodes that are no neighbours may be linked to ask something, unless said otherwise."""

PARTED_MAX = 1_024
"""How many nodes are remembered as disconnected by the owner; the one longest so is forgotten first."""
PARTED = "its owner disconnected"

log = logging.getLogger("micro.network")


@dataclass(slots=True)
class Peer:
    """One neighbour.

    Attributes:
        ticket: where it is reached.
        wanted: whether our owner asked for it; others came by themselves.
        link: the link to it while there is one.
        state: `linked`, `dialing`, `waiting` or `lost`.
        error: why the last attempt failed, "" while all is well.
        since: when the state began, on the loop's clock.
        failures: attempts that failed in a row.
    """

    ticket: Ticket
    wanted: bool
    link: Link | None = None
    state: str = "waiting"
    error: str = ""
    since: float = 0.0
    failures: int = 0
    dialing: asyncio.Task[None] | None = field(default=None, repr=False)


class Peers:
    """Keeps the links to other nodes.

    Args:
        transport: how other nodes are reached.
        serving: what serves their exchanges.
        entropy: for the jitter of back-off.
        peers_max: how many neighbours there may be.
        hello: what this node says of itself.
        prepare: gives a new link its facts, before anything is heard on it.
        on_up, on_down: told when a neighbour has a link, or lost it.
        on_known: told when the neighbours to be remembered changed.
        guests_max: how many nodes may be linked that are no neighbours and came to ask something.

    Attributes:
        known: the neighbours, by node id.
        parted: nodes that the owner disconnected.
        visits: links to nodes that are asked something and are no neighbours.
    """

    def __init__(
        self,
        transport: Transport,
        serving: Serving,
        *,
        entropy: Entropy,
        peers_max: int,
        hello: Hello,
        prepare: Callable[[Link, str], None],
        on_up: Callable[[str, Link], None],
        on_down: Callable[[str, str], None],
        on_known: Callable[[], None],
        guests_max: int = GUESTS_MAX,
    ) -> None:
        self._transport = transport
        self._serving = serving
        self._entropy = entropy
        self._peers_max = peers_max
        self._hello = hello
        self._prepare = prepare
        self._on_up = on_up
        self._on_down = on_down
        self._on_known = on_known
        self._loop = asyncio.get_running_loop()
        self._closing = False
        self._greetings: set[asyncio.Task[None]] = set()
        self.known: dict[str, Peer] = {}
        self.parted: dict[str, None] = {}
        self.visits = Visits(transport, self._visit_link, neighbour=self.link, guests_max=guests_max)

    def start(self, remembered: list[tuple[Ticket, bool]], parted: Iterable[str] = ()) -> None:
        """Begins to accept, and dials the neighbours remembered, each with whether the owner wanted it.

        Args:
            remembered: tickets of neighbours, and whether the owner asked for them.
            parted: nodes that the owner disconnected and that are not taken in until he connects them again.
        """
        self.parted = dict.fromkeys(parted)
        self._transport.listen(self._accept)
        for ticket, wanted in remembered[: self._peers_max]:
            self._keep(self._learn(ticket, wanted=wanted))

    def link(self, nid: str) -> Link | None:
        """Returns the link to a neighbour, or None."""
        peer = self.known.get(nid)
        return peer.link if peer is not None else None

    async def connect(self, ticket: Ticket) -> Peer:
        """Links with the node of a ticket, and remembers it.

        Raises:
            Conflict: the ticket is this node's own.
            Unavailable, HandshakeFailed: it cannot be reached now; it is tried again in the background.
        """
        if ticket.nid == self._transport.nid:
            raise Conflict("this ticket is this node's own; give it to another node")
        self.parted.pop(ticket.nid, None)
        peer = self._learn(ticket, wanted=True)
        peer.wanted, peer.ticket = True, ticket
        self._on_known()
        if peer.link is None or peer.link.closed is not None:
            try:
                await self._dial(peer)
            finally:
                self._keep(peer)
        return peer

    def disconnect(self, nid: str) -> None:
        """Ends the link to a neighbour, forgets it, and does not take it in again until it is connected.

        Raises:
            NotFound: it is none.
        """
        peer = self.known.pop(nid, None)
        if peer is None:
            raise NotFound(f"{nid[:64]!r} is no neighbour; `micro network peers` lists them")
        if peer.dialing is not None:
            peer.dialing.cancel()
        if len(self.parted) >= PARTED_MAX:
            del self.parted[next(iter(self.parted))]
        self.parted[nid] = None
        if peer.link is not None:
            peer.link.session.go_away(PARTED, code=403)
            peer.link.close(PARTED)
            self._on_down(nid, PARTED)
        self._on_known()

    async def close(self) -> None:
        """Ends all links and the transport."""
        self._closing = True
        for peer in self.known.values():
            if peer.dialing is not None:
                peer.dialing.cancel()
            if peer.link is not None:
                peer.link.close("the node is stopping")
        self.visits.close()
        await self._transport.close()

    # -- within -----------------------------------------------------------------------------------------------------

    def _learn(self, ticket: Ticket, *, wanted: bool) -> Peer:
        peer = self.known.get(ticket.nid)
        if peer is None:
            if len(self.known) >= self._peers_max:
                self._make_room()
            peer = self.known[ticket.nid] = Peer(ticket, wanted, since=self._loop.time())
        return peer

    def _make_room(self) -> None:
        """Forgets a neighbour that nobody asked for and that has no link."""
        for nid, peer in self.known.items():
            if not peer.wanted and peer.link is None:
                if peer.dialing is not None:
                    peer.dialing.cancel()
                del self.known[nid]
                return
        raise TooManyRequests(f"{self._peers_max} neighbours are linked, the setting peers_max; disconnect one first")

    def _keep(self, peer: Peer) -> None:
        """Sees to it that a neighbour without a link is dialled."""
        if self._closing or peer.link is not None or self.known.get(peer.ticket.nid) is not peer:
            return
        if peer.dialing is None or peer.dialing.done():
            peer.dialing = self._loop.create_task(self._redial(peer))

    async def _redial(self, peer: Peer) -> None:
        while not self._closing and peer.link is None:
            if peer.failures:
                self._set(peer, "waiting")
                await asyncio.sleep(self._backoff(peer.failures))
            if not peer.wanted and peer.failures >= ATTEMPTS_MAX:
                self.known.pop(peer.ticket.nid, None)
                self._on_known()
                return
            try:
                await self._dial(peer)
            except MicroError as error:
                log.debug("%s cannot be reached: %s", short(peer.ticket.nid), error)

    def _backoff(self, failures: int) -> float:
        longest: float = min(BACKOFF_SECONDS_MAX, BACKOFF_SECONDS_MIN * 2 ** min(failures - 1, 10))
        return longest * (0.5 + self._entropy.random_bytes(1)[0] / 512)

    def _set(self, peer: Peer, state: str, error: str | None = None) -> None:
        peer.state, peer.since = state, self._loop.time()
        if error is not None:
            peer.error = error

    async def _dial(self, peer: Peer) -> None:
        ticket = peer.ticket
        self._set(peer, "dialing")
        try:
            async with asyncio.timeout(DIAL_TIMEOUT_SECONDS):
                pipe = await self._transport.dial(
                    ticket.nid, ticket.addresses, ticket.relay, timeout_seconds=DIAL_TIMEOUT_SECONDS
                )
                link = self._link(pipe, ticket.nid, dialed=True)
                hello = await link.greeted()
                if link.closed is not None:  # the other side greeted and refused in one breath
                    raise LinkClosed(link.closed)
        except (MicroError, TimeoutError) as error:
            if peer.link is not None:
                return  # it reached us meanwhile
            peer.failures += 1
            text = str(error) or f"no answer within {DIAL_TIMEOUT_SECONDS:g} s"
            self._set(peer, "lost", text)
            if isinstance(error, Fault | HandshakeFailed):
                raise
            raise Unavailable(f"{short(ticket.nid)} cannot be reached: {text}") from error
        self._up(ticket.nid, link, hello, dialed=True)

    def _visit_link(self, pipe: FreshPipe, nid: str) -> Link:
        return self._link(pipe, nid, dialed=True, purpose=PURPOSE)

    def _link(self, pipe: FreshPipe, nid: str, *, dialed: bool, purpose: str = "") -> Link:
        hello = msgspec.structs.replace(self._hello, purpose=purpose)
        link = Link(self._serving, dialed=dialed, limits=STRANGER, liveness=NETWORK, hello=hello)
        link.watch.keeps_deadlines = False
        link.path = pipe.get_extra_info("path")
        self._prepare(link, nid)
        pipe.start(link)
        return link

    def _accept(self, pipe: FreshPipe) -> None:
        nid = str(pipe.get_extra_info("nid"))
        if nid in self.parted:
            pipe.abort()
            return
        address = str(pipe.get_extra_info("peername") or "")
        task = self._loop.create_task(self._greet(pipe, nid, address))
        self._greetings.add(task)
        task.add_done_callback(self._greetings.discard)

    async def _greet(self, pipe: FreshPipe, nid: str, address: str) -> None:
        link = self._link(pipe, nid, dialed=False)
        try:
            hello = await link.greeted()
            if link.closed is not None:
                return
            if hello.purpose == PURPOSE:
                self.visits.welcome(link)
                return
            ticket = _ticket_of(nid, hello, address)
            peer = self._learn(ticket, wanted=False)
        except LinkClosed:
            return
        except Fault as fault:
            link.session.go_away(fault.detail, code=fault.code)
            link.close(fault.detail)
            return
        if ticket.addresses:
            peer.ticket = _renewed(peer.ticket, ticket)
        self._up(nid, link, hello, dialed=False)

    def _up(self, nid: str, link: Link, hello: Hello, *, dialed: bool) -> None:
        peer = self.known.get(nid)
        if peer is None or self._closing:
            link.close("not wanted any more")
            return
        if peer.link is not None and peer.link.closed is None:
            ours_stays = self._transport.nid < nid
            if dialed != ours_stays:
                link.close("there is a link already")
                return
            old, peer.link = peer.link, link
            old.close("another link took its place")
        peer.link = link
        peer.failures = 0
        self._set(peer, "linked", "")
        self._on_known()
        self._on_up(nid, link)

    def lost(self, nid: str, link: Link, reason: str) -> None:
        """Takes note that a link to a neighbour is gone; another one is dialled."""
        self.visits.lost(nid, link)
        peer = self.known.get(nid)
        if peer is None or peer.link is not link:
            return
        peer.link = None
        if self._loop.time() - peer.since < LASTED_SECONDS:
            peer.failures += 1
        self._set(peer, "lost", reason)
        self._on_down(nid, reason)
        self._keep(peer)

    def status(self) -> list[dict[str, Any]]:
        """Returns one line for each neighbour."""
        now = self._loop.time()
        return [
            {
                "nid": nid,
                "state": peer.state,
                "since_seconds": round(now - peer.since, 1),
                "addresses": list(peer.ticket.addresses),
                "wanted": peer.wanted,
                "error": peer.error,
            }
            for nid, peer in sorted(self.known.items())
        ]


def _ticket_of(nid: str, hello: Hello, address: str) -> Ticket:
    """Returns where a node that dialled us can be dialled: where it says, else where it came from."""
    if hello.ticket:
        try:
            said = Ticket.decode(hello.ticket)
        except Fault:
            said = None
        if said is not None and said.nid == nid:
            return said
    return Ticket(nid, (address,) if address else ())


def _renewed(known: Ticket, said: Ticket) -> Ticket:
    """Returns where a node is reached that said so itself; where it was reached before is tried as well."""
    addresses = dict.fromkeys((*said.addresses, *known.addresses))
    return Ticket(known.nid, tuple(addresses)[:ADDRESSES_MAX], said.relay or known.relay, known.genesis)
