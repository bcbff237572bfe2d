"""Taking turns: whoever has room is next, and nobody waits for who has none."""

from __future__ import annotations

from micro.service.broker.turns import Turns


def names(turns: Turns, count: int) -> list[object]:
    return [member.handle if (member := turns.take()) else None for _ in range(count)]


def test_members_take_turns() -> None:
    """One after the other, in the order they came."""
    turns = Turns()
    for name in "abc":
        turns.join(name, 10)

    assert names(turns, 7) == ["a", "b", "c", "a", "b", "c", "a"]


def test_a_member_without_room_is_passed_over() -> None:
    """Until it is admitted again."""
    turns = Turns()
    full, other = turns.join("full", 1), turns.join("other", 10)
    full.held.add(1)
    before = names(turns, 2)
    full.held.clear()
    turns.admit(full)

    assert before == ["other", "other"]
    assert names(turns, 2) == ["other", "full"]
    assert other.is_able


def test_admitting_twice_gives_one_turn() -> None:
    """Whoever resumes often is not served more."""
    turns = Turns()
    eager = turns.join("eager", 10)
    turns.join("other", 10)
    for _ in range(3):
        turns.admit(eager)

    assert names(turns, 4) == ["eager", "other", "eager", "other"]


def test_a_member_that_left_gets_nothing() -> None:
    """And leaving twice is leaving once."""
    turns = Turns()
    gone = turns.join("gone", 10)

    assert turns.leave(gone)
    assert not turns.leave(gone)
    assert names(turns, 1) == [None]
    assert not turns
