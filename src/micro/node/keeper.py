"""The keeper of a network at work: it signs the shard map, and takes out who is away for long.

It calls each super node where the map says it is, in rounds. Who is away longer than its owner allows goes out, all
such in one map, since every map makes shards move; `micro.service.registry.muster` tells the others' absence from the
keeper's own. Whoever comes back finds that the map has it no more, and asks to be taken in again. Who wishes to be
taken in, or out, at about the same time is so in one map, too.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Sequence
from typing import Final

from micro.errors import Conflict, HandshakeFailed, MicroError, Unavailable
from micro.node.gathering import Gathering
from micro.node.reach import NodeReach
from micro.ports import Clock, Entropy
from micro.service.registry.backbone import PRESENCE, PRESENT
from micro.service.registry.charter import Wish, with_wishes, without_members
from micro.service.registry.charting import Charting
from micro.service.registry.muster import Muster
from micro.service.registry.shardmap import ShardMap, SuperNode, sign_map
from micro.trust.identity import nid_of, short
from micro.trust.keys import NodeKey
from micro.trust.ticket import Ticket

__all__ = ["Keeper"]

ROUNDS_PER_ABSENCE: Final = 10
"""So many rounds are called in the time after which somebody is away; a minute apart by default."""

CALLS_MAX: Final = 32
"""So many super nodes are called at once."""

CALL_TIMEOUT_SECONDS: Final = 5.0

log = logging.getLogger("micro.backbone")


class Keeper:
    """The work of a network's keeper.

    Args:
        key: its key, which names the network.
        charting: the maps.
        reach: how others are reached.
        clock, entropy: time, and the spread of pauses.
        away_seconds: who did not answer for so long is taken out of the map.
        changed: told when there is a new map.
    """

    def __init__(
        self,
        key: NodeKey,
        charting: Charting,
        reach: NodeReach,
        *,
        clock: Clock,
        entropy: Entropy,
        away_seconds: float,
        changed: Callable[[], None],
    ) -> None:
        self._key = key
        self._charting = charting
        self._reach = reach
        self._clock = clock
        self._entropy = entropy
        self._away_seconds = away_seconds
        self._changed = changed
        self._muster = Muster(away_seconds)
        self._signing = asyncio.Lock()
        self._gathering: Gathering[Wish] = Gathering(self._meet)
        self._began = clock.monotonic()
        self._is_current = False
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begins to call the super nodes."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    def stop(self) -> None:
        """Ends that."""
        self._gathering.stop()
        if self._task is not None:
            self._task.cancel()

    async def admit(self, member: SuperNode | None, key: bytes) -> None:
        """Has the next map signed with a super node, or without the one of `key`, and with what others wish meanwhile.

        Raises:
            Unavailable, HandshakeFailed: it cannot be reached where it says it is, or this keeper reached nobody yet.
            Forbidden: it is reached elsewhere than it says.
            Forbidden, TooManyRequests, Conflict: the rules forbid it.
        """
        if member is not None and member.key != self._key.public:
            member = await self._proved(member)
        if key == self._key.public and member is None:
            raise Conflict("the keeper signs the maps of its network, and stays in them")
        self._muster.seen(key)
        if key != self._key.public or self._charting.atlas.current is not None:
            await self._gathering.wish(Wish(member, key))
            return
        for reason in await self._meet([Wish(member, key)]):
            if reason is not None:
                raise reason

    # -- within -----------------------------------------------------------------------------------------------------

    async def _proved(self, member: SuperNode) -> SuperNode:
        """Returns a super node as it is reached now: at an address that it names, else through its relay alone.

        Over a link of before it would answer wherever it says it is, and through a relay of its own also, whatever
        addresses stand beside that; it would count in places where it is not.
        """
        if member.addresses:
            try:
                return member.reached_at(await self._reach.prove(Ticket(member.nid, member.addresses)))
            except (Unavailable, HandshakeFailed, TimeoutError):
                if not member.relay:
                    raise
        return member.reached_at(await self._reach.prove(Ticket(member.nid, (), member.relay)))

    def _map(self) -> ShardMap:
        chart = self._charting.atlas.current
        return chart.signed.map if chart is not None else ShardMap(self._key.public, 1, self._now(), ())

    async def _meet(self, wishes: Sequence[Wish]) -> Sequence[MicroError | None]:
        """Signs the next map with what these wish, where that changes anything; returns for each why it is not met."""
        async with self._signing:
            change, reasons = with_wishes(self._map(), wishes, self._now())
            if change is not None:
                await self._catch_up()
                change, reasons = with_wishes(self._map(), wishes, self._now())
                await self._sign(change)
            return reasons

    async def _catch_up(self) -> None:
        """Hears, once in its life, whether others have newer maps of its own: after a backup was put back they have.

        Two different maps of one number would split the network, so nothing is signed before; unless nobody was there
        for so long that they are away.
        """
        others = [] if self._is_current else [each for each in self._map().members if each.key != self._key.public]
        turn = self._entropy.random_bytes(1)[0] % len(others) if others else 0
        heard: list[bool] = []

        async def learn(member: SuperNode) -> None:
            try:
                await self._charting.learn(member.ticket())
            except (MicroError, TimeoutError) as error:
                log.info("%s does not tell its keeper which map it has: %s", short(member.nid), error)
            else:
                heard.append(True)

        async with asyncio.TaskGroup() as group:
            for member in [*others[turn:], *others[:turn]][:CALLS_MAX]:
                group.create_task(learn(member))
        if others and not heard and self._clock.monotonic() - self._began < self._away_seconds:
            raise Unavailable(
                "the keeper has reached no other super node yet, and signs no map before it knows the newest; try again"
            )
        self._is_current = True

    async def _sign(self, change: ShardMap | None) -> None:
        if change is not None:
            await self._charting.take(sign_map(self._key, change).sealed)
            self._changed()

    def _now(self) -> int:
        return int(self._clock.now())

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(
                self._away_seconds / ROUNDS_PER_ABSENCE * (0.75 + self._entropy.random_bytes(1)[0] / 512)
            )
            try:
                await self._round()
            except (MicroError, TimeoutError) as error:
                log.warning("the super nodes could not be called, or the map not be kept; again in a while: %s", error)

    async def _round(self) -> None:
        """Calls everybody once, and takes out who is away."""
        began, members = self._clock.monotonic(), self._map().members
        answered = await self._call(members)
        if not self._muster.called([member.key for member in members], answered, began):
            if len(members) > 1:
                silent = len(members) - len(answered)
                log.warning("%d of %d super nodes do not answer: the map stays as it is", silent, len(members))
            return
        async with self._signing:
            away = self._muster.away(self._clock.monotonic())
            if away:
                await self._catch_up()
                names = ", ".join(short(nid_of(key)) for key in away)
                log.warning("taken out of the map, since they are away for long: %s", names)
                await self._sign(without_members(self._map(), away, self._now()))

    async def _call(self, members: Collection[SuperNode]) -> Collection[bytes]:
        """Calls super nodes, a few at once, and returns the keys of those that answer as such, and the keeper's."""
        answered = {self._key.public}
        waiting = iter([member for member in members if member.key != self._key.public])

        async def some() -> None:
            for member in waiting:
                if await self._answers(member):
                    answered.add(member.key)

        async with asyncio.TaskGroup() as group:
            for _ in range(min(CALLS_MAX, len(members))):
                group.create_task(some())
        return answered

    async def _answers(self, member: SuperNode) -> bool:
        nobody = PRESENCE.encode({"keys": []})
        try:
            body = await self._reach.call(
                member.ticket(), "Backbone.Presence", nobody, timeout_seconds=CALL_TIMEOUT_SECONDS
            )
            self._charting.heard(PRESENT.decode(body)["map_version"], member.ticket())
        except (MicroError, TimeoutError) as error:
            log.info("%s does not answer its keeper: %s", short(member.nid), error)
            return False
        return True
