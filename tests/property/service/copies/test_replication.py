"""What publishers were told is on as many disks as are wanted, whatever crashes, fills up, moves or falls silent."""

from __future__ import annotations

import random

import pytest

from micro.service.copies.replication import Replication
from tests.conftest import Campaign
from tests.property.service.copies.world import World

STEPS = 120


def played(seed: int, **options: bool) -> World:
    world = World(random.Random(seed), **options)
    for _ in range(STEPS):
        world.step()
        if world.broken:
            break
    return world


def test_what_was_promised_is_on_enough_disks(campaign: Campaign) -> None:
    """At any time, in any world; and once all are there again everything is copied."""
    for seed in range(campaign("worlds of copies", share=500, full=20_000)):
        world = played(seed)
        world.heal()
        assert world.broken == [], seed


def test_a_receipt_before_the_disk_is_found() -> None:
    """The campaign can fail: a super node that says too early what it has breaks a promise."""
    assert any(played(seed, early=True).broken for seed in range(100))


def test_a_copy_that_is_dropped_too_early_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The campaign can fail: after a change of the map the old copies are needed until there are new ones."""
    monkeypatch.setattr(Replication, "droppable", lambda self: list(self.leaving))
    assert any(played(seed).broken for seed in range(100))


def test_a_log_that_is_not_taken_back_is_found() -> None:
    """The campaign can fail: a node that loses its log and goes on as if there had been none breaks a promise."""
    assert any(played(seed, forgetful=True).broken for seed in range(100))
