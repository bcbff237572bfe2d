"""What a super node still has to hand to others, one parcel for each.

Pure.

Of one record, presence or chain only the newest waits, so a super node that is away costs no more than what there is to
say. What does not fit is dropped: its owner says it again within hours, and whoever comes back is told everything.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final

from micro.service.registry.backbone import SILENCE, STORE, STORE_ITEMS_MAX
from micro.service.registry.presence import Beat
from micro.service.registry.record import RECORD_BYTES_MAX

__all__ = ["ITEMS_MAX", "Living", "Outbox"]

ITEMS_MAX: Final = 20_000
"""So many items wait for one super node."""

PARCEL_BYTES: Final = 900_000
"""A parcel is closed at so many bytes."""


@dataclass(frozen=True, slots=True)
class Living:
    """A sealed presence with the sequence and the last step of its chain."""

    sealed: bytes
    sequence: int
    beat: Beat

    def fields(self) -> dict[str, Any]:
        """Returns it as it stands in messages."""
        return {"sealed": self.sealed, "step": self.beat.step, "value": self.beat.value}


@dataclass(slots=True)
class _Waiting:
    records: dict[tuple[bytes, str], bytes] = field(default_factory=dict)
    presences: dict[bytes, Living] = field(default_factory=dict)
    beats: dict[bytes, tuple[int, Beat]] = field(default_factory=dict)
    silences: dict[bytes, tuple[int, int]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.records) + len(self.presences) + len(self.beats) + len(self.silences)


class Outbox:
    """Parcels by the public key of whom they are for."""

    def __init__(self) -> None:
        self._waiting: dict[bytes, _Waiting] = {}

    def targets(self) -> list[bytes]:
        """Returns for whom something waits."""
        return [key for key, waiting in self._waiting.items() if len(waiting)]

    def put_record(self, target: bytes, key: bytes, name: str, sealed: bytes) -> None:
        """Puts a record in; it takes the place of one of the same node and name."""
        waiting = self._of(target)
        if len(waiting) < ITEMS_MAX or (key, name) in waiting.records:
            waiting.records[key, name] = sealed

    def put_presence(self, target: bytes, key: bytes, living: Living) -> None:
        """Puts a presence in; a beat of the same node is no longer needed."""
        waiting = self._of(target)
        if len(waiting) < ITEMS_MAX or key in waiting.presences:
            waiting.presences[key] = living
            waiting.beats.pop(key, None)
        waiting.silences.pop(key, None)

    def put_beat(self, target: bytes, key: bytes, sequence: int, beat: Beat) -> None:
        """Puts a beat in; where the presence waits, it goes with that."""
        waiting = self._of(target)
        living = waiting.presences.get(key)
        if living is not None and living.sequence == sequence:
            waiting.presences[key] = Living(living.sealed, sequence, beat)
        elif len(waiting) < ITEMS_MAX or key in waiting.beats:
            waiting.beats[key] = (sequence, beat)
        waiting.silences.pop(key, None)

    def put_silence(self, target: bytes, key: bytes, sequence: int, step: int) -> None:
        """Puts in that a node has been silent since a step."""
        waiting = self._of(target)
        if len(waiting) < ITEMS_MAX or key in waiting.silences:
            waiting.silences[key] = (sequence, step)

    def take_silences(self, target: bytes, map_version: int) -> bytes | None:
        """Takes the next message of silent nodes out, None where there is none.

        A node whose presence or beat still waits is none of them: of that its silence is told after it.
        """
        waiting = self._waiting.get(target)
        if waiting is None:
            return None
        ready = (key for key in waiting.silences if key not in waiting.presences and key not in waiting.beats)
        silent = []
        for key in tuple(islice(ready, STORE_ITEMS_MAX)):
            sequence, step = waiting.silences.pop(key)
            silent.append({"key": key, "sequence": sequence, "step": step})
        if not len(waiting):
            del self._waiting[target]
        return SILENCE.encode({"map_version": map_version, "silent": silent}) if silent else None

    def take(self, target: bytes, map_version: int) -> bytes:
        """Takes the next parcel for a super node out; it is empty but for the map's number where nothing waits."""
        waiting = self._of(target)
        size = count = 0
        records: list[bytes] = []
        while waiting.records and count < STORE_ITEMS_MAX and size < PARCEL_BYTES:
            sealed = waiting.records.pop(next(iter(waiting.records)))
            records.append(sealed)
            count, size = count + 1, size + len(sealed)
        presences = []
        while waiting.presences and count < STORE_ITEMS_MAX and size < PARCEL_BYTES:
            living = waiting.presences.pop(next(iter(waiting.presences)))
            presences.append(living.fields())
            count, size = count + 1, size + RECORD_BYTES_MAX
        beats = []
        while waiting.beats and count < STORE_ITEMS_MAX:
            key = next(iter(waiting.beats))
            sequence, beat = waiting.beats.pop(key)
            beats.append({"key": key, "sequence": sequence, "step": beat.step, "value": beat.value})
            count += 1
        if not len(waiting):
            del self._waiting[target]
        return STORE.encode({"map_version": map_version, "records": records, "presences": presences, "beats": beats})

    def drop(self, target: bytes) -> None:
        """Forgets what waits for somebody who is no super node any more."""
        self._waiting.pop(target, None)

    def _of(self, target: bytes) -> _Waiting:
        return self._waiting.setdefault(target, _Waiting())
