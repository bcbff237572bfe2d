"""Asks the holders of shards: for records, and for where nodes are.

Two super nodes are asked for everything: one can keep silent, and none can make anything up. Who sends what nobody has
signed, or does not answer, is asked last for a while.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from micro.errors import MicroError, Unavailable
from micro.ports import Clock, Entropy
from micro.service.registry.backbone import FOUND, PRESENCE, PRESENT
from micro.service.registry.charting import Charting
from micro.service.registry.doubts import Doubts
from micro.service.registry.finding import Living, genuine_presence
from micro.service.registry.reach import Reach
from micro.service.registry.record import SignedRecord
from micro.service.registry.shardmap import SuperNode, shard_of_node
from micro.trust.identity import nid_of, short

__all__ = ["ASKED", "Asker"]

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

    async def records(
        self,
        shard: int,
        endpoint: str,
        body: bytes,
        believe: Callable[[Sequence[bytes], float], tuple[list[SignedRecord], bool]],
    ) -> list[list[SignedRecord]]:
        """Returns the believed answers of two holders of a shard, of one where only one answers.

        Where these have nothing the others are asked too, those by the map before included: shards may be moving.

        Raises:
            Unavailable: none answers.
        """

        async def ask(member: SuperNode) -> list[SignedRecord]:
            answer = FOUND.decode(await self._call(member, endpoint, body))
            self._charting.heard(answer["map_version"], member.ticket())
            records, honest = believe(answer["records"], self._clock.now())
            if not honest:
                log.warning("%s sent a record that its node never signed; it is asked last now", short(member.nid))
                self._doubts.distrust(member, self._clock.monotonic())
            return records

        return await self._first(self.ordered(shard), ask)

    async def locate(self, keys: list[bytes], holders: int) -> list[Living]:
        """Returns where those of these nodes are that are believed alive.

        So many holders are asked for each; one that has it from before a node moved is believed only by itself.
        """
        found: dict[bytes, Living] = {}
        members = {key: self.ordered(shard_of_node(nid_of(key))) for key in keys}
        for attempt in range(ASKED + 1):
            groups: dict[bytes, tuple[SuperNode, list[bytes]]] = {}
            for key in keys:
                if (attempt < holders or key not in found) and members[key]:
                    member = self._shared(members[key], groups)
                    members[key].remove(member)  # who has been asked is not asked again
                    groups.setdefault(member.key, (member, []))[1].append(key)
            if not groups:
                break
            asked = [self._presences(member, part) for member, part in groups.values()]
            for part in await asyncio.gather(*asked):
                for living in part:
                    known = found.get(living.record.key)
                    if known is None or (known.record.sequence, known.ends) < (living.record.sequence, living.ends):
                        found[living.record.key] = living
        return list(found.values())

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

    async def _call(self, member: SuperNode, endpoint: str, body: bytes) -> bytes:
        try:
            answer = await self._reach.call(member.ticket(), endpoint, body, timeout_seconds=ASK_TIMEOUT_SECONDS)
        except (MicroError, TimeoutError):
            self._doubts.silent(member, self._clock.monotonic())
            raise
        self._doubts.answered(member)
        return answer

    @staticmethod
    def _shared(members: list[SuperNode], groups: dict[bytes, Any]) -> SuperNode:
        """Returns the one of these that is asked for others too, else the first."""
        return next((member for member in members if member.key in groups), members[0])

    async def _presences(self, member: SuperNode, keys: list[bytes]) -> list[Living]:
        try:
            answer = PRESENT.decode(await self._call(member, "Backbone.Presence", PRESENCE.encode({"keys": keys})))
        except (MicroError, TimeoutError) as error:
            log.info("%s does not say where nodes are: %s", short(member.nid), error)
            return []
        self._charting.heard(answer["map_version"], member.ticket())
        wanted = dict.fromkeys(keys)
        now = self._clock.now()
        found = [genuine_presence(living, now, wanted) for living in answer["presences"]]
        return [living for living in found if living is not None]
