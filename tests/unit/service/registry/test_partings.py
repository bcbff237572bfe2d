"""Nodes whose link to their home broke."""

from __future__ import annotations

import pytest

from micro.service.registry.partings import CROWD_MIN, CUT_OFF_SECONDS, GRACE_SECONDS, SILENCE_SECONDS, Partings

ANN, BOB = b"ann", b"bob"


def test_who_stays_away_is_due_once() -> None:
    """After the grace, and not before."""
    partings = Partings()
    partings.part(ANN, partings.come(ANN), 10.0)

    assert partings.due(10.0 + GRACE_SECONDS - 0.1) == []
    assert partings.due(10.0 + GRACE_SECONDS) == [ANN]
    assert partings.due(1000.0) == []


def test_who_comes_back_is_not_due() -> None:
    """Neither is who has another home since."""
    partings = Partings()
    for key in (ANN, BOB):
        partings.part(key, partings.come(key), 10.0)
    partings.come(ANN)
    partings.forget(BOB)

    assert partings.due(1000.0) == []
    assert (partings.is_linked(ANN), partings.is_linked(BOB)) == (True, False)


def test_an_older_link_says_nothing() -> None:
    """A node that was started again is here before the link of its former life is found dead."""
    partings = Partings()
    former = partings.come(ANN)
    partings.come(ANN)
    partings.part(ANN, former, 10.0)

    assert partings.is_linked(ANN)
    assert partings.due(1000.0) == []


def test_who_leaves_over_a_link_that_lives_has_not_parted() -> None:
    """It chose another home."""
    partings = Partings()

    assert partings.leave(ANN, partings.come(ANN))
    assert partings.due(1000.0) == []


def test_the_grace_begins_with_the_last_parting() -> None:
    """A node on a bad line breaks off more than once."""
    partings = Partings()
    partings.part(ANN, partings.come(ANN), 10.0)
    partings.part(BOB, partings.come(BOB), 11.0)
    partings.part(ANN, partings.come(ANN), 12.0)

    assert partings.due(11.0 + GRACE_SECONDS) == [BOB]
    assert partings.due(12.0 + GRACE_SECONDS) == [ANN]


@pytest.mark.parametrize(
    ("silent_seconds", "left"),
    [
        (0.0, GRACE_SECONDS),
        (SILENCE_SECONDS - GRACE_SECONDS, GRACE_SECONDS),
        (SILENCE_SECONDS - 1.5, 1.5),
        (SILENCE_SECONDS, 0.0),
    ],
)
def test_silence_before_the_break_is_part_of_the_grace(silent_seconds: float, left: float) -> None:
    """A node whose link was found dead has been away for longer than its link is broken."""
    partings = Partings()
    partings.part(BOB, partings.come(BOB), 10.0)
    partings.part(ANN, partings.come(ANN), 10.0, silent_seconds)

    assert ANN not in partings.due(10.0 + left - 0.001)
    assert ANN in partings.due(10.0 + left + 0.001)


def test_a_home_that_was_cut_off_waits_longer() -> None:
    """Where most part at once it is not they who died; those that are left when the others are elsewhere are."""
    partings = Partings()
    keys = [bytes([number]) for number in range(2 * CROWD_MIN)]
    stays = [(key, partings.come(key)) for key in keys]
    for key, stay in stays:
        partings.part(key, stay, 10.0)

    assert partings.due(10.0 + GRACE_SECONDS) == []
    for key in keys[2:]:
        partings.forget(key)
    assert partings.due(10.0 + GRACE_SECONDS) == keys[:2]


def test_a_home_that_stays_cut_off_says_so_in_the_end() -> None:
    """Nobody is waited for longer than a node may need."""
    partings = Partings()
    keys = [bytes([number]) for number in range(CROWD_MIN)]
    for key in keys:
        partings.part(key, partings.come(key), 10.0)

    assert partings.due(10.0 + CUT_OFF_SECONDS - 1) == []
    assert partings.due(10.0 + CUT_OFF_SECONDS) == keys


def test_few_of_many_are_no_crowd() -> None:
    """However many part, as long as more stay."""
    partings = Partings()
    keys = [bytes([number]) for number in range(2 * CROWD_MIN + 2)]
    stays = [(key, partings.come(key)) for key in keys]
    for key, stay in stays[:CROWD_MIN]:
        partings.part(key, stay, 10.0)

    assert partings.due(10.0 + GRACE_SECONDS) == keys[:CROWD_MIN]
