"""Measures what a super node carries: memory for each record, and the processor time of working out a shard map.

Records are signed and verified like those of strangers, each of a node of its own, with names and words as frequent as
words are, all filed under their name and all eight words: the most that one can cost.
"""

from __future__ import annotations

import gc
import json
import random
import sys
import time
import tracemalloc
from collections.abc import Collection

from micro.service.registry.penalties import Verdict
from micro.service.registry.record import ServiceRecord, read_record, sign_record
from micro.service.registry.ring import rings
from micro.service.registry.shardmap import SuperNode
from micro.service.registry.shards import Shards
from micro.trust.keys import NodeKey

__all__ = ["measure"]

NOW = 1_800_000_000
RECORDS = 30_000
VOCABULARY = 20_000
SUPER_NODES = (3, 100, 10_000)


def _sealed(number: int, chance: random.Random, vocabulary: list[str]) -> bytes:
    key = NodeKey(chance.randbytes(32))
    words = dict.fromkeys(vocabulary[min(int(chance.paretovariate(0.9)) - 1, VOCABULARY - 1)] for _ in range(20))
    terms = tuple(words)[:8]
    name = f"{terms[0]}-{number}"
    record = ServiceRecord(key.public, name, "1.0.0", 1, NOW + 60 * (1 + number % 1440), chance.randbytes(32), terms)
    return sign_record(key, record).sealed


def held_bytes(records: int = RECORDS) -> float:
    """Returns what a record takes at a super node, its own bytes included."""
    chance = random.Random(1)
    letters = "abcdefghijklmnopqrtuvwxyz"
    vocabulary = ["".join(chance.choices(letters, k=chance.randint(3, 10))) for _ in range(VOCABULARY)]
    came = [_sealed(number, chance, vocabulary) for number in range(records)]  # untraced, which is quicker
    gc.collect()
    tracemalloc.start()
    shards = Shards()
    for each in came:
        signed = read_record(bytes(bytearray(each)))  # a copy that counts
        verdict = shards.put(signed, NOW, name=True, words=signed.record.terms)
        assert verdict is Verdict.TAKEN, verdict
    gc.collect()
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(shards) == records
    return used / records


def _ring_seconds(count: int) -> tuple[float, float]:
    """Returns the processor time of a ring, in all and of the longest slice that is not the machine's doing."""
    chance = random.Random(count)
    members = [
        SuperNode(chance.randbytes(32), (f"{chance.randrange(11, 200)}.{number % 256}.7.7:4040",), owner=f"o{number}")
        for number in range(count)
    ]
    members.sort(key=lambda member: member.key)
    slices: list[float] = []
    began = time.thread_time()
    for _ in rings(members):
        ended = time.thread_time()
        slices.append(ended - began)
        began = ended
    slices.sort()
    return sum(slices), slices[int(len(slices) * 0.99)]


def measure(wanted: Collection[str]) -> dict[str, float]:
    """Returns what is wanted of `held_record` in bytes, and `ring_N` and `ring_slice` in seconds."""
    found = {}
    if "held_record" in wanted:
        found["held_record"] = held_bytes()
    for count in SUPER_NODES:
        if f"ring_{count}" in wanted or (count == max(SUPER_NODES) and "ring_slice" in wanted):
            found[f"ring_{count}"], found["ring_slice"] = _ring_seconds(count)
    return {name: value for name, value in found.items() if name in wanted}


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1:])))
