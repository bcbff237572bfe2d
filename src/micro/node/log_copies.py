"""Copies of logs whose nodes are away: at super nodes that the map names, held for as long as somebody here subscribes.

Nobody announces a copy. Which super nodes may have one of a log follows from the map, and no other is believed; of
those each is asked for it, and refuses where it has none, or where the rules of the log's owner, which came with the
copy, do not let this node in. Who has one is held, whether it stands in for the log's node yet or not.

    a candidate is     it becomes                              when
    due                held: subscriptions are carried there   it is reached
    due                waiting, for a pause that doubles       it is not
    held               waiting, for longer                     it refuses a subscription, or ends it
    held               due                                     the link is lost
    waiting            due                                     the pause is over
    any                let go                                  the log's node is back, nobody subscribes any more, or
                                                               the map names others
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from micro.errors import MicroError
from micro.network.link import Link
from micro.node.reach import NodeReach
from micro.ports import Entropy
from micro.service.broker.directory import LogPlace
from micro.service.copies.naming import REPLICAS_MAX
from micro.service.copies.placing import keepers
from micro.service.registry.atlas import Atlas
from micro.service.registry.shardmap import SuperNode
from micro.trust.identity import short

__all__ = ["LogCopies"]

MISSED_MAX: Final = 64
"""Of so many logs copies are held at once."""

HELD_MAX: Final = REPLICAS_MAX + 1
"""So many super nodes are held for one log: those that may have a copy, and one that is about to."""

BACKOFF_SECONDS_MIN: Final = 1.0
BACKOFF_SECONDS_MAX: Final = 30.0
"""A super node that is not reached is dialled again after so long."""

REFUSED_SECONDS: Final = 60.0
"""One that refuses has no copy; it is asked again after so long."""

LOOK_SECONDS: Final = 5.0
"""So often it is looked whether the map names others."""

log = logging.getLogger("micro.network")


class _Candidate:
    """One super node that may have a copy."""

    def __init__(self) -> None:
        self.link: Link | None = None
        self.due = 0.0
        """When it may be visited again."""
        self.failures = 0

    @property
    def is_held(self) -> bool:
        """Whether it is linked for the sake of the log."""
        return self.link is not None and self.link.closed is None


class _Missed:
    """One log whose node is away."""

    def __init__(self) -> None:
        self.candidates: dict[str, _Candidate] = {}
        self.wake = asyncio.Event()
        self.task: asyncio.Task[None] | None = None

    @property
    def held(self) -> list[str]:
        """The super nodes that are linked for its sake."""
        return [nid for nid, candidate in self.candidates.items() if candidate.is_held]


class LogCopies:
    """Finds copies of logs for the directory of logs, and keeps the links to them.

    Args:
        atlas: returns the maps of the network, None while the node is in none.
        reach: links to super nodes, this node among them.
        entropy: for the jitter of back-off.
        changed: told when `find` may answer otherwise than before.
    """

    def __init__(
        self, atlas: Callable[[], Atlas | None], reach: NodeReach, *, entropy: Entropy, changed: Callable[[], None]
    ) -> None:
        self._atlas = atlas
        self._reach = reach
        self._entropy = entropy
        self._changed = changed
        self._loop = asyncio.get_running_loop()
        self._missed: dict[tuple[str, str], _Missed] = {}

    # -- for the directory ------------------------------------------------------------------------------------------

    def seek(self, logs: Iterable[tuple[str, str]]) -> None:
        """Holds copies of these logs, topics and nodes, and of no others."""
        chosen = dict.fromkeys(list(dict.fromkeys(logs))[:MISSED_MAX])
        for pair in [pair for pair in self._missed if pair not in chosen]:
            _end(self._missed.pop(pair))
        for topic, nid in chosen:
            if (topic, nid) not in self._missed:
                missed = self._missed[topic, nid] = _Missed()
                missed.task = self._loop.create_task(self._hold(missed, topic, nid))

    def find(self, topic: str, nid: str) -> Sequence[LogPlace]:
        """Returns the places where a node's log is asked for while that node is away."""
        missed = self._missed.get((topic, nid))
        return [LogPlace(nid, keeper) for keeper in sorted(missed.held)] if missed is not None else []

    def link(self, place: LogPlace) -> Link | None:
        """Returns the link to a super node that is held for a log of this origin, or None."""
        for (_, nid), missed in self._missed.items():
            candidate = missed.candidates.get(place.nid) if nid == place.origin else None
            if candidate is not None and candidate.is_held:
                return candidate.link
        return None

    def refused(self, topic: str, place: LogPlace) -> None:
        """Takes note that a super node refused a subscription to a log, or ended it."""
        missed = self._missed.get((topic, place.origin))
        candidate = missed.candidates.get(place.nid) if missed is not None else None
        if missed is not None and candidate is not None and candidate.is_held:
            candidate.link, candidate.due = None, self._loop.time() + REFUSED_SECONDS
            missed.wake.set()
            self._changed()

    def lost(self, link: Link) -> None:
        """Takes note that a link is gone: its node is dialled again."""
        is_any = False
        for missed in self._missed.values():
            for candidate in missed.candidates.values():
                if candidate.link is link:
                    candidate.link, is_any = None, True
                    missed.wake.set()
        if is_any:
            self._changed()

    def close(self) -> None:
        """Lets all go."""
        self.seek([])

    # -- within -----------------------------------------------------------------------------------------------------

    async def _hold(self, missed: _Missed, topic: str, nid: str) -> None:
        while True:
            missed.wake.clear()
            members = self._members(topic, nid)
            before = missed.held
            known = missed.candidates
            missed.candidates = {keeper: known.get(keeper, _Candidate()) for keeper in members}
            due = self._due(missed)
            await asyncio.gather(*(self._visit(members[keeper], missed.candidates[keeper]) for keeper in due))
            if missed.held != before:
                log.info("%s of %s is asked for at %d super nodes", topic[:64], short(nid), len(missed.held))
                self._changed()
            elif not due or len(missed.held) >= HELD_MAX:
                await self._rest(missed)

    def _members(self, topic: str, nid: str) -> dict[str, SuperNode]:
        atlas = self._atlas()
        return {member.nid: member for member in keepers(atlas, nid, topic)} if atlas is not None else {}

    def _due(self, missed: _Missed) -> list[str]:
        """Returns who is to be visited now, as many as may be held besides."""
        now = self._loop.time()
        due = [nid for nid, each in missed.candidates.items() if not each.is_held and each.due <= now]
        return due[: max(0, HELD_MAX - len(missed.held))]

    async def _visit(self, member: SuperNode, candidate: _Candidate) -> None:
        try:
            candidate.link = await self._reach.link(member.ticket())
        except (MicroError, TimeoutError) as error:
            longest = min(BACKOFF_SECONDS_MAX, BACKOFF_SECONDS_MIN * 2 ** min(candidate.failures, 10))
            candidate.failures += 1
            candidate.due = self._loop.time() + longest * (0.5 + self._entropy.random_bytes(1)[0] / 512)
            log.info("%s may have the copy of a log and cannot be reached: %s", short(member.nid), error)
        else:  # should it be lost at once, it is not dialled at once
            candidate.failures, candidate.due = 0, self._loop.time() + BACKOFF_SECONDS_MIN

    async def _rest(self, missed: _Missed) -> None:
        """Waits until somebody is to be visited again, or it is to be looked at the map, or something happened."""
        seconds = LOOK_SECONDS
        if len(missed.held) < HELD_MAX:
            pauses = [each.due - self._loop.time() for each in missed.candidates.values() if not each.is_held]
            seconds = max(0.0, min([seconds, *pauses]))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await missed.wake.wait()


def _end(missed: _Missed) -> None:
    if missed.task is not None:
        missed.task.cancel()
