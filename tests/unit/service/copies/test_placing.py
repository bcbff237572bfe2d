"""Who keeps copies follows from the map alone, and is of different owners where there are some."""

from __future__ import annotations

from micro.service.copies.placing import CANDIDATES_MAX, candidates, keepers
from micro.service.registry.atlas import Atlas
from micro.service.registry.ring import ring_of
from micro.service.registry.shardmap import SuperNode
from micro.trust.identity import nid_of
from tests.unit.service.registry.makings import key_of, map_of

NID = nid_of(key_of(99).public)


def members(count: int, owners: int) -> list[SuperNode]:
    found = [
        SuperNode(key_of(number).public, (f"203.{number}.0.1:4040",), owner=f"owner-{number % owners}")
        for number in range(1, count + 1)
    ]
    return sorted(found, key=lambda member: member.key)


def test_the_first_are_of_different_owners() -> None:
    """The second of an owner comes after the first of every other."""
    for topic in ("orders", "invoices", "news"):
        found = candidates(ring_of(members(12, 4)), NID, topic)
        assert len(found) == CANDIDATES_MAX
        assert len({member.key for member in found}) == CANDIDATES_MAX
        assert len({member.owner for member in found[:4]}) == 4


def test_a_node_keeps_no_copy_of_its_own_log() -> None:
    """It is left out, and nobody else is."""
    ring = ring_of(members(3, 3))
    everybody = candidates(ring, NID, "orders")
    assert len(everybody) == 3
    left = candidates(ring, NID, "orders", itself=everybody[0].key)
    assert left == everybody[1:]


def test_logs_are_spread() -> None:
    """Each log has candidates of its own, the same whenever they are asked for."""
    ring = ring_of(members(30, 30))
    firsts = {candidates(ring, NID, f"topic-{number}")[0].key for number in range(100)}
    assert len(firsts) > 15
    assert candidates(ring, NID, "orders") == candidates(ring_of(members(30, 30)), NID, "orders")


def test_nobody_is_no_candidate() -> None:
    """In a network of nobody but the node itself there is none."""
    [alone] = members(1, 1)
    assert candidates(ring_of([alone]), alone.nid, "orders", itself=alone.key) == []


def test_who_is_believed_follows_from_the_newest_maps() -> None:
    """A map that was just replaced counts, an older one does not, and without any nobody is believed."""
    keeper = key_of(1)
    atlas = Atlas(nid_of(keeper.public))
    assert keepers(atlas, NID, "orders") == []
    for version, numbers in ((1, [1, 2]), (2, [1, 3]), (3, [1, 4])):
        atlas.take(map_of(keeper, numbers, version).sealed)
    found = {member.key for member in keepers(atlas, NID, "orders")}
    assert found == {key_of(number).public for number in (1, 3, 4)}
    assert keeper.public not in {member.key for member in keepers(atlas, nid_of(keeper.public), "orders")}
