"""Which relays this node dials others through: those of its settings, of its network's map, and of its owner's tickets.

A relay is a URL that this node opens. What strangers say of themselves, in a presence or a HELLO, therefore never leads
to one by itself: a stranger could have any address of this node's own network asked for anything. Yet what they name
may be the relay of a super node that has just come or moved, so a newer map is asked for before it is passed over.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Final

from micro.errors import BadRequest
from micro.trust.ticket import Ticket, canonical_relay

__all__ = ["Relays"]

VOUCHED_MAX: Final = 1_024
"""So many relays of tickets are remembered; the one given longest ago is forgotten first."""


async def _nowhere() -> None:
    """There is no map."""


class Relays:
    """The relays that may be dialled through.

    Attributes:
        missed: asks for a newer map, where a relay is named that is not known.
    """

    def __init__(self) -> None:
        self.missed: Callable[[], Awaitable[None]] = _nowhere
        self._own: frozenset[str] = frozenset()
        self._network: frozenset[str] = frozenset()
        self._vouched: dict[str, None] = {}

    def use(self, relays: Iterable[str]) -> None:
        """Takes note of the relays of the settings, and of the node's own."""
        self._own = _canonical(relays)

    def learn(self, relays: Iterable[str]) -> None:
        """Takes note of the relays of the network's map; those of the map before are forgotten."""
        self._network = _canonical(relays)

    def vouch(self, ticket: Ticket) -> None:
        """Takes note of the relay of a ticket that the owner gave."""
        if ticket.relay is not None:
            self._vouched.pop(ticket.relay, None)
            if len(self._vouched) >= VOUCHED_MAX:
                del self._vouched[next(iter(self._vouched))]
            self._vouched[ticket.relay] = None

    def permits(self, relay: str) -> bool:
        """Says whether a relay may be dialled through."""
        return relay in self._vouched or relay in self._network or relay in self._own

    def of(self, ticket: Ticket) -> str | None:
        """Returns the relay of a ticket, None where it names none or one that may not be dialled through."""
        return ticket.relay if ticket.relay is not None and self.permits(ticket.relay) else None

    async def find(self, ticket: Ticket) -> str | None:
        """Returns the same, after a newer map was asked for where the relay is not known."""
        if ticket.relay is not None and not self.permits(ticket.relay):
            await self.missed()
        return self.of(ticket)


def _canonical(relays: Iterable[str]) -> frozenset[str]:
    found: dict[str, None] = {}
    for relay in relays:
        try:
            found[canonical_relay(relay)] = None
        except BadRequest:  # a map may say anything
            continue
    return frozenset(found)
