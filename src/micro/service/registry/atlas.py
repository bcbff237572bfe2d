"""The atlas: the newest map of a network and the one before, each with its ring.

Pure.

A map is taken if the network's keeper has signed it and it is newer than the one held. Whoever reads or writes also
goes to the holders under the map before, so that nobody has to change over at the same moment as another.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from micro.errors import BadRequest
from micro.service.registry.ring import Ring, rings
from micro.service.registry.shardmap import SignedMap, SuperNode, reading_map
from micro.trust.identity import nid_of, public_key_of

__all__ = ["Atlas", "Chart"]


@dataclass(frozen=True, slots=True)
class Chart:
    """A map with who holds what under it."""

    signed: SignedMap
    ring: Ring

    @property
    def version(self) -> int:
        """The number of the map."""
        return self.signed.map.version


class Atlas:
    """What one node knows of the backbone of its network.

    Args:
        network: the node id of the network's keeper.

    Attributes:
        current: the newest map, None before the first.
        previous: the map before, None where there is none.
    """

    __slots__ = ("_keeper", "_members", "current", "previous")

    def __init__(self, network: str) -> None:
        self._keeper = public_key_of(network)
        self._members: dict[bytes, SuperNode] = {}
        self.current: Chart | None = None
        self.previous: Chart | None = None

    @property
    def network(self) -> str:
        """The node id of the keeper."""
        return nid_of(self._keeper)

    @property
    def version(self) -> int:
        """The number of the newest map, 0 before the first."""
        return self.current.version if self.current is not None else 0

    def taking(self, sealed: bytes) -> Iterator[None]:
        """Takes a map in, slice by slice; to be driven to its end.

        A map that is not newer than the current one but than the previous one takes that one's place: whoever has just
        come learns both.

        Raises:
            TooLarge, BadRequest: it is no map, of another network, or not signed by its keeper.
        """
        signed: SignedMap | None = None
        for signed in reading_map(sealed):
            if signed is None:
                yield
        assert signed is not None
        found = signed.map
        if found.keeper != self._keeper:
            raise BadRequest(f"the map is of the network {found.network}, not of {self.network}")
        before = self.previous.version if self.previous is not None else 0
        if found.version in (self.version, before) or found.version < max(before, self.version - 1):
            return
        if not signed.is_genuine():
            raise BadRequest(f"map {found.version} is not signed by the keeper of the network {self.network}")
        ring: Ring | None = None
        for ring in rings(found.members):
            if ring is None:
                yield
        assert ring is not None
        self._place(Chart(signed, ring))

    def take(self, sealed: bytes) -> bool:
        """Takes a map in at once, and returns whether it is the newest now; raises as `taking` does."""
        before = self.version
        for _ in self.taking(sealed):
            pass
        return self.version > before

    def _place(self, chart: Chart) -> None:
        if chart.version > self.version:
            self.previous, self.current = self.current, chart
        elif self.previous is None or chart.version > self.previous.version:
            self.previous = chart
        charts = [chart for chart in (self.previous, self.current) if chart is not None]
        self._members = {member.key: member for chart in charts for member in chart.ring.members}

    def charts(self) -> list[Chart]:
        """Returns the maps that count, the newest first."""
        return [chart for chart in (self.current, self.previous) if chart is not None]

    def holders(self, shard: int) -> list[SuperNode]:
        """Returns who holds a shard, by the newest map first, each once."""
        found: dict[bytes, SuperNode] = {}
        for chart in self.charts():
            for member in chart.ring.holders(shard):
                found.setdefault(member.key, self._members[member.key])
        return list(found.values())

    def is_held_by(self, key: bytes, shard: int) -> bool:
        """Says whether a super node holds a shard, by the newest map or the one before."""
        return any(member.key == key for chart in self.charts() for member in chart.ring.holders(shard))

    def newcomers(self, before: Chart | None, shard: int) -> list[bytes]:
        """Returns the keys of those who hold a shard by the newest map, and did not by an older chart."""
        old = {member.key for member in before.ring.holders(shard)} if before is not None else set()
        now = self.current.ring.holders(shard) if self.current is not None else ()
        return [member.key for member in now if member.key not in old]

    def member(self, key: bytes) -> SuperNode | None:
        """Returns a super node of the newest map or the one before, or None."""
        return self._members.get(key)
