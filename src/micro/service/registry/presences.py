"""The presences that a super node holds: where nodes are, and for how long each is believed alive.

Pure.

A beat is checked against the last one with one hash a step. Since a lease ends 90 seconds after the time of its step,
only a few steps can have been missed, and nobody can make us hash long chains for nothing.

The super node that tells a presence first is the home of its node: for each home a new one is signed. The home alone
can say that the node has been silent since, which ends no lease: whatever is told later, or by anybody else, outweighs
it. So it can do no more than keep signs of life back, and others, who may have heard of the presence and tell it too,
can have nobody missed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from micro.errors import BadRequest, TooLarge
from micro.service.registry.calendar import Calendar
from micro.service.registry.penalties import Verdict
from micro.service.registry.presence import (
    Beat,
    SignedPresence,
    continues,
    is_current,
    lease_ends,
    read_presence,
)
from micro.trust.keys import SIGNATURE_BYTES

__all__ = ["MISSED_MAX", "PRESENCES_MAX", "Held", "Presences"]

PRESENCES_MAX: Final = 1_000_000
"""So many nodes' presences does one super node hold."""

MISSED_MAX: Final = 16
"""A beat may come so many steps after the last: more than a lease and the skew of clocks allow."""

PAGE_SECONDS: Final = 5
"""Leases end up to so much later than they say."""

DROP_SLICE: Final = 5_000


@dataclass(slots=True, eq=False)
class Held:
    """One node's presence, the last step that was shown, and when the calendar has it.

    `teller` is the super node that told it, b"" where several did; `silent` whether that one has heard no more of it.
    """

    sealed: bytes
    sequence: int
    issued: int
    steps: int
    step: int
    value: bytes
    ends: int
    noted: int
    place: int
    left: bool
    teller: bytes
    silent: bool = False

    @property
    def beat(self) -> Beat:
        """The last step."""
        return Beat(self.step, self.value)

    @property
    def rank(self) -> tuple[int, bytes]:
        """Of two presences of one node the one of greater rank counts."""
        return (self.sequence, self.sealed[SIGNATURE_BYTES:])

    def is_there(self, now: float) -> bool:
        """Says whether the node is believed alive; `now` in Unix seconds."""
        return self.ends > now and not self.left and not self.silent

    def told_by(self, teller: bytes) -> None:
        """Takes note of who told what is held: from the second one on none of them can take it back."""
        if teller != self.teller:
            self.teller, self.silent = b"", False


class Presences:
    """All presences at one super node; times are Unix seconds.

    Args:
        presences_max: how many are held.
    """

    def __init__(self, *, presences_max: int = PRESENCES_MAX) -> None:
        self._presences_max = presences_max
        self._held: dict[bytes, Held] = {}
        self._keys: list[bytes | None] = []
        self._free: list[int] = []
        self._calendar = Calendar(PAGE_SECONDS)

    def __len__(self) -> int:
        """Returns how many nodes are present."""
        return len(self._held)

    def put(self, signed: SignedPresence, beat: Beat, now: float, teller: bytes = b"") -> Verdict:
        """Takes a presence in, with the last step of its chain that is known; cheap checks come first.

        Args:
            signed: the record.
            beat: the last step; `signed.anchor` where there was none.
            now: Unix seconds.
            teller: the super node that tells it, which may take it back by `hush`; b"" where nobody may.
        """
        record = signed.record
        if beat.step > record.steps:
            return Verdict.MALFORMED
        if not is_current(record.issued, beat.step, now):
            return Verdict.EXPIRED
        held = self._held.get(record.key)
        if held is not None:
            if held.sealed == signed.sealed:
                return self.beat(record.key, record.sequence, beat, now, teller)
            if signed.rank < held.rank:
                return Verdict.OUTDATED
        elif len(self._held) >= self._presences_max:
            return Verdict.FULL
        if beat != signed.anchor and not continues(signed.anchor, beat):
            return Verdict.FORGED
        if not signed.is_genuine():
            return Verdict.FORGED
        place = held.place if held is not None else self._place(record.key)
        ends = lease_ends(record.issued, beat.step)
        numbers = (record.sequence, record.issued, record.steps, beat.step)
        left = record.is_leaving
        self._held[record.key] = Held(signed.sealed, *numbers, beat.value, ends, ends, place, left, teller)
        self._calendar.put(place, ends)
        self._tidy()
        return Verdict.TAKEN

    def beat(self, key: bytes, sequence: int, beat: Beat, now: float, teller: bytes = b"") -> Verdict:
        """Takes a beat in, and prolongs the lease of its node.

        Args:
            key: the node's public key.
            sequence: that of the presence whose chain it belongs to.
            beat: the step.
            now: Unix seconds.
            teller: as in `put`.
        """
        held = self._held.get(key)
        if held is None or held.ends <= now or sequence > held.sequence:
            return Verdict.UNKNOWN
        if sequence < held.sequence:
            return Verdict.OUTDATED
        if beat.step <= held.step:
            if beat != held.beat:
                return Verdict.OUTDATED
            held.told_by(teller)
            return Verdict.KNOWN
        if beat.step > held.steps:
            return Verdict.MALFORMED
        if not is_current(held.issued, beat.step, now):
            return Verdict.EXPIRED
        if beat.step - held.step > MISSED_MAX or not continues(held.beat, beat):
            return Verdict.FORGED
        held.step, held.value, held.ends = beat.step, beat.value, lease_ends(held.issued, beat.step)
        held.told_by(teller)
        held.silent = False
        return Verdict.TAKEN

    def hush(self, key: bytes, sequence: int, step: int, teller: bytes | None) -> bool:
        """Takes note that a node has been silent since a step of its chain; returns whether it was believed alive.

        Args:
            key: the node's public key.
            sequence, step: the last that its home has heard; what is later outweighs it.
            teller: who says so, which must be who told the presence; None for the home itself, which knows.
        """
        held = self._held.get(key)
        if held is None or held.silent or held.left:
            return False
        if held.sequence != sequence if teller is None else (held.sequence, held.step) > (sequence, step):
            return False
        if teller is not None and (not held.teller or held.teller != teller):
            return False
        held.silent = True
        return True

    def is_silent(self, key: bytes) -> bool:
        """Says whether a node is held that its home has heard no more of."""
        held = self._held.get(key)
        return held is not None and held.silent

    def get(self, key: bytes, now: float) -> Held | None:
        """Returns the presence of a node that is believed alive, or None."""
        held = self._held.get(key)
        return held if held is not None and held.is_there(now) else None

    def gone(self, keys: Iterable[bytes], now: float) -> list[bytes]:
        """Returns those of these nodes of which it is known here that they are not there any more."""
        return [key for key in keys if (held := self._held.get(key)) is not None and not held.is_there(now)]

    def believed(self) -> Iterator[tuple[bytes, Held]]:
        """Yields every presence that is held, with the key of its node."""
        yield from self._held.items()

    def read(self, sealed: bytes) -> SignedPresence | None:
        """Reads a presence that came, None where it is malformed."""
        try:
            return read_presence(sealed)
        except (BadRequest, TooLarge):
            return None

    def drop(self, key: bytes) -> bool:
        """Forgets a node; False if it was not known."""
        held = self._held.pop(key, None)
        if held is None:
            return False
        self._keys[held.place] = None
        self._free.append(held.place)
        return True

    def expire(self, now: float) -> list[bytes]:
        """Removes the nodes whose lease ended, and returns their keys."""
        ended: list[bytes] = []
        for place in self._calendar.turn(now):
            key = self._keys[place]
            held = self._held.get(key) if key is not None else None
            if key is None or held is None or held.noted > now:
                continue
            if held.ends > now:
                held.noted = held.ends
                self._calendar.put(place, held.ends)
            else:
                self.drop(key)
                ended.append(key)
        return ended

    def dropping(self, keeps: Callable[[bytes], bool]) -> Iterator[None]:
        """Forgets those that are no business of ours after the map changed, slice by slice."""
        for count, key in enumerate(tuple(self._held)):
            if count % DROP_SLICE == 0:
                yield
            if not keeps(key):
                self.drop(key)

    # -- within -----------------------------------------------------------------------------------------------------

    def _place(self, key: bytes) -> int:
        if self._free:
            place = self._free.pop()
            self._keys[place] = key
            return place
        self._keys.append(key)
        return len(self._keys) - 1

    def _tidy(self) -> None:
        if self._calendar.crowded(len(self._held)):
            self._calendar = Calendar(PAGE_SECONDS)
            for held in self._held.values():
                held.noted = held.ends
                self._calendar.put(held.place, held.ends)
