"""What a node says of itself: its records, signed anew when they change or grow old, its presence, and its beats.

Pure.

Every signature takes the next of one rising sequence, which the home keeps over restarts. Where the words of a service
change it is withdrawn under the old ones first, so that holders of those words let it go.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from micro.service.registry.backbone import ANNOUNCE, ANNOUNCE_RECORDS_MAX
from micro.service.registry.description import Description
from micro.service.registry.presence import (
    BEAT_SECONDS,
    Chain,
    PresenceRecord,
    SignedPresence,
    lease_ends,
    sign_presence,
)
from micro.service.registry.record import (
    HASH_BYTES,
    LIFETIME_SECONDS_MAX,
    SERVICES_MAX,
    ServiceRecord,
    SignedRecord,
    read_mark,
    sign_record,
    terms_of,
)
from micro.service.registry.shards import NODE_RECORDS_MAX
from micro.trust.keys import NodeKey

__all__ = ["RENEW_SECONDS", "RETURN_SECONDS", "Announcement", "Offered", "Place", "told"]

Offered = tuple[str, tuple[str, ...]]
"""A version, and the words under which it was offered."""

RETURN_SECONDS: Final = 30.0
"""What a node offered before it was started again has so long to come back, and is withdrawn then."""

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
        before: what the node offered when it last ran: its version and its words, by mark.
        keep: takes note of the same before anything of it is told.
    """

    def __init__(
        self,
        key: NodeKey,
        sequence: Callable[[], int],
        random_bytes: Callable[[int], bytes],
        *,
        before: Mapping[str, Offered] | None = None,
        keep: Callable[[Mapping[str, Offered]], None] = lambda offered: None,
    ) -> None:
        self._key = key
        self._sequence = sequence
        self._random_bytes = random_bytes
        self._offers: dict[str, _Offer] = {}
        self._before = {name: _Offer(version, b"", tuple(terms)) for name, (version, terms) in (before or {}).items()}
        self._withdrawn: dict[str, tuple[_Offer, SignedRecord]] = {}
        self._began: float | None = None
        self._keep = keep
        self._records: dict[str, SignedRecord] = {}
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
        return [signed for _, signed in self._withdrawn.values()]

    def offer(
        self, descriptions: Mapping[str, Description], now: float, *, topics: Iterable[str] = ()
    ) -> list[SignedRecord]:
        """Takes note of what the node offers now, and returns the records to be told: new, changed, old, withdrawn.

        Args:
            descriptions: by service; of more than a node may offer, the first by name count.
            now: Unix seconds.
            topics: the marks of the logs that it keeps for others and of its subscriptions elsewhere, no more than
                there may be of each.
        """
        wanted = {
            name: _Offer(found.version, bytes.fromhex(found.hash), terms_of(found))
            for name, found in sorted(descriptions.items())[:SERVICES_MAX]
        }
        wanted |= dict.fromkeys(topics, _Offer("", b"", ()))
        assert len(wanted) <= NODE_RECORDS_MAX, "each kind has its limit"
        told = [self._withdraw(name, offer, now) for name, offer in self._gone(wanted, now).items()]
        for name, offer in list(self._offers.items()):
            if name not in wanted or wanted[name].terms != offer.terms:
                told.append(self._withdraw(name, offer, now))
                del self._offers[name], self._records[name]
        for name, offer in wanted.items():
            known = self._records.get(name)
            age = LIFETIME_SECONDS_MAX - (known.record.expires - now) if known is not None else 0.0
            if known is None or self._offers[name] != offer or age >= RENEW_SECONDS:
                self._offers[name] = offer
                self._records[name] = self._sign(name, offer, now)
                told.append(self._records[name])
        self._forget(now)
        if told:
            gone = {name: offer for name, (offer, _) in self._withdrawn.items()}
            every = {**gone, **self._before, **self._offers}
            self._keep({name: (offer.version, offer.terms) for name, offer in every.items()})
        return told

    def _withdraw(self, name: str, offer: _Offer, now: float) -> SignedRecord:
        """Signs a withdrawal, which is told to each new home: the one before may be gone with it."""
        signed = self._sign(name, offer, now, withdrawn=True)
        self._withdrawn.pop(name, None)
        self._withdrawn[name] = offer, signed
        return signed

    def _forget(self, now: float) -> None:
        """Forgets withdrawals of what is offered again, of what has ended everywhere, and more than a home takes."""
        self._withdrawn = {
            name: (offer, signed)
            for name, (offer, signed) in self._withdrawn.items()
            if name not in self._offers and signed.record.expires > now
        }
        while self._withdrawn and len(self._withdrawn) + len(self._offers) > NODE_RECORDS_MAX:
            del self._withdrawn[next(iter(self._withdrawn))]

    def _gone(self, wanted: Mapping[str, _Offer], now: float) -> dict[str, _Offer]:
        """Returns what was offered before this start and is to be withdrawn: it had time enough to come back.

        What came back under other words is withdrawn at once under the old ones.
        """
        self._began = now if self._began is None else self._began
        over = now - self._began >= RETURN_SECONDS or now < self._began
        gone = {}
        for name, offer in list(self._before.items()):
            if name not in wanted and not over:
                continue
            del self._before[name]
            if name not in wanted or wanted[name].terms != offer.terms:
                gone[name] = offer
        return gone

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

    def has_lapsed(self, now: float) -> bool:
        """Says whether the lease last shown is over: the home has forgotten the node then, and its records."""
        return self._presence is not None and now >= lease_ends(self._presence.record.issued, self._step)

    def next_beat(self) -> float:
        """Returns when the next beat is due, in Unix seconds; 0 before the first presence."""
        if self._presence is None:
            return 0.0
        return self._presence.record.issued + BEAT_SECONDS * (self._step + 1)

    def everything(self, place: Place, now: float) -> list[bytes]:
        """Returns the messages for a new home: a new presence, and all records, those of what is withdrawn too."""
        records = [*self.withdrawn, *self.records]
        return [ANNOUNCE.encode({"presence": self.begin(place, now)}), *told(records)]

    def farewell(self, now: float) -> list[bytes]:
        """Returns the messages with which the node leaves: everything is withdrawn, and it is nowhere."""
        offered = {**self._before, **self._offers}
        withdrawn = [self._withdraw(name, offer, now) for name, offer in offered.items()]
        self._before.clear()
        self._offers.clear()
        self._records.clear()
        self._forget(now)  # what is left is what the second path shows at the end
        left = self._present(Place(()), now, Chain(bytes(HASH_BYTES), 0))
        self._presence = self._chain = None
        return [*told(withdrawn), ANNOUNCE.encode({"presence": left.sealed})]

    # -- within -----------------------------------------------------------------------------------------------------

    def _sign(self, name: str, offer: _Offer, now: float, *, withdrawn: bool = False) -> SignedRecord:
        kind, name, origin = read_mark(name)
        record = ServiceRecord(
            self._key.public,
            name,
            offer.version,
            self._sequence(),
            int(now) + LIFETIME_SECONDS_MAX,
            b"" if withdrawn else offer.description_hash,
            offer.terms,
            withdrawn,
            kind,
            origin,
        )
        return sign_record(self._key, record)

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
