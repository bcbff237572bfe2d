"""Shard maps: signed by the keeper, in one order, and the same shards for everybody."""

from __future__ import annotations

import pytest

from micro.errors import BadRequest, Forbidden
from micro.service.registry.shardmap import (
    SHARDS,
    ShardMap,
    SuperNode,
    check_owner,
    prefix_of,
    read_map,
    shard_of_name,
    shard_of_node,
    shard_of_word,
)
from micro.trust.identity import nid_of
from micro.trust.seal import seal
from tests.unit.service.registry.makings import NOW, key_of, map_of, members_of

KEEPER = key_of(0)


def test_a_map_comes_back_as_it_was() -> None:
    """Signed, sent, read: the same, and genuine."""
    signed = map_of(KEEPER, range(5))

    found = read_map(signed.sealed)

    assert found == signed
    assert found.is_genuine()
    assert found.map.network == nid_of(KEEPER.public)


def test_nobody_else_signs_it() -> None:
    """A map that names the keeper under another's signature is not genuine."""
    assert not read_map(seal(key_of(1), b"micro-shard-map-v1", map_of(KEEPER, [1]).map.encode())).is_genuine()


def test_the_next_map_is_in_order_and_newer() -> None:
    """However its members are given."""
    found = map_of(KEEPER, [1, 2]).map

    after = found.next(reversed(members_of([1, 2, 3])), NOW + 1)

    assert after.version == found.version + 1
    assert after.members == members_of([1, 2, 3])


@pytest.mark.parametrize("order", [[1, 0], [0, 0]], ids=["another order", "twice"])
def test_another_order_makes_no_map(order: list[int]) -> None:
    """So that two maps of the same super nodes are the same bytes."""
    members = members_of([1, 2])

    with pytest.raises(BadRequest):
        ShardMap(KEEPER.public, 1, NOW, tuple(members[place] for place in order))


@pytest.mark.parametrize(
    "fields",
    [
        {"addresses": ()},
        {"addresses": ("example.org:1",)},
        {"addresses": ("192.0.2.1:1",) * 9},
        {"owner": "Ann"},
        {"owner": "a" * 65},
        {"relay": "no url"},
        {"joined": -1},
    ],
    ids=str,
)
def test_a_wrong_field_makes_no_super_node(fields: dict[str, object]) -> None:
    """Each field has its grammar."""
    usual = {"key": key_of(1).public, "addresses": ("192.0.2.1:1",)}

    with pytest.raises(BadRequest):
        SuperNode(**{**usual, **fields})  # type: ignore[arg-type]


def test_one_without_a_label_is_an_owner_of_its_own() -> None:
    """Two of them are two owners."""
    first, second = (SuperNode(key_of(number).public, ("192.0.2.1:1",)) for number in (1, 2))

    assert first.owner_mark != second.owner_mark


def test_a_place_on_the_net_is_the_public_one() -> None:
    """A private address beside a public one says nothing."""
    assert prefix_of("93.184.216.34:1") == "93.184.216.0/24"
    assert prefix_of("[2606:2800:220:1:248:1893:25c8:1946]:1") == "2606:2800:220::/48"
    assert prefix_of("127.0.0.1:1") == "127.0.0.0/24"


def test_an_owner_has_a_plain_label() -> None:
    """Or none."""
    assert check_owner("") == ""
    assert check_owner("ann@example.org") == "ann@example.org"
    for label in ("ann_", ".ann", "Ann"):
        with pytest.raises(BadRequest, match="first and the last are a letter or a digit"):
            check_owner(label)


def test_shards_are_the_first_bits_of_a_hash() -> None:
    """BLAKE3 of the kind, a colon and the text; fixed for ever, because everybody must agree."""
    assert shard_of_name("greeter") == 15_077
    assert shard_of_word("greeter") == 60_823
    assert len({shard_of_name("x"), shard_of_word("x"), shard_of_node("x")}) == 3
    assert all(0 <= shard_of_name(str(number)) < SHARDS for number in range(1000))


def test_a_super_node_stands_where_it_was_reached() -> None:
    """What it was reached at comes first and says its place; whoever is reached elsewhere does not join."""
    found = SuperNode(key_of(1).public, ("9.9.9.9:1", "93.184.216.34:1"))
    assert found.reached_at("93.184.216.34:1").addresses == ("93.184.216.34:1", "9.9.9.9:1")
    assert found.reached_at("93.184.216.34:1").prefix == "93.184.216.0/24"
    assert found.reached_at("93.184.216.34:1").is_like(found)
    for elsewhere in ("93.184.217.34:1", "https://relay.example", ""):
        with pytest.raises(Forbidden):
            found.reached_at(elsewhere)
    relayed = SuperNode(key_of(1).public, (), "https://relay.example/")
    assert relayed.reached_at("https://relay.example/ somebody") == relayed
    assert relayed.prefix == "relay.example"


def test_nobody_chooses_its_place_by_a_relay_of_its_own() -> None:
    """What is reached through a relay proves no address: none of them counts, and the relay is one place for all."""
    found = [SuperNode(key_of(n).public, (f"93.{n}.216.1:1",), "http://9.9.9.9:3340/") for n in range(1, 40)]
    proved = [each.reached_at("http://9.9.9.9:3340/") for each in found]

    assert {(each.addresses, each.prefix) for each in proved} == {((), "9.9.9.0/24")}
    both = SuperNode(key_of(1).public, ("8.8.8.8:1", "10.0.0.5:1")).reached_at("10.0.0.5:1")
    assert both.prefix == "10.0.0.0/24"
