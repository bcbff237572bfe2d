"""The places for neighbours: how many there are, and who gets one or gives way.

Pure.

| neighbour | may take | gives way to |
| --- | --- | --- |
| wanted: the owner asked for it | any place | nobody |
| anchor: came by itself, and has served for long | some of the reserved ones | nobody, while it answers |
| guest: came by itself | the rest, and of one prefix a part of that | a wanted one; a new guest, where it has no link |

Whoever fills all places that come to a node from outside decides what that node sees (Heilman, Kendler, Zohar,
Goldberg 2015; at its worst just after a restart). So those that the node chose, or has known for long, have places that
nobody who dials it can take.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from micro.errors import TooManyRequests
from micro.network.prefix import is_relayed

__all__ = ["ANCHORS_MAX", "ANCHOR_FAILURES_MAX", "ANCHOR_SECONDS", "OUTBOUND_SLOTS", "Neighbour", "Slots"]

OUTBOUND_SLOTS: Final = 16
"""So many places are never given to guests, half of all where there are fewer than twice as many."""

PREFIX_PART: Final = 4
"""Guests of one prefix have at most one in so many of the places for guests."""

RELAY_PART: Final = 2
"""Those behind one relay: it is shared by people who have nothing else in common."""

ANCHORS_MAX: Final = 8
"""So many neighbours that nobody asked for keep their place for having served well."""

ANCHORS_PER_PREFIX_MAX: Final = 2

ANCHOR_SECONDS: Final = 600.0
"""A link that lasted so long makes an anchor."""

ANCHOR_FAILURES_MAX: Final = 20
"""An anchor that cannot be reached so many times in a row, a quarter of an hour, is one no more."""


class Neighbour(Protocol):
    """What counts of a neighbour; `micro.network.peer.Peer` says what each means."""

    wanted: bool
    is_anchor: bool
    prefix: str
    since: float
    failures: int

    @property
    def is_guest(self) -> bool:
        """Whether it is neither wanted nor an anchor."""

    @property
    def link(self) -> object | None:
        """The link to it while there is one."""


@dataclass(frozen=True, slots=True)
class Slots:
    """The places of one node.

    Attributes:
        total: how many there are.
    """

    total: int

    @property
    def inbound(self) -> int:
        """How many of them guests may have."""
        return self.total - min(OUTBOUND_SLOTS, (self.total + 1) // 2)

    def make_room(self, known: Mapping[str, Neighbour], *, wanted: bool, prefix: str = "") -> str | None:
        """Finds a place for one more, and returns the node id of the neighbour that gives way for it, None for nobody.

        Args:
            known: the neighbours, by node id.
            wanted: whether the owner asked for the new one.
            prefix: what the new one is counted under.

        Raises:
            TooManyRequests: there is no place.
        """
        if wanted:
            return self._for_wanted(known)
        guests = {nid: peer for nid, peer in known.items() if peer.is_guest}
        part = max(1, self.inbound // (RELAY_PART if is_relayed(prefix) else PREFIX_PART))
        near = {nid: peer for nid, peer in guests.items() if prefix and peer.prefix == prefix}
        if len(near) >= part:
            return self._absent(near, f"{part} neighbours from {prefix} are here already; connect to this node instead")
        if len(guests) >= self.inbound or len(known) >= self.total:
            return self._absent(
                guests,
                f"{len(guests)} neighbours came by themselves, and the other places of {self.total}, the setting "
                "peers_max, are for those that this node asks for; visit it, or let its owner connect to you",
            )
        return None

    def _for_wanted(self, known: Mapping[str, Neighbour]) -> str | None:
        if len(known) < self.total:
            return None
        guests = [nid for nid, peer in known.items() if peer.is_guest]
        absent = [nid for nid in guests if known[nid].link is None]
        if guests:
            return absent[0] if absent else max(guests, key=lambda nid: known[nid].since)
        anchors = [nid for nid, peer in known.items() if peer.is_anchor]
        if anchors:
            return anchors[-1]
        raise TooManyRequests(f"{self.total} neighbours are linked, the setting peers_max; disconnect one first")

    @staticmethod
    def _absent(guests: Mapping[str, Neighbour], trouble: str) -> str:
        for nid, peer in guests.items():
            if peer.link is None:
                return nid
        raise TooManyRequests(trouble)

    def anchors(self, known: Mapping[str, Neighbour], now: float) -> list[str]:
        """Returns the node ids of those that are to be anchors: the same as before while they answer, then the oldest.

        Args:
            known: the neighbours, by node id.
            now: on the clock of `Neighbour.since`.
        """
        kept = [
            nid
            for nid, peer in known.items()
            if peer.is_anchor and not peer.wanted and peer.failures < ANCHOR_FAILURES_MAX
        ]
        old = [
            nid
            for nid, peer in known.items()
            if peer.is_guest and peer.link is not None and now - peer.since >= ANCHOR_SECONDS
        ]
        found: list[str] = []
        prefixes: dict[str, int] = {}
        for nid in (*kept, *sorted(old, key=lambda nid: known[nid].since)):
            prefix = known[nid].prefix
            if len(found) < min(ANCHORS_MAX, self.total - self.inbound) and (
                not prefix or prefixes.get(prefix, 0) < ANCHORS_PER_PREFIX_MAX
            ):
                prefixes[prefix] = prefixes.get(prefix, 0) + 1
                found.append(nid)
        return found
