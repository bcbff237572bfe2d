"""The neighbours of a node: dialled, accepted, remembered, and dialled again when their link is gone.

One link per neighbour: where both dialled at once, the one that the smaller node id dialled stays, so that both sides
keep the same. Back-off doubles from half a second to a minute, with jitter, and begins anew after a link that lasted.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

import msgspec

from micro.errors import Conflict, Fault, HandshakeFailed, LinkClosed, MicroError, NotFound, Unavailable
from micro.mucp.event import Hello
from micro.mucp.limits import NETWORK, STRANGER
from micro.network.link import Link, Serving
from micro.network.node_link import NodeLink
from micro.network.peer import Peer, renewed, ticket_of
from micro.network.relays import Relays
from micro.network.slots import Slots
from micro.network.transport.transport import FreshPipe, Transport
from micro.network.visits import PURPOSE, Visits
from micro.ports import Entropy
from micro.trust.identity import short
from micro.trust.ticket import Ticket

__all__ = ["Peers"]

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
TURNED_AWAY = f"{PARTED} this node; only `micro network connect` over there takes it back"
GAVE_WAY = "its place was needed for a node that the owner connected to"
MOVED = "this node is somewhere else now"

log = logging.getLogger("micro.network")


class Peers:
    """Keeps the links to other nodes.

    Args:
        transport: how other nodes are reached.
        serving: what serves their exchanges.
        entropy: for the jitter of back-off.
        peers_max: how many neighbours there may be; `Slots` says who gets a place.
        hello: returns what this node says of itself now.
        relays: which relays others are dialled through.
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
        hello: Callable[[], Hello],
        relays: Relays,
        prepare: Callable[[Link, str], None],
        on_up: Callable[[str, Link], None],
        on_down: Callable[[str, str], None],
        on_known: Callable[[], None],
        guests_max: int = GUESTS_MAX,
    ) -> None:
        self._transport = transport
        self._serving = serving
        self._entropy = entropy
        self._slots = Slots(peers_max)
        self._hello = hello
        self._relays = relays
        self._prepare = prepare
        self._on_up = on_up
        self._on_down = on_down
        self._on_known = on_known
        self._loop = asyncio.get_running_loop()
        self._closing = False
        self._tasks: set[asyncio.Task[None]] = set()
        self.known: dict[str, Peer] = {}
        self.parted: dict[str, None] = {}
        self.visits = Visits(transport, self._visit_link, neighbour=self.link, relays=relays, guests_max=guests_max)

    def start(self, remembered: Iterable[Peer], parted: Iterable[str] = ()) -> None:
        """Begins to accept, and dials the neighbours remembered: first those wanted, then anchors.

        Args:
            remembered: the neighbours as they were.
            parted: nodes that the owner disconnected and that are not taken in until he connects them again.
        """
        self.parted = dict.fromkeys(parted)
        ordered = sorted(remembered, key=lambda peer: (not peer.wanted, not peer.is_anchor))
        for peer in ordered[: self._slots.total]:
            peer.since = self._loop.time()
            if peer.wanted:
                self._relays.vouch(peer.ticket)
            self.known[peer.ticket.nid] = peer
            self._keep(peer)
        self._transport.listen(self._accept)  # they have their places before anybody comes in

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
        self._relays.vouch(ticket)
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
        if peer is None and self.visits.link(nid) is not None:
            raise NotFound(
                f"{nid} is no neighbour but a stranger of this node's network, whose link comes and goes; "
                f"`micro auth create rule RULE --scope node:{nid} --access denied --resource service:*:*` lets it call "
                "none of your services, and `--resource topic:*:*` keeps it from topics"
            )
        if peer is None:
            raise NotFound(f"{nid[:64]!r} is no neighbour; `micro network peers` lists them")
        if len(self.parted) >= PARTED_MAX:
            del self.parted[next(iter(self.parted))]
        self.parted[nid] = None
        self._part(peer, PARTED, code=403)
        self._on_known()

    def moved(self) -> None:
        """Takes note that this node is somewhere else now: neighbours hear so, and the others are dialled at once."""
        for peer in self.known.values():
            if peer.link is not None:
                self._spawn(self._tell(peer.ticket))
            elif peer.dialing is not None:
                peer.dialing.cancel()
                peer.dialing, peer.failures = None, 0
                self._keep(peer)

    def choose_anchors(self) -> None:
        """Looks who has served well by now; to be called from time to time."""
        chosen = self._slots.anchors(self.known, self._loop.time())
        changed = [nid for nid, peer in self.known.items() if peer.is_anchor != (nid in chosen)]
        for nid in changed:
            self.known[nid].is_anchor = nid in chosen
        if changed:
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

    def _learn(self, ticket: Ticket, *, wanted: bool, prefix: str = "") -> Peer:
        """Returns a neighbour, a new one where there is a place; raises as `Slots.make_room` does."""
        peer = self.known.get(ticket.nid)
        if peer is None:
            leaving = self._slots.make_room(self.known, wanted=wanted, prefix=prefix)
            if leaving is not None:
                self._part(self.known.pop(leaving), GAVE_WAY, code=429)
            peer = self.known[ticket.nid] = Peer(ticket, wanted, prefix=prefix, since=self._loop.time())
        return peer

    def _part(self, peer: Peer, reason: str, *, code: int) -> None:
        """Ends what there is with a node that is no neighbour any more."""
        if peer.dialing is not None:
            peer.dialing.cancel()
        if peer.link is not None:
            peer.link.session.go_away(reason, code=code)
            peer.link.close(reason)
            self._on_down(peer.ticket.nid, reason)

    async def _tell(self, ticket: Ticket) -> None:
        """Lets a neighbour hear where this node is now: from the HELLO of a visit, since its link goes on."""
        try:
            async with asyncio.timeout(DIAL_TIMEOUT_SECONDS):
                pipe = await self._pipe(ticket)
                link = self._visit_link(pipe, ticket.nid)
                await link.greeted()
                link.close(MOVED)
        except (MicroError, TimeoutError) as error:
            log.info("%s did not hear that this node is somewhere else: %s", short(ticket.nid), error)

    async def _pipe(self, ticket: Ticket) -> FreshPipe:
        relay = await self._relays.find(ticket)
        return await self._transport.dial(ticket.nid, ticket.addresses, relay, timeout_seconds=DIAL_TIMEOUT_SECONDS)

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

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
                if self.link(peer.ticket.nid) is not None:
                    return  # it reached us, or the owner had it dialled, meanwhile
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
                pipe = await self._pipe(ticket)
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
        hello = msgspec.structs.replace(self._hello(), purpose=purpose)
        link = NodeLink(self._serving, dialed=dialed, limits=STRANGER, liveness=NETWORK, hello=hello)
        link.watch.keeps_deadlines = False
        link.path = pipe.get_extra_info("path")
        self._prepare(link, nid)
        pipe.start(link)
        return link

    def _accept(self, pipe: FreshPipe) -> None:
        nid = str(pipe.get_extra_info("nid"))
        if nid in self.parted:
            self._turn_away(pipe, nid)
            return
        self._spawn(self._greet(pipe, nid))

    def _turn_away(self, pipe: FreshPipe, nid: str) -> None:
        """Greets a node that the owner disconnected and says so in the same breath: nothing is heard from there."""
        link = self._link(pipe, nid, dialed=False)
        link.session.go_away(TURNED_AWAY, code=403)
        link.close(PARTED)

    async def _greet(self, pipe: FreshPipe, nid: str) -> None:
        if self._closing:
            pipe.abort()
            return
        address, prefix = (str(pipe.get_extra_info(fact) or "") for fact in ("peername", "prefix"))
        link = self._link(pipe, nid, dialed=False)
        try:
            hello = await link.greeted()
            if link.closed is not None:
                return
            ticket = ticket_of(nid, hello, address)
            if hello.purpose == PURPOSE:
                self._renew(ticket)
                self.visits.welcome(link, nid)
                return
            self._learn(ticket, wanted=False, prefix=prefix)
        except LinkClosed:
            return
        except Fault as fault:
            link.session.go_away(fault.detail, code=fault.code)
            link.close(fault.detail)
            return
        self._renew(ticket)
        self._up(nid, link, hello, dialed=False)

    def _renew(self, said: Ticket) -> None:
        """Takes note of where a neighbour says it is."""
        peer = self.known.get(said.nid)
        if peer is not None:
            peer.ticket = renewed(peer.ticket, said, self._relays)
            self._on_known()

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
