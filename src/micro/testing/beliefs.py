"""What nodes of an open network must never believe, whatever others say: maps, records, leases and offers.

Nothing here asks the code that is being looked at: signatures, chains and holders are worked out anew.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Protocol

from micro.service.registry.atlas import Atlas
from micro.service.registry.holder import Holder
from micro.service.registry.presence import (
    LEASE_SECONDS,
    PRESENCE_DOMAIN,
    Beat,
    continues,
    lease_ends,
    read_presence,
)
from micro.service.registry.record import RECORD_DOMAIN, SKEW_SECONDS, ServiceRecord, read_record
from micro.service.registry.shardmap import MAP_DOMAIN, shard_of_name, shard_of_node, shard_of_word
from micro.testing.invariants import Invariant
from micro.testing.machine import Machine
from micro.trust.identity import nid_of, public_key_of
from micro.trust.seal import is_genuine

__all__ = [
    "EVERY_SECONDS",
    "HoldersHoldTheirs",
    "HonestAreHeard",
    "LeasesAreShown",
    "MapsRise",
    "OffersAreTrue",
    "RecordsAreSigned",
    "beliefs",
]

EVERY_SECONDS = 1.0
"""How often a world asks these."""
RECORD_SECONDS_LATE = 70.0
"""Records go with the page of a minute that they are on, and pages are turned every five seconds."""
PRESENCE_SECONDS_LATE = 12.0
"""The same for presences, whose pages are of five seconds."""


class Society(Protocol):
    """What these invariants see of a world: `World` is one."""

    @property
    def now(self) -> float:
        """The time, in seconds since the world began."""

    @property
    def network(self) -> str:
        """The node id of the keeper."""

    def running(self) -> Sequence[Machine]:
        """Returns the machines whose node runs."""

    def truth(self, nid: str) -> Mapping[tuple[str, str], None]:
        """Returns every (service, instance) that ran under a nid, and for (mark, "") what else it tells a network."""

    def hosts_of(self, nid: str) -> Mapping[str, None]:
        """Returns the addresses that a nid has had."""

    def name_of(self, nid: str) -> str:
        """Returns what a node is called here."""


def beliefs() -> list[Invariant]:
    """Returns the invariants that every world with a network has, each with a memory of its own."""
    return [MapsRise(), HoldersHoldTheirs(), RecordsAreSigned(), LeasesAreShown(), OffersAreTrue(), HonestAreHeard()]


def _honest(world: Society) -> Iterator[tuple[Machine, Atlas]]:
    """Yields the machines that are in the network and believe what they say, each with its maps."""
    for machine in world.running():
        backbone = machine.node.backbone if machine.node is not None else None
        charting = backbone.charting if backbone is not None else None
        if charting is not None and not machine.is_hostile:
            yield machine, charting.atlas


def _holders(world: Society) -> Iterator[tuple[Machine, Holder, Atlas]]:
    """Yields the super nodes of these."""
    for machine, atlas in _honest(world):
        backbone = machine.node.backbone if machine.node is not None else None
        if backbone is not None and backbone.holder is not None:
            yield machine, backbone.holder, atlas


class MapsRise:
    """No map is believed that the keeper did not sign, and none that is older than one that was believed before.

    Restarts change nothing of that; only a node that left its network begins anew.
    """

    def __init__(self) -> None:
        self._before: dict[tuple[str, int, int], int] = {}
        self._genuine: dict[bytes, bool] = {}

    def check(self, world: Society) -> Iterator[str]:
        """See `Invariant`."""
        keeper = public_key_of(world.network) if world.network else b""
        for machine, atlas in _honest(world):
            mark = machine.name, machine.age, machine.entries
            before = self._before.get(mark, 0)
            if atlas.version < before:
                yield f"{machine.name} believes map {atlas.version} after map {before}"
            self._before[mark] = atlas.version
            charts = atlas.charts()
            if any(after.version >= newer.version for newer, after in pairwise(charts)):
                yield f"{machine.name} takes a map for the one before that is not older"
            for chart in charts:
                sealed = chart.signed.sealed
                if sealed not in self._genuine:
                    self._genuine[sealed] = is_genuine(keeper, MAP_DOMAIN, sealed)
                if not self._genuine[sealed]:
                    yield f"{machine.name} believes a map {chart.version} that the keeper never signed"


class HoldersHoldTheirs:
    """A super node files and shows only what is in its shards, by its newest map or the one before."""

    def __init__(self) -> None:
        self._known: dict[tuple[bytes, bytes, int], bool] = {}

    def check(self, world: Society) -> Iterator[str]:
        """See `Invariant`."""
        for machine, holder, atlas in _holders(world):
            key = public_key_of(machine.nid)
            for sealed, name, words in holder.shards.believed():
                if name is not None and not self._is_held(atlas, key, shard_of_name(name)):
                    yield f"{machine.name} holds a record of {name}, whose shard is none of its own"
                for word in words:
                    if not self._is_held(atlas, key, shard_of_word(word)):
                        yield f"{machine.name} has {word!r} lead to a record, whose shard is none of its own"
                if name is None and not words and not read_record(sealed).record.withdrawn:
                    yield f"{machine.name} holds a record that nobody can find there"
            for node, _ in holder.presences.believed():
                if not self._is_held(atlas, key, shard_of_node(nid_of(node))):
                    yield f"{machine.name} holds the presence of {world.name_of(nid_of(node))}, which is no node of it"

    def _is_held(self, atlas: Atlas, key: bytes, shard: int) -> bool:
        for chart in atlas.charts():
            mark = chart.signed.sealed[:64], key, shard
            if mark not in self._known:
                self._known[mark] = any(member.key == key for member in chart.ring.holders(shard))
            if self._known[mark]:
                return True
        return False


class RecordsAreSigned:
    """What a super node holds was signed by the node it names, of what it had, ends, and never goes back."""

    def __init__(self) -> None:
        self._read: dict[bytes, tuple[ServiceRecord, bool]] = {}
        self._before: dict[tuple[str, int, bytes, str], tuple[int, float]] = {}

    def check(self, world: Society) -> Iterator[str]:
        """See `Invariant`."""
        after: dict[tuple[str, int, bytes, str], tuple[int, float]] = {}
        for machine, holder, _ in _holders(world):
            now = machine.clock.now()
            for sealed, _, _ in holder.shards.believed():
                record, genuine = self._of(sealed)
                what = f"{record.mark} of {nid_of(record.key)}"
                mark = machine.name, machine.starts, record.key, record.mark
                sequence, since = self._before.get(mark, (0, -1.0))
                if not genuine:
                    yield f"{machine.name} believes a record of {what} that it never signed"
                elif all(service != record.mark for service, _ in world.truth(nid_of(record.key))):
                    yield f"{machine.name} believes a record of {what}, which never had that"
                if record.sequence < sequence:
                    yield f"{machine.name}: the record of {what} went back from {sequence} to {record.sequence}"
                if record.expires > now:
                    since = -1.0
                elif mark not in self._before and now - record.expires > EVERY_SECONDS:
                    yield f"{machine.name} has taken in a record of {what} that was over"
                elif since < 0:
                    since = world.now
                elif world.now - since > RECORD_SECONDS_LATE:
                    yield f"{machine.name} believes a record of {what} after its end"
                after[mark] = record.sequence, since
        self._before = after

    def _of(self, sealed: bytes) -> tuple[ServiceRecord, bool]:
        found = self._read.get(sealed)
        if found is None:
            record = read_record(sealed).record
            found = self._read[sealed] = record, is_genuine(record.key, RECORD_DOMAIN, sealed)
        return found


class LeasesAreShown:
    """A lease ends when the last step says that its node has revealed: on its chain, signed, and not in advance."""

    def __init__(self) -> None:
        self._shown: dict[tuple[bytes, int, bytes], bool] = {}
        self._over: dict[tuple[str, int, bytes], float] = {}

    def check(self, world: Society) -> Iterator[str]:
        """See `Invariant`."""
        over: dict[tuple[str, int, bytes], float] = {}
        for machine, holder, _ in _holders(world):
            now = machine.clock.now()
            for key, held in holder.presences.believed():
                who = nid_of(key)
                if not self._is_shown(held.sealed, held.beat):
                    yield f"{machine.name} believes a step {held.step} of {who} that it never revealed"
                if held.ends != lease_ends(held.issued, held.step):
                    yield f"{machine.name} believes {who} until another time than its step says"
                if held.ends > now + LEASE_SECONDS + SKEW_SECONDS + EVERY_SECONDS:
                    yield f"{machine.name} believes {who} in advance"
                mark = machine.name, machine.starts, key
                if held.ends <= now:
                    over[mark] = self._over.get(mark, world.now)
                    if world.now - over[mark] > PRESENCE_SECONDS_LATE:
                        yield f"{machine.name} believes {who} after its lease"
        self._over = over

    def _is_shown(self, sealed: bytes, beat: Beat) -> bool:
        mark = sealed, beat.step, beat.value
        known = self._shown.get(mark)
        if known is None:
            signed = read_presence(sealed)
            genuine = is_genuine(signed.record.key, PRESENCE_DOMAIN, sealed)
            known = self._shown[mark] = genuine and (beat == signed.anchor or continues(signed.anchor, beat))
        return known


class OffersAreTrue:
    """Whatever is found is what its node had, at an address that it had, and was no older than a lease."""

    def check(self, world: Society) -> Iterator[str]:
        """See `Invariant`."""
        for machine, _ in _honest(world):
            backbone = machine.node.backbone if machine.node is not None else None
            if backbone is None or backbone.finder is None:
                continue
            for name, offer in backbone.finder.believed():
                who = world.name_of(offer.nid)
                if all(service != offer.record.mark for service, _ in world.truth(offer.nid)):
                    yield f"{machine.name} found {name} of {who}, which never had that"
                if offer.record.withdrawn:
                    yield f"{machine.name} found {name} of {who}, which it has withdrawn"
                hosts = {address.rpartition(":")[0] for address in offer.ticket.addresses}
                if not hosts <= set(world.hosts_of(offer.nid)):
                    yield f"{machine.name} looks for {who} at {sorted(hosts)}, where it never was"


class HonestAreHeard:
    """No super node banishes an honest node for what others did."""

    def check(self, world: Society) -> Iterator[str]:
        """See `Invariant`."""
        honest = [machine for machine, _ in _honest(world)]
        for machine, holder, _ in _holders(world):
            for other in honest:
                if holder.penalties.banished_seconds(other.nid, machine.node.ports.clock.monotonic()):  # type: ignore[union-attr] # it runs
                    yield f"{machine.name} does not listen to {other.name}, which is honest"
