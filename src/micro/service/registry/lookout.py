"""Looks out for changes of what a finder keeps: a name at one of its holders, each node at one of the holders of that.

What is told of is not believed, only asked for again. A super node that is heard no more may have had something to
tell, so its end is a change too. One that was never heard leaves an answer that nobody watches, which is asked for
again before long: it may be gone with a node that is in the answer, or be that node.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from micro.errors import MicroError
from micro.service.registry.backbone import KEYS_MAX, NEWS, WATCH
from micro.service.registry.charting import Charting
from micro.service.registry.finding import is_of, split_node
from micro.service.registry.known import Known
from micro.service.registry.reach import Reach
from micro.service.registry.ring import HOLDERS_MAX
from micro.service.registry.shardmap import SuperNode, shard_of_name, shard_of_node
from micro.trust.identity import short

__all__ = ["NEARBY_ALL_MAX", "NEARBY_MAX", "Lookout"]

NEARBY_MAX: Final = 8
NEARBY_ALL_MAX: Final = 64
"""The nodes of one name, and those of all, are watched at so many super nodes besides; each takes a link.

A node that is watched nowhere is found for as long as an answer is fresh.
"""

DIFFER_SECONDS: Final = 1.0
"""A node that is gone where it is watched, as soon as that begins, is asked for again after so long.

It was there a moment before by the word of another one, and by that it may be there when it is asked for again.
"""

UNHEARD_SECONDS: Final = 4.0
"""An answer that is not watched, since the super node for that is not heard, is asked for again after so long."""

log = logging.getLogger("micro.backbone")


class Wish(NamedTuple):
    """What is watched at one super node: the message, and the public key of the one node that is meant, if one is."""

    member: SuperNode
    body: bytes
    only: bytes


class Lookout:
    """Has one finder told of changes.

    Args:
        charting: the maps.
        reach: how super nodes are reached.
        ordered: returns the holders of a shard as they are asked.
    """

    def __init__(self, charting: Charting, reach: Reach, ordered: Callable[[int], list[SuperNode]]) -> None:
        self._charting = charting
        self._reach = reach
        self._ordered = ordered
        self._nearby = 0

    async def hear(self, name: str, known: Known) -> None:
        """Makes an answer old as soon as something has changed; returns then, or when the name is heard of no more."""
        wishes = list(self._wishes(name, known))
        if not wishes:
            return
        self._nearby += len(wishes) - 1
        tasks = [asyncio.get_running_loop().create_task(self._listen(wish, known)) for wish in wishes]
        waiting = set(tasks)
        try:
            while tasks[0] in waiting and not known.is_old:
                _, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._nearby -= len(wishes) - 1
            for task in tasks:
                task.cancel()

    # -- within -----------------------------------------------------------------------------------------------------

    def _wishes(self, name: str, known: Known) -> Iterator[Wish]:
        """Yields what is to be watched at whom: first the name, with the nodes that are known there too."""
        service, only = split_node(name)
        parts: dict[bytes, tuple[SuperNode, list[bytes]]] = {}
        for member in self._ordered(shard_of_name(service))[:1]:
            parts[member.key] = member, []
        room = min(NEARBY_MAX, NEARBY_ALL_MAX - self._nearby)
        for offer in known.offers if parts else ():
            holders = self._ordered(shard_of_node(offer.nid))[:HOLDERS_MAX]
            near = next((each for each in holders if each.key in parts), None)
            if near is None and len(parts) <= room:
                near = next(iter(holders), None)
            if near is not None:
                parts.setdefault(near.key, (near, []))[1].append(offer.record.key)
        for number, (member, keys) in enumerate(parts.values()):
            names = () if number else (service,)
            yield Wish(member, WATCH.encode({"names": names, "keys": keys[:KEYS_MAX]}), only)

    async def _listen(self, wish: Wish, known: Known) -> None:
        """Hears one super node, until it tells of a change or is heard no more."""
        is_heard, loop = False, asyncio.get_running_loop()
        began = loop.time()
        try:
            async with await self._reach.open(wish.member.ticket(), "Backbone.Watch", wish.body) as stream:
                async for body in stream:
                    is_heard = True
                    news = NEWS.decode(body)
                    self._charting.heard(news["map_version"], wish.member.ticket())
                    if news["record"] and wish.only and not is_of(news["record"], wish.only):
                        continue  # whoever chose the same name makes no work
                    if news["gone"]:
                        await asyncio.sleep(began + DIFFER_SECONDS - loop.time())
                    if news["record"] or news["gone"] or news["missed"] or news["presence"] is not None:
                        break
        except (MicroError, TimeoutError) as error:
            log.info("%s is not heard any more: %s", short(wish.member.nid), error)
        if not is_heard:
            await asyncio.sleep(UNHEARD_SECONDS)
        known.is_old = True
