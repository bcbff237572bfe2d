"""Measures the registry in a process of its own: the processor time of a search, and what a service costs in memory.

Names and descriptions are made of words as frequent as words are, so that common and rare ones occur.
"""

from __future__ import annotations

import gc
import json
import random
import sys
import time
import tracemalloc
from collections.abc import Callable, Collection
from itertools import product
from statistics import median
from typing import Any

from micro.service.registry.catalog import Catalog
from micro.service.registry.description import Description, check_description
from micro.service.registry.instance import Instance
from micro.service.registry.search import SearchIndex

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


def _index(descriptions: list[Description]) -> SearchIndex:
    index = SearchIndex()
    for description in descriptions:
        index.put(description.name, description.texts())
    return index


def _bytes_each(descriptions: list[Description], fill: Callable[[list[Description]], Catalog | SearchIndex]) -> float:
    """Returns what each service adds to an empty one where `fill` puts it, beside its description, which is shared."""
    return (_bytes(descriptions, fill) - _bytes([], fill)) / len(descriptions)


def _bytes(descriptions: list[Description], fill: Callable[[list[Description]], Catalog | SearchIndex]) -> int:
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    filled = fill(descriptions)
    gc.collect()
    used = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert len(filled) == len(descriptions)
    return used


def _search_seconds(catalog: Catalog, prose: _Prose) -> float:
    """Returns the middle time of a search, for the slowest of the queries that cost most."""
    common = " ".join(prose.vocabulary[:6])
    queries = ("service ", "the service ", f"the service {common} ", "s", "st", prose.vocabulary[900][:3], "the s")
    return max(median(_time(catalog, query) for _ in range(SEARCHES)) for query in queries)


def _time(catalog: Catalog, query: str) -> float:
    began = time.thread_time()
    catalog.search(query)
    return time.thread_time() - began


def measure(wanted: Collection[str]) -> dict[str, float]:
    """Returns what is wanted of `search_N` in seconds, and of `record_N` and `index_N` in bytes, for N services."""
    prose = _Prose()
    sizes = [size for size in SIZES if any(name.endswith(f"_{size}") for name in wanted)]
    descriptions = [check_description(prose.description(number)) for number in range(max(sizes))]
    found = {}
    for size in sizes:
        part = descriptions[:size]
        if f"search_{size}" in wanted:
            found[f"search_{size}"] = _search_seconds(_fill(part), prose)
        if f"record_{size}" in wanted:
            index = _bytes_each(part, _index)
            found[f"index_{size}"] = index
            found[f"record_{size}"] = _bytes_each(part, _fill) - index
    return found


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1:])))
