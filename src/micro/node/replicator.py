"""Has the logs of this node copied: which ones, to which super nodes, and when their publishers are told.

A `Copier` goes to each super node that keeps a copy of a log. It opens the copy, hears how far it goes, and sends what
follows, one piece after the other: while one is under way the next one gathers, as in a commit that many share. What is
sent is read from the log, so nothing is held for a super node that is slow or away.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

import msgspec

from micro.errors import EngineError, Fault, MicroError, Unavailable
from micro.node.copied_log import CopiedLog
from micro.node.copier import Copier
from micro.node.damaged import read_or_begin_anew
from micro.node.reach import NodeReach
from micro.node.replicated import Done, Impatient, Known, ReplicatedLog
from micro.node.taking_back import FIND_SECONDS_MAX, Outcome, TakingBack
from micro.ports import Clock, Disk, Entropy
from micro.service.broker.restored import Restorable
from micro.service.copies.confirming import Confirming, Extent
from micro.service.copies.naming import LOG_DIGITS
from micro.service.copies.placing import candidates, keepers
from micro.service.registry.atlas import Atlas
from micro.service.registry.shardmap import SuperNode
from micro.trust.identity import public_key_of, short

__all__ = ["Done", "Readers", "Replicator"]

TICK_SECONDS: Final = 0.25

START_SECONDS_MAX: Final = 20.0
"""Whoever publishes on a log that may have to be taken back waits so long for the network to be opened."""

Readers = Callable[[str], tuple[bool, list[str]]]
"""Says of a topic whether nodes may subscribe to it, and of which the contrary holds."""

log = logging.getLogger("micro.copies")


class Replicator:
    """The copies of this node's logs.

    Args:
        nid: this node; an attribute, too.
        broker: where its logs are.
        disk, path: where it is remembered which log is which, `copies.json`.
        clock, entropy: the world.
        readers: who may subscribe.
        has_network: whether the node has a network, or will have one when it is started.
        kept_seconds: how long events are kept.
    """

    def __init__(
        self,
        nid: str,
        broker: Restorable,
        disk: Disk,
        path: Path,
        *,
        clock: Clock,
        entropy: Entropy,
        readers: Readers,
        has_network: bool,
        kept_seconds: float,
    ) -> None:
        self.nid = nid
        self._broker = broker
        self._disk = disk
        self._path = path
        self._clock = clock
        self._entropy = entropy
        self._readers = readers
        self._has_network = has_network
        self._kept_seconds = kept_seconds
        self._logs: dict[str, ReplicatedLog] = {}
        self._atlas: Callable[[], Atlas | None] = lambda: None
        self._reach: NodeReach | None = None
        self._started = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._known = read_or_begin_anew(disk, path, dict[str, Known], anew="logs are copied anew") or {}

    # -- life ---------------------------------------------------------------------------------------------------------

    def start(self, atlas: Callable[[], Atlas | None], reach: NodeReach) -> None:
        """Begins to copy.

        Args:
            atlas: returns the maps of the network, None while the node is in none.
            reach: how super nodes are reached.
        """
        self._atlas, self._reach = atlas, reach
        self._started.set()
        self._task = asyncio.get_running_loop().create_task(self._run())

    def stop(self) -> None:
        """Ends; whoever waits is told."""
        if self._task is not None:
            self._task.cancel()
        for each in self._logs.values():
            self._end(each, "the node is stopping")

    def wanted(self, topics: Mapping[str, int]) -> None:
        """Says of which topics copies are wanted, each with how many."""
        for topic in [topic for topic in self._logs if topic not in topics]:
            self._logs[topic].waiting.fail("no copies are wanted any more")
            self._logs[topic].replication.wanted = 0  # those that are there are dropped; the log is forgotten then
        for topic, count in topics.items():
            if topic not in self._logs:
                self._logs[topic] = self._log(topic, count)
                if self._has_network:
                    self._broker.detain(topic)
                    each = self._logs[topic]
                    each.taking = asyncio.get_running_loop().create_task(self._take_back(each))
            self._logs[topic].replication.wanted = count
        for each in tuple(self._logs.values()):
            self._place(each)

    def _log(self, topic: str, wanted: int) -> ReplicatedLog:
        known = self._known.get(topic) or self._new_log()
        each = ReplicatedLog(topic, known, wanted, self._broker.bounds(topic)[1])
        each.confirming = Confirming(partial(self._broker.cursors, topic), self._extents)
        each.copied = self._copied(each)
        return each

    def _extents(self) -> dict[str, Extent]:
        """Returns how far each log goes of which copies are wanted, and up to where enough copies have it."""
        return {
            topic: each.extent(self._broker.bounds(topic)[1])
            for topic, each in self._logs.items()
            if each.replication.wanted
        }

    def _copied(self, each: ReplicatedLog) -> CopiedLog:
        return CopiedLog(
            each.topic,
            each.known.log,
            each.replication,
            self._broker,
            cursors=each.confirming.cursors,
            describe=partial(self._describe, each),
            changed=each.settle,
            set_back=partial(self._set_back, each),
            now=self._clock.monotonic,
            call=self._call,
        )

    def _new_log(self) -> Known:
        return Known(self._entropy.random_bytes(LOG_DIGITS // 2).hex())

    def _end(self, each: ReplicatedLog, why: str) -> None:
        for task in (each.taking, each.looking):
            if task is not None:
                task.cancel()
        for copier in each.copiers.values():
            copier.stop()
        each.waiting.fail(why)

    # -- what was lost here -------------------------------------------------------------------------------------------

    async def _take_back(self, each: ReplicatedLog) -> None:
        """Has a log taken back from its copies, as far as it was lost; then it is as open as any."""
        topic, taking, outcome = each.topic, self._taking(each), Outcome()
        try:
            async with asyncio.timeout(START_SECONDS_MAX):
                await self._started.wait()
            outcome = await taking.run()
        except TimeoutError:
            log.warning("the network is not there in time; %s goes on with what is here", topic)
        except Exception:
            log.exception("%s could not be taken back, and goes on with what is here", topic)
        await taking.release()
        former, is_settled = each.found(outcome, self._new_log().log, self._broker.bounds(topic)[1])
        each.copied = self._copied(each)
        each.copied.former, each.copied.is_settled = former, is_settled
        each.look(taking.listed)
        self._place(each)

    def _taking(self, each: ReplicatedLog) -> TakingBack:
        known = self._known.get(each.topic)
        return TakingBack(
            self.nid,
            each.topic,
            known.log if known is not None else "",
            self._broker,
            keepers=partial(self._keepers, each.topic),
            call=self._call,
            begun=partial(self._begun, each),
            is_begun=known is not None and known.is_begun,
            date=self._clock.now,
        )

    async def _look_again(self, each: ReplicatedLog) -> None:
        taking = self._taking(each)
        await taking.look()
        each.look(taking.listed)

    def _begun(self, each: ReplicatedLog, name: str) -> None:
        self._save({**self._known, each.topic: Known(name, each.known.generation, each.known.copies, is_begun=True)})

    def _keepers(self, topic: str) -> list[str] | None:
        """Returns who may have copies of a log, None before there is a map."""
        atlas = self._atlas()
        if atlas is None:
            return []
        return [member.nid for member in keepers(atlas, self.nid, topic)] if atlas.current is not None else None

    # -- publishers ---------------------------------------------------------------------------------------------------

    def check(self, topic: str, size: int) -> None:
        """Raises the reason why an event of `size` bytes is not to be published now, if there is one."""
        each = self._logs.get(topic)
        if each is not None and each.replication.wanted:
            each.waiting.check(size)

    def awaited(self, topic: str, timeout_milliseconds: int, done: Done) -> Done:
        """Returns what is to be called once an event is on this node's disk, so that `done` is once it is copied."""
        each = self._logs.get(topic)
        if each is None or not each.replication.wanted:
            return done
        impatient = Impatient(topic, timeout_milliseconds, done) if each.taking is not None else None

        def kept(fault: Fault | None) -> None:
            if impatient is not None and not impatient.is_there():
                return
            if fault is not None:
                done(fault)
                return
            each.landed.append((timeout_milliseconds, done))
            if len(each.landed) == 1:  # once for all that one commit brings, and when the log says that it has them
                asyncio.get_running_loop().call_soon(self._landed, each)

        return kept

    def followed(self, topic: str, outputs: Iterable[str]) -> None:
        """Takes note that an event of a topic is done, and that others entered the logs of these topics with that."""
        each = self._logs.get(topic)
        if each is not None:
            each.confirming.follow(outputs)

    def _landed(self, each: ReplicatedLog) -> None:
        landed, each.landed = each.landed, []
        last, now = self._broker.bounds(each.topic)[1], self._clock.monotonic()
        for timeout_milliseconds, done in landed:
            each.waiting.add(last, timeout_milliseconds, done, now)
        trouble = self._hopeless(each)
        if trouble:
            each.waiting.fail(trouble)
        for copier in each.copiers.values():
            copier.wake()
        each.settle()

    def _hopeless(self, each: ReplicatedLog) -> str:
        """Says why nothing can be copied at all, "" where it can."""
        if not each.replication.wanted:
            return "no copies are wanted any more"
        return self.hopeless()

    def hopeless(self) -> str:
        """Says why this node's logs cannot be copied, "" where they can."""
        if not self._has_network:
            return "this node was started without a network, in which super nodes could keep copies"
        if self._reach is not None and self._atlas() is None:
            return "this node is in no network, in which super nodes could keep copies; `micro network join` a network"
        return ""

    def status(self) -> list[dict[str, Any]]:
        """Returns how each log is copied."""
        now = self._clock.now()
        return [
            each.status(self._broker.bounds(topic)[1], self._hopeless(each), now, self._kept_seconds)
            for topic, each in sorted(self._logs.items())
            if each.replication.wanted
        ]

    async def older(self, topic: str) -> list[dict[str, Any]]:
        """Returns what lies at copies of a topic and was not taken back, once that is known; see `status`."""
        each = self._logs.get(topic)
        if each is None:
            return []
        tasks = [task for task in (each.taking, each.looking) if task is not None]
        if tasks:
            await asyncio.wait(tasks, timeout=FIND_SECONDS_MAX)
        found: list[dict[str, Any]] = next((row["older"] for row in self.status() if row["topic"] == topic), [])
        return found

    # -- super nodes --------------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        while True:
            now = self._clock.monotonic()
            for each in tuple(self._logs.values()):
                each.replication.tick(now)
                self._place(each)
                each.waiting.tick(now, self._hopeless(each) or each.why())
            await asyncio.sleep(TICK_SECONDS)

    def _members(self, topic: str) -> dict[str, SuperNode]:
        atlas = self._atlas()
        if atlas is None or atlas.current is None or self._reach is None:
            return {}
        found = candidates(atlas.current.ring, self.nid, topic, itself=public_key_of(self.nid))
        return {member.nid: member for member in found}

    def _place(self, each: ReplicatedLog) -> None:
        """Has the right super nodes visited; where that cannot be remembered, it is tried again at the next tick."""
        if each.taking is not None:
            return
        try:
            self._visit(each)
        except MicroError as error:
            if each.trouble != str(error):
                log.warning("the copies of %s stay where they are: %s", each.topic, error)
            each.trouble = str(error)
        else:
            each.trouble = ""

    def _visit(self, each: ReplicatedLog) -> None:
        replication = each.replication
        known = tuple(self._members(each.topic)) or replication.chosen  # without a map nobody is let go of
        replication.place(known, replication.wanted, self._clock.monotonic())
        self._remember(each)
        atlas = self._atlas()
        for nid in replication.leaving:
            if atlas is not None and atlas.member(public_key_of(nid)) is None:
                replication.dropped(nid)  # it is no super node any more, and nobody looks for its copy
        going = {*replication.chosen, *replication.droppable()} if self._reach is not None else set()
        for nid in [nid for nid in each.copiers if nid not in going]:
            each.copiers.pop(nid).stop()
        for nid in going:
            if nid not in each.copiers or each.copiers[nid].is_over:
                each.copiers[nid] = Copier(each.copied, nid)
        each.settle()
        if not replication.wanted and not replication.leaving:
            self._save({topic: known for topic, known in self._known.items() if topic != each.topic})
            del self._logs[each.topic]

    def _remember(self, each: ReplicatedLog) -> None:
        generation, copies = each.replication.generation, each.replication.chosen
        known = Known(each.known.log, generation, copies)
        if self._known.get(each.topic) != known:
            self._know(each, known)

    def _know(self, each: ReplicatedLog, known: Known) -> None:
        """Remembers something else of a log, on disk first."""
        self._save({**self._known, each.topic: known})
        each.known = known

    def _save(self, known: dict[str, Known]) -> None:
        """Remembers that of all logs.

        Raises:
            EngineError: it cannot be written; what was remembered before still is.
        """
        try:
            self._disk.write(self._path, msgspec.json.encode(known))
        except OSError as error:
            raise EngineError(f"{self._path.name} could not be written: {error.strerror}; check the disk") from error
        self._known = known

    def _set_back(self, each: ReplicatedLog) -> str:
        """Gives a log another name: a copy has what the log has no more."""
        self._know(each, Known(self._new_log().log, each.known.generation, each.known.copies))
        each.looking = asyncio.get_running_loop().create_task(self._look_again(each))
        return each.known.log

    def _describe(self, each: ReplicatedLog) -> dict[str, Any]:
        everybody, others = self._readers(each.topic)
        return {
            "kept_seconds": max(1, round(self._kept_seconds)),
            "generation": each.replication.generation,
            "copies": [public_key_of(nid) for nid in each.replication.chosen],
            "everybody": everybody,
            "others": [public_key_of(nid) for nid in others],
        }

    async def _call(self, nid: str, endpoint: str, body: bytes, timeout_seconds: float) -> bytes:
        atlas = self._atlas()
        member = atlas.member(public_key_of(nid)) if atlas is not None else None
        if member is None or self._reach is None:
            raise Unavailable(f"{short(nid)} is no super node any more")
        return await self._reach.call(member.ticket(), endpoint, body, timeout_seconds=timeout_seconds)
