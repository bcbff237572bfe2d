"""Buckets of tokens: a burst, then the rate, and never more saved up than there is room for."""

from __future__ import annotations

import pytest

from micro.trust.rates import Bucket, Rates


def test_what_is_taken_too_fast_is_refused() -> None:
    """A burst passes, then the rate; what did not pass costs nothing."""
    bucket = Bucket(100, 1000, 0.0)
    assert bucket.take(0.0, 1000)
    assert not bucket.take(0.0)
    assert not bucket.take(1.0, 200)
    assert bucket.take(1.0, 100)


def test_what_is_saved_up_is_bounded() -> None:
    """After a long silence a burst is allowed, not more; and nothing given back goes beyond."""
    bucket = Bucket(100, 1000, 0.0)
    assert bucket.take(0.0, 1000)
    assert not bucket.take(1e9, 1001)
    assert bucket.take(1e9, 1000)
    bucket.give_back(5000)
    assert not bucket.take(1e9, 1001)


def test_each_sender_has_a_bucket() -> None:
    """One costs no other; what is given back to nobody known is nothing."""
    rates: Rates[bytes] = Rates(1.0, 2.0)
    assert [rates.allow(b"ann", 0.0) for _ in range(3)] == [True, True, False]
    rates.give_back(b"cid")
    assert rates.allow(b"bob", 0.0, 2)
    rates.give_back(b"ann")
    assert [rates.allow(b"ann", 0.0) for _ in range(2)] == [True, False]


def test_the_one_longest_untouched_gives_way() -> None:
    """The table is bounded; who was pushed out comes back with a full bucket."""
    rates: Rates[int] = Rates(0.0, 1.0, senders_max=2)
    assert [rates.allow(sender, 0.0) for sender in (1, 2, 1)] == [True, True, False]
    assert rates.allow(3, 0.0)
    assert [rates.allow(sender, 0.0) for sender in (1, 2)] == [False, True]


def test_it_says_when_there_is_enough() -> None:
    """Whoever comes then is served, whoever comes a little earlier is not."""
    bucket = Bucket(100, 1000, 0.0)
    bucket.take(0.0, 1000)
    seconds = bucket.seconds_until(0.0, 50)
    assert seconds == pytest.approx(0.5)
    assert not bucket.take(seconds - 0.01, 50)
    assert bucket.take(seconds + 0.001, 50)


def test_what_is_spent_already_is_owed() -> None:
    """It is paid off at the rate, before anything else is had."""
    bucket = Bucket(100, 1000, 0.0)
    assert bucket.charge(0.0, 1000) == 0.0
    assert bucket.charge(0.0, 200) == pytest.approx(2.0)
    assert not bucket.take(1.9, 1)
    assert bucket.take(2.1, 1)


def test_a_full_one_is_like_a_new_one() -> None:
    """So that it may be forgotten."""
    bucket = Bucket(100, 1000, 0.0)
    assert bucket.is_full(0.0)
    bucket.take(0.0, 100)
    assert not bucket.is_full(0.9)
    assert bucket.is_full(1.1)
