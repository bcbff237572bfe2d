"""Keeps what a node says of itself in a commons: where it is, what it offers, and what a super node knows.

Looks every few seconds at what ought to be there and puts what changed; the commons itself renews it while the node
lives. What is offered no longer is put as a withdrawal, which stays until the record before has run out.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final

import blake3

from micro.errors import MicroError
from micro.ports import Clock
from micro.service.registry.announcement import Announcement, Place
from micro.service.registry.charting import Charting
from micro.service.registry.commons.commons import LIFETIME_SECONDS, Commons, place_of, tag_of
from micro.service.registry.commons.value import value_of_place, value_of_records
from micro.service.registry.commons.whereabouts import SignedWhereabouts, Whereabouts, sign_whereabouts
from micro.service.registry.record import LIFETIME_SECONDS_MAX, SignedRecord
from micro.trust.identity import nid_of, public_key_of
from micro.trust.keys import NodeKey

__all__ = ["Poster"]

LOOK_SECONDS: Final = 1.0
"""So often is looked whether something changed."""

RENEW_SECONDS: Final = 1200
"""Whereabouts are signed anew when they are so old, a third of the time for which they are believed."""

NAMES_MAX: Final = 64
"""So many names of one node are put, the first of them by name."""

WORDS_MAX: Final = 64
"""So many words of one node are put, the first of each service before the second of any."""

PUTS_AT_ONCE: Final = 8
"""So many values are under way to the commons at the same time."""

PUT_SECONDS: Final = 5.0
"""So long is waited until a value is taken; the commons goes on trying."""

AGAIN_SECONDS: Final = 30.0
"""A value that nobody took is offered again after this time."""

LEAVE_SECONDS: Final = 1.5
"""How long a node that stops waits until the commons has its withdrawals."""

log = logging.getLogger("micro.backbone")


class Poster:
    """What one node keeps in a commons for its network.

    Args:
        commons: where.
        key: the node's key.
        announcement: its records.
        charting: the maps of the network.
        clock: time.
        sequence: returns the next number of the node's sequence.
        place: where the node can be reached now.
        is_super: says whether it is a super node now.
    """

    def __init__(
        self,
        commons: Commons,
        key: NodeKey,
        announcement: Announcement,
        charting: Charting,
        *,
        clock: Clock,
        sequence: Callable[[], int],
        place: Callable[[], Place],
        is_super: Callable[[], bool],
    ) -> None:
        self._commons = commons
        self._key = key
        self._tag = tag_of(key.public)
        self._announcement = announcement
        self._charting = charting
        self._network = charting.atlas.network
        self._clock = clock
        self._sequence = sequence
        self._place = place
        self._is_super = is_super
        self._whereabouts: SignedWhereabouts | None = None
        self._posted: dict[bytes, bytes] = {}
        self._again_at: dict[bytes, float] = {}
        self._task: asyncio.Task[None] | None = None

    @property
    def count(self) -> int:
        """How many values stand in the commons."""
        return len(self._posted)

    def start(self) -> None:
        """Begins to put."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def leave(self) -> None:
        """Withdraws everything, as far as the commons takes it in time, and ends."""
        if self._task is not None:
            self._task.cancel()
        if not self._posted:
            return
        now = self._clock.now()
        self._announcement.farewell(now)
        left = value_of_place(self._sign(Place(()), now))
        wanted = {self._at("node", nid_of(self._key.public)): left}
        for signed in self._announcement.withdrawn:
            wanted[self._at("name", signed.record.mark)] = value_of_records([signed])
        if self._at("super", "") in self._posted:
            wanted[self._at("super", "")] = left
        try:
            async with asyncio.timeout(LEAVE_SECONDS):
                await asyncio.gather(
                    *(
                        self._commons.put(at, value, tag=self._tag)
                        for at, value in wanted.items()
                        if at in self._posted
                    ),
                    return_exceptions=True,
                )
        except TimeoutError:
            log.info("the commons did not take every withdrawal in time; what is there runs out by itself")
        for at in self._posted:
            await self._commons.withdraw(at)
        self._posted.clear()

    # -- within -----------------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        gate = asyncio.Semaphore(PUTS_AT_ONCE)
        while True:
            now = self._clock.monotonic()
            wanted = self._wanted(self._clock.now())
            for at in [at for at in self._posted if at not in wanted]:
                del self._posted[at]
                await self._commons.withdraw(at)
            changed = [
                (at, value)
                for at, value in wanted.items()
                if self._posted.get(at) != value or now >= self._again_at.get(at, now + 1)
            ]
            await asyncio.gather(*(self._put(at, value, gate) for at, value in changed))
            await asyncio.sleep(LOOK_SECONDS)

    async def _put(self, at: bytes, value: bytes, gate: asyncio.Semaphore) -> None:
        async with gate:
            self._posted[at] = value
            self._again_at.pop(at, None)
            try:
                async with asyncio.timeout(PUT_SECONDS):
                    if await self._commons.put(at, value, tag=self._tag):
                        return
            except (MicroError, TimeoutError) as error:
                log.info("the commons has not taken a value yet: %s", error)
            self._again_at[at] = self._clock.monotonic() + AGAIN_SECONDS

    def _wanted(self, now: float) -> dict[bytes, bytes]:
        """Returns what is to stand in the commons now, by place."""
        found = self._present(now)
        wanted = {self._at("node", nid_of(self._key.public)): value_of_place(found)}
        if found.whereabouts.map_version:
            current = self._charting.atlas.current
            assert current is not None
            wanted[self._at("super", "")] = value_of_place(found, current.signed.sealed)
        records = sorted(self._announcement.records, key=lambda signed: signed.record.mark)[:NAMES_MAX]
        for signed in records:
            wanted[self._at("name", signed.record.mark)] = value_of_records([signed])
        for word, those in _by_word(records).items():
            wanted[self._at("word", word)] = value_of_records(those)
        for signed in self._announcement.withdrawn:
            at, value = self._at("name", signed.record.mark), value_of_records([signed])
            signed_at = signed.record.expires - LIFETIME_SECONDS_MAX
            if at in self._posted and now < signed_at + LIFETIME_SECONDS:
                wanted.setdefault(at, value)
        return wanted

    def _present(self, now: float) -> SignedWhereabouts:
        """Returns the whereabouts that hold now, signed anew where they changed or are old."""
        place, known = self._place(), self._whereabouts
        if known is not None:
            old = known.whereabouts
            said = (old.addresses, old.relay, old.map_version)
            is_fresh = old.issued <= now < old.issued + RENEW_SECONDS
            if is_fresh and said == (place.addresses, place.relay, self._map_version()):
                return known
        self._whereabouts = self._sign(place, now)
        return self._whereabouts

    def _map_version(self) -> int:
        return self._charting.atlas.version if self._is_super() else 0

    def _sign(self, place: Place, now: float) -> SignedWhereabouts:
        current, version = self._charting.atlas.current, self._map_version()
        found = Whereabouts(
            public_key_of(self._network),
            self._key.public,
            self._sequence(),
            int(now),
            place.addresses,
            place.relay,
            version,
            blake3.blake3(current.signed.sealed).digest() if version and current is not None else b"",
        )
        return sign_whereabouts(self._key, found)

    def _at(self, kind: str, name: str) -> bytes:
        return place_of(self._network, kind, name)


def _by_word(records: list[SignedRecord]) -> dict[str, list[SignedRecord]]:
    """Returns the records of each word that is put."""
    found: dict[str, list[SignedRecord]] = {}
    deepest = max((len(signed.record.terms) for signed in records), default=0)
    for depth in range(deepest):
        for signed in records:
            for word in signed.record.terms[depth : depth + 1]:
                if word in found or len(found) < WORDS_MAX:
                    found.setdefault(word, []).append(signed)
    return found
