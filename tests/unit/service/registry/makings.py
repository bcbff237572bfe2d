"""Keys, records, presences and super nodes to test with; the same arguments always make the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import blake3

from micro.service.registry.presence import STEPS_MAX, Chain, PresenceRecord, SignedPresence, sign_presence
from micro.service.registry.record import ServiceRecord, SignedRecord, sign_record
from micro.service.registry.shardmap import ShardMap, SignedMap, SuperNode, sign_map
from micro.trust.keys import NodeKey

NOW = 1_800_000_000
DAY = 86_400


def key_of(number: int) -> NodeKey:
    """Returns the key of a node."""
    return NodeKey(blake3.blake3(f"node {number}".encode()).digest())


def record_of(key: NodeKey, /, name: str = "greeter", **fields: object) -> ServiceRecord:
    """Returns a record, with these fields instead of the usual ones."""
    usual = ServiceRecord(key.public, name, "1.0.0", 1, NOW + DAY, bytes(range(32)), ("greeter", "hello"))
    return replace(usual, **fields)  # type: ignore[arg-type]


def signed_of(key: NodeKey, /, name: str = "greeter", **fields: object) -> SignedRecord:
    """Returns a signed record."""
    return sign_record(key, record_of(key, name, **fields))


def withdrawn_of(key: NodeKey, /, name: str = "greeter", **fields: object) -> SignedRecord:
    """Returns a signed withdrawal."""
    return signed_of(key, name, **{"withdrawn": True, "description_hash": b"", **fields})


def chain_of(number: int, steps: int = STEPS_MAX) -> Chain:
    """Returns a chain."""
    return Chain(blake3.blake3(f"chain {number}".encode()).digest(), steps)


def presence_of(key: NodeKey, chain: Chain, /, **fields: object) -> SignedPresence:
    """Returns a signed presence."""
    usual = PresenceRecord(key.public, 1, NOW, ("192.0.2.7:4040",), "", chain.anchor, chain.steps)
    return sign_presence(key, replace(usual, **fields))  # type: ignore[arg-type]


def members_of(numbers: Sequence[int], *, owners: int = 0, prefixes: int = 0) -> tuple[SuperNode, ...]:
    """Returns super nodes in the order of their keys, of so many owners and address prefixes (0: each its own)."""
    made = []
    for number in numbers:
        place = number % prefixes if prefixes else number
        owner = f"owner-{number % owners if owners else number}"
        address = f"{20 + place // 65_536}.{place // 256 % 256}.{place % 256}.{1 + number % 250}:4040"
        made.append(SuperNode(key_of(number).public, (address,), owner=owner, joined=NOW))
    return tuple(sorted(made, key=lambda member: member.key))


def map_of(keeper: NodeKey, numbers: Sequence[int], version: int = 1) -> SignedMap:
    """Returns a signed map of these super nodes."""
    return sign_map(keeper, ShardMap(keeper.public, version, NOW, members_of(numbers)))
