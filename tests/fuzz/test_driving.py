"""What leads the other tests here notices what it is to notice."""

from __future__ import annotations

import pytest

from tests.fuzz.driving import BLOCKS_MAX, WARM_INPUTS, drive

INPUTS = [b"%d" % number for number in range(WARM_INPUTS + BLOCKS_MAX + 100)]


def test_a_parser_that_remembers_is_found() -> None:
    """A piece of each input is enough."""
    kept: list[list[bytes]] = []
    with pytest.raises(AssertionError, match="pieces of memory are kept of the inputs"):
        drive(INPUTS, lambda data: kept.append([data]))


def test_a_parser_that_remembers_at_first_is_not() -> None:
    """As a cache with a bound does."""
    kept: dict[int, bytes] = {}
    drive(INPUTS, lambda data: kept.setdefault(len(data), data))


def test_the_input_that_fails_is_shown() -> None:
    """In hex, so that it can be tried again."""
    with pytest.raises(pytest.fail.Exception, match=r"ValueError.* for 6162"):
        drive([b"12", b"ab"], int)
