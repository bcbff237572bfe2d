"""Some hundred worlds, each with everything that may happen: nothing acknowledged is lost, and all agree at the end."""

from __future__ import annotations

import gc
from pathlib import Path

import pytest

from micro.testing import STORMY, World
from micro.testing.ordeal import Ordeal
from tests.conftest import Campaign

SEEDS = [
    int(line.split()[0])
    for line in (Path(__file__).parent / "seeds.txt").read_text().splitlines()
    if line.strip() and not line.startswith("#")
]
FIRST_SEED = 10_000
WORLDS_KEPT = 8
"""So many worlds that are over may wait for the collector."""
STORMY_SHARE = 10
"""One world in so many has the worst weather there is."""


def test_worlds_come_through_their_ordeals(campaign: Campaign) -> None:
    """No seed breaks an invariant; one that does is named, and is kept in `seeds.txt`."""
    for seed in range(FIRST_SEED, FIRST_SEED + campaign("simulated worlds", share=300, full=1_000)):
        World(seed, weather=STORMY if seed % STORMY_SHARE == 0 else None).run(Ordeal())
        if seed % WORLDS_KEPT == 0:
            gc.collect()  # a world is large, and full of circles


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
