"""The relays of a network."""

from __future__ import annotations

import pytest

from micro.service.registry.atlas import Atlas
from micro.service.registry.relays import NETWORK_RELAYS_MAX, nearest_relays, relay_of, relays_of
from micro.service.registry.shardmap import ShardMap, SuperNode, shard_of_node, sign_map
from micro.trust.identity import nid_of
from micro.trust.keys import NodeKey

KEEPER = NodeKey(bytes([1]) * 32)
NODE = nid_of(NodeKey(bytes([99]) * 32).public)


def member(number: int, relay: str, *addresses: str) -> SuperNode:
    """Returns a super node."""
    key = NodeKey(bytes([number]) * 32).public
    return SuperNode(key, addresses or (f"203.0.{number}.1:4040",), relay, f"owner-{number}")


def atlas(*members: SuperNode) -> Atlas:
    """Returns an atlas with one map."""
    found = Atlas(nid_of(KEEPER.public))
    ordered = tuple(sorted(members, key=lambda one: one.key))
    assert found.take(sign_map(KEEPER, ShardMap(KEEPER.public, 1, 0, ordered)).sealed)
    return found


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254",
        "http://127.0.0.1:8080",
        "http://10.0.0.1:3340",
        "http://[::1]:3340",
        "http://[::ffff:127.0.0.1]:3340",
        "http://localhost:3340",
        "http://router.local",
        "http://db.internal",
        "http://2130706433",
        "http://0x7f.1",
        "http://127.1",
        "http://0x7f.0x1",
        "http://[",
    ],
)
def test_a_super_node_has_nobody_ask_what_is_near_them(url: str) -> None:
    """An address that means something else to everybody is no relay, nor is a name of that kind."""
    assert relay_of(member(2, "", "203.0.113.7:4040")) == ""
    found = object.__new__(SuperNode)
    for name, value in {"relay": url, "addresses": ("203.0.113.7:4040",)}.items():
        object.__setattr__(found, name, value)
    assert relay_of(found) == ""


@pytest.mark.parametrize("url", ["https://relay.example", "http://8.8.8.8:3340", "http://10.0.0.1:3340"])
def test_its_own_address_a_public_one_and_a_name_are_relays(url: str) -> None:
    """In a network of one building the addresses are private, and its own."""
    assert relay_of(member(2, url, "10.0.0.1:4040")) == url


def test_a_node_is_at_the_relay_of_its_home_first() -> None:
    """Then at those of the others that hold its shard, and at a few in all."""
    members = [member(number, f"http://203.0.{number}.1:3340") for number in range(2, 12)]
    found = atlas(*members)
    holders = found.holders(shard_of_node(NODE))
    for home in holders:
        relays = nearest_relays(found, NODE, home.nid)
        assert relays[0] == home.relay
        assert set(relays) >= {holder.relay for holder in holders}
        assert len(relays) == NETWORK_RELAYS_MAX


def test_where_its_holders_run_none_others_do() -> None:
    """A network with one relay is of use to all."""
    members = [member(number, "http://203.0.5.1:3340" if number == 5 else "") for number in range(2, 12)]
    assert nearest_relays(atlas(*members), NODE, "") == ["http://203.0.5.1:3340"]
    assert nearest_relays(Atlas(nid_of(KEEPER.public)), NODE, "") == []


def test_all_relays_of_the_map_may_be_dialled_through() -> None:
    """Each once, and none that is not believed."""
    members = [member(2, "http://203.0.2.1:3340"), member(3, "http://10.0.0.1"), member(4, "")]
    assert relays_of(atlas(*members)) == ["http://203.0.2.1:3340"]
