"""Keeps a node's home: one link to a super node of its shard, over which it says what it is and that it lives.

When the home is gone the next one is taken at once, and after a round of all of them a pause that doubles. A new home
is told everything, because what super nodes hold is soft.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Final

from micro.errors import LinkClosed, MicroError, Unavailable
from micro.mucp.limits import HOME
from micro.ports import Clock, Entropy
from micro.service.registry.announcement import Announcement, Place, told
from micro.service.registry.backbone import HEARD
from micro.service.registry.charting import Charting
from micro.service.registry.description import Description
from micro.service.registry.reach import Reach
from micro.service.registry.record import SKEW_SECONDS, SignedRecord
from micro.service.registry.shardmap import SuperNode, shard_of_node
from micro.service.stream import RawStream
from micro.trust.identity import short

__all__ = ["Announcer"]

SAY_SECONDS: Final = 10.0
"""A home that takes nothing for so long is left."""

LEAVE_SECONDS: Final = 1.0
"""How long a node that stops waits until its home has heard so."""

AGAIN_SECONDS_MIN: Final = 5.0
AGAIN_SECONDS_MAX: Final = 80.0
"""Everything is said again at most so often, and more seldom to a home that goes on asking for it: it came too fast."""

GATHER_SECONDS: Final = 0.05
"""Changes of the catalog gather for so long before they are told."""

BACKOFF_SECONDS_MIN: Final = 0.5
BACKOFF_SECONDS_MAX: Final = 30.0

log = logging.getLogger("micro.backbone")


class Announcer:
    """The home of one node.

    Args:
        nid: the node.
        announcement: what it says.
        charting: the maps.
        reach: how super nodes are reached.
        clock, entropy: time, and the spread of pauses.
        offers: the descriptions of the services that the node offers now, by name.
        topics: the marks of its logs and of its subscriptions elsewhere.
        place: where the node can be reached now.
        known: the node ids of super nodes that served well as a home; they are tried first.

    Attributes:
        home: the node id of the home, "" while there is none.
        trouble: why there is none, or what the home refused, "" while all is well.
    """

    def __init__(
        self,
        nid: str,
        announcement: Announcement,
        charting: Charting,
        reach: Reach,
        *,
        clock: Clock,
        entropy: Entropy,
        offers: Callable[[], Mapping[str, Description]],
        topics: Callable[[], Iterable[str]],
        place: Callable[[], Place],
        known: Collection[str] = (),
    ) -> None:
        self._nid = nid
        self._shard = shard_of_node(nid)
        self._announcement = announcement
        self._charting = charting
        self._reach = reach
        self._clock = clock
        self._entropy = entropy
        self._offers = offers
        self._topics = topics
        self._place = place
        self._known = known
        self._wake = asyncio.Event()
        self._again_at: float | None = None
        self._again_seconds = AGAIN_SECONDS_MIN
        self._asked_again_at = 0.0
        self._stream: RawStream | None = None
        self._task: asyncio.Task[None] | None = None
        self.home = ""
        self.trouble = ""

    def start(self) -> None:
        """Begins to look for a home."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    def changed(self) -> None:
        """Takes note that the catalog, the place or the map changed."""
        self._wake.set()

    async def leave(self) -> None:
        """Withdraws everything, as far as the home hears it in time, and ends."""
        if self._task is not None:
            self._task.cancel()
        stream = self._stream
        if stream is None:
            return
        try:
            async with asyncio.timeout(LEAVE_SECONDS):
                await self._say(stream, self._announcement.farewell(self._clock.now()))
                await stream.end()
                async for _ in stream:  # the home ends its side when it has heard everything
                    pass
        except (MicroError, TimeoutError) as error:
            log.info("the home did not hear the farewell: %s", error)
        stream.cancel()

    # -- within -----------------------------------------------------------------------------------------------------

    def _homes(self, avoided: bytes) -> list[SuperNode]:
        """Returns who may be the home, as they are tried: this node itself, those that were one, then by chance."""
        current = self._charting.atlas.current
        newest = list(current.ring.holders(self._shard)) if current is not None else []
        turn = self._entropy.random_bytes(1)[0] % len(newest) if newest else 0
        ordered = [*newest[turn:], *newest[:turn]]
        return sorted(
            ordered,
            key=lambda member: (member.key == avoided, member.nid != self._nid, member.nid not in self._known),
        )

    def _is_home(self, member: SuperNode) -> bool:
        current = self._charting.atlas.current
        return current is not None and any(holder.key == member.key for holder in current.ring.holders(self._shard))

    async def _run(self) -> None:
        failures, avoided = 0, b""
        while True:
            self._offer()  # for the second path, where no home hears it
            for member in self._homes(avoided):
                try:
                    await self._stay(member)
                    failures, avoided = 0, b""
                    break
                except (MicroError, TimeoutError) as error:
                    was_home = bool(self.home)
                    self.home, avoided = "", member.key
                    self.trouble = str(error) or "the home does not answer"
                    log.info("%s is no home for this node: %s", short(member.nid), self.trouble)
                    if was_home:
                        failures = 0
                        break
            else:
                failures += 1
                await self._pause(self._backoff_seconds(failures))

    def _offer(self) -> list[SignedRecord]:
        return self._announcement.offer(self._offers(), self._clock.now(), topics=self._topics())

    def _backoff_seconds(self, failures: int) -> float:
        longest: float = min(BACKOFF_SECONDS_MAX, BACKOFF_SECONDS_MIN * 2 ** min(failures - 1, 10))
        return longest * (0.5 + self._entropy.random_bytes(1)[0] / 512)

    async def _stay(self, member: SuperNode) -> None:
        """Stays with a home until the map says that it is none any more; raises when it is lost."""
        stream = await self._reach.open(member.ticket(), "Backbone.Home", b"")
        stream.link.watch.hasten(HOME)
        reading: asyncio.Task[None] | None = None
        try:
            self._again_at, self._again_seconds = None, AGAIN_SECONDS_MIN
            reading = asyncio.get_running_loop().create_task(self._read(stream, member))
            reading.add_done_callback(lambda _: self._wake.set())
            self._offer()
            await self._say(stream, self._announcement.everything(self._place(), self._clock.now()))
            self._stream, self.home, self.trouble = stream, member.nid, ""
            log.info("the home of this node is %s", short(member.nid))
            while self._is_home(member):
                await self._tell(stream)
                if reading.done():
                    reading.result()
                    raise Unavailable("the home has ended the stream")
                await self._pause(self._rest_seconds())
        finally:
            self.home = ""
            if reading is not None and not self._is_leaving():
                reading.cancel()
                self._stream = None
                stream.cancel()
            elif reading is not None:
                reading.cancel()  # the farewell goes over this stream
        self.trouble = ""

    def _is_leaving(self) -> bool:
        return self._task is not None and self._task.cancelling() > 0

    async def _tell(self, stream: RawStream) -> None:
        now = self._clock.now()
        changed = self._offer()  # what grew old is signed anew before it is told
        is_due = self._again_at is not None and self._clock.monotonic() >= self._again_at
        if is_due or self._announcement.has_lapsed(now):
            self._again_at, self.trouble = None, ""
            await self._say(stream, self._announcement.everything(self._place(), now))
        else:
            await self._say(stream, told(changed))
        beat = self._announcement.beat(self._place(), now)
        if beat is not None:
            await self._say(stream, [beat])

    def _rest_seconds(self) -> float:
        """Returns in how many seconds something is to be said, if nothing changes meanwhile."""
        beat = self._announcement.next_beat() - self._clock.now()
        return beat if self._again_at is None else min(beat, self._again_at - self._clock.monotonic())

    def _say_again(self) -> None:
        """Has everything be said once more: after a pause that doubles, as long as the home goes on asking for it."""
        now = self._clock.monotonic()
        if self._again_at is not None:
            return
        if now - self._asked_again_at > 2 * AGAIN_SECONDS_MAX:
            self._again_seconds = AGAIN_SECONDS_MIN
        self._asked_again_at = now
        self._again_at = now + self._again_seconds
        self._again_seconds = min(AGAIN_SECONDS_MAX, 2 * self._again_seconds)
        self._wake.set()

    async def _say(self, stream: RawStream, messages: Iterable[bytes]) -> None:
        async with asyncio.timeout(SAY_SECONDS):
            for message in messages:
                await stream.send(message)

    async def _pause(self, seconds: float) -> None:
        """Waits so long, or until something changed; then a little longer, so that changes gather."""
        try:
            async with asyncio.timeout(max(0.0, seconds)):
                await self._wake.wait()
        except TimeoutError:
            return
        await asyncio.sleep(GATHER_SECONDS)
        self._wake.clear()

    async def _read(self, stream: RawStream, member: SuperNode) -> None:
        """Hears the home until it ends, or fails."""
        async for body in stream:
            heard = HEARD.decode(body)
            self._charting.heard(heard["map_version"], member.ticket())
            if heard["trouble"]:
                self.trouble = heard["trouble"]
                log.warning("the home refused something: %s", heard["trouble"])
            apart = self._clock.now() - heard["now"]
            if abs(apart) > SKEW_SECONDS:
                self.trouble = f"the clock of this node and that of its home are {apart:.0f} s apart; set it right"
                log.warning("%s", self.trouble)
            if heard["again"]:
                self._say_again()
        raise LinkClosed("the home has ended the stream")
