"""Who of the shard map does not answer its keeper any more, and for how long.

Pure.

The keeper calls all super nodes from time to time, in rounds. One that is away for long is to go out of the map, where
it is asked in vain by everybody. From where the keeper stands, though, a network that is gone and a keeper that is cut
off look alike: so a round counts only if most of the map answered it, the keeper itself counted in. One that does not
count begins all over again, so that whoever is blamed was missed by a keeper that was well all that time.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

__all__ = ["ROUNDS_MIN", "Muster"]

ROUNDS_MIN: Final = 5
"""Who is away has missed so many rounds at least, however much time the keeper's machine slept between them."""


class Muster:
    """What a keeper knows of the super nodes of its map.

    Args:
        away_seconds: who did not answer for so long is away.
    """

    def __init__(self, away_seconds: float) -> None:
        self._away_seconds = away_seconds
        self._missed: dict[bytes, tuple[float, int]] = {}

    def called(self, members: Collection[bytes], answered: Collection[bytes], now: float) -> bool:
        """Takes note of a round, and returns whether it counts.

        Args:
            members: the keys of all super nodes of the map, the keeper's among them.
            answered: those of them that answered, the keeper among them.
            now: when the round began, on a stopwatch.
        """
        silent = [key for key in members if key not in answered]
        if 2 * len(silent) >= len(members):
            self._missed.clear()
            return False
        before = self._missed
        self._missed = {}
        for key in silent:
            since, rounds = before.get(key, (now, 0))
            self._missed[key] = since, rounds + 1
        return True

    def seen(self, key: bytes) -> None:
        """Takes note of a super node that showed that it is there."""
        self._missed.pop(key, None)

    def away(self, now: float) -> list[bytes]:
        """Returns the keys of those who are away."""
        return [
            key
            for key, (since, rounds) in self._missed.items()
            if rounds >= ROUNDS_MIN and now - since >= self._away_seconds
        ]
