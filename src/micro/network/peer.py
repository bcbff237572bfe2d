"""A neighbour, and where it can be reached."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from micro.errors import Fault
from micro.mucp.event import Hello
from micro.network.link import Link
from micro.network.relays import Relays
from micro.trust.ticket import ADDRESSES_MAX, Ticket

__all__ = ["Peer", "renewed", "ticket_of"]


@dataclass(slots=True)
class Peer:
    """One neighbour.

    Attributes:
        ticket: where it is reached.
        wanted: whether our owner asked for it; others came by themselves.
        is_anchor: whether it came by itself, served well, and keeps its place for that.
        prefix: what it is counted under with others, "" for nothing.
        link: the link to it while there is one.
        state: `linked`, `dialing`, `waiting` or `lost`.
        error: why the last attempt failed, "" while all is well.
        since: when the state began, on the loop's clock.
        failures: attempts that failed in a row.
    """

    ticket: Ticket
    wanted: bool
    is_anchor: bool = False
    prefix: str = ""
    link: Link | None = None
    state: str = "waiting"
    error: str = ""
    since: float = 0.0
    failures: int = 0
    dialing: asyncio.Task[None] | None = field(default=None, repr=False)

    @property
    def is_guest(self) -> bool:
        """Whether it is here because it came, and for no merit of its own."""
        return not self.wanted and not self.is_anchor


def ticket_of(nid: str, hello: Hello, address: str) -> Ticket:
    """Returns where a node that dialled us can be dialled: where it says, else where it came from."""
    if hello.ticket:
        try:
            said = Ticket.decode(hello.ticket)
        except Fault:
            said = None
        if said is not None and said.nid == nid:
            return said
    return Ticket(nid, (address,) if address and " " not in address else ())


def renewed(known: Ticket, said: Ticket, relays: Relays) -> Ticket:
    """Returns where a node is reached that said so itself; where it was reached before is tried as well.

    A relay that may not be dialled through does not take the place of the one known.
    """
    addresses = dict.fromkeys((*said.addresses, *known.addresses))
    return Ticket(known.nid, tuple(addresses)[:ADDRESSES_MAX], relays.of(said) or known.relay, known.genesis)
