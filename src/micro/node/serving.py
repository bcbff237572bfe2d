"""Serving copies: a super node stands in for the node of a log while that is gone.

    the node of the log                            this super node
    speaks of it, or visits this one               keeps the copy, and says nothing of it
    is silent, and cannot be reached               asks the others that have a copy; the first of them that is there,
                                                   and knows of no later choice of super nodes, serves it
    speaks of it again                             stops, and tells it how far the queues came here

Who may subscribe is for the log's owner to say, also here: his rules came with the copy, and where they do not let a
node in, or nothing is known, it is refused.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Final

from micro.errors import Fault, Forbidden, MicroError, Timeout, Unavailable
from micro.network.link import Link
from micro.node.backbone import Backbone
from micro.node.reach import NodeReach
from micro.ports import Clock
from micro.service.broker.broker import Member, Subscription
from micro.service.broker.directory import LogDirectory
from micro.service.copies import messages as said
from micro.service.copies.gathering import Gathering
from micro.service.copies.keeping import Copies, Kept
from micro.service.copies.naming import copies_of
from micro.service.registry.backbone import MAP_REQUEST
from micro.trust.identity import public_key_of, short
from micro.trust.policy import Caller
from micro.trust.ticket import Ticket

__all__ = ["Serving"]

SILENT_SECONDS: Final = 20.0
"""A node that has not spoken of its log for so long may be gone."""

LOOK_SECONDS: Final = 2.0
"""So often it is looked for logs whose nodes may be."""

AGAIN_SECONDS: Final = 15.0
"""One that is not to be served is looked at again after so long."""

LOOKED_AT_MAX: Final = 32
"""So many are looked at in one go."""

ASK_SECONDS: Final = 3.0

log = logging.getLogger("micro.copies")


class Serving:
    """The copies that this super node serves now.

    Args:
        nid: this node.
        copies: what is kept here.
        directory: where it is announced what is served.
        clock: the time.

    Attributes:
        own: the link over which this node's own subscribers are given what is served, as another node is.
        changed: told when other copies are served than before.
    """

    def __init__(self, nid: str, copies: Copies, directory: LogDirectory, clock: Clock) -> None:
        self._nid = nid
        self._copies = copies
        self._directory = directory
        self._clock = clock
        self._served: dict[str, Kept] = {}
        self._gatherings: dict[Gathering, tuple[str, str]] = {}
        self._again: dict[str, float] = {}
        self._started = clock.monotonic()
        self.own: Link | None = None
        self.changed: Callable[[], None] = lambda: None
        self._task: asyncio.Task[None] | None = None
        copies.spoken = self._spoken

    def start(self, backbone: Backbone, reach: NodeReach) -> None:
        """Begins to look after logs whose nodes are gone."""
        self._task = asyncio.get_running_loop().create_task(self._run(backbone, reach))

    def stop(self) -> None:
        """Ends."""
        if self._task is not None:
            self._task.cancel()

    # -- subscribers --------------------------------------------------------------------------------------------------

    def serves(self, name: str) -> bool:
        """Says whether `name` stands for copies of a topic of which some are served here: `orders@`."""
        return any(copies_of(kept.topic) == name for kept in self._served.values())

    def refusal(self, caller: Caller, name: str) -> Fault | None:
        """Returns None where a node may subscribe to copies, else the fault to answer with."""
        if caller.peer and caller.nid and self._readable(caller.nid, name):
            return None
        return Forbidden(f"no copy under the name {name[:64]} is served here that {caller} may have")

    def subscribe(self, caller: Caller, name: str, queue: str | None, member: Member) -> Subscription:
        """Adds a member at all the copies of a topic that are served here to a node, now and later.

        Raises:
            Fault: the queue's name is wrong, or a limit is reached.
        """
        gathering = Gathering(self._copies.broker, queue, member)
        gathering.gather(self._readable(caller.nid, name))
        self._gatherings = {known: said for known, said in self._gatherings.items() if not known.is_closed}
        self._gatherings[gathering] = (caller.nid, name)
        return gathering

    def _readable(self, nid: str, name: str) -> list[str]:
        return sorted(
            kept.name for kept in self._served.values() if copies_of(kept.topic) == name and kept.may_read(nid)
        )

    def _gather(self) -> None:
        for gathering, (nid, name) in tuple(self._gatherings.items()):
            if gathering.is_closed:
                del self._gatherings[gathering]
                continue
            try:
                gathering.gather(self._readable(nid, name))
            except Fault as fault:
                log.info("a subscriber of %s is not given all copies: %s", short(nid), fault)

    # -- other super nodes --------------------------------------------------------------------------------------------

    def standing(self, nid: str, asked: dict[str, Any]) -> dict[str, Any]:
        """Returns how the copy of a node's log stands here, the fields of `STOOD`."""
        for kept in self._copies.all():
            if (kept.nid, kept.topic, kept.log) == (nid, asked["topic"], asked["log"]):
                last = self._copies.broker.bounds(kept.name)[1]
                return {"generation": kept.generation, "last": last, "serving": kept.name in self._served}
        return {}

    # -- within -------------------------------------------------------------------------------------------------------

    def _spoken(self, kept: Kept) -> None:
        """The node of a log is there: it serves it itself."""
        self._again.pop(kept.name, None)
        if self._served.pop(kept.name, None) is not None:
            log.info("%s of %s is served by its own node again", kept.topic, short(kept.nid))
            self._gather()
            self.changed()
            if not self.serves(copies_of(kept.topic)):
                self._directory.withdraw(copies_of(kept.topic))

    async def _run(self, backbone: Backbone, reach: NodeReach) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            now = self._clock.monotonic()
            silent = [kept for kept in self._copies.all() if self._is_silent(kept, now)]
            for kept in silent[:LOOKED_AT_MAX]:
                self._again[kept.name] = self._clock.monotonic() + AGAIN_SECONDS
                try:
                    is_due = await self._is_due(kept, backbone, reach)
                except (MicroError, TimeoutError) as error:
                    log.info("whether %s of %s is to be served is not known: %s", kept.topic, short(kept.nid), error)
                    continue
                if is_due and self._is_silent_still(kept):
                    self._serve(kept)
                    self.own = await reach.link(Ticket(self._nid))
                    self.changed()

    def _is_silent(self, kept: Kept, now: float) -> bool:
        is_known = kept.name in self._served or self._again.get(kept.name, 0.0) > now
        return not is_known and now - self._copies.words.get(kept.name, self._started) >= SILENT_SECONDS

    def _is_silent_still(self, kept: Kept) -> bool:
        """Says whether nothing was heard while others were asked."""
        since = self._clock.monotonic() - self._copies.words.get(kept.name, self._started)
        return since >= SILENT_SECONDS and self._copies.get(kept.name) is kept

    async def _is_due(self, kept: Kept, backbone: Backbone, reach: NodeReach) -> bool:
        """Says whether a log's node is gone, and this is the first of its copies."""
        if await self._is_there(kept.nid, backbone, reach):
            return False
        place = kept.copies.index(self._nid) if self._nid in kept.copies else len(kept.copies)
        for number, other in enumerate(kept.copies):
            if other == self._nid:
                continue
            stood = await self._ask(kept, other, backbone, reach)
            generation = stood.get("generation", 0)
            if generation > kept.generation or (generation and stood["serving"]):
                return False
            if generation == kept.generation and number < place:
                return False
        return True

    async def _is_there(self, nid: str, backbone: Backbone, reach: NodeReach) -> bool:
        """Says whether a node is where it says that it is."""
        if backbone.finder is None:
            return True
        for living in await backbone.finder.locate([public_key_of(nid)], 2):
            if await self._answers(living.record.ticket(), reach):
                return True
        return False

    @staticmethod
    async def _answers(ticket: Ticket, reach: NodeReach) -> bool:
        try:
            await reach.call(ticket, "Backbone.Map", MAP_REQUEST.encode({}), timeout_seconds=ASK_SECONDS)
        except (Unavailable, Timeout, TimeoutError):
            return False
        except Fault:
            return True  # it is there, and has a reason not to answer
        except MicroError:
            return False
        return True

    async def _ask(self, kept: Kept, other: str, backbone: Backbone, reach: NodeReach) -> dict[str, Any]:
        """Returns how the copy of another super node stands; nothing where it cannot be asked."""
        member = backbone.charting.atlas.member(public_key_of(other)) if backbone.charting is not None else None
        if member is None:
            return {}
        body = said.STANDING.encode({"topic": kept.topic, "log": kept.log, "key": public_key_of(kept.nid)})
        try:
            answer = await reach.call(member.ticket(), "Copy.Standing", body, timeout_seconds=ASK_SECONDS)
            return said.STOOD.decode(answer)
        except (MicroError, TimeoutError) as error:
            log.info("%s does not say how its copy of %s stands: %s", short(other), kept.topic, error)
            return {}

    def _serve(self, kept: Kept) -> None:
        log.info("the node %s is gone; its log of %s is served from the copy here", short(kept.nid), kept.topic)
        self._copies.serve(kept)
        self._served[kept.name] = kept
        self._gather()
        self._directory.announce(copies_of(kept.topic))
