"""Whom the keeper of a network may take out of its map: who was away for long, and nobody while it is cut off."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from micro.service.registry.shardmap import ShardMap, SuperNode
from micro.testing.machine import AWAY_SECONDS, Machine

__all__ = ["OnlyTheAwayGo"]

STEADY_SECONDS = 20.0
"""Who is there for so long hears the keeper call more than once."""

ROUND_SECONDS_MAX = 20.0
"""A round of calls is no longer than this, with the pause before it."""


LEAVING_SECONDS_MAX = 30.0
"""Whoever begins to leave has left by then, or cannot."""


class Neighbourhood(Protocol):
    """What this invariant sees of a world: `World` is one."""

    machines: Mapping[str, Machine]

    @property
    def now(self) -> float:
        """The time, in seconds since the world began."""

    @property
    def network(self) -> str:
        """The node id of the keeper."""

    def running(self) -> Sequence[Machine]:
        """Returns the machines whose node runs."""

    def is_between(self, name: str, other: str) -> bool:
        """Says whether two nodes run and nothing is cut between them."""


class OnlyTheAwayGo:
    """A super node that did not ask for it goes out of the map only if it was away, while most of the map was there."""

    def __init__(self) -> None:
        self._map: ShardMap | None = None
        self._leaves: dict[str, tuple[int, float]] = {}
        self._since: dict[bytes, float] = {}
        self._steady: dict[bytes, float] = {}
        self._seen: dict[bytes, float] = {}

    def check(self, world: Neighbourhood) -> Iterator[str]:
        """See `Invariant`."""
        for machine in world.machines.values():
            if machine.leaves != self._leaves.get(machine.nid, (0, 0.0))[0]:
                self._leaves[machine.nid] = machine.leaves, world.now
        keeper = next((machine for machine in world.running() if machine.nid == world.network), None)
        backbone = keeper.node.backbone if keeper is not None and keeper.node is not None else None
        chart = backbone.charting.atlas.current if backbone is not None and backbone.charting is not None else None
        if keeper is None or chart is None:
            return
        before, self._map = self._map, chart.signed.map
        if before is not None and before.version != self._map.version:
            yield from self._missing(world, before, self._map)
        for member in self._map.members:
            self._look(world, keeper, member)

    def _missing(self, world: Neighbourhood, before: ShardMap, after: ShardMap) -> Iterator[str]:
        keys = {member.key for member in after.members}
        gone = [member for member in before.members if member.key not in keys and not self._has_left(world, member)]
        for member in gone:
            absence = world.now - self._steady.get(member.key, -AWAY_SECONDS)
            if absence < AWAY_SECONDS - STEADY_SECONDS:
                yield f"the keeper took a super node out of the map that was there {absence:.0f} s before"
        there = [
            member for member in before.members if world.now - self._seen.get(member.key, -1e9) < ROUND_SECONDS_MAX
        ]
        if gone and 2 * len(there) <= len(before.members):
            yield f"the keeper changed its map while it reached {len(there)} of {len(before.members)} super nodes"

    def _has_left(self, world: Neighbourhood, member: SuperNode) -> bool:
        leaves, when = self._leaves.get(member.nid, (0, 0.0))
        return leaves > 0 and world.now - when < LEAVING_SECONDS_MAX

    def _look(self, world: Neighbourhood, keeper: Machine, member: SuperNode) -> None:
        machine = next((each for each in world.running() if each.nid == member.nid), None)
        if machine is None or not (machine is keeper or world.is_between(keeper.name, machine.name)):
            self._since.pop(member.key, None)
            return
        self._seen[member.key] = world.now
        if world.now - self._since.setdefault(member.key, world.now) >= STEADY_SECONDS:
            self._steady[member.key] = world.now
