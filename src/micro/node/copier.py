"""One log at one super node: the copy is opened, filled, told how far the queues have come, and dropped."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from micro.errors import Forbidden, MicroError, NotFound, TooLarge, TooManyRequests, Unavailable
from micro.service.broker.broker import Broker, event_bytes
from micro.service.broker.delivery import Numbered
from micro.service.copies import messages as said
from micro.service.copies.replication import Replication
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

log = logging.getLogger("micro.copies")


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
        former: the name that the log had before it was given another one, "" where it was not.
        is_settled: whether it keeps its name now: it was given another one since the start, or a copy has begun under
            the one that it has. Else one super node could have it copied under ever new names.
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
        self.former = ""
        self.is_settled = False

    def names(self) -> dict[str, Any]:
        """Returns the fields that name it."""
        return {"topic": self.topic, "log": self.name}

    def rename(self) -> None:
        """Gives the log another name, so that a copy which has more keeps it; once."""
        fresh = self.set_back()
        self.former, self.name, self.is_settled = self.name, fresh, True

    def bounds(self) -> tuple[int, int]:
        """Returns the first and the last event that can be copied."""
        first, last = self.broker.bounds(self.topic)
        return max(first, self.floor), last

    def piece(self, known: int) -> list[Numbered]:
        """Returns what follows on an event, as much as fits into one message."""
        found: list[Numbered] = []
        size = 0
        for sequence, event in self.broker.read(
            self.topic, known + 1, count=said.PIECE_EVENTS_MAX, size=said.PIECE_BYTES
        ):
            if len(event.body) > said.EVENT_BYTES_MAX:  # it was published before copies were wanted
                self.floor = sequence + 1 if not found else self.floor
                break
            size += event_bytes(event.headers, event.body)
            if found and size > said.PIECE_BYTES:
                break
            found.append((sequence, event))
        return found if found and found[0][0] == known + 1 else []

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
        body = said.OPEN.encode({**copied.names(), **description, "first": first})
        answer = said.OPENED.decode(await self._call("Copy.Open", body, OPEN_TIMEOUT_SECONDS))
        if copied.name != name:
            raise Unavailable("the log was given another name meanwhile; its copy is opened under that one")
        if not copied.continues(answer):
            if copied.is_settled:
                raise Forbidden(
                    "its copy has events that the log does not have, and copies elsewhere are as the log is"
                )
            log.warning("the log of %s is older than its copy at %s; it is copied anew", copied.topic, short(self.nid))
            copied.rename()
            raise Unavailable("the log was set back; it is copied under another name")
        copied.is_settled = copied.is_settled or answer["last"] > 0
        self._told = description
        if answer["served"]:
            await self._learn()
        copied.replication.opened(self.nid, max(answer["last"], first - 1), copied.now())
        copied.changed()

    async def _write(self, first: int, known: int) -> None:
        copied = self._log
        events = copied.piece(known)
        if not events:
            return  # the log begins later by now
        fields = [said.event_fields(numbered) for numbered in events]
        body = said.WRITE.encode({**copied.names(), "first": first, "events": fields})
        answer = said.WRITTEN.decode(await self._call("Copy.Write", body, WRITE_TIMEOUT_SECONDS))
        copied.replication.stored(self.nid, min(answer["last"], events[-1][0]), copied.now())
        copied.changed()

    async def _tell_cursors(self) -> None:
        copied = self._log
        fields = said.cursor_fields(copied.broker.cursors(copied.topic))
        self._rests += 1
        if fields != self._cursors or self._rests >= BEATS:
            body = said.CURSORS.encode({**copied.names(), "cursors": fields})
            await self._call("Copy.Cursors", body, OPEN_TIMEOUT_SECONDS)
            self._cursors, self._rests = fields, 0

    async def _learn(self) -> None:
        """Takes over how far queues came at the copy while this node was away, and says so."""
        copied = self._log
        body = said.DROP.encode(copied.names())
        answer = said.LEARNED.decode(await self._call("Copy.Learn", body, OPEN_TIMEOUT_SECONDS))
        last = copied.broker.bounds(copied.topic)[1]
        for queue, cursor in said.cursors_from(answer["cursors"], last).items():
            copied.broker.surpass(copied.topic, queue, cursor)
        self._rests = BEATS
        await self._tell_cursors()

    async def drop(self) -> None:
        """Has the copy dropped, once what queues did there is known."""
        copied = self._log
        try:
            await self._learn()
        except NotFound:
            pass
        else:
            await self._call("Copy.Drop", said.DROP.encode(copied.names()), OPEN_TIMEOUT_SECONDS)
        copied.replication.dropped(self.nid)
