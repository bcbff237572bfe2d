"""Gives a parser many inputs: it may refuse each, and must neither fail nor keep them."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterable

import pytest

__all__ = ["BLOCKS_MAX", "WARM_INPUTS", "Growth", "drive"]

WARM_INPUTS = 1_000
"""By then whatever is kept on purpose is kept: compiled expressions, bounded caches, what is loaded at a first use."""

BLOCKS_MAX = 10_000
"""So many more pieces of memory may be held afterwards, however many inputs there were."""


class Growth:
    """Tells whether something is kept of inputs."""

    def __init__(self) -> None:
        self._inputs = self._before = 0

    def took(self) -> None:
        """Counts an input."""
        self._inputs += 1
        if self._inputs == WARM_INPUTS:
            self._before = _blocks()

    def check(self) -> None:
        """Fails where memory is kept of the inputs; says nothing of fewer than it takes to warm up."""
        more = _blocks() - self._before
        assert self._inputs < WARM_INPUTS or more <= BLOCKS_MAX, f"{more} pieces of memory are kept of the inputs"


def drive(inputs: Iterable[bytes], take: Callable[[bytes], object]) -> None:
    """Gives each input to `take`; the test fails with the first that raises, or where memory is kept of them."""
    growth = Growth()
    for data in inputs:
        try:
            take(data)
        except Exception as error:  # noqa: BLE001 - whatever it is, the input that did it is to be shown
            pytest.fail(f"{type(error).__name__}: {error} for {data[:2000].hex()}")
        growth.took()
    growth.check()


def _blocks() -> int:
    gc.collect()
    return sys.getallocatedblocks()
