"""Asks the holders of shards: for records, and for where nodes are.

Two super nodes are asked for everything: one can keep silent, and none can make anything up. Who sends what nobody has
signed, or does not answer, is asked last for a while.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

from micro.errors import MicroError, NotFound, Unavailable
from micro.ports import Clock, Entropy
from micro.service.registry.backbone import FOUND, LOCATED
from micro.service.registry.charting import Charting
from micro.service.registry.doubts import Doubts
from micro.service.registry.locating import Locating
from micro.service.registry.reach import Reach
from micro.service.registry.record import SignedRecord
from micro.service.registry.shardmap import SuperNode
from micro.trust.identity import short

__all__ = ["ASKED", "LOOKUP", "Asker"]

LOOKUP: Final = "Backbone.Lookup"

OLDER_SECONDS: Final = 600.0
"""A super node that does not know `Backbone.Lookup` is asked for it again after so long."""

ASKED: Final = 2
"""So many super nodes are asked for everything."""

ASK_TIMEOUT_SECONDS: Final = 2.0

log = logging.getLogger("micro.backbone")


class Asker:
    """Asks the super nodes of one network.

    Args:
        charting: its maps.
        reach: how super nodes are reached.
        clock, entropy: time, and the choice among super nodes.
    """

    def __init__(self, charting: Charting, reach: Reach, clock: Clock, entropy: Entropy) -> None:
        self._charting = charting
        self._reach = reach
        self._clock = clock
        self._entropy = entropy
        self._doubts = Doubts()
        self._older: dict[bytes, float] = {}  # until when a super node is asked as it was of old

    async def records(
        self,
        shard: int,
        endpoint: str,
        body: bytes,
        believe: Callable[[Sequence[bytes], float], tuple[list[SignedRecord], bool]],
        told: Callable[[list[SignedRecord], Sequence[Mapping[str, Any]]], None] = lambda answer, presences: None,
    ) -> list[list[SignedRecord]]:
        """Returns the believed answers of two holders of a shard, of one where only one answers.

        Where these have nothing the others are asked too, those by the map before included: shards may be moving.

        Args:
            shard: whose holders are asked.
            endpoint: `Backbone.Lookup` or another one with such an answer.
            body: the question.
            believe: returns the records of an answer that are believed, and whether all were fit to be sent.
            told: hears each answer, with the presences in it, which nobody has checked.

        Raises:
            Unavailable: none answers.
        """

        async def ask(member: SuperNode) -> list[SignedRecord]:
            answer = await self._answer(member, endpoint, body)
            self._charting.heard(answer["map_version"], member.ticket())
            records, honest = believe(answer["records"], self._clock.now())
            if not honest:
                log.warning("%s sent a record that its node never signed; it is asked last now", short(member.nid))
                self._doubts.distrust(member, self._clock.monotonic())
            told(records, answer.get("presences", ()))
            return records

        return await self._first(self.ordered(shard), ask)

    def locating(self, holders: int) -> Locating:
        """Returns what asks where the nodes of one lookup are, so many holders for each."""
        return Locating(self._charting, self._clock, ordered=self.ordered, ask=self._call, holders=holders)

    def ordered(self, shard: int) -> list[SuperNode]:
        """Returns the holders of a shard as they are asked: by the newest map, from one that chance chooses on.

        Two that follow each other are of different owners, wherever the map has such.
        """
        current = self._charting.atlas.current
        newest = list(current.ring.holders(shard)) if current is not None else []
        turn = self._entropy.random_bytes(1)[0] % len(newest) if newest else 0
        ordered = [*newest[turn:], *newest[:turn]]
        known = {member.key for member in newest}
        ordered += [member for member in self._charting.atlas.holders(shard) if member.key not in known]
        return self._doubts.ordered(ordered, self._clock.monotonic())

    # -- within -----------------------------------------------------------------------------------------------------

    async def _first(
        self, members: list[SuperNode], ask: Callable[[SuperNode], Awaitable[list[SignedRecord]]]
    ) -> list[list[SignedRecord]]:
        answers: list[list[SignedRecord]] = []
        trouble = "no map of the network is known yet"
        while members and (len(answers) < ASKED or not any(answers)):
            now, members = members[:ASKED], members[ASKED:]
            for answer in await asyncio.gather(*(ask(member) for member in now), return_exceptions=True):
                if isinstance(answer, list):
                    answers.append(answer)
                elif isinstance(answer, MicroError | TimeoutError):
                    trouble = str(answer)
                else:
                    raise answer
        if not answers:
            raise Unavailable(f"no super node that holds this answers now: {trouble}; try again in a moment")
        return answers

    async def _answer(self, member: SuperNode, endpoint: str, body: bytes) -> dict[str, Any]:
        """Asks one super node; one that cannot tell of names and nodes at once is asked for the names alone."""
        if endpoint == LOOKUP:
            if self._clock.monotonic() >= self._older.get(member.key, 0.0):
                try:
                    return LOCATED.decode(await self._call(member, endpoint, body))
                except NotFound:
                    self._older[member.key] = self._clock.monotonic() + OLDER_SECONDS
            endpoint = "Backbone.Find"
        return FOUND.decode(await self._call(member, endpoint, body))

    async def _call(self, member: SuperNode, endpoint: str, body: bytes) -> bytes:
        try:
            answer = await self._reach.call(member.ticket(), endpoint, body, timeout_seconds=ASK_TIMEOUT_SECONDS)
        except NotFound:
            raise  # it answers, and is older than this program
        except (MicroError, TimeoutError):
            self._doubts.silent(member, self._clock.monotonic())
            raise
        self._doubts.answered(member)
        return answer
