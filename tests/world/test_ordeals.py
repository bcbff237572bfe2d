"""Some hundred worlds, each with everything that may happen: nothing acknowledged is lost, and all agree at the end."""

from __future__ import annotations

import gc
import logging
from pathlib import Path

import pytest

from micro.testing import STORMY, NetworkOrdeal, World
from micro.testing.ordeal import Ordeal
from tests.conftest import Campaign

LINES = [
    line.split()
    for line in (Path(__file__).parent / "seeds.txt").read_text().splitlines()
    if line.strip() and not line.startswith("#")
]
SEEDS = [int(words[0]) for words in LINES if words[0] != "network"]
NETWORK_SEEDS = [int(words[1]) for words in LINES if words[0] == "network"]
FIRST_SEED = 10_000
FIRST_NETWORK_SEED = 20_000
FIRST_HIDDEN_SEED = 30_000
WORLDS_KEPT = 8
"""So many worlds that are over may wait for the collector."""
PARTS, NETWORK_PARTS, HIDDEN_PARTS = 30, 10, 5
"""So many tests lead one campaign: each takes seconds of a processor, and ends in time where it gives way to all."""
STORMY_SHARE = 10
"""One world in so many has the worst weather there is."""


@pytest.mark.parametrize("part", range(PARTS))
def test_worlds_come_through_their_ordeals(campaign: Campaign, part: int) -> None:
    """No seed breaks an invariant; one that does is named, and is kept in `seeds.txt`."""
    count = campaign("simulated worlds", share=90, full=900, parts=PARTS)
    for seed in seeds_of(FIRST_SEED, part, count):
        World(seed, weather=STORMY if seed % STORMY_SHARE == 0 else None).run(Ordeal())
        if seed % WORLDS_KEPT == 0:
            let_go()


@pytest.mark.parametrize("part", range(NETWORK_PARTS))
def test_networks_come_through_their_ordeals(campaign: Campaign, part: int) -> None:
    """The same of worlds in which strangers find each other."""
    count = campaign("simulated worlds with a network", share=10, full=100, parts=NETWORK_PARTS)
    for seed in seeds_of(FIRST_NETWORK_SEED, part, count):
        network(seed).run(NetworkOrdeal())
        if seed % WORLDS_KEPT == 0:
            let_go()


def seeds_of(first: int, part: int, count: int) -> range:
    """Returns the seeds of one part of a campaign: the parts follow each other."""
    return range(first + part * count, first + (part + 1) * count)


def let_go() -> None:
    """Has worlds that are over collected: they are large, and full of circles.

    What was logged holds them, too, by the exceptions in it and their frames, and pytest keeps it twice.
    """
    for handler in logging.getLogger().handlers:
        getattr(handler, "records", []).clear()
    gc.collect()


@pytest.mark.parametrize("part", range(HIDDEN_PARTS))
def test_networks_with_hidden_nodes_come_through_their_ordeals(campaign: Campaign, part: int) -> None:
    """The same where some are reached through relays alone, and these crash, move and are cut off with all others."""
    count = campaign("simulated worlds with hidden nodes", share=5, full=50, parts=HIDDEN_PARTS)
    for seed in seeds_of(FIRST_HIDDEN_SEED, part, count):
        World(seed, nodes=6, supers=4, hidden=2, weather=STORMY if seed % STORMY_SHARE == 0 else None).run(
            NetworkOrdeal()
        )
        if seed % WORLDS_KEPT == 0:
            let_go()


def network(seed: int) -> World:
    """Returns a world of an open network, in which shards are not held by all."""
    return World(seed, nodes=5, supers=4, weather=STORMY if seed % STORMY_SHARE == 0 else None)


@pytest.mark.parametrize("seed", NETWORK_SEEDS)
def test_seeds_of_networks_find_it_no_more(seed: int) -> None:
    """What a seed found was mended."""
    network(seed).run(NetworkOrdeal())


@pytest.mark.parametrize("seed", SEEDS)
def test_seeds_that_once_found_something_find_it_no_more(seed: int) -> None:
    """What a seed found was mended."""
    World(seed).run(Ordeal())


def test_an_ordeal_is_one() -> None:
    """Every kind of operation and accident happens, and most operations succeed."""
    ordeals = [Ordeal() for _ in range(6)]
    for seed, ordeal in enumerate(ordeals):
        World(seed).run(ordeal)
    done = {name: sum(ordeal.done.get(name, 0) for ordeal in ordeals) for ordeal in ordeals for name in ordeal.done}

    assert {"publish", "call", "wait", "stream", "crash", "kill", "move", "partition", "half", "one way"} < set(done)
    assert done["failed"] < 0.3 * sum(done.values())
