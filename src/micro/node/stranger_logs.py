"""Logs of strangers: found through the backbone, and linked for as long as somebody here subscribes to them.

Nobody owns the name of a topic, and whoever subscribes to `orders` may well mean nobody but the services next door. So
a stranger's log is taken only where it was named: in the subscription, as `orders@nid`, or in a pin of `topic:orders`.
Each log is sought by the key of its node, so that those who merely chose the same name are never asked, nor in the way.

Theory of one log: sought -> linked (found and visited; subscriptions are carried there) -> sought again when the link
is lost. Between two attempts is a pause that doubles; news of the log's record or of where its node is end it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from micro.errors import MicroError, NotFound, Unavailable, reason_of
from micro.network.link import Link
from micro.network.visits import Visits
from micro.node.backbone import Backbone
from micro.node.pinned import TOPIC
from micro.ports import Entropy
from micro.service.broker.directory import LogPlace, split_log
from micro.service.registry.finder import Finder
from micro.service.registry.record import mark_of_log
from micro.trust.identity import short

__all__ = ["EXPORT", "StrangerLogs", "missed"]

SOUGHT_MAX: Final = 128
"""So many logs of strangers are sought and held at once."""

LINGER_SECONDS: Final = 30.0
"""So long a log is held after the last subscriber has left, so that coming and going costs the network nothing."""

SETTLE_SECONDS: Final = 0.3
"""After news so long passes before the backbone is asked: other super nodes may hear of them a little later."""

BACKOFF_SECONDS_MIN: Final = 1.0
BACKOFF_SECONDS_MAX: Final = 30.0
"""A log that is not found, or not reached, is asked for again after so long at the latest."""

LASTED_SECONDS: Final = 30.0
"""A link that lasted so long makes the next back-off begin anew."""

TOLD_FAILURES: Final = 2
"""So often in a row a log is not reached before subscribers are told: who has just begun to seek may find it yet."""

NOWHERE: Final = "this node is in no network; `micro network join TICKET` takes it into one"

TOO_MANY: Final = (
    f"{SOUGHT_MAX} logs of strangers are sought, which is the limit; end subscriptions, or `micro network unpin` some"
)

EXPORT: Final = "its owner can open it there: `micro events export {}`"
"""What helps where a node has no log for others."""

log = logging.getLogger("micro.network")


class _Sought:
    """One log of a stranger that somebody here subscribes to."""

    def __init__(self, topic: str, nid: str) -> None:
        self.topic = topic
        self.nid = nid
        self.name = f"{mark_of_log(topic)}@{nid}"
        self.link: Link | None = None
        self.is_missed = False
        self.trouble = ""
        self.since = 0.0
        self.failures = 0
        self.wake = asyncio.Event()
        self.task: asyncio.Task[None] | None = None

    @property
    def is_linked(self) -> bool:
        """Whether its node is linked."""
        return self.link is not None and self.link.closed is None

    @property
    def told(self) -> str:
        """Why it is out of reach, as its subscribers are told; "" while there is nothing to tell."""
        return self.trouble if self.failures >= TOLD_FAILURES and not self.is_linked else ""


def missed(nid: str, error: BaseException) -> str:
    """Returns in words that a node cannot be reached now, which the error may say itself."""
    begins = f"{short(nid)} cannot be reached"
    return f"{begins}, and is tried again: {reason_of(error).removeprefix(f'{begins}: ')}"


class StrangerLogs:
    """Finds logs of strangers for the directory of logs, and keeps the links to them.

    Args:
        backbone: where they are found, and who is pinned.
        visits: links to them.
        nid: this node.
        entropy: for the jitter of back-off.
        changed: told when `find` may answer otherwise than before, or `sought`.
    """

    def __init__(
        self, backbone: Backbone, visits: Visits, *, nid: str, entropy: Entropy, changed: Callable[[], None]
    ) -> None:
        self._backbone = backbone
        self._visits = visits
        self._nid = nid
        self._entropy = entropy
        self._changed = changed
        self._loop = asyncio.get_running_loop()
        self._wanted: dict[str, int] = {}
        self._sought: dict[tuple[str, str], _Sought] = {}
        self._are_too_many = False
        backbone.pinned.on_change = self._choose

    # -- for the directory ------------------------------------------------------------------------------------------

    def want(self, name: str) -> None:
        """See `LogDirectory.want`."""
        self._wanted[name] = self._wanted.get(name, 0) + 1
        self._choose()

    def release(self, name: str) -> None:
        """See `LogDirectory.release`; what nobody wants any more is let go a little later."""
        if name not in self._wanted:
            return  # the node is stopping
        self._wanted[name] -= 1
        if not self._wanted[name]:
            self._loop.call_later(LINGER_SECONDS, self._drop, name)

    def find(self, name: str) -> Sequence[LogPlace]:
        """See `LogDirectory.find`: the logs whose nodes are linked."""
        topic, _ = split_log(name)
        known = ((nid, self._sought.get((topic, nid))) for nid in sorted(self.meant(name)))
        return [LogPlace(nid, nid) for nid, sought in known if sought is not None and sought.is_linked]

    def missed(self, name: str) -> tuple[str, ...]:
        """Returns whose logs are meant by a name and could not be reached when that was last tried."""
        topic, _ = split_log(name)
        known = ((nid, self._sought.get((topic, nid))) for nid in self.meant(name))
        return tuple(nid for nid, sought in known if sought is not None and sought.is_missed)

    def missing(self, name: str) -> Mapping[str, str]:
        """Returns the nodes whose logs a name means and that are out of reach, once that lasts: of each why."""
        topic, _ = split_log(name)
        known = {nid: self._sought.get((topic, nid)) for nid in self.meant(name)}
        whys = {nid: sought.told if sought is not None else TOO_MANY for nid, sought in known.items()}
        return {nid: why for nid, why in whys.items() if why}

    def link(self, nid: str) -> Link | None:
        """Returns the link to a node whose log is held, or None."""
        held = (sought.link for sought in self._sought.values() if sought.nid == nid and sought.is_linked)
        return next(held, None)

    def meant(self, name: str) -> tuple[str, ...]:
        """Returns whose logs are meant by a name: the one of the node that it names, or those that it is pinned to."""
        topic, only = split_log(name)
        nids = (only,) if only else self._backbone.pinned.get(TOPIC + topic) or ()
        return tuple(nid for nid in nids if nid != self._nid)

    @property
    def sought(self) -> list[tuple[str, str]]:
        """The logs of strangers that are sought and held: topics and nodes, in order."""
        return sorted(self._sought)

    # -- names that nobody owns -------------------------------------------------------------------------------------

    async def offering(self, name: str) -> tuple[str, ...]:
        """Returns the nodes that announce a log of a topic which is not pinned: `pin` would pin it to them.

        Args:
            name: `topic:orders`.

        Raises:
            BadRequest: it is no such name.
            Unavailable: the node is in no network, or no super node answers.
        """
        topic, only = split_log(name.removeprefix(TOPIC))
        if only or self._backbone.pinned.get(TOPIC + topic) is not None:
            return ()
        return await self._announcing(topic)

    async def pin(self, name: str) -> tuple[str, ...]:
        """Has subscribers here who name a topic be given the events of strangers' logs; returns of whose.

        Args:
            name: `topic:orders` for those that announce one now, where it is not pinned already; `topic:orders@nid` for
                that node besides those it is pinned to.

        Raises:
            NotFound: nobody in the network announces one.
            BadRequest, Unavailable: as `offering`.
            TooManyRequests: too many names are pinned.
        """
        topic, only = split_log(name.removeprefix(TOPIC))
        known = self._backbone.pinned.get(TOPIC + topic)
        if only:
            return self._backbone.pinned.add(TOPIC + topic, only)
        if known is not None:
            return known
        found = await self._announcing(topic)
        if not found:
            raise NotFound(f"no stranger announces a log of {topic}, so there is nothing to pin it to")
        return self._backbone.pinned.use(TOPIC + topic, found)

    async def _announcing(self, topic: str) -> tuple[str, ...]:
        finder = self._backbone.finder
        if finder is None:
            raise Unavailable(NOWHERE)
        mark = mark_of_log(topic)
        finder.forget(mark)  # a person asks, and means what is there now
        return tuple(offer.nid for offer in await finder.find(mark) if offer.nid != self._nid)

    # -- life -------------------------------------------------------------------------------------------------------

    def lost(self, nid: str, link: Link) -> None:
        """Takes note that a link to a node is gone: its logs are sought again."""
        held = [sought for sought in self._sought.values() if sought.nid == nid and sought.link is link]
        for sought in held:
            sought.link = None
            sought.wake.set()
            if self._backbone.finder is not None:
                self._backbone.finder.forget(sought.name)
        if held:
            self._changed()

    def arrived(self, nid: str) -> None:
        """Takes note that a node visits this one: over its link its logs can be reached, too."""
        for sought in self._of(nid):
            if not sought.is_linked:
                sought.wake.set()

    def entered(self) -> None:
        """Takes note that this node is in a network again: what is sought is looked for at once."""
        for sought in self._sought.values():
            if not sought.is_linked:
                sought.failures = 0
                sought.wake.set()

    def close(self) -> None:
        """Stops seeking; links end with the visits."""
        for sought in self._sought.values():
            _end(sought)
        self._sought.clear()
        self._wanted.clear()

    # -- within -----------------------------------------------------------------------------------------------------

    def _of(self, nid: str) -> Iterable[_Sought]:
        return [sought for sought in self._sought.values() if sought.nid == nid]

    def _drop(self, name: str) -> None:
        if self._wanted.get(name) == 0:
            del self._wanted[name]
            self._choose()

    def _choose(self) -> None:
        """Begins to seek what is wanted now, and lets go what is not."""
        wanted = list(dict.fromkeys((split_log(name)[0], nid) for name in self._wanted for nid in self.meant(name)))
        self._say_whether_too_many(len(wanted))
        chosen = dict.fromkeys(wanted[:SOUGHT_MAX])
        ended = [pair for pair in self._sought if pair not in chosen]
        begun = [pair for pair in chosen if pair not in self._sought]
        for pair in ended:
            _end(self._sought.pop(pair))
        for pair in begun:
            sought = self._sought[pair] = _Sought(*pair)
            sought.task = self._loop.create_task(self._seek(sought))
        if ended or begun:
            self._changed()

    def _say_whether_too_many(self, count: int) -> None:
        are_too_many = count > SOUGHT_MAX
        if are_too_many and not self._are_too_many:
            log.warning(
                "subscribers here want %d logs of strangers, and %d are sought at once; the others wait until some of "
                "these are wanted no more: end subscriptions, or let go of pins by `micro network unpin`",
                count,
                SOUGHT_MAX,
            )
        self._are_too_many = are_too_many

    async def _seek(self, sought: _Sought) -> None:
        while True:
            sought.wake.clear()
            finder = self._backbone.finder
            if sought.is_linked:
                await sought.wake.wait()
                sought.wake.clear()
                if self._loop.time() - sought.since >= LASTED_SECONDS:
                    sought.failures = 0
                else:
                    sought.failures += 1
                    await self._pause(finder, sought)
            elif finder is None or not await self._reach(finder, sought):
                before = sought.is_missed, sought.told
                if finder is None:
                    sought.trouble = f"{short(sought.nid)} is no neighbour, and {NOWHERE}"
                sought.failures, sought.is_missed = sought.failures + 1, True
                if before != (sought.is_missed, sought.told):
                    self._changed()
                await self._pause(finder, sought)

    async def _reach(self, finder: Finder, sought: _Sought) -> bool:
        """Links with the node of a log, if it is found and can be reached."""
        try:
            link = self._visits.guest(sought.nid)
            if link is None:
                offers = await finder.find(sought.name)
                if not offers:
                    about = EXPORT.format(sought.topic)
                    sought.trouble = f"{short(sought.nid)} announces no log of {sought.topic}; {about}"
                    return False
                link = await self._visits.visit(offers[0].ticket)
        except (MicroError, TimeoutError) as error:
            log.info("the log %s cannot be reached: %s", sought.name[:80], error)
            sought.trouble = missed(sought.nid, error)
            return False
        except asyncio.CancelledError:
            if sought.task is None or sought.task.cancelling():
                raise
            return False  # the finder has ended, because this node leaves its network
        if link.closed is not None:
            return False
        sought.link, sought.since, sought.is_missed, sought.trouble = link, self._loop.time(), False, ""
        log.info("the log of %s is reached for subscribers here", short(sought.nid))
        self._changed()
        return True

    async def _pause(self, finder: Finder | None, sought: _Sought) -> None:
        """Waits for the next attempt: until news come, or somebody wakes it, or the back-off is over."""
        longest = min(BACKOFF_SECONDS_MAX, BACKOFF_SECONDS_MIN * 2 ** min(sought.failures - 1, 10))
        seconds = longest * (0.5 + self._entropy.random_bytes(1)[0] / 512)
        await asyncio.sleep(SETTLE_SECONDS)
        waiting: list[asyncio.Task[Any]] = [self._loop.create_task(sought.wake.wait())]
        if finder is not None:
            waiting.append(self._loop.create_task(finder.changed(sought.name, seconds)))
        try:
            done, _ = await asyncio.wait(waiting, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waiting:
                task.cancel()
        if finder is not None and not done:
            finder.forget(sought.name)  # nothing was heard, so it is asked for, not remembered


def _end(sought: _Sought) -> None:
    if sought.task is not None:
        sought.task.cancel()
