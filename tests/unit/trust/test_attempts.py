"""Tries of a secret: bounded, and given back to whoever was right."""

from __future__ import annotations

from micro.trust.attempts import KEYS_MAX, TRIES, TRIES_PER_SECOND, Attempts


def test_tries_run_out_and_grow_back() -> None:
    """After the last one comes a wait, and then one more."""
    attempts = Attempts()
    assert [attempts.take("ann", 100.0) for _ in range(TRIES + 2)] == [True] * TRIES + [False, False]
    assert not attempts.take("ann", 100.0 + 0.9 / TRIES_PER_SECOND)
    assert attempts.take("ann", 100.0 + 1.1 / TRIES_PER_SECOND)
    assert not attempts.take("ann", 100.0 + 1.2 / TRIES_PER_SECOND)


def test_one_account_costs_no_other() -> None:
    """Each has tries of its own."""
    attempts = Attempts()
    for _ in range(TRIES + 1):
        attempts.take("ann", 0.0)
    assert attempts.take("bob", 0.0)


def test_who_is_right_is_never_stopped() -> None:
    """A right secret costs nothing."""
    attempts = Attempts()
    for _ in range(3 * TRIES):
        assert attempts.take("ann", 0.0)
        attempts.give_back("ann")


def test_never_more_than_there_are() -> None:
    """Neither waiting nor being right saves tries up."""
    attempts = Attempts()
    attempts.take("ann", 0.0)
    attempts.give_back("ann")
    attempts.give_back("ann")
    assert sum(attempts.take("ann", 1e6) for _ in range(3 * TRIES)) == TRIES


def test_only_so_many_keys_are_remembered() -> None:
    """The one that was not heard of for the longest is forgotten."""
    attempts = Attempts()
    for _ in range(TRIES):
        attempts.take("first", 0.0)
    assert not attempts.take("first", 0.0)
    for number in range(KEYS_MAX):
        attempts.take(f"k{number}", 0.0)
    assert attempts.take("first", 0.0)
