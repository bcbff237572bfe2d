"""The ring: who holds which shard."""

from __future__ import annotations

from collections import Counter

import pytest

from micro.service.registry.ring import HOLDERS_MAX, ring_of, rings
from micro.service.registry.shardmap import SHARDS
from tests.unit.service.registry.makings import members_of


@pytest.mark.parametrize("count", [1, 2, 3, 4, 7, 40])
def test_every_shard_has_three_holders_or_all(count: int) -> None:
    """Different ones."""
    ring = ring_of(members_of(range(count)))

    assert ring.holders_each == min(count, HOLDERS_MAX)
    assert all(len({member.key for member in ring.holders(shard)}) == ring.holders_each for shard in range(SHARDS))


@pytest.mark.parametrize("count", [4, 5, 10, 40])
def test_nobody_takes_more_than_a_quarter_above_its_share(count: int) -> None:
    """The bound of the load, rounded up."""
    members = members_of(range(count))
    ring = ring_of(members)
    loads = [ring.load(member.key) for member in members]

    assert sum(loads) == SHARDS * HOLDERS_MAX
    assert max(loads) <= -(-5 * SHARDS * HOLDERS_MAX // (4 * count))


def test_three_owners_on_three_places_where_there_are_so_many() -> None:
    """Of six owners and six prefixes every shard has three of each."""
    ring = ring_of(members_of(range(24), owners=6, prefixes=6))

    for shard in range(0, SHARDS, 7):
        holders = ring.holders(shard)
        assert len({member.owner for member in holders}) == HOLDERS_MAX
        assert len({member.prefix for member in holders}) == HOLDERS_MAX


def test_one_owner_of_all_still_has_three_holders() -> None:
    """Where there are no others, different super nodes must do."""
    ring = ring_of(members_of(range(9), owners=1, prefixes=1))

    assert all(len(ring.holders(shard)) == HOLDERS_MAX for shard in range(SHARDS))


def test_an_owner_with_little_room_is_used_as_far_as_it_goes() -> None:
    """Two owners, one with a single node of ten: it is in as many shards as it has room for."""
    members = members_of(range(1, 11), prefixes=0)
    members = tuple(
        type(member)(member.key, member.addresses, owner="rare" if place == 3 else "usual")
        for place, member in enumerate(members)
    )
    ring = ring_of(members)

    assert ring.load(members[3].key) == -(-5 * SHARDS * HOLDERS_MAX // 40)


def test_no_super_nodes_hold_nothing() -> None:
    """An empty map is one."""
    assert ring_of(()).holders(7) == ()


def test_the_work_is_cut_into_slices() -> None:
    """Many pauses, and the same ring as at once."""
    members = members_of(range(200))
    made = list(rings(members))

    assert made[-1] is not None
    assert made[:-1] == [None] * (len(made) - 1)
    assert len(made) > 60
    sample, at_once = range(0, SHARDS, 101), ring_of(members)
    assert [made[-1].holders(shard) for shard in sample] == [at_once.holders(shard) for shard in sample]


def test_one_that_comes_takes_its_share_and_leaves_the_rest() -> None:
    """Between those that stay next to nothing moves."""
    before, after = ring_of(members_of(range(20))), ring_of(members_of(range(21)))
    new = next(member.key for member in after.members if member not in before.members)
    moved: Counter[str] = Counter()
    for shard in range(SHARDS):
        come = {m.key for m in after.holders(shard)} - {m.key for m in before.holders(shard)}
        moved["to the new one"] += new in come
        moved["between others"] += len(come - {new})

    share = SHARDS * HOLDERS_MAX / 21
    assert 0.5 * share < moved["to the new one"] <= 1.25 * share + 1
    assert moved["between others"] < 0.5 * share
