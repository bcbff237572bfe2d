"""Which nodes asked a super node for the connections to their name, and what is on its way to each.

Pure.

A node is called by the beginning of its id, which is a label of DNS: nobody else can make a key that begins so. The
newest that asks for a node's connections takes the place of the one before: the node was cut off, and is back.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

from micro.errors import Conflict, TooManyRequests
from micro.network.passage.bounds import Bounds
from micro.trust.rates import Bucket

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
    """

    nid: str
    allowance: Bucket
    waiting: dict[bytes, Call] = field(default_factory=dict)
    connections: int = 0


class Seats(Generic[Call]):
    """The seats of a super node, by label."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._seats: dict[str, Seat[Call]] = {}

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

    def find(self, label: str) -> Seat[Call] | None:
        """Returns the seat of whoever is called so, None where nobody is, or it has connections enough."""
        seat = self._seats.get(label)
        crowded = seat is not None and seat.connections >= self._bounds.connections_per_node_max
        return None if crowded else seat

    def called(self, nid: str, name: bytes) -> Call | None:
        """Takes a connection that waits for a node out of those that wait; None where there is none."""
        seat = self._seats.get(label_of(nid))
        return seat.waiting.pop(name, None) if seat is not None and seat.nid == nid else None
