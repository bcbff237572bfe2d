"""Places: which numbers stand under a key, in four bytes each.

Pure.

Most keys have one number and some have thousands, so one is kept as it is and more as a sorted array. With a million
of them, sets or lists would cost ten times as much.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Hashable, Sequence
from typing import Generic, TypeVar

__all__ = ["Places"]

Key = TypeVar("Key", bound=Hashable)


class Places(Generic[Key]):
    """Small numbers by key; each key has each number once."""

    __slots__ = ("_kept",)

    def __init__(self) -> None:
        self._kept: dict[Key, int | array[int]] = {}

    def __len__(self) -> int:
        """Returns how many keys there are."""
        return len(self._kept)

    def get(self, key: Key) -> Sequence[int]:
        """Returns the numbers of a key, rising; not to be kept beyond the next change."""
        found = self._kept.get(key)
        if found is None:
            return ()
        return (found,) if isinstance(found, int) else found

    def count(self, key: Key) -> int:
        """Returns how many numbers a key has."""
        return len(self.get(key))

    def add(self, key: Key, number: int) -> None:
        """Puts a number under a key."""
        found = self._kept.get(key)
        if found is None:
            self._kept[key] = number
            return
        if isinstance(found, int):
            if found == number:
                return
            found = self._kept[key] = array("I", (found,))
        at = bisect_left(found, number)
        if at == len(found) or found[at] != number:
            found.insert(at, number)

    def remove(self, key: Key, number: int) -> None:
        """Takes a number away from a key; nothing happens where it is not there."""
        found = self._kept.get(key)
        if isinstance(found, int):
            if found == number:
                del self._kept[key]
        elif found is not None:
            at = bisect_left(found, number)
            if at < len(found) and found[at] == number:
                del found[at]
            if not found:
                del self._kept[key]
