"""A super node at work: it hands parcels to the others, and ends what is over.

One courier goes to each super node for which something waits. It sends one parcel after the other; where its link is a
new one, everything of the nodes homed here that belongs there is told again, since the other may have begun anew.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from micro.errors import MicroError, NotFound
from micro.node.reach import NodeReach
from micro.ports import Clock, Entropy
from micro.service.registry.atlas import Chart
from micro.service.registry.backbone import STORED
from micro.service.registry.charting import Charting, in_slices
from micro.service.registry.holder import Holder
from micro.service.registry.shardmap import SuperNode
from micro.trust.identity import nid_of, short
from micro.trust.keys import NodeKey

__all__ = ["SuperRole"]

STORE_TIMEOUT_SECONDS: Final = 3.0
TICK_SECONDS: Final = 5.0
HUSH_SECONDS: Final = 0.25
"""So often it is looked whether a node has been away from its home for too long."""

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

    def start(self) -> None:
        """Begins to work."""
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(work) for work in (self._tick(), self._hush(), self._greet())]

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

    def greet_all(self) -> None:
        """Has all other super nodes hear which map is the newest here."""
        current = self._charting.atlas.current
        for member in current.ring.members if current is not None else ():
            if member.key != self._key.public:
                self._send_courier(member.key)

    async def _remap(self, before: Chart | None) -> None:
        await in_slices(self.holder.remapping(before))
        self.parcelled()

    # -- parcels ----------------------------------------------------------------------------------------------------

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
        await self._hand_silences(member)

    async def _hand_silences(self, member: SuperNode) -> None:
        """Says which nodes homed here have parted; an older program refuses to hear it, and waits for their leases."""
        silences = self.holder.outbox.take_silences(member.key, self._charting.atlas.version)
        if silences is None:
            return
        try:
            await self._reach.call(member.ticket(), "Backbone.Silence", silences, timeout_seconds=STORE_TIMEOUT_SECONDS)
        except NotFound as fault:
            log.info("%s does not hear of silent nodes: %s", short(member.nid), fault)

    def _backoff_seconds(self, failures: int) -> float:
        longest: float = min(BACKOFF_SECONDS_MAX, BACKOFF_SECONDS_MIN * 2 ** min(failures - 1, 10))
        return longest * (0.5 + self._entropy.random_bytes(1)[0] / 512)

    # -- time -------------------------------------------------------------------------------------------------------

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK_SECONDS)
            self.holder.tick(self._clock.now())

    async def _hush(self) -> None:
        while True:
            await asyncio.sleep(HUSH_SECONDS)
            await in_slices(self.holder.hushing(self._clock.monotonic()))
            self.parcelled()

    async def _greet(self) -> None:
        while True:
            self.greet_all()
            await asyncio.sleep(GREET_SECONDS)
