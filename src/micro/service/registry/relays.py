"""The relays of a network: those that the super nodes of its map run, and the few that a node is at.

Pure.

A relay is a URL that every node of the network opens, so a super node cannot have just any URL asked by all: an address
that only its own surroundings can reach must be one of its own addresses. A name, and a public address, are taken at
its word, since whoever admits it to the map is asked for those too.
"""

from __future__ import annotations

import ipaddress
from typing import Final
from urllib.parse import urlsplit

from micro.service.registry.atlas import Atlas
from micro.service.registry.shardmap import SuperNode, shard_of_node

__all__ = ["NETWORK_RELAYS_MAX", "nearest_relays", "relay_of", "relays_of"]

NETWORK_RELAYS_MAX: Final = 4
"""A node is at so many relays of its network: each is asked for its latency now and then."""


def relay_of(member: SuperNode) -> str:
    """Returns the URL of the relay of a super node, "" where it has none or one that is not believed."""
    try:
        host = urlsplit(member.relay).hostname or ""
        literal = ipaddress.ip_address(host)
    except ValueError:
        return member.relay if member.relay and _is_name(member.relay) else ""
    hosts = [ipaddress.ip_address(address.rpartition(":")[0].strip("[]")) for address in member.addresses]
    return member.relay if literal.is_global or literal in hosts else ""


def relays_of(atlas: Atlas) -> list[str]:
    """Returns the relays of all super nodes of the newest map and the one before."""
    found = (relay_of(member) for chart in atlas.charts() for member in chart.ring.members)
    return list(dict.fromkeys(relay for relay in found if relay))


def nearest_relays(atlas: Atlas, nid: str, home: str) -> list[str]:
    """Returns the relays that a node is to be at: its home's first, then those of the others that hold its shard.

    Nodes spread over the shards, and so over the relays. Where these have too few, others of the map follow.

    Args:
        atlas: the maps.
        nid: the node.
        home: the node id of its home, "" while there is none.
    """
    shard = shard_of_node(nid)
    holders = sorted(atlas.holders(shard), key=lambda member: member.nid != home)
    found: dict[str, None] = {relay: None for member in holders if (relay := relay_of(member))}
    members = atlas.current.ring.members if atlas.current is not None else ()
    turn = shard % len(members) if members else 0
    for member in (*members[turn:], *members[:turn]) if len(found) < NETWORK_RELAYS_MAX else ():
        relay = relay_of(member)
        if relay:
            found[relay] = None
        if len(found) >= NETWORK_RELAYS_MAX:
            break
    return list(found)[:NETWORK_RELAYS_MAX]


def _is_name(url: str) -> bool:
    """Says whether the host of a URL is a name, and none that means this machine or its own network to everybody."""
    try:
        host = (urlsplit(url).hostname or "").rstrip(".").lower()
    except ValueError:
        return False
    labels = host.split(".")
    return len(labels) > 1 and labels[-1][:1].isalpha() and labels[-1] not in ("localhost", "local", "internal")
