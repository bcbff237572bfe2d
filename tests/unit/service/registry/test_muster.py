"""Who is away is told from a keeper that is cut off."""

from __future__ import annotations

from collections.abc import Collection

from micro.service.registry.muster import ROUNDS_MIN, Muster

AWAY_SECONDS = 600.0
MEMBERS = [bytes([number]) * 32 for number in range(7)]
KEEPER, DEAD = MEMBERS[0], MEMBERS[6]


def rounds(muster: Muster, silent: Collection[bytes], times: range) -> None:
    """Calls everybody at these times, and these do not answer."""
    for now in times:
        muster.called(MEMBERS, [key for key in MEMBERS if key not in silent], float(now))


def test_who_misses_all_rounds_for_so_long_is_away() -> None:
    """Neither earlier, nor anybody else."""
    muster = Muster(AWAY_SECONDS)
    rounds(muster, [DEAD], range(0, 600, 60))
    assert muster.away(599.0) == []
    rounds(muster, [DEAD], range(600, 601))
    assert muster.away(600.0) == [DEAD]


def test_one_answer_begins_all_over() -> None:
    """As does a sign of life by another way."""
    muster = Muster(AWAY_SECONDS)
    rounds(muster, [DEAD], range(0, 540, 60))
    rounds(muster, [], range(540, 600, 60))
    rounds(muster, [DEAD], range(600, 1200, 60))
    assert muster.away(1200.0 - 1) == []

    muster.seen(DEAD)
    rounds(muster, [DEAD], range(1200, 1201))
    assert muster.away(1201.0) == []


def test_a_keeper_that_is_cut_off_blames_nobody() -> None:
    """Not while it is, and not for what it missed before it was."""
    muster = Muster(AWAY_SECONDS)
    rounds(muster, [DEAD], range(0, 300, 60))
    rounds(muster, MEMBERS[1:], range(300, 3000, 60))
    assert muster.away(3000.0) == []

    rounds(muster, [DEAD], range(3000, 3061, 60))
    assert muster.away(3061.0) == []


def test_half_of_the_map_is_not_most_of_it() -> None:
    """Of two one cannot tell who of them is cut off; of three it can."""
    muster = Muster(AWAY_SECONDS)
    assert not muster.called(MEMBERS[:2], [KEEPER], 0.0)
    assert muster.called(MEMBERS[:3], MEMBERS[:2], 0.0)
    assert not muster.called(MEMBERS[:6], MEMBERS[:3], 0.0)


def test_time_alone_makes_nobody_away() -> None:
    """A machine that stood still for long has called nobody meanwhile."""
    muster = Muster(AWAY_SECONDS)
    rounds(muster, [DEAD], range(1))
    for number in range(1, ROUNDS_MIN):
        assert muster.away(9000.0 + number) == []
        rounds(muster, [DEAD], range(9000 + number, 9001 + number))
    assert muster.away(9100.0) == [DEAD]
