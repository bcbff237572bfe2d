"""Who in the network subscribes to the logs of this node: known by their records, and visited when this node is new.

A subscriber's node seeks a log by itself, and watches for news of it. So that its subscribers need not wait for that,
this node visits them when it starts, when it moved and when it opened a topic: over that link they subscribe at once.
Anybody may say that he subscribes, so only some are visited, none twice within a minute, and none that may not have it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Final

from micro.errors import MicroError
from micro.network.visits import Visits
from micro.node.backbone import Backbone
from micro.service.registry.announcement import Place
from micro.service.registry.finding import Offer
from micro.service.registry.record import mark_of_subscription
from micro.trust.identity import short

__all__ = ["Subscribers"]

VISITED_MAX: Final = 32
"""So many subscribers of one log are visited."""

AT_ONCE: Final = 8
"""So many of them at the same time."""

VISITED_AGAIN_SECONDS: Final = 60.0
"""Nobody is visited twice within this time."""

KNOWN_MAX: Final = 1024
"""Of so many it is remembered when they were visited."""

GATHER_SECONDS: Final = 0.5
"""What happens within this time is told together."""

LOOK_SECONDS: Final = 3.0
"""So often is looked whether this node moved."""

AGAIN_SECONDS: Final = 10.0
"""While no super node answers it is tried again after so long."""

log = logging.getLogger("micro.network")


class Subscribers:
    """The subscribers elsewhere of this node's logs.

    Args:
        backbone: where they are found.
        visits: links to them.
        nid: this node.
        place: where this node can be reached now.
        topics: the topics of which this node keeps a log for others.
        may_follow: whether a node may subscribe to a topic here.
        is_linked: whether a node is linked already, in whichever direction.
    """

    def __init__(
        self,
        backbone: Backbone,
        visits: Visits,
        *,
        nid: str,
        place: Callable[[], Place],
        topics: Callable[[], list[str]],
        may_follow: Callable[[str, str], bool],
        is_linked: Callable[[str], bool],
    ) -> None:
        self._backbone = backbone
        self._visits = visits
        self._nid = nid
        self._place = place
        self._topics = topics
        self._may_follow = may_follow
        self._is_linked = is_linked
        self._loop = asyncio.get_running_loop()
        self._due = asyncio.Event()
        self._visited: dict[str, float] = {}
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begins to visit those who wait for this node."""
        self._due.set()
        self._task = self._loop.create_task(self._run())

    def stop(self) -> None:
        """Visits nobody any more."""
        if self._task is not None:
            self._task.cancel()

    def changed(self) -> None:
        """Takes note that this node keeps another log for others."""
        self._due.set()

    async def known(self, topic: str) -> tuple[str, ...]:
        """Returns the nodes that say in the network that they subscribe to this node's log of a topic.

        Raises:
            BadRequest: the topic has no possible name.
            Unavailable: no super node answers.
        """
        return tuple(offer.nid for offer in await self._saying(topic))

    # -- within -----------------------------------------------------------------------------------------------------

    async def _saying(self, topic: str) -> list[Offer]:
        finder = self._backbone.finder
        if finder is None:
            return []
        found = await finder.find(mark_of_subscription(topic, self._nid))
        return [offer for offer in found if offer.nid != self._nid]

    async def _run(self) -> None:
        place = self._place()
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._due.wait()
            before, place = place, self._place()
            if not self._due.is_set() and place == before:
                continue
            await asyncio.sleep(GATHER_SECONDS)
            self._due.clear()
            try:
                for topic in self._topics():
                    await self._visit_all(topic)
            except MicroError as error:
                log.info("who subscribes to logs here is not known now: %s", error)
                await asyncio.sleep(AGAIN_SECONDS)
                self._due.set()
            except asyncio.CancelledError:
                if self._task is None or self._task.cancelling():
                    raise  # else the finder has ended, because this node leaves its network

    async def _visit_all(self, topic: str) -> None:
        offers = [offer for offer in await self._saying(topic) if self._is_to_visit(offer.nid, topic)][:VISITED_MAX]
        for start in range(0, len(offers), AT_ONCE):
            await asyncio.gather(*(self._visit(offer) for offer in offers[start : start + AT_ONCE]))

    def _is_to_visit(self, nid: str, topic: str) -> bool:
        """Says whether a subscriber is to be visited."""
        since = self._visited.get(nid)
        is_fresh = since is not None and self._loop.time() - since < VISITED_AGAIN_SECONDS
        return not is_fresh and not self._is_linked(nid) and self._may_follow(nid, topic)

    async def _visit(self, offer: Offer) -> None:
        self._visited.pop(offer.nid, None)
        self._visited[offer.nid] = self._loop.time()
        if len(self._visited) > KNOWN_MAX:
            del self._visited[next(iter(self._visited))]
        try:
            await self._visits.visit(offer.ticket)
        except (MicroError, TimeoutError) as error:
            log.info("%s subscribes here and cannot be visited: %s", short(offer.nid), error)
