"""One log at one super node: the copy is opened, filled, told how far the queues have come, and dropped."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any, Final

from micro.errors import Conflict, Fault, Forbidden, MicroError, NotFound, TooLarge, TooManyRequests, Unavailable
from micro.node.copied_log import CopiedLog
from micro.service.broker.cursor import Cursor
from micro.service.broker.restored import LEARNED_QUEUES_MAX
from micro.service.copies import messages as said
from micro.service.registry.layout import Layout
from micro.trust.identity import short

__all__ = ["FORKED", "Copier"]

OPEN_TIMEOUT_SECONDS: Final = 5.0
WRITE_TIMEOUT_SECONDS: Final = 10.0
PAUSE_SECONDS_MIN: Final = 0.1
PAUSE_SECONDS_MAX: Final = 2.0
LEAVING_SECONDS_MAX: Final = 30.0
"""Pauses between two tries, at a super node that is to have a copy, and at one that is to drop it."""

CURSORS_SECONDS: Final = 2.0
"""So often a copy is told how far the queues have come, if that changed."""

BEATS = 4
"""After so many such times it is told in any case: a copy is served by its super node once it hears nothing more."""

FORKED: Final = (
    "has events that this log does not have: another node runs with this key, or the log was set back while it ran; "
    "stop the other node and give it a home with a key of its own, or start this node again where there is none"
)
"""What is wrong, and what to do, where a copy goes on otherwise than its log."""

log = logging.getLogger("micro.copies")


class _Hindrance(MicroError):
    """What is in the way is at this node, and nothing that the super node could help."""


def _encoded(layout: Layout, fields: Mapping[str, Any]) -> bytes:
    try:
        return layout.encode(fields)
    except TooLarge as error:  # of one that comes from there it says that there is no room
        raise _Hindrance(str(error)) from error


class Copier:
    """The copy of one log at one super node.

    Args:
        copied: the log.
        nid: the super node.

    Attributes:
        trouble: why it does not go on, "" where it does.
    """

    def __init__(self, copied: CopiedLog, nid: str) -> None:
        self.nid = nid
        self.trouble = ""
        self._log = copied
        self._told: dict[str, Any] = {}
        self._cursors: list[dict[str, Any]] = []
        self._rests = 0
        self._unserved: float | None = None
        """When this node last began to say something that the copy took without being served, if that is known."""
        self._cleared = ""
        self._wake = asyncio.Event()
        self._task = asyncio.get_running_loop().create_task(self._run())

    @property
    def is_over(self) -> bool:
        """Whether there is nothing more to do."""
        return self._task.done()

    def wake(self) -> None:
        """The log has more than before."""
        self._wake.set()

    def stop(self) -> None:
        """Ends."""
        self._task.cancel()

    async def _run(self) -> None:
        replication, pause = self._log.replication, PAUSE_SECONDS_MIN
        while True:
            is_chosen = self.nid in replication.chosen
            try:
                if not is_chosen:
                    await self.drop()
                    return
                await self._go_on()
                pause, self.trouble = PAUSE_SECONDS_MIN, ""
                continue
            except (TooLarge, Forbidden) as refusal:
                self.trouble = str(refusal)
                replication.refused(self.nid, self._log.now())
            except _Hindrance as hindrance:
                self.trouble = str(hindrance)
            except TooManyRequests as busy:  # nothing was begun, and what is there stays; its silence is counted on
                self.trouble = str(busy)
            except (MicroError, TimeoutError) as error:
                self.trouble = str(error) or "no answer in time"
                self._told = {}
                replication.failed(self.nid, self._log.now())
            await asyncio.sleep(pause)
            pause = min(2 * pause, PAUSE_SECONDS_MAX if is_chosen else LEAVING_SECONDS_MAX)

    async def _go_on(self) -> None:
        """Does the next thing that is to be done, or waits for one."""
        copied, replication = self._log, self._log.replication
        self._wake.clear()
        description = copied.describe()
        if not replication.is_open(self.nid) or self._told != description:
            await self._open(description)
        first, last = copied.bounds()
        known = replication.last(self.nid)
        if known < first - 1:  # what would follow is gone, so the copy begins anew
            await self._open(description)
        elif known < last:
            copied.is_settled = True
            await self._write(first, known)
        else:
            self.trouble = ""  # it has everything, and what was in its way is not any more
            await self._clear()
            await self._rest()

    async def _call(self, endpoint: str, body: bytes, timeout_seconds: float) -> bytes:
        """Asks the super node; from here on it may be replaced for its silence."""
        self._log.replication.asked(self.nid, self._log.now())
        answer = await self._log.call(self.nid, endpoint, body, timeout_seconds)
        self._log.replication.answered(self.nid)
        return answer

    async def _rest(self) -> None:
        try:
            async with asyncio.timeout(CURSORS_SECONDS):
                await self._wake.wait()
        except TimeoutError:
            await self._tell_cursors()

    async def _clear(self) -> None:
        """Has the copy under the log's former name dropped, unless it has what the log does not have; tries once."""
        copied = self._log
        if self._cleared == copied.former:
            return
        self._cleared = copied.former
        names = {**copied.names(), "log": copied.former}
        try:
            opening = said.OPEN.encode({**names, **copied.describe(), "first": 1})
            answer = said.OPENED.decode(await copied.call(self.nid, "Copy.Open", opening, OPEN_TIMEOUT_SECONDS))
            if copied.continues(answer):
                await copied.call(self.nid, "Copy.Drop", said.DROP.encode(names), OPEN_TIMEOUT_SECONDS)
        except (MicroError, TimeoutError) as error:
            log.info("an old copy of %s stays at %s until it ends: %s", copied.topic, short(self.nid), error)

    async def _open(self, description: dict[str, Any]) -> None:
        copied, name = self._log, self._log.name
        first = copied.bounds()[0]
        body = _encoded(said.OPEN, {**copied.names(), **description, "first": first})
        began = copied.now()
        answer = said.OPENED.decode(await self._call("Copy.Open", body, OPEN_TIMEOUT_SECONDS))
        if copied.name != name:
            raise Unavailable("the log was given another name meanwhile; its copy is opened under that one")
        if not copied.continues(answer):
            if copied.is_settled:
                self._fork()
                raise Forbidden(f"its copy {FORKED}")
            log.warning("the log of %s is older than its copy at %s; it is copied anew", copied.topic, short(self.nid))
            copied.rename()
            raise Unavailable("the log was set back; it is copied under another name")
        copied.is_settled = copied.is_settled or answer["last"] > 0
        copied.forked.discard(self.nid)
        if answer["served"]:
            await self._learn(answer["last"])
        else:
            self._unserved = began
        self._told = description
        copied.replication.opened(self.nid, max(answer["last"], first - 1), copied.now())
        copied.changed()

    def _fork(self) -> None:
        """Takes note that somebody else writes the copy, and says so once."""
        copied = self._log
        if not copied.forked:
            log.error("the copy of %s at %s %s", copied.topic, short(self.nid), FORKED)
        copied.forked.add(self.nid)

    async def _write(self, first: int, known: int) -> None:
        """Sends what follows.

        Raises:
            Conflict: the copy has other events, or more: what it has is asked anew, and compared.
        """
        copied = self._log
        events = copied.piece(known)
        if not events:
            return  # the log begins later by now
        body = _encoded(said.WRITE, {**copied.names(), "first": first, "events": events})
        answer = said.WRITTEN.decode(await self._call("Copy.Write", body, WRITE_TIMEOUT_SECONDS))
        sent = events[-1]["sequence"]
        if answer["last"] > sent:
            raise Conflict(f"its copy goes up to event {answer['last']}, and it was sent no more than {sent}")
        copied.replication.stored(self.nid, answer["last"], copied.now())
        copied.changed()

    async def _tell_cursors(self) -> None:
        copied = self._log
        fields = said.cursor_fields(copied.cursors())
        self._rests += 1
        if fields != self._cursors or self._rests >= BEATS:
            body = _encoded(said.CURSORS, {**copied.names(), "cursors": fields})
            began = copied.now()
            await self._call("Copy.Cursors", body, OPEN_TIMEOUT_SECONDS)
            self._unserved = began
            self._cursors, self._rests = fields, 0

    async def _learn(self, sent: int) -> None:
        """Takes over how far queues came at the copy while this node was away, and says so.

        The super node may lie. So nothing is taken of events that it was not sent, which are those after `sent`, and
        nothing at all where it cannot have served the copy: it has to have heard nothing for long before it does.
        """
        copied = self._log
        is_possible = self._unserved is None or copied.now() - self._unserved >= said.UNHEARD_SECONDS
        body = said.DROP.encode(copied.names())
        answer = said.LEARNED.decode(await self._call("Copy.Learn", body, OPEN_TIMEOUT_SECONDS))
        if is_possible:
            for queue, cursor in said.cursors_from(answer["cursors"], sent).items():
                await self._surpass(queue, cursor)
        else:
            log.warning("%s says that it served %s, of which it has just heard", short(self.nid), copied.topic)
        self._rests = BEATS
        await self._tell_cursors()

    async def _surpass(self, queue: str, cursor: Cursor) -> None:
        """Takes over how far a queue came; it is on disk here before the copy may forget it."""
        copied = self._log
        known = copied.broker.cursors(copied.topic)
        if queue not in known and len(known) >= LEARNED_QUEUES_MAX:
            return
        told: asyncio.Future[Fault | None] = asyncio.get_running_loop().create_future()

        def done(fault: Fault | None) -> None:
            if not told.done():
                told.set_result(fault)

        try:
            copied.broker.surpass(copied.topic, queue, cursor, done)
        except Fault as refusal:
            log.warning("a queue at the copy of %s at %s: %s", copied.topic, short(self.nid), refusal)
            return
        fault = await told
        if fault is not None:
            raise _Hindrance(f"how far {queue} came at the copy cannot be saved: {fault}")

    async def drop(self) -> None:
        """Has the copy dropped, once what queues did there is known, and unless it has what the log does not have."""
        copied = self._log
        if self.nid in copied.forked:  # it ends with its events
            copied.replication.dropped(self.nid)
            return
        sent = copied.replication.last(self.nid) or copied.replication.floor  # the latter, if by a run before this one
        try:
            await self._learn(min(sent, copied.bounds()[1]))
        except NotFound:
            pass
        else:
            opening = _encoded(said.OPEN, {**copied.names(), **copied.describe(), "first": 1})
            answer = said.OPENED.decode(await self._call("Copy.Open", opening, OPEN_TIMEOUT_SECONDS))
            if copied.continues(answer):
                await self._call("Copy.Drop", said.DROP.encode(copied.names()), OPEN_TIMEOUT_SECONDS)
            else:
                self._fork()
        copied.replication.dropped(self.nid)
