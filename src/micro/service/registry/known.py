"""What a finder knows of one name, how old that is, and what makes it old before its time."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from micro.service.registry.finding import Offer
from micro.service.registry.record import SignedRecord

__all__ = ["FRESH_SECONDS", "Known"]

FRESH_SECONDS: Final = 30.0

HEARD_MAX: Final = 256
"""The records of so many nodes are told apart under one name; of more a second path tells nothing."""


@dataclass(slots=True)
class Known:
    """What is known of one name; times are on the clock that never goes back.

    Attributes:
        offers: the answer.
        at: when it came.
        is_old: whether something has changed since, so that it is asked for anew.
        is_wrong: whether the caller has found it wrong: two holders are asked where nodes are then.
        is_aside: whether the second path told of a record that the backbone did not show; it is asked too from then on.
        is_followed: whether somebody waits for changes, so that the name is watched also while nobody offers it.
        watched: the public keys of the nodes that are watched with it.
        heard: the greatest sequence of the records seen, by public key.
        asking: the task that asks.
        watching: the task that hears of changes.
    """

    offers: tuple[Offer, ...] = ()
    at: float = 0.0
    is_old: bool = False
    is_wrong: bool = False
    is_aside: bool = False
    is_followed: bool = False
    watched: frozenset[bytes] = frozenset()
    heard: dict[bytes, int] = field(default_factory=dict)
    asking: asyncio.Task[tuple[Offer, ...]] | None = field(default=None, repr=False)
    watching: asyncio.Task[None] | None = field(default=None, repr=False)

    def age(self, now: float) -> float:
        """Returns how old the answer is, and a great age where it is to be asked for anew."""
        return FRESH_SECONDS if self.is_old else now - self.at

    @property
    def is_watched(self) -> bool:
        """Whether somebody hears of changes."""
        return self.watching is not None and not self.watching.done()

    def note(self, answers: Iterable[Sequence[SignedRecord]]) -> None:
        """Takes note of the records of an answer."""
        for signed in (signed for answer in answers for signed in answer):
            self._hear(signed)

    def told(self, signed: SignedRecord, key: bytes) -> None:
        """Takes note of a record that the second path tells of; one that is new makes the answer old.

        Each record does so once, so that whoever puts junk there wins one question for each that he signs.

        Args:
            signed: the record.
            key: the public key of the one node that is meant, empty for any.
        """
        if (not key or signed.record.key == key) and self._hear(signed):
            self.is_old = self.is_aside = True

    def end(self) -> None:
        """Stops asking and watching."""
        for task in (self.asking, self.watching):
            if task is not None:
                task.cancel()

    def _hear(self, signed: SignedRecord) -> bool:
        key, sequence = signed.record.key, signed.record.sequence
        if sequence <= self.heard.get(key, 0) or (key not in self.heard and len(self.heard) >= HEARD_MAX):
            return False
        self.heard[key] = sequence
        return True
