"""Follows where the node is: its addresses and its relay change, and neighbours and the network are told.

They are looked at from time to time: iroh tells of changes from threads of its own, which nothing here is made for.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from micro.errors import MicroError
from micro.network.peers import Peers
from micro.node.backbone import Backbone
from micro.node.membership import Membership
from micro.node.relaying import Relaying
from micro.ports import Clock
from micro.service.registry.announcement import Place
from micro.service.registry.relays import nearest_relays, relays_of
from micro.trust.identity import public_key_of

__all__ = ["LOOK_SECONDS", "Whereabouts"]

LOOK_SECONDS: Final = 3.0
"""So often the node looks where it is: much shorter than a lease, and a look costs some microseconds."""

SOON_SECONDS: Final = 0.5
"""So soon it looks again when it has left its relay: another one takes iroh some tenths of a second."""

ASKED_SECONDS: Final = 3.0
"""So often the home is asked for a newer map, at most, because of relays that are not known."""

HOME_SERVED_SECONDS: Final = 60.0
"""A super node that was the home for so long is asked first after a restart."""

log = logging.getLogger("micro.network")


class Whereabouts:
    """Looks again and again, from `start` to `stop`.

    Args:
        place: where the node can be reached now.
        relaying: the relays it is at.
        peers: the neighbours.
        backbone: its place in a network.
        membership: what it remembers of that.
        nid: the node.
        clock: for how long it has had its home.
    """

    def __init__(
        self,
        place: Callable[[], Place],
        relaying: Relaying,
        peers: Peers,
        backbone: Backbone,
        membership: Membership,
        *,
        nid: str,
        clock: Clock,
    ) -> None:
        self._place = place
        self._relaying = relaying
        self._peers = peers
        self._backbone = backbone
        self._membership = membership
        self._nid = nid
        self._clock = clock
        self._mapped = ("", 0)
        self._home = ("", 0.0)
        self._asked = float("-inf")
        self._asking: asyncio.Task[None] | None = None
        relaying.when_missed(self.catch_up)
        self._seen: Place | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begins to look."""
        self._seen = self._place()
        self._task = asyncio.get_running_loop().create_task(self._run())

    def stop(self) -> None:
        """Looks no more."""
        if self._asking is not None:
            self._asking.cancel()
        if self._task is not None:
            self._task.cancel()

    async def look(self) -> bool:
        """Takes the relays of the network, tells where the node is if that changed, and sees who serves well.

        Returns whether it is about to be elsewhere, so that another look is due soon.
        """
        await self._use_relays()
        is_home_lost = self._home[0] not in ("", self._home_now())
        leaving = await self._relaying.watch(self._clock.monotonic(), doubted=is_home_lost)
        place = self._place()
        if place != self._seen:
            log.info("this node is at %s now, relay %s", ", ".join(place.addresses), place.relay or "none")
            self._seen = place
            self._backbone.moved()
            self._peers.moved()
        self._peers.choose_anchors()
        self._remember_home()
        return leaving

    async def catch_up(self) -> None:
        """Takes the relays of the newest map that the home has: some that is named now may be in that one only.

        It is asked over the link that there is, for whoever dials waits for this.
        """
        if self._asking is None or self._asking.done():
            now = self._clock.monotonic()
            if now < self._asked + ASKED_SECONDS:
                return
            self._asked = now
            self._asking = asyncio.get_running_loop().create_task(self._ask_home())
        await asyncio.shield(self._asking)

    async def _ask_home(self) -> None:
        charting, home = self._backbone.charting, self._home_now()
        visited = [nid for nid, state, _ in self._peers.visits.linked() if state == "visit"]
        if charting is None or home == self._nid or not (home in visited or self._peers.link(home) is not None):
            return
        member = charting.atlas.member(public_key_of(home))
        try:
            if member is not None and await charting.learn(member.ticket()):
                await self._use_relays()
        except (MicroError, TimeoutError) as error:
            log.info("the home does not tell which map is the newest: %s", error)

    def _home_now(self) -> str:
        announcer = self._backbone.announcer
        return announcer.home if announcer is not None else ""

    async def _use_relays(self) -> None:
        """Has the node at relays of its network, and able to dial others through all of them."""
        charting = self._backbone.charting
        mapped = (charting.atlas.network, charting.atlas.version) if charting is not None else ("", 0)
        known: list[str] | None = None
        if mapped != self._mapped:
            known = relays_of(charting.atlas) if charting is not None else []
        nearest = nearest_relays(charting.atlas, self._nid, self._home_now()) if charting is not None else []
        await self._relaying.network(nearest, known)
        self._mapped = mapped

    def _remember_home(self) -> None:
        """Has the home remembered over restarts, once it has been it for long."""
        charting, home, now = self._backbone.charting, self._home_now(), self._clock.monotonic()
        if home != self._home[0]:
            self._home = (home, now)
        if charting is None or not home or home == self._nid or now - self._home[1] < HOME_SERVED_SECONDS:
            return
        member = charting.atlas.member(public_key_of(home))
        if member is not None:
            self._membership.served(member.ticket())

    async def _run(self) -> None:
        while True:
            soon = False
            try:
                soon = await self.look()
            except MicroError as error:
                log.warning("where this node is could not be told: %s", error)
            await asyncio.sleep(SOON_SECONDS if soon else LOOK_SECONDS)
