"""Who holds which shard: consistent hashing with bounded loads, from the map alone and the same everywhere.

Pure.

Every super node has a number of points on a ring of 2^64, and a shard begins at its 16 bits. A shard's holders are
the first super nodes behind it that have room: none takes more than 1.25 times its fair share (Mirrokni, Thorup,
Zadimoghaddam, "Consistent hashing with bounded loads", SODA 2018), so that one that joins or leaves moves little more
than what it holds. The three of a shard have different owners and address prefixes as long as there are others with
room on the way; room comes first, and three holders come before room.

Neighbouring shards that begin between the same two points, an arc, have the same holders until one of those is full.
The work is cut into slices, because ten thousand super nodes take the better part of a second.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from typing import Final

import blake3

from micro.service.registry.shardmap import SHARDS, SuperNode

__all__ = ["HOLDERS_MAX", "POINTS", "Ring", "ring_of", "rings"]

HOLDERS_MAX: Final = 3
"""A shard is held by so many super nodes, where there are so many."""

POINTS: Final = 32
"""Each super node stands at so many places of the ring."""

LOAD_NUMERATOR: Final = 5
LOAD_DENOMINATOR: Final = 4
"""Nobody takes more than 5/4 of its fair share, rounded up."""

WALK_MAX: Final = 2048
"""After so many points nothing better is looked for: there may be none with room."""

SLICE_MEMBERS: Final = 64
SLICE_POINTS: Final = 1024
SLICE_ARCS: Final = 128
SLICE_COUNTS: Final = 8192
"""What is done between two pauses: a few milliseconds."""

SORT_BITS: Final = 8
"""The ring is sorted in 256 parts, for the same reason."""

_POINT_BYTES: Final = 8
_INDEX_BITS: Final = 16
_RING_CONTEXT = b"micro-ring-v1"


class Ring:
    """The holders of all shards under one map.

    Attributes:
        members: the super nodes, in the order of the map.
        holders_each: how many hold a shard: three, or all where there are fewer.
    """

    __slots__ = ("_holders", "holders_each", "members")

    def __init__(self, members: Sequence[SuperNode], holders: array[int], holders_each: int) -> None:
        self.members = members
        self.holders_each = holders_each
        self._holders = holders

    def holders(self, shard: int) -> tuple[SuperNode, ...]:
        """Returns the super nodes of a shard, in the order in which they were chosen."""
        start = shard * self.holders_each
        return tuple(self.members[index] for index in self._holders[start : start + self.holders_each])

    def load(self, key: bytes) -> int:
        """Returns how many shards a super node holds."""
        index = next((place for place, member in enumerate(self.members) if member.key == key), -1)
        return sum(held == index for held in self._holders)


def ring_of(members: Sequence[SuperNode]) -> Ring:
    """Returns the ring of these super nodes, at once."""
    return next(ring for ring in rings(members) if ring is not None)


def rings(members: Sequence[SuperNode]) -> Iterator[Ring | None]:
    """Yields None after each slice of the work, and the ring at its end.

    Args:
        members: super nodes in the order of their keys.
    """
    order, starts = array("H"), array("I")
    marks: list[tuple[str, str]] = []
    yield from _places(members, order, starts, marks)
    seats = _Seats(order, marks)
    holders = array("H")
    shard = arcs = 0
    while shard < SHARDS and members:
        end = bisect_right(starts, starts[shard], shard)
        while shard < end:
            chosen, count = seats.take(starts[shard], end - shard)
            holders += array("H", chosen) * count
            shard += count
            arcs += 1
            if arcs % SLICE_ARCS == 0:
                yield None
    yield Ring(members, holders, seats.each)


def _places(
    members: Sequence[SuperNode], order: array[int], starts: array[int], marks: list[tuple[str, str]]
) -> Iterator[None]:
    """Finds out how the members stand around the ring.

    Args:
        members: the super nodes.
        order: gets the member at each point of the ring.
        starts: gets, for each shard, the first point behind its beginning.
        marks: gets the owner and the prefix of each member.
    """
    parts: list[list[int]] = [[] for _ in range(1 << SORT_BITS)]
    for index, member in enumerate(members):
        if index % SLICE_MEMBERS == 0:
            yield
        marks.append((member.owner_mark, member.prefix))
        digest = blake3.blake3(_RING_CONTEXT + member.key).digest(POINTS * _POINT_BYTES)
        for place in range(0, len(digest), _POINT_BYTES):
            point = int.from_bytes(digest[place : place + _POINT_BYTES])
            parts[point >> 64 - SORT_BITS].append(point << _INDEX_BITS | index)
    counts = array("I", bytes(4 * SHARDS))
    pause = SLICE_POINTS
    for part in parts:
        part.sort()
        for packed in part:
            order.append(packed & (1 << _INDEX_BITS) - 1)
            counts[packed >> 48 + _INDEX_BITS] += 1
        if len(order) >= pause:
            pause += SLICE_POINTS
            yield
    start = 0
    for first in range(0, SHARDS, SLICE_COUNTS):
        *piece, start = accumulate(counts[first : first + SLICE_COUNTS], initial=start)
        starts.extend(piece)
        yield


class _Seats:
    """How much room everybody has left, while shards are given out."""

    def __init__(self, order: Sequence[int], marks: Sequence[tuple[str, str]]) -> None:
        count = len(marks)
        self.each = min(HOLDERS_MAX, count)
        room = -(-LOAD_NUMERATOR * SHARDS * self.each // (LOAD_DENOMINATOR * max(1, count)))
        self._order = order
        self._room = [room] * count
        owners, prefixes = _numbers(owner for owner, _ in marks), _numbers(prefix for _, prefix in marks)
        self._marks = list(zip(owners, prefixes, strict=True))
        self._owner_room = [0] * (max(owners, default=0) + 1)
        self._prefix_room = [0] * (max(prefixes, default=0) + 1)
        for owner, prefix in self._marks:
            self._owner_room[owner] += room
            self._prefix_room[prefix] += room
        self._owners_left = sum(left > 0 for left in self._owner_room)
        self._prefixes_left = sum(left > 0 for left in self._prefix_room)

    def take(self, start: int, shards: int) -> tuple[list[int], int]:
        """Seats the next shards, which begin at point `start`: returns their holders, and for how many these are."""
        chosen: list[int] = []
        for _ in range(self.each):
            chosen.append(self._next(start, chosen))
        # The same would be chosen for the next one too, until somebody is full.
        count = max(1, min(shards, *(self._room[index] for index in chosen)))
        for index in chosen:
            self._occupy(index, count)
        return chosen, count

    def _next(self, start: int, chosen: list[int]) -> int:
        owners = {self._marks[index][0] for index in chosen}
        prefixes = {self._marks[index][1] for index in chosen}
        best = sum(
            (
                self._others(self._owners_left, self._owner_room, owners),
                self._others(self._prefixes_left, self._prefix_room, prefixes),
            )
        )
        found, found_score, spare = -1, -1, -1
        size = len(self._order)
        for step in range(size):
            if step > WALK_MAX and found >= 0:
                break
            index = self._order[(start + step) % size]
            if index in chosen:
                continue
            if self._room[index] <= 0:
                spare = index if spare < 0 else spare
                continue
            owner, prefix = self._marks[index]
            score = (owner not in owners) + (prefix not in prefixes)
            if score > found_score:
                found, found_score = index, score
                if score >= best:
                    break
        return found if found >= 0 else spare

    @staticmethod
    def _others(left: int, room: list[int], used: set[int]) -> bool:
        """Says whether anybody with room has another mark than those used."""
        return left > sum(room[mark] > 0 for mark in used)

    def _occupy(self, index: int, count: int) -> None:
        owner, prefix = self._marks[index]
        self._room[index] -= count
        self._owners_left -= 0 < self._owner_room[owner] <= count
        self._prefixes_left -= 0 < self._prefix_room[prefix] <= count
        self._owner_room[owner] -= count
        self._prefix_room[prefix] -= count


def _numbers(marks: Iterable[str]) -> list[int]:
    """Returns a small number for each mark, the same for equal ones."""
    known: dict[str, int] = {}
    return [known.setdefault(mark, len(known)) for mark in marks]
