"""Buckets of tokens."""

from __future__ import annotations

import pytest

from micro.network.bucket import Bucket


def test_what_is_taken_too_fast_is_refused() -> None:
    """A burst passes, then the rate; what was refused costs nothing."""
    bucket = Bucket(100, 1000, 0.0)
    assert bucket.take(1000, 0.0)
    assert not bucket.take(1, 0.0)
    assert not bucket.take(200, 1.0)
    assert bucket.take(100, 1.0)


def test_what_is_saved_up_is_bounded() -> None:
    """After a long silence a burst is allowed, not more."""
    bucket = Bucket(100, 1000, 0.0)
    assert bucket.take(1000, 0.0)
    assert not bucket.take(1001, 1e9)
    assert bucket.take(1000, 1e9)


def test_it_says_when_there_is_enough() -> None:
    """Whoever comes then is served, whoever comes a little earlier is not."""
    bucket = Bucket(100, 1000, 0.0)
    bucket.take(1000, 0.0)
    seconds = bucket.seconds_until(50, 0.0)
    assert seconds == pytest.approx(0.5)
    assert not bucket.take(50, seconds - 0.01)
    assert bucket.take(50, seconds + 0.001)


def test_what_is_spent_already_is_owed() -> None:
    """It is paid off at the rate, before anything else is had."""
    bucket = Bucket(100, 1000, 0.0)
    assert bucket.charge(1000, 0.0) == 0.0
    assert bucket.charge(200, 0.0) == pytest.approx(2.0)
    assert not bucket.take(1, 1.9)
    assert bucket.take(1, 2.1)


def test_a_full_one_is_like_a_new_one() -> None:
    """So that it may be forgotten."""
    bucket = Bucket(100, 1000, 0.0)
    assert bucket.is_full(0.0)
    bucket.take(100, 0.0)
    assert not bucket.is_full(0.9)
    assert bucket.is_full(1.1)
