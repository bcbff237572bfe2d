"""A super node at work: it hands parcels to the others, ends what is over, and is in the map.

One courier goes to each super node for which something waits. It sends one parcel after the other; where its link is a
new one, everything of the nodes homed here that belongs there is told again, since the other may have begun anew.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Final

from micro.errors import Conflict, MicroError, Unavailable
from micro.node.reach import NodeReach
from micro.ports import Clock, Entropy
from micro.service.registry.atlas import Chart
from micro.service.registry.backbone import JOIN, STORED
from micro.service.registry.charter import with_member, without_member
from micro.service.registry.charting import Charting, in_slices
from micro.service.registry.holder import Holder
from micro.service.registry.shardmap import ShardMap, SuperNode, sign_map
from micro.trust.identity import nid_of, short
from micro.trust.keys import NodeKey
from micro.trust.ticket import Ticket

__all__ = ["JOIN_TIMEOUT_SECONDS", "SuperRole", "keeper_of"]

STORE_TIMEOUT_SECONDS: Final = 3.0
JOIN_TIMEOUT_SECONDS: Final = 5.0
TICK_SECONDS: Final = 5.0
GATHER_SECONDS: Final = 0.02
"""A parcel gathers for so long before it is sent."""

GREET_SECONDS: Final = 10.0
"""So often every other super node hears which map is the newest here, even if nothing waits for it."""

BACKOFF_SECONDS_MIN: Final = 0.5
BACKOFF_SECONDS_MAX: Final = 15.0

log = logging.getLogger("micro.backbone")


class SuperRole:
    """The work of one super node.

    Args:
        key: its key.
        holder: what it holds.
        charting: the maps.
        reach: how others are reached.
        clock, entropy: time, and the spread of pauses.
    """

    def __init__(
        self,
        key: NodeKey,
        holder: Holder,
        charting: Charting,
        reach: NodeReach,
        *,
        clock: Clock,
        entropy: Entropy,
    ) -> None:
        self._key = key
        self.holder = holder
        self._charting = charting
        self._reach = reach
        self._clock = clock
        self._entropy = entropy
        self._couriers: dict[bytes, asyncio.Task[None]] = {}
        self._failures: dict[bytes, int] = {}
        self._told: dict[bytes, object] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._remapping: asyncio.Task[None] | None = None
        self._moving_from: Chart | None = None
        self._admitting = asyncio.Lock()

    def start(self) -> None:
        """Begins to work."""
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self._tick()), loop.create_task(self._greet())]

    async def stop(self) -> None:
        """Ends the work."""
        for task in (*self._tasks, *self._couriers.values()):
            task.cancel()
        if self._remapping is not None:
            self._remapping.cancel()

    def parcelled(self) -> None:
        """Takes note that something may wait to be handed over."""
        for target in self.holder.outbox.targets():
            self._send_courier(target)

    def remapped(self, before: Chart | None) -> None:
        """Takes note that another map came."""
        if self._remapping is not None and not self._remapping.done():
            self._remapping.cancel()
            before = self._moving_from  # what it had not moved yet is still to move
        self._moving_from = before
        self._remapping = asyncio.get_running_loop().create_task(self._remap(before))

    # -- the map ----------------------------------------------------------------------------------------------------

    async def admit(self, member: SuperNode | None, key: bytes) -> None:
        """As the keeper, signs the next map with a super node, or without the one of `key`.

        Raises:
            Unavailable, HandshakeFailed: it cannot be reached where it says it is.
            Forbidden, TooManyRequests, Conflict: the rules forbid it.
        """
        if member is not None and member.key != self._key.public:
            await self._reach.link(member.ticket())
        async with self._admitting:
            chart = self._charting.atlas.current
            found = chart.signed.map if chart is not None else ShardMap(self._key.public, 1, self._now(), ())
            if key == found.keeper and member is None:
                raise Conflict("the keeper signs the maps of its network, and stays in them")
            change = with_member(found, member, self._now()) if member is not None else None
            if member is None:
                change = without_member(found, key, self._now())
            if change is not None:
                await self._charting.take(sign_map(self._key, change).sealed)
                self._greet_all()

    async def stand(self, member: Callable[[], SuperNode], keeper: Callable[[], Ticket]) -> None:
        """Sees to it that the map has this super node as it is; the keeper may be away.

        Args:
            member: returns how it is.
            keeper: returns where the keeper was last known to be.
        """
        chart = self._charting.atlas.current
        members = chart.signed.map.members if chart is not None else ()
        known = next((one for one in members if one.key == self._key.public), None)
        try:
            wanted = member()
            if known is not None and known.is_like(wanted):
                return
            if self._charting.atlas.network == nid_of(self._key.public):
                await self.admit(wanted, self._key.public)
            else:
                await self.join(keeper(), wanted)
        except (MicroError, TimeoutError) as error:
            log.warning("the keeper of the network did not take this super node in; it is asked again: %s", error)

    async def join(self, keeper: Ticket, member: SuperNode) -> None:
        """Asks the keeper to be taken into the map.

        Raises:
            Fault, LinkClosed, HandshakeFailed: it refuses, or cannot be reached.
        """
        wish = {"addresses": member.addresses, "relay": member.relay, "owner": member.owner}
        await self._ask_keeper(keeper, JOIN.encode(wish))

    async def resign(self, keeper: Ticket) -> None:
        """Asks the keeper to be taken out of the map; raises as `join` does."""
        await self._ask_keeper(keeper, JOIN.encode({"leaving": True}))

    async def _ask_keeper(self, keeper: Ticket, wish: bytes) -> None:
        await self._reach.call(keeper, "Backbone.Join", wish, timeout_seconds=JOIN_TIMEOUT_SECONDS)
        await self._charting.learn(keeper)

    def _now(self) -> int:
        return int(self._clock.now())

    async def _remap(self, before: Chart | None) -> None:
        await in_slices(self.holder.remapping(before))
        self.parcelled()

    # -- parcels ----------------------------------------------------------------------------------------------------

    def _greet_all(self) -> None:
        current = self._charting.atlas.current
        for member in current.ring.members if current is not None else ():
            if member.key != self._key.public:
                self._send_courier(member.key)

    def _send_courier(self, target: bytes) -> None:
        if target not in self._couriers and target != self._key.public:
            task = self._couriers[target] = asyncio.get_running_loop().create_task(self._go(target))
            task.add_done_callback(lambda _: self._couriers.pop(target, None))

    async def _go(self, target: bytes) -> None:
        """Hands over what waits for one super node until nothing does, or the map has it no more."""
        await asyncio.sleep(GATHER_SECONDS)
        while True:
            member = self._charting.atlas.member(target)
            if member is None:
                self.holder.outbox.drop(target)
                self._told.pop(target, None)
                return
            try:
                await self._hand(member)
                self._failures.pop(target, None)
            except (MicroError, TimeoutError) as error:
                self._told.pop(target, None)
                failures = self._failures[target] = self._failures.get(target, 0) + 1
                log.info("nothing could be handed to %s: %s", short(nid_of(target)), error)
                await asyncio.sleep(self._backoff_seconds(failures))
                if target not in self.holder.outbox.targets():
                    return
                continue
            if target not in self.holder.outbox.targets():
                return

    async def _hand(self, member: SuperNode) -> None:
        async with asyncio.timeout(STORE_TIMEOUT_SECONDS):
            link = await self._reach.link(member.ticket())
        if self._told.get(member.key) is not link:
            await in_slices(self.holder.telling_all(member.key))
            self._told[member.key] = link
        parcel = self.holder.outbox.take(member.key, self._charting.atlas.version)
        body = await self._reach.call(member.ticket(), "Backbone.Store", parcel, timeout_seconds=STORE_TIMEOUT_SECONDS)
        receipt = STORED.decode(body)
        self.holder.missing(member.key, receipt["unknown"])
        self._charting.heard(receipt["map_version"], member.ticket())

    def _backoff_seconds(self, failures: int) -> float:
        longest: float = min(BACKOFF_SECONDS_MAX, BACKOFF_SECONDS_MIN * 2 ** min(failures - 1, 10))
        return longest * (0.5 + self._entropy.random_bytes(1)[0] / 512)

    # -- time -------------------------------------------------------------------------------------------------------

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK_SECONDS)
            self.holder.tick(self._clock.now())

    async def _greet(self) -> None:
        while True:
            self._greet_all()
            await asyncio.sleep(GREET_SECONDS)


def keeper_of(charting: Charting, tickets: Sequence[str]) -> Ticket:
    """Returns where the keeper of a network was last known to be.

    Args:
        charting: the maps of the network.
        tickets: where the node came into it.

    Raises:
        Unavailable: that is not known.
    """
    network = charting.atlas.network
    known = [Ticket.decode(text) for text in tickets]
    known += [member.ticket() for chart in charting.atlas.charts() for member in chart.ring.members]
    for ticket in known:
        if ticket.nid == network:
            return ticket
    raise Unavailable("it is not known where the keeper of the network is; join with a ticket of it")
