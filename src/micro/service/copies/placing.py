"""Which super nodes keep the copies of a log: by the shard map alone, the same for whoever asks.

Pure.
"""

from __future__ import annotations

from typing import Final

import blake3

from micro.service.registry.atlas import Atlas
from micro.service.registry.ring import Ring
from micro.service.registry.shardmap import SuperNode
from micro.trust.identity import public_key_of

__all__ = ["CANDIDATES_MAX", "candidates", "keepers"]

CANDIDATES_MAX: Final = 8
"""So many super nodes may come to keep copies of one log, one after the other."""

ROUNDS_MAX: Final = 16
"""The holders of so many shards are looked at."""


def candidates(ring: Ring, nid: str, topic: str, *, itself: bytes = b"") -> list[SuperNode]:
    """Returns who may keep copies of a node's log of a topic, the first choice first.

    They are the holders of shards that follow from topic and node. Of each owner the first comes before the second of
    any: so copies are at different owners, as long as there are so many.

    Args:
        ring: who holds which shard.
        nid, topic: the log.
        itself: the public key of the log's node, which keeps no copy of its own log.
    """
    found: dict[bytes, SuperNode] = {}
    for number in range(ROUNDS_MAX):
        shard = int.from_bytes(blake3.blake3(f"copy:{topic}@{nid}#{number}".encode()).digest(2))
        for member in ring.holders(shard):
            if member.key != itself:
                found.setdefault(member.key, member)
    turns: dict[str, int] = {}
    ranked = []
    for place, member in enumerate(found.values()):
        turn = turns[member.owner_mark] = turns.get(member.owner_mark, -1) + 1
        ranked.append((turn, place, member))
    ranked.sort(key=lambda each: each[:2])
    return [member for _, _, member in ranked[:CANDIDATES_MAX]]


def keepers(atlas: Atlas, nid: str, topic: str) -> list[SuperNode]:
    """Returns who is believed to have a copy of a node's log: the candidates by the newest map, and by the one before.

    Raises:
        BadRequest: `nid` is no node id.
    """
    itself = public_key_of(nid)
    found: dict[bytes, SuperNode] = {}
    for chart in atlas.charts():
        for member in candidates(chart.ring, nid, topic, itself=itself):
            found.setdefault(member.key, member)
    return list(found.values())
