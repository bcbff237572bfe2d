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
from typing import Any, Final

from micro.errors import Fault, Forbidden, MicroError, Timeout, Unavailable
from micro.node.backbone import Backbone
from micro.node.reach import NodeReach
from micro.ports import Clock
from micro.service.broker.broker import Member, Subscription
from micro.service.copies import messages as said
from micro.service.copies.gathering import Gathering
from micro.service.copies.keeping import Copies, Kept
from micro.service.registry.backbone import MAP_REQUEST
from micro.trust.identity import public_key_of, short
from micro.trust.policy import Caller
from micro.trust.ticket import Ticket

__all__ = ["Serving"]

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
        clock: the time.
    """

    def __init__(self, nid: str, copies: Copies, clock: Clock) -> None:
        self._nid = nid
        self._copies = copies
        self._clock = clock
        self._served: dict[str, Kept] = {}
        self._gatherings: dict[Gathering, tuple[str, str, str]] = {}
        self._again: dict[str, float] = {}
        self._trouble = ""
        self._started = clock.monotonic()
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

    def serves(self, nid: str, topic: str) -> bool:
        """Says whether a node's log of a topic is served here."""
        return any((kept.nid, kept.topic) == (nid, topic) for kept in self._served.values())

    def refusal(self, caller: Caller, topic: str, nid: str) -> Fault | None:
        """Returns None where a caller may subscribe to the copy of a node's log, served yet or not, else the fault."""
        if caller.peer and caller.nid and self._may_read(caller.nid, self._of(nid, topic)):
            return None
        return Forbidden(f"here is no copy of the log {topic[:64]} of {short(nid)} that {caller} may have")

    def subscribe(self, caller: Caller, topic: str, nid: str, queue: str | None, member: Member) -> Subscription:
        """Adds a member at the copy of a node's log: it is given what is served of it, now and later.

        Raises:
            Forbidden: see `refusal`.
            Fault: the queue's name is wrong, or a limit is reached.
        """
        refusal = self.refusal(caller, topic, nid)
        if refusal is not None:
            raise refusal
        gathering = Gathering(self._copies.broker, queue, member)
        try:
            gathering.gather(self._readable(caller.nid, topic, nid))
        except Fault:
            gathering.close()
            raise
        self._gatherings = {known: asked for known, asked in self._gatherings.items() if not known.is_closed}
        self._gatherings[gathering] = (caller.nid, topic, nid)
        return gathering

    def _of(self, nid: str, topic: str) -> list[Kept]:
        """Returns the copies of a node's log; they are several where the node was set back."""
        return [kept for kept in self._copies.of(nid) if kept.topic == topic]

    def _readable(self, reader: str, topic: str, nid: str) -> list[str]:
        """Returns the copies of a log that are served to a node."""
        copies = self._of(nid, topic)
        if not self._may_read(reader, copies):
            return []
        return sorted(kept.name for kept in copies if kept.name in self._served)

    @staticmethod
    def _may_read(reader: str, copies: list[Kept]) -> bool:
        """Says whether a node may have a log of which these are the copies: what its owner said last holds for all."""
        newest = max(copies, key=lambda kept: kept.heard, default=None)
        return newest is not None and newest.may_read(reader)

    def _gather(self) -> None:
        for gathering, asked in tuple(self._gatherings.items()):
            if gathering.is_closed:
                del self._gatherings[gathering]
                continue
            try:
                gathering.gather(self._readable(*asked))
            except Fault as fault:
                log.info("a subscriber at %s is not given all copies: %s", short(asked[0]), fault)

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

    async def _run(self, backbone: Backbone, reach: NodeReach) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            now, copies = self._clock.monotonic(), self._copies.all()
            self._forget_but({kept.name for kept in copies})
            silent = [kept for kept in copies if self._is_silent(kept, now)]
            silent.sort(key=lambda kept: self._again.get(kept.name, 0.0))  # what was never looked at comes first
            for kept in silent[:LOOKED_AT_MAX]:
                self._again[kept.name] = self._clock.monotonic() + AGAIN_SECONDS
                try:
                    is_due = await self._is_due(kept, backbone, reach)
                except (MicroError, TimeoutError) as error:
                    log.info("whether %s of %s is to be served is not known: %s", kept.topic, short(kept.nid), error)
                    continue
                if is_due and self._is_silent_still(kept):
                    self._try_to_serve(kept)

    def _forget_but(self, names: set[str]) -> None:
        """Forgets of which other copies something was noted: they were let go of."""
        self._served = {name: kept for name, kept in self._served.items() if name in names}
        self._again = {name: until for name, until in self._again.items() if name in names}

    def _is_silent(self, kept: Kept, now: float) -> bool:
        is_known = kept.name in self._served or self._again.get(kept.name, 0.0) > now
        return not is_known and now - self._copies.words.get(kept.name, self._started) >= said.UNHEARD_SECONDS

    def _is_silent_still(self, kept: Kept) -> bool:
        """Says whether nothing was heard while others were asked."""
        since = self._clock.monotonic() - self._copies.words.get(kept.name, self._started)
        return since >= said.UNHEARD_SECONDS and self._copies.get(kept.name) is kept

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

    def _try_to_serve(self, kept: Kept) -> None:
        """Serves a copy; where the disk does not let it, that is said once, and tried again."""
        try:
            self._serve(kept)
        except (MicroError, OSError) as error:
            if self._trouble != str(error):
                log.warning("no copies can be served here: %s; check the disk", error)
            self._trouble = str(error)
        else:
            self._trouble = ""

    def _serve(self, kept: Kept) -> None:
        was_served = kept.served
        try:
            self._copies.serve(kept)
        except (MicroError, OSError):
            kept.served = was_served  # it is not on disk, where it has to be before a queue goes on here
            raise
        log.info("the node %s is gone; its log of %s is served from the copy here", short(kept.nid), kept.topic)
        self._served[kept.name] = kept
        self._gather()
