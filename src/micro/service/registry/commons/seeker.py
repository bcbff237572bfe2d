"""Looks for nodes and services of one network in a commons, within bounds of time and work.

What was seen is remembered by its sequence, so that an older value which somebody puts back is not believed again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Final

from micro.errors import MicroError, Timeout
from micro.ports import Clock
from micro.service.registry.commons.commons import TAGS, Commons, Found, place_of, tag_of
from micro.service.registry.commons.value import (
    Wanted,
    believed_maps,
    believed_records,
    believed_whereabouts,
    may_be_records,
    may_be_whereabouts,
)
from micro.service.registry.commons.whereabouts import Whereabouts
from micro.service.registry.record import SignedRecord
from micro.trust.identity import nid_of, public_key_of
from micro.trust.ticket import Ticket

__all__ = ["Seeker", "Supers"]

FIND_SECONDS: Final = 4.0
"""So long one look at a place may take."""

NODES_MAX: Final = 32
"""The whereabouts of so many nodes are looked for at the same time."""

SEEN_MAX: Final = 8192
"""So many sequences are remembered; the one longest unseen gives way."""


@dataclass(frozen=True, slots=True)
class Supers:
    """What a commons shows of the super nodes of a network.

    Attributes:
        maps: sealed maps that the keeper has signed, in no order.
        tickets: where nodes are that say they are super nodes; whether they are, only a map tells.
        version: the greatest number of a map that one of them says it has.
    """

    maps: list[bytes]
    tickets: list[Ticket]
    version: int


class Seeker:
    """Looks into a commons for one network.

    Args:
        commons: where.
        network: the node id of the network's keeper.
        clock: time.
    """

    def __init__(self, commons: Commons, network: str, clock: Clock) -> None:
        self._commons = commons
        self._network = network
        self._keeper = public_key_of(network)
        self._clock = clock
        self._seen: dict[bytes, int] = {}

    async def records(self, wanted: Wanted) -> list[SignedRecord]:
        """Returns the records of a name, or with a word, that are believed, withdrawals too.

        Raises:
            Timeout: the commons does not answer.
        """
        kind, text = ("word", wanted.word) if wanted.word else ("name", wanted.name)
        fits = partial(may_be_records, wanted, self._clock.now())
        best: dict[bytes, SignedRecord] = {}
        for values in await self._find(kind, text, fits, wanted.key):
            for signed in self._believe(values, wanted):
                mark = signed.record.key + signed.record.mark.encode()
                if mark not in best or signed.rank > best[mark].rank:
                    best[mark] = signed
        return list(best.values())

    async def whereabouts(self, keys: Iterable[bytes]) -> list[Whereabouts]:
        """Returns where those of these nodes are that say so, at most `NODES_MAX`; silence is no error."""

        async def one(key: bytes) -> list[Whereabouts]:
            try:
                parts = await self._find("node", nid_of(key), self._fits_whereabouts(key), key)
            except MicroError:
                return []
            return self._believed(parts, key)

        found = await asyncio.gather(*(one(key) for key in list(keys)[:NODES_MAX]))
        return [each for part in found for each in part]

    async def supers(self) -> Supers:
        """Returns what is said about the super nodes.

        Raises:
            Timeout: the commons does not answer.
        """
        parts = await self._find("super", "", self._fits_whereabouts())
        maps = dict.fromkeys(sealed for values in parts for sealed in believed_maps(values, self._keeper))
        found = self._believed(parts)
        version = max((each.map_version for each in found), default=0)
        return Supers(list(maps), [each.ticket() for each in found], version)

    def listen(self, name: str, heard: Callable[[SignedRecord], None]) -> Callable[[], None]:
        """Has `heard` told each believed record of a name that is or comes to be there; returns what ends it.

        Raises:
            TooManyRequests: this node listens to too many places already.
        """

        def take(value: bytes) -> None:
            for signed in self._believe([value], Wanted(name)):
                heard(signed)

        def fits(value: bytes) -> bool:
            return may_be_records(Wanted(name), self._clock.now(), value)

        return self._commons.listen(place_of(self._network, "name", name), take, fits=fits)

    # -- within -----------------------------------------------------------------------------------------------------

    async def _find(self, kind: str, name: str, fits: Callable[[bytes], bool], key: bytes = b"") -> list[list[bytes]]:
        """Returns the values of a place; of one that is flooded also those of each part, or of the part of `key`."""
        place = place_of(self._network, kind, name)
        whole = await self._look(place, fits, "")
        if not whole.is_cut:
            return [whole.values]
        tags = (tag_of(key),) if key else TAGS
        parts = await asyncio.gather(*(self._look(place, fits, tag) for tag in tags), return_exceptions=True)
        return [whole.values, *(part.values for part in parts if isinstance(part, Found))]

    async def _look(self, place: bytes, fits: Callable[[bytes], bool], tag: str) -> Found:
        try:
            async with asyncio.timeout(FIND_SECONDS):
                return await self._commons.find(place, fits=fits, tag=tag)
        except TimeoutError:
            raise Timeout(f"the commons did not answer within {FIND_SECONDS:g} s") from None

    def _fits_whereabouts(self, key: bytes = b"") -> Callable[[bytes], bool]:
        return partial(may_be_whereabouts, self._keeper, key, self._clock.now())

    def _believed(self, parts: list[list[bytes]], key: bytes = b"") -> list[Whereabouts]:
        """Returns the newest whereabouts of each node that are believed, without those that have left."""
        best: dict[bytes, Whereabouts] = {}
        for values in parts:
            for each in believed_whereabouts(values, self._keeper, self._clock.now(), self._seen, key=key):
                if each.key not in best or each.sequence > best[each.key].sequence:
                    best[each.key] = each
        return self._note(list(best.values()))

    def _believe(self, values: list[bytes], wanted: Wanted) -> list[SignedRecord]:
        found = believed_records(values, wanted, self._clock.now(), self._seen)
        for signed in found:
            self._see(signed.record.key + signed.record.mark.encode(), signed.record.sequence)
        return found

    def _note(self, found: list[Whereabouts]) -> list[Whereabouts]:
        """Remembers whereabouts, and returns them without those that have left."""
        for each in found:
            self._see(each.key, each.sequence)
        return [each for each in found if not each.is_leaving]

    def _see(self, mark: bytes, sequence: int) -> None:
        self._seen.pop(mark, None)
        self._seen[mark] = sequence
        if len(self._seen) > SEEN_MAX:
            del self._seen[next(iter(self._seen))]
