"""What a node says of itself: its records, signed anew when they change or grow old, its presence, and its beats.

Pure.

Every signature takes the next of one rising sequence, which the home keeps over restarts. Where the words of a service
change it is withdrawn under the old ones first, so that holders of those words let it go.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from micro.service.registry.backbone import ANNOUNCE, ANNOUNCE_RECORDS_MAX
from micro.service.registry.description import Description
from micro.service.registry.presence import BEAT_SECONDS, Chain, PresenceRecord, SignedPresence, sign_presence
from micro.service.registry.record import (
    HASH_BYTES,
    LIFETIME_SECONDS_MAX,
    ServiceRecord,
    SignedRecord,
    sign_record,
    terms_of,
)
from micro.service.registry.shards import NODE_RECORDS_MAX
from micro.trust.keys import NodeKey

__all__ = ["RENEW_SECONDS", "Announcement", "Place", "told"]

RENEW_SECONDS: Final = 8 * 3600
"""A record is signed anew when it is so old, a third of its life."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the node can be reached."""

    addresses: tuple[str, ...]
    relay: str = ""


@dataclass(frozen=True, slots=True)
class _Offer:
    version: str
    description_hash: bytes
    terms: tuple[str, ...]


class Announcement:
    """The words of one node.

    Args:
        key: the node's key.
        sequence: returns the next number of the sequence, which never comes again.
        random_bytes: chance, for the secrets of chains.
    """

    def __init__(self, key: NodeKey, sequence: Callable[[], int], random_bytes: Callable[[int], bytes]) -> None:
        self._key = key
        self._sequence = sequence
        self._random_bytes = random_bytes
        self._offers: dict[str, _Offer] = {}
        self._records: dict[str, SignedRecord] = {}
        self._withdrawn: dict[str, SignedRecord] = {}
        self._presence: SignedPresence | None = None
        self._chain: Chain | None = None
        self._step = 0

    @property
    def records(self) -> list[SignedRecord]:
        """The records that hold now."""
        return list(self._records.values())

    @property
    def withdrawn(self) -> list[SignedRecord]:
        """The withdrawals of what was offered and is not any more, of at most as many names as a node may offer."""
        return list(self._withdrawn.values())

    def offer(self, descriptions: Mapping[str, Description], now: float) -> list[SignedRecord]:
        """Takes note of what the node offers now, and returns the records to be told: new, changed, old, withdrawn.

        Args:
            descriptions: by service; of more than a node may offer, the first by name count.
            now: Unix seconds.
        """
        wanted = {
            name: _Offer(found.version, bytes.fromhex(found.hash), terms_of(found))
            for name, found in sorted(descriptions.items())[:NODE_RECORDS_MAX]
        }
        told: list[SignedRecord] = []
        for name, offer in list(self._offers.items()):
            if name not in wanted or wanted[name].terms != offer.terms:
                told.append(self._sign(name, offer, now, withdrawn=True))
                del self._offers[name], self._records[name]
        for name, offer in wanted.items():
            known = self._records.get(name)
            age = LIFETIME_SECONDS_MAX - (known.record.expires - now) if known is not None else 0.0
            if known is None or self._offers[name] != offer or age >= RENEW_SECONDS:
                self._offers[name] = offer
                self._records[name] = self._sign(name, offer, now)
                told.append(self._records[name])
        return told

    def begin(self, place: Place, now: float) -> bytes:
        """Signs a new presence with a new chain, and returns it sealed: for a new home, a new place, or a new chain."""
        self._chain = Chain(self._random_bytes(HASH_BYTES))
        self._step = 0
        self._presence = self._present(place, now, self._chain)
        return self._presence.sealed

    def beat(self, place: Place, now: float) -> bytes | None:
        """Returns the message for this time: a beat, a new presence where it is needed, or None where nothing is due.

        Args:
            place: where the node can be reached now.
            now: Unix seconds.
        """
        presence, chain = self._presence, self._chain
        if presence is None or chain is None:
            return ANNOUNCE.encode({"presence": self.begin(place, now)})
        record = presence.record
        step = int(now - record.issued) // BEAT_SECONDS
        moved = (record.addresses, record.relay) != (place.addresses, place.relay)
        if moved or step > chain.steps or step < self._step:  # a clock that was set back begins anew
            return ANNOUNCE.encode({"presence": self.begin(place, now)})
        if step == self._step:
            return None
        self._step = step
        beat = chain.beat(step)
        fields = {"sequence": record.sequence, "step": beat.step, "value": beat.value}
        return ANNOUNCE.encode({"beat": fields})

    def next_beat(self) -> float:
        """Returns when the next beat is due, in Unix seconds; 0 before the first presence."""
        if self._presence is None:
            return 0.0
        return self._presence.record.issued + BEAT_SECONDS * (self._step + 1)

    def everything(self, place: Place, now: float) -> list[bytes]:
        """Returns the messages for a new home: a new presence, and all records."""
        return [ANNOUNCE.encode({"presence": self.begin(place, now)}), *told(self.records)]

    def farewell(self, now: float) -> list[bytes]:
        """Returns the messages with which the node leaves: everything is withdrawn, and it is nowhere."""
        withdrawn = [self._sign(name, offer, now, withdrawn=True) for name, offer in self._offers.items()]
        self._offers.clear()
        self._records.clear()
        left = self._present(Place(()), now, Chain(bytes(HASH_BYTES), 0))
        self._presence = self._chain = None
        return [*told(withdrawn), ANNOUNCE.encode({"presence": left.sealed})]

    # -- within -----------------------------------------------------------------------------------------------------

    def _sign(self, name: str, offer: _Offer, now: float, *, withdrawn: bool = False) -> SignedRecord:
        record = ServiceRecord(
            self._key.public,
            name,
            offer.version,
            self._sequence(),
            int(now) + LIFETIME_SECONDS_MAX,
            b"" if withdrawn else offer.description_hash,
            offer.terms,
            withdrawn,
        )
        signed = sign_record(self._key, record)
        self._withdrawn.pop(name, None)
        if withdrawn:
            self._withdrawn[name] = signed
            if len(self._withdrawn) > NODE_RECORDS_MAX:
                del self._withdrawn[next(iter(self._withdrawn))]
        return signed

    def _present(self, place: Place, now: float, chain: Chain) -> SignedPresence:
        record = PresenceRecord(
            self._key.public, self._sequence(), int(now), place.addresses, place.relay, chain.anchor, chain.steps
        )
        return sign_presence(self._key, record)


def told(records: Sequence[SignedRecord]) -> Iterator[bytes]:
    """Yields the messages that tell these records."""
    for start in range(0, len(records), ANNOUNCE_RECORDS_MAX):
        part: dict[str, Any] = {"records": [signed.sealed for signed in records[start : start + ANNOUNCE_RECORDS_MAX]]}
        yield ANNOUNCE.encode(part)
