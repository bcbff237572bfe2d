"""Measures what records cost the super node that holds them: memory for each, and the processor time of finding one."""

from __future__ import annotations

import json
import random
import sys
import time
from statistics import median

from benchmarks.backbone import held_bytes
from micro.service.registry.record import ServiceRecord, read_record, sign_record
from micro.service.registry.shards import Shards
from micro.trust.keys import NodeKey

__all__ = ["measure"]

NOW = 1_800_000_000
FINDS = 2_000
BATCH = 100


def measure(records: int) -> dict[str, float]:
    """Returns bytes for each record, and microseconds of the processor for finding a name among so many."""
    chance = random.Random(1)
    key = NodeKey(chance.randbytes(32))
    shards = Shards()
    for number in range(records):
        if number % BATCH == 0:
            key = NodeKey(chance.randbytes(32))  # a node has some services, not all
        record = ServiceRecord(key.public, f"s{number}", "1.0.0", 1, NOW + 3600, chance.randbytes(32), ("greet",))
        shards.put(read_record(sign_record(key, record).sealed), NOW, name=True, words=())
    times = []
    for _ in range(FINDS // BATCH):
        names = [f"s{chance.randrange(records)}" for _ in range(BATCH)]
        began = time.thread_time()
        for name in names:
            assert shards.find(name).total
        times.append((time.thread_time() - began) / BATCH)
    return {"record_bytes": held_bytes(records), "find_microseconds": median(times) * 1e6}


if __name__ == "__main__":
    print(json.dumps(measure(int(sys.argv[1]))))
