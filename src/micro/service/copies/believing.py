"""What the node of a log believes of its copies, when it has lost events that they have.

Pure.

Events are not signed, and a super node may lie. So the copies are read side by side, event by event, and compared byte
by byte:

    of the copies that have an event     it is
    all say the same                     taken
    more say the same than anything      taken, if those are two or more; whoever says otherwise is not asked again
    else                                 contested: neither it nor anything after it is taken

So one that lies cannot put an event in the place of what two others have. An event that one copy alone has, as there is
one copy in all, or at the end, because the others were a piece behind when the node died, or were replaced, is taken:
it may have been acknowledged, and subscribers are given it by that super node, too, while the node is away.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from micro.service.broker.delivery import SEQUENCE_BITS

__all__ = ["AHEAD_SECONDS_MAX", "GENERATION_MAX", "SEQUENCE_MAX", "Agreed", "Fields", "Listed", "agreed", "log_of"]

AHEAD_SECONDS_MAX: Final = 5.0
"""No event was taken later than now, by the clock that dated it; which may have been set back by so much."""

SEQUENCE_MAX: Final = 1 << (SEQUENCE_BITS - 1)
"""A log of which nothing is left goes on with no higher number: there are as many again for what is published next."""

GENERATION_MAX: Final = 1 << 40
"""Nobody chose super nodes for a log so often."""

Fields = Mapping[str, Any]


class Listed(msgspec.Struct, frozen=True):
    """What a super node says of a copy.

    Attributes:
        log: the name of the log.
        first, last: the first and the newest event.
        time: when the newest one was taken, in microseconds since 1970.
        generation: the number of the choice of super nodes that was the last one it heard of.
    """

    log: str
    first: int
    last: int
    time: int
    generation: int

    @property
    def is_possible(self) -> bool:
        """Whether there can be such a copy."""
        return 1 <= self.first <= self.last <= SEQUENCE_MAX and self.generation <= GENERATION_MAX


class Agreed(msgspec.Struct, frozen=True):
    """What copies agree on.

    Attributes:
        events: the fields of these events, in order.
        liars: who says something else, or does not have what it says that it has.
        alone: how many of them one copy alone has, the last ones; `witness` is whose it is.
        is_contested: whether no more can be believed.
    """

    events: list[Fields]
    liars: frozenset[str]
    alone: int = 0
    witness: str = ""
    is_contested: bool = False


def log_of(said: Mapping[str, Sequence[Listed]], known: str = "") -> dict[str, Listed]:
    """Returns who has copies of the log that is to be taken back, and what they say of it.

    A node that was set back before has copies of several logs of one topic. It is the one whose name is known; else
    the one that the most have, up to two, which no single liar has made up; of those the one with the newest event.

    Args:
        said: what each super node said.
        known: the name of the log, "" where the node does not know it.
    """
    logs: dict[str, dict[str, Listed]] = {}
    for nid, copies in said.items():
        for each in copies:
            if each.is_possible and known in ("", each.log):
                logs.setdefault(each.log, {})[nid] = each
    if not logs:
        return {}
    return max(logs.values(), key=lambda copies: (min(2, len(copies)), max(each.time for each in copies.values())))


def agreed(sequence: int, pieces: Mapping[str, Sequence[Fields]], lasts: Mapping[str, int]) -> Agreed:
    """Returns what copies agree on from an event on, as far as all that have it have said what it is.

    Args:
        sequence: the first event that was asked for.
        pieces: what each super node says that follows, without a gap, from that one on.
        lasts: the newest event that each says it has, not before `sequence`.
    """
    liars = {nid for nid, piece in pieces.items() if not piece}
    ends = {nid: sequence + len(piece) for nid, piece in pieces.items() if nid not in liars}
    limit = min((end for nid, end in ends.items() if end <= lasts[nid]), default=max(ends.values(), default=sequence))
    events: list[Fields] = []
    alone: list[str] = []
    for number in range(sequence, limit):
        votes: dict[tuple[Any, ...], list[str]] = {}
        for nid, end in ends.items():
            if nid not in liars and number < end:
                votes.setdefault(_words(pieces[nid][number - sequence]), []).append(nid)
        if not votes:
            break
        voters = sorted(votes.values(), key=len)
        if len(voters) > 1 and (len(voters[-1]) < 2 or len(voters[-1]) == len(voters[-2])):
            return Agreed(events, frozenset(liars), len(alone), (alone or [""])[-1], is_contested=True)
        if len(voters[-1]) == 1:
            alone.append(voters[-1][0])
        liars.update(nid for others in voters[:-1] for nid in others)
        events.append(pieces[voters[-1][0]][number - sequence])
    return Agreed(events, frozenset(liars), len(alone), (alone or [""])[-1])


def _words(fields: Fields) -> tuple[Any, ...]:
    return tuple(fields[name] for name in ("sequence", "publisher", "id", "headers", "time", "body"))
