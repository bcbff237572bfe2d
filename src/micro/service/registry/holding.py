"""What one node holds in a catalog, and how much it may.

Pure.

A peer is a stranger: it may hold few services, few instances of each and a bounded amount of description text, and
what it withdraws is remembered for a while, so that an older record which took a longer way cannot bring it back.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from micro.errors import TooManyRequests
from micro.service.registry.description import Description, Shelf
from micro.service.registry.instance import Instance, InstanceKey

__all__ = ["LOCAL_ALLOWANCE", "PEER_ALLOWANCE", "Allowance", "Entry", "Holding"]

BURIED_MAX = 512
"""So many withdrawals are remembered of each node."""

BURIED_SECONDS = 86_400.0
"""As long as a record may live."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """How much one node may hold: services, instances of one service, bytes of descriptions."""

    services_max: int
    instances_max: int
    description_bytes_max: int


PEER_ALLOWANCE = Allowance(services_max=200, instances_max=64, description_bytes_max=4 * 1024 * 1024)
LOCAL_ALLOWANCE = Allowance(services_max=20_000, instances_max=1024, description_bytes_max=256 * 1024 * 1024)


@dataclass(slots=True, eq=False)
class Entry:
    """One registered instance with its description and lease; `seen` and `expires` are in the catalog's time."""

    instance: Instance
    description: Description
    seen: float
    expires: float
    alive: bool = True

    def is_same(self, instance: Instance, description: Description) -> bool:
        """Tells whether a record says nothing new."""
        return instance == self.instance and description.hash == self.description.hash

    def beats(self, instance: Instance, description: Description) -> bool:
        """Tells whether this record stands against another of the same instance.

        The greater sequence wins. Where a node gave two records one sequence, the content decides, the same everywhere.
        Sequence 0 says that records arrive in order: it always wins.
        """
        if not instance.sequence:
            return False
        return _rank(instance, description) < _rank(self.instance, self.description)

    def prolong(self, now: float, expires: float) -> None:
        """Renews the lease; it never becomes shorter so."""
        self.seen = max(self.seen, now)
        self.expires = max(self.expires, expires)


def _rank(instance: Instance, description: Description) -> tuple[object, ...]:
    content = (instance.version, instance.address or "", instance.generation, instance.state, instance.weight)
    return (instance.sequence, *content, instance.local, description.hash)


@dataclass(slots=True)
class Holding:
    """Everything one node registered."""

    allowance: Allowance
    entries: dict[InstanceKey, Entry] = field(default_factory=dict)
    services: dict[str, int] = field(default_factory=dict)
    shelf: Shelf = field(default_factory=Shelf)
    _buried: dict[InstanceKey, tuple[int, float]] = field(default_factory=dict)

    def check(self, instance: Instance, description: Description) -> None:
        """Raises TooManyRequests if the node may not hold one more such instance."""
        held = self.services.get(instance.service, 0)
        if held == 0 and len(self.services) >= self.allowance.services_max:
            raise TooManyRequests(
                f"node {instance.nid} holds {len(self.services)} services already, the most it may; "
                f"{instance.service} was not registered"
            )
        if held >= self.allowance.instances_max:
            raise TooManyRequests(
                f"node {instance.nid} holds {held} instances of {instance.service} already, the most it may"
            )
        self.check_description(instance, description)

    def check_description(self, instance: Instance, description: Description) -> None:
        """Raises TooManyRequests if the node may not hold so much more text."""
        more = 0 if description.hash in self.shelf else len(description.body)
        if self.shelf.bytes + more > self.allowance.description_bytes_max:
            raise TooManyRequests(
                f"the descriptions of node {instance.nid} would exceed {self.allowance.description_bytes_max} bytes "
                f"together; {instance.service} was not registered"
            )

    def add(self, key: InstanceKey, entry: Entry) -> None:
        """Takes an entry in."""
        self.entries[key] = entry
        self.services[key[0]] = self.services.get(key[0], 0) + 1
        self.shelf.take(entry.description)

    def remove(self, key: InstanceKey) -> None:
        """Lets an entry go."""
        entry = self.entries.pop(key)
        self.services[key[0]] -= 1
        if not self.services[key[0]]:
            del self.services[key[0]]
        self.shelf.release(entry.description)

    def bury(self, key: InstanceKey, sequence: int, now: float) -> None:
        """Remembers that this record and all older ones of `key` were withdrawn; the oldest memory gives way."""
        before = self._buried.pop(key, (0, 0.0))[0]
        if len(self._buried) >= BURIED_MAX:
            del self._buried[next(iter(self._buried))]
        self._buried[key] = (max(before, sequence), now + BURIED_SECONDS)

    def is_buried(self, key: InstanceKey, sequence: int) -> bool:
        """Tells whether this record was withdrawn."""
        return sequence <= self._buried.get(key, (-1, 0.0))[0]

    def forget(self, now: float) -> None:
        """Drops memories of withdrawals that are old enough."""
        while self._buried:
            key = next(iter(self._buried))
            if self._buried[key][1] > now:
                return
            del self._buried[key]

    def is_empty(self) -> bool:
        """Tells whether nothing is left to keep."""
        return not self.entries and not self._buried
