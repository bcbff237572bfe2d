"""A calendar: what ends when, by pages of some seconds, so that ending costs only what ends.

Pure.

A number that is put down again for another time stays on its old page too; whoever turns the page finds out that it is
not due and lets it be. `crowded` says when so many are outdated that a new calendar should be written.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator

__all__ = ["Calendar"]

SPARE = 1024
"""So many outdated entries are never worth tidying up."""


class Calendar:
    """Numbers by the page of their time.

    Args:
        page_seconds: how many seconds one page is for.
    """

    __slots__ = ("_count", "_page_seconds", "_pages", "_turned")

    def __init__(self, page_seconds: int) -> None:
        self._page_seconds = page_seconds
        self._pages: dict[int, array[int]] = {}
        self._turned = 0
        self._count = 0

    def put(self, number: int, time: float) -> None:
        """Puts a number down for a time."""
        page = max(int(time // self._page_seconds), self._turned)
        found = self._pages.get(page)
        if found is None:
            found = self._pages[page] = array("I")
        found.append(number)
        self._count += 1

    def turn(self, now: float) -> Iterator[int]:
        """Yields the numbers of all pages that are wholly over; whether each is due is for the caller to see.

        What is put down meanwhile for a time that is over comes with the next turn.
        """
        page = int(now // self._page_seconds)
        over = sorted(known for known in self._pages if known < page)
        self._turned = max(self._turned, page)
        for known in over:
            numbers = self._pages.pop(known)
            self._count -= len(numbers)
            yield from numbers

    def crowded(self, living: int) -> bool:
        """Says whether most of what stands here is outdated, where `living` numbers are not."""
        return self._count > 2 * living + SPARE
