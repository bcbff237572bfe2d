"""One log at one super node: the copy is opened, filled, told how far the queues have come, and dropped."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from micro.errors import Fault, Forbidden, MicroError, NotFound, TooLarge, TooManyRequests, Unavailable
from micro.node import serving
from micro.service.broker.broker import Broker
from micro.service.broker.cursor import Cursor
from micro.service.copies import messages as said
from micro.service.copies.replication import Replication
from micro.service.registry.layout import Layout
from micro.trust.identity import short

__all__ = ["CopiedLog", "Copier"]

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

LEARNED_QUEUES_MAX: Final = 32
"""A queue that is not known here is taken over from a copy while the log has fewer than so many."""

log = logging.getLogger("micro.copies")


class _Hindrance(MicroError):
    """What is in the way is at this node, and nothing that the super node could help."""


def _encoded(layout: Layout, fields: Mapping[str, Any]) -> bytes:
    try:
        return layout.encode(fields)
    except TooLarge as error:  # of one that comes from there it says that there is no room
        raise _Hindrance(str(error)) from error


class CopiedLog:
    """What all copiers of one log share.

    Args:
        topic: whose log.
        name: the log's own name.
        replication: its copies.
        broker: where it is.
        describe: returns the fields of `OPEN` that say how the log is to be kept and served.
        changed: told when more is safe.
        set_back: told when a copy has what the log has no more: it is to have another name.
        call: calls an endpoint of a super node.

    Attributes:
        floor: the first event that can be copied.
    """

    def __init__(
        self,
        topic: str,
        name: str,
        replication: Replication,
        broker: Broker,
        *,
        describe: Callable[[], dict[str, Any]],
        changed: Callable[[], None],
        set_back: Callable[[], str],
        now: Callable[[], float],
        call: Callable[[str, str, bytes, float], Awaitable[bytes]],
    ) -> None:
        self.topic = topic
        self.name = name
        self.replication = replication
        self.broker = broker
        self.describe = describe
        self.changed = changed
        self.set_back = set_back
        self.now = now
        self.call = call
        self.floor = 1

    def names(self) -> dict[str, Any]:
        """Returns the fields that name it."""
        return {"topic": self.topic, "log": self.name}

    def bounds(self) -> tuple[int, int]:
        """Returns the first and the last event that can be copied."""
        first, last = self.broker.bounds(self.topic)
        return max(first, self.floor), last

    def piece(self, known: int) -> list[dict[str, Any]]:
        """Returns the fields of what follows on an event, as much as fits into one message."""
        found: list[dict[str, Any]] = []
        size = 0
        for sequence, event in self.broker.read(
            self.topic, known + 1, count=said.PIECE_EVENTS_MAX, size=said.PIECE_BYTES
        ):
            if len(event.body) > said.EVENT_BYTES_MAX:  # it was published before copies were wanted
                self.floor = sequence + 1 if not found else self.floor
                break
            fields = said.event_fields((sequence, event))
            size += said.event_size(fields)
            if found and size > said.PIECE_BYTES:
                break
            found.append(fields)
        return found if found and found[0]["sequence"] == known + 1 else []

    def continues(self, answer: Mapping[str, Any]) -> bool:
        """Says whether a copy is a beginning of the log as it is, by what it answered to its opening."""
        last = answer["last"]
        if last > self.broker.bounds(self.topic)[1]:
            return False
        kept = self.broker.read(self.topic, last, count=1, size=1) if last else []
        if not kept or kept[0][0] != last:  # it has left the log by now
            return True
        ours = said.event_fields(kept[0])
        return all(ours[name] == answer[name] for name in ("id", "publisher", "time"))


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
            await self._write(first, known)
        else:
            self.trouble = ""  # it has everything, and what was in its way is not any more
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

    async def _open(self, description: dict[str, Any]) -> None:
        copied = self._log
        first = copied.bounds()[0]
        body = _encoded(said.OPEN, {**copied.names(), **description, "first": first})
        began = copied.now()
        answer = said.OPENED.decode(await self._call("Copy.Open", body, OPEN_TIMEOUT_SECONDS))
        if not copied.continues(answer):
            log.warning("the log of %s is older than its copy at %s; it is copied anew", copied.topic, short(self.nid))
            copied.name = copied.set_back()
            raise Unavailable("the log was set back; it is copied under another name")
        if answer["served"]:
            await self._learn(answer["last"])
        else:
            self._unserved = began
        self._told = description
        copied.replication.opened(self.nid, max(answer["last"], first - 1), copied.now())
        copied.changed()

    async def _write(self, first: int, known: int) -> None:
        copied = self._log
        events = copied.piece(known)
        if not events:
            return  # the log begins later by now
        body = _encoded(said.WRITE, {**copied.names(), "first": first, "events": events})
        answer = said.WRITTEN.decode(await self._call("Copy.Write", body, WRITE_TIMEOUT_SECONDS))
        copied.replication.stored(self.nid, min(answer["last"], events[-1]["sequence"]), copied.now())
        copied.changed()

    async def _tell_cursors(self) -> None:
        copied = self._log
        fields = said.cursor_fields(copied.broker.cursors(copied.topic))
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
        is_possible = self._unserved is None or copied.now() - self._unserved >= serving.SILENT_SECONDS
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
        """Has the copy dropped, once what queues did there is known."""
        copied = self._log
        sent = copied.replication.last(self.nid) or copied.replication.floor  # the latter, if by a run before this one
        try:
            await self._learn(min(sent, copied.bounds()[1]))
        except NotFound:
            pass
        else:
            await self._call("Copy.Drop", said.DROP.encode(copied.names()), OPEN_TIMEOUT_SECONDS)
        copied.replication.dropped(self.nid)
