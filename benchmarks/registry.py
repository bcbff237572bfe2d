"""Measures the registry in a process of its own: how long a search takes, and what a service costs in memory.

Names and descriptions are made of words as frequent as words are, so that common and rare ones occur.
"""

from __future__ import annotations

import gc
import json
import random
import time
import tracemalloc
from itertools import product
from statistics import median
from typing import Any

from micro.service.registry.catalog import Catalog
from micro.service.registry.description import Description, check_description
from micro.service.registry.instance import Instance

__all__ = ["measure"]

SIZES = (10, 1_000, 10_000)
SEARCHES = 15
LEASE_SECONDS = 90.0
NID = "b" + "a" * 55
_SYLLABLES = [first + second for first, second in product((*"bcdfghklmnprstvw", "st", "tr"), (*"aeiou", "ai", "on"))]


class _Prose:
    """Words by the rule that few are common and most are rare."""

    def __init__(self) -> None:
        self._chance = random.Random(1)
        choice = self._chance.choice
        self.vocabulary = ["".join(choice(_SYLLABLES) for _ in range(2 + n % 3)) for n in range(20_000)]

    def word(self) -> str:
        return self.vocabulary[min(int(self._chance.paretovariate(0.9)) - 1, len(self.vocabulary) - 1)]

    def words(self, count: int) -> str:
        return " ".join(self.word() for _ in range(count))

    def description(self, number: int) -> dict[str, Any]:
        name = f"{self.word()}-{self.word()}-{number}"
        endpoints = [self._endpoint(name.partition("-")[0].capitalize(), n) for n in range(4)]
        return {
            "name": name,
            "version": "1.0.0",
            "description": f"The service {self.words(20)}",
            "metadata": {"tags": [self.word() for _ in range(3)]},
            "topics": [],
            "endpoints": endpoints,
        }

    def _endpoint(self, struct: str, number: int) -> dict[str, Any]:
        return {
            "name": f"{struct}.{self.word().capitalize()}{number}",
            "kind": "call",
            "description": f"The service {self.words(8)}",
            "idempotent": True,
            "price": "",
            "request": {"type": "object", "properties": {self.word(): {"type": "string"} for _ in range(3)}},
            "response": {"type": "object"},
            "examples": [{"a": 1}],
        }


def _fill(descriptions: list[Description]) -> Catalog:
    catalog = Catalog()
    for number, description in enumerate(descriptions):
        instance = Instance(description.name, "1.0.0", f"i{number}", NID, f"/run/user/1/{number}.sock", True)  # noqa: FBT003
        catalog.register(instance, description, LEASE_SECONDS, 0.0)
    return catalog


def _record_bytes(descriptions: list[Description]) -> float:
    """Returns what a service takes in the catalog and its index, beside its description."""
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    catalog = _fill(descriptions)
    gc.collect()
    used = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert len(catalog) == len(descriptions)
    return used / len(descriptions)


def _search_seconds(catalog: Catalog, prose: _Prose) -> float:
    """Returns the middle time of a search, for the slowest of the queries that cost most."""
    common = " ".join(prose.vocabulary[:6])
    queries = ("service ", "the service ", f"the service {common} ", "s", "st", prose.vocabulary[900][:3], "the s")
    return max(median(_time(catalog, query) for _ in range(SEARCHES)) for query in queries)


def _time(catalog: Catalog, query: str) -> float:
    began = time.perf_counter()
    catalog.search(query)
    return time.perf_counter() - began


def measure() -> dict[str, float]:
    """Returns seconds for a search and bytes for a record, for each size."""
    prose = _Prose()
    descriptions = [check_description(prose.description(number)) for number in range(SIZES[-1])]
    found = {}
    for size in SIZES:
        found[f"search_{size}"] = _search_seconds(_fill(descriptions[:size]), prose)
        found[f"record_{size}"] = _record_bytes(descriptions[:size])
    return found


if __name__ == "__main__":
    print(json.dumps(measure()))
