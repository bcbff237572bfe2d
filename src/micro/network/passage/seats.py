"""Which nodes asked a super node for the connections to their name, and what is on its way to each.

Pure.

A node is called by the beginning of its id, which is a label of DNS: nobody else can make a key that begins so. The
newest that asks for a node's connections takes the place of the one before: the node was cut off, and is back.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

from micro.errors import Conflict, TooManyRequests
from micro.network.passage.bounds import Bounds
from micro.trust.rates import Bucket, Rates

__all__ = ["LABEL_CHARACTERS", "Seat", "Seats", "label_of"]

LABEL_CHARACTERS: Final = 20
"""Of a node's id: four that all have, and 80 bits of its key; to find another key for them takes 2^80 tries."""

Call = TypeVar("Call")


def label_of(nid: str) -> str:
    """Returns what a node is called in the domain of a super node."""
    return nid[:LABEL_CHARACTERS]


@dataclass(slots=True, eq=False)
class Seat(Generic[Call]):
    """What one node that asked has here.

    Attributes:
        nid: the node.
        allowance: how many bytes may still pass.
        waiting: connections that it has not taken yet, by the names it takes them by.
        connections: how many there are, those that wait included.
        callers: how many there are of each origin.
    """

    nid: str
    allowance: Bucket
    waiting: dict[bytes, Call] = field(default_factory=dict)
    connections: int = 0
    callers: Counter[str] = field(default_factory=Counter)


class Seats(Generic[Call]):
    """The seats of a super node, by label."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._seats: dict[str, Seat[Call]] = {}
        self._begun: Rates[tuple[str, str]] = Rates(bounds.calls_per_second, bounds.calls_burst)

    def __len__(self) -> int:
        """Returns how many nodes have asked."""
        return len(self._seats)

    def take(self, nid: str, now: float) -> Seat[Call]:
        """Gives a node a seat; one that it has already is its no more.

        Raises:
            Conflict: another node is called so.
            TooManyRequests: enough nodes have asked.
        """
        label, bounds = label_of(nid), self._bounds
        before = self._seats.get(label)
        if before is not None and before.nid != nid:
            raise Conflict("another node is called so here; next: take another super node")
        if before is None and len(self._seats) >= bounds.nodes_max:
            raise TooManyRequests(
                f"{bounds.nodes_max} nodes are reached through this one already; next: take another super node"
            )
        seat = self._seats[label] = Seat(nid, Bucket(bounds.bytes_per_second, bounds.burst_bytes, now))
        return seat

    def leave(self, seat: Seat[Call]) -> None:
        """Takes a seat away, where it was not taken over."""
        if self._seats.get(label_of(seat.nid)) is seat:
            del self._seats[label_of(seat.nid)]

    def find(self, label: str, origin: str, now: float) -> Seat[Call] | None:
        """Returns the seat of whoever is called so, for one more connection of an origin.

        None where nobody is called so, or too many connections are there or were begun.
        """
        seat, bounds = self._seats.get(label), self._bounds
        if seat is None or seat.connections >= bounds.connections_per_node_max:
            return None
        if seat.callers[origin] >= bounds.connections_per_caller_max or not self._begun.allow((label, origin), now):
            return None
        return seat

    def enter(self, seat: Seat[Call], origin: str) -> None:
        """Counts one more connection."""
        seat.connections += 1
        seat.callers[origin] += 1

    def go(self, seat: Seat[Call], origin: str) -> None:
        """One is over."""
        seat.connections -= 1
        seat.callers[origin] -= 1
        if not seat.callers[origin]:
            del seat.callers[origin]

    def called(self, nid: str, name: bytes) -> Call | None:
        """Takes a connection that waits for a node out of those that wait; None where there is none."""
        seat = self._seats.get(label_of(nid))
        return seat.waiting.pop(name, None) if seat is not None and seat.nid == nid else None
