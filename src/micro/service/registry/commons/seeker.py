"""Looks for nodes and services of one network in a commons, within bounds of time and work.

What was seen is remembered by its sequence, so that an older value which somebody puts back is not believed again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from micro.errors import MicroError, Timeout
from micro.ports import Clock
from micro.service.registry.commons.commons import Commons, place_of
from micro.service.registry.commons.value import (
    Wanted,
    believed_maps,
    believed_records,
    believed_whereabouts,
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
        return self._believe(await self._find(kind, text), wanted)

    async def whereabouts(self, keys: Iterable[bytes]) -> list[Whereabouts]:
        """Returns where those of these nodes are that say so, at most `NODES_MAX`; silence is no error."""

        async def one(key: bytes) -> list[Whereabouts]:
            try:
                values = await self._find("node", nid_of(key))
            except MicroError:
                return []
            return self._note(believed_whereabouts(values, self._keeper, self._clock.now(), self._seen, key=key))

        found = await asyncio.gather(*(one(key) for key in list(keys)[:NODES_MAX]))
        return [each for part in found for each in part]

    async def supers(self) -> Supers:
        """Returns what is said about the super nodes.

        Raises:
            Timeout: the commons does not answer.
        """
        values = await self._find("super", "")
        maps = believed_maps(values, self._keeper)
        found = self._note(believed_whereabouts(values, self._keeper, self._clock.now(), self._seen))
        version = max((each.map_version for each in found), default=0)
        return Supers(maps, [each.ticket() for each in found], version)

    def listen(self, name: str, heard: Callable[[SignedRecord], None]) -> Callable[[], None]:
        """Has `heard` told each believed record of a name that is or comes to be there; returns what ends it.

        Raises:
            TooManyRequests: this node listens to too many places already.
        """

        def take(value: bytes) -> None:
            for signed in self._believe([value], Wanted(name)):
                heard(signed)

        return self._commons.listen(place_of(self._network, "name", name), take)

    # -- within -----------------------------------------------------------------------------------------------------

    async def _find(self, kind: str, name: str) -> list[bytes]:
        try:
            async with asyncio.timeout(FIND_SECONDS):
                return await self._commons.find(place_of(self._network, kind, name))
        except TimeoutError:
            raise Timeout(f"the commons did not answer within {FIND_SECONDS:g} s") from None

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
