"""The atlas: only newer maps of the keeper, and the one before is kept."""

from __future__ import annotations

import pytest

from micro.errors import BadRequest
from micro.service.registry.atlas import Atlas
from micro.service.registry.shardmap import SHARDS, sign_map
from micro.trust.identity import nid_of
from micro.trust.seal import seal
from tests.unit.service.registry.makings import key_of, map_of

KEEPER = key_of(0)


@pytest.fixture
def atlas() -> Atlas:
    return Atlas(nid_of(KEEPER.public))


def test_a_newer_map_takes_the_place_of_the_current_one(atlas: Atlas) -> None:
    """And that one becomes the one before."""
    assert atlas.take(map_of(KEEPER, [1, 2], 4).sealed)
    assert atlas.take(map_of(KEEPER, [1, 2, 3], 5).sealed)

    assert [chart.version for chart in atlas.charts()] == [5, 4]


@pytest.mark.parametrize("version", [3, 4, 5])
def test_what_is_not_newer_is_not_taken(atlas: Atlas, version: int) -> None:
    """Neither the same again nor an old one, however well signed."""
    atlas.take(map_of(KEEPER, [1], 4).sealed)
    atlas.take(map_of(KEEPER, [1, 2], 5).sealed)

    assert not atlas.take(map_of(KEEPER, [3], version).sealed)
    assert [chart.version for chart in atlas.charts()] == [5, 4]


def test_whoever_comes_late_learns_the_one_before_too(atlas: Atlas) -> None:
    """The newest first, then the one before it."""
    atlas.take(map_of(KEEPER, [1, 2], 5).sealed)

    assert not atlas.take(map_of(KEEPER, [1], 4).sealed)
    assert [chart.version for chart in atlas.charts()] == [5, 4]
    assert not atlas.take(map_of(KEEPER, [1], 3).sealed)
    assert [chart.version for chart in atlas.charts()] == [5, 4]


def test_a_map_of_another_network_is_refused(atlas: Atlas) -> None:
    """Whoever signs it."""
    with pytest.raises(BadRequest, match="is of the network"):
        atlas.take(map_of(key_of(9), [1], 1).sealed)


def test_a_map_that_the_keeper_did_not_sign_is_refused(atlas: Atlas) -> None:
    """His name is not enough."""
    forged = seal(key_of(9), b"micro-shard-map-v1", map_of(KEEPER, [1], 9).map.encode())

    with pytest.raises(BadRequest, match="not signed by the keeper"):
        atlas.take(forged)
    assert atlas.version == 0


def test_holders_are_those_of_both_maps(atlas: Atlas) -> None:
    """The newest first, each once."""
    atlas.take(map_of(KEEPER, [1, 2, 3, 4, 5, 6], 1).sealed)
    atlas.take(map_of(KEEPER, [4, 5, 6, 7, 8, 9], 2).sealed)
    assert atlas.current is not None
    assert atlas.previous is not None

    for shard in range(0, SHARDS, 911):
        current, previous = atlas.current.ring.holders(shard), atlas.previous.ring.holders(shard)
        found = atlas.holders(shard)
        assert tuple(found[:3]) == current
        assert {member.key for member in found} == {member.key for member in (*current, *previous)}
        assert len(found) == len({member.key for member in found})
        assert all(atlas.is_held_by(member.key, shard) for member in found)


def test_a_member_is_known_by_both_maps(atlas: Atlas) -> None:
    """And by no older one."""
    for version, numbers in ((1, [1]), (2, [2]), (3, [3])):
        atlas.take(map_of(KEEPER, numbers, version).sealed)

    assert atlas.member(key_of(1).public) is None
    assert atlas.member(key_of(2).public) is not None
    assert atlas.member(key_of(3).public) is not None


def test_nothing_is_held_before_the_first_map(atlas: Atlas) -> None:
    """An atlas begins empty."""
    assert atlas.holders(1) == []
    assert atlas.version == 0
    assert sign_map(KEEPER, map_of(KEEPER, [1]).map).map.version == 1
