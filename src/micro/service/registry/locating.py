"""Finds out where nodes are, while it is still being found out which: each is asked for as soon as it is named.

A lookup asks two super nodes who offers a name, which also tell of the nodes that they know themselves. What the first
of them shows leads on at once; what the other one shows besides is asked for when it comes. So the slower one holds up
only what nobody else shows, and still counts.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

from micro.errors import MicroError
from micro.ports import Clock
from micro.service.registry.backbone import PRESENCE, PRESENT
from micro.service.registry.charting import Charting
from micro.service.registry.finding import Living, genuine_presence
from micro.service.registry.shardmap import SuperNode, shard_of_node
from micro.trust.identity import nid_of, short

__all__ = ["OFFERS_MAX", "Locating"]

OFFERS_MAX: Final = 32
"""So many nodes that offer a name are looked for, of each answer that names some."""

TRIES_MAX: Final = 3
"""So many super nodes are asked for a node that none of them has."""

log = logging.getLogger("micro.backbone")


class Locating:
    """Where the nodes of one lookup are.

    Args:
        charting: the maps.
        clock: the time.
        ordered: returns the holders of a shard as they are asked.
        ask: asks one of them.
        holders: so many holders are asked for each node; one that has it from before it moved is believed only alone.
    """

    def __init__(
        self,
        charting: Charting,
        clock: Clock,
        *,
        ordered: Callable[[int], list[SuperNode]],
        ask: Callable[[SuperNode, str, bytes], Awaitable[bytes]],
        holders: int,
    ) -> None:
        self._charting = charting
        self._clock = clock
        self._ordered = ordered
        self._ask = ask
        self._holders = holders
        self._begun: dict[bytes, None] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._found: dict[bytes, Living] = {}
        self._checked: dict[tuple[bytes, int, bytes], Living] = {}

    def begin(self, keys: Sequence[bytes]) -> None:
        """Asks for those of these nodes that were not asked for yet, `OFFERS_MAX` of them at most."""
        fresh = [key for key in dict.fromkeys(keys) if key not in self._begun][:OFFERS_MAX]
        if fresh:
            self._begun.update(dict.fromkeys(fresh))
            self._tasks.append(asyncio.get_running_loop().create_task(self._locate(fresh)))

    def told(self, keys: Sequence[bytes], presences: Sequence[Mapping[str, Any]]) -> None:
        """Hears where some of these nodes are, from who named them, and asks for the others.

        Where more than one holder is to be asked for each node this is none of them.
        """
        there = self._take(presences, keys)
        if self._holders == 1:
            self._begun.update(dict.fromkeys(there))
        self.begin(keys)

    async def found(self) -> dict[bytes, Living]:
        """Returns where those are that are believed alive, when everybody was asked."""
        await asyncio.gather(*self._tasks)
        return self._found

    def stop(self) -> None:
        """Asks no more."""
        for task in self._tasks:
            task.cancel()

    async def _locate(self, keys: list[bytes]) -> None:
        found = self._found
        members = {key: self._ordered(shard_of_node(nid_of(key))) for key in keys}
        for attempt in range(TRIES_MAX):
            groups: dict[bytes, tuple[SuperNode, list[bytes]]] = {}
            for key in keys:
                if (attempt < self._holders or key not in found) and members[key]:
                    member = self._shared(members[key], groups)
                    members[key].remove(member)  # who has been asked is not asked again
                    groups.setdefault(member.key, (member, []))[1].append(key)
            if not groups:
                break
            asked = [self._presences(member, part) for member, part in groups.values()]
            await asyncio.gather(*asked)

    @staticmethod
    def _shared(members: list[SuperNode], groups: dict[bytes, Any]) -> SuperNode:
        """Returns the one of these that is asked for others too, else the first."""
        return next((member for member in members if member.key in groups), members[0])

    async def _presences(self, member: SuperNode, keys: list[bytes]) -> None:
        try:
            answer = PRESENT.decode(await self._ask(member, "Backbone.Presence", PRESENCE.encode({"keys": keys})))
        except (MicroError, TimeoutError) as error:
            log.info("%s does not say where nodes are: %s", short(member.nid), error)
            return
        self._charting.heard(answer["map_version"], member.ticket())
        self._take(answer["presences"], keys)

    def _take(self, presences: Sequence[Mapping[str, Any]], keys: Sequence[bytes]) -> list[bytes]:
        """Takes what proves that some of these nodes are alive; what was checked before is not checked again."""
        wanted, now, there = dict.fromkeys(keys), self._clock.now(), []
        for each in presences:
            mark = (each["sealed"], each["step"], each["value"])
            living = self._checked.get(mark) or genuine_presence(each, now, wanted)
            if living is None or living.record.key not in wanted:
                continue
            self._checked[mark] = living
            key, known = living.record.key, self._found.get(living.record.key)
            there.append(key)
            if known is None or (known.record.sequence, known.ends) < (living.record.sequence, living.ends):
                self._found[key] = living
        return there
