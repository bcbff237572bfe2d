"""What one service costs in memory."""

from __future__ import annotations

import gc
import random
import tracemalloc
from collections.abc import Callable, Iterator

import pytest

from micro.service.registry.catalog import Catalog
from micro.service.registry.description import Description, check_description
from micro.service.registry.instance import Instance
from micro.service.registry.search import SearchIndex

SERVICES = 3000
BYTES_MAX = 1024
"""The bar of the design: a record takes at most one kilobyte."""


def described(number: int, chance: random.Random, vocabulary: list[str]) -> Description:
    """Returns a description as people write them: some words are in all, most are in few."""

    def words(count: int) -> str:
        return " ".join(vocabulary[min(int(chance.paretovariate(0.9)) - 1, len(vocabulary) - 1)] for _ in range(count))

    name = f"service-{number}"
    endpoints = [{"name": f"Say.{words(1).capitalize()}{at}", "description": words(8)} for at in range(4)]
    fields = {"name": name, "version": "1.0.0", "description": words(20), "metadata": {"tags": words(3)}}
    return check_description({**fields, "endpoints": endpoints})


@pytest.fixture(scope="module")
def descriptions() -> list[Description]:
    chance = random.Random(7)
    letters = "abcdefghijklmnopqrstuvwxyz"
    vocabulary = ["".join(chance.choices(letters, k=chance.randint(3, 10))) for _ in range(SERVICES)]
    return [described(number, chance, vocabulary) for number in range(SERVICES)]


@pytest.fixture
def measured() -> Iterator[Callable[..., float]]:
    """Yields what tells how many bytes of each service have been taken since the test began."""
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]

    def each(count: int = SERVICES) -> float:
        gc.collect()
        return (tracemalloc.get_traced_memory()[0] - before) / count

    yield each
    tracemalloc.stop()


def test_the_index_takes_little(descriptions: list[Description], measured: Callable[[], float]) -> None:
    """Words, postings and names together."""
    index = SearchIndex()
    for description in descriptions:
        index.put(description.name, description.texts())

    assert (len(index), measured() <= BYTES_MAX) == (SERVICES, True)


@pytest.fixture
def catalog() -> Catalog:
    """Returns an empty catalog, whose index takes nothing."""
    catalog = Catalog()
    catalog._index.put = lambda name, texts: None  # type: ignore[method-assign]
    return catalog


@pytest.mark.parametrize("count", [100, SERVICES])
def test_each_service_adds_little_to_a_catalog(
    descriptions: list[Description], catalog: Catalog, measured: Callable[[int], float], count: int
) -> None:
    """Beside the index and the descriptions, which are counted for themselves."""
    for number, description in enumerate(descriptions[:count]):
        record = Instance(
            description.name, "1.0.0", f"{number:016x}", "b" + "a" * 55, f"/run/s/{number}.sock", local=True
        )
        catalog.register(record, description, 90.0, 0.0)

    assert (len(catalog), measured(count) <= BYTES_MAX) == (count, True)
