"""A log of this node is taken back from its copies, where this node lost it and its copies have it still.

the node starts, or a topic is to be copied     its log is detained: what is published waits, and has no number yet
                                                and its queues are given nothing
the super nodes that may have copies are asked  they serve none of it any more: its node is there
they have copies                                they are asked how far queues came
some have more than is here                     those are read side by side; what they agree on (see `believing`)
                                                enters the log as it had been
there is no more, or it takes too long          the log is released; queues go on where they came to elsewhere
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from itertools import takewhile
from typing import Any, Final

import msgspec

from micro.errors import Fault, MicroError, TooManyRequests
from micro.service.broker.broker import StoredEvent
from micro.service.broker.delivery import Numbered
from micro.service.broker.restored import Restorable
from micro.service.copies import messages as said
from micro.service.copies.believing import AHEAD_SECONDS_MAX, Agreed, Listed, agreed, log_of
from micro.service.copies.naming import LOG_DIGITS, copy_name
from micro.trust.identity import short

__all__ = ["FIND_SECONDS_MAX", "LEARN_SECONDS_MAX", "TAKE_SECONDS_MAX", "Outcome", "TakingBack"]

FIND_SECONDS_MAX: Final = 5.0
"""So long publishers wait at most until it is known whether there is something to be taken back."""

LEARN_SECONDS_MAX: Final = 5.0
"""So long they and subscribers wait besides where nothing was lost: queues may have come further at a copy."""

TAKE_SECONDS_MAX: Final = 60.0
"""So long they wait at most if there is. What was not taken back by then is not any more."""

CALL_SECONDS: Final = 10.0
PAUSE_SECONDS: Final = 0.25
"""After so long it is looked again for a map, and a super node asked again that has heard too much at once."""

TAKEN_BYTES_MAX: Final = 256 * 1024 * 1024
"""So many bytes are taken back of one log: no super node keeps more of one node, unless it was told to."""

READERS_MAX: Final = 4
"""So many copies of a log are read side by side; those that go furthest."""

log = logging.getLogger("micro.copies")

Call = Callable[[str, str, bytes, float], Awaitable[bytes]]
Keepers = Callable[[], Sequence[str] | None]
"""Returns who may have copies, None while that is not known."""


class Outcome(msgspec.Struct, frozen=True):
    """What was found, and taken back.

    Attributes:
        log: the name of the log, "" where no copy is known, or none that could be one of this log.
        generation: the number of the last choice of super nodes that a copy has heard of.
        copies: whose copies are a beginning of the log as it is now.
        is_whole: whether the log has all that they have.
        is_sure: whether a copy was seen to be a beginning of it.
        taken: how many events were taken back.
    """

    log: str = ""
    generation: int = 0
    copies: tuple[str, ...] = ()
    is_whole: bool = True
    is_sure: bool = False
    taken: int = 0


class _Told:
    """What the broker tells once something is on its disk, or is not; perhaps nobody waits for it any more."""

    def __init__(self) -> None:
        self.heard: asyncio.Future[Fault | None] = asyncio.get_running_loop().create_future()

    def tell(self, fault: Fault | None) -> None:
        """Tells it."""
        if not self.heard.done():
            self.heard.set_result(fault)


class TakingBack:
    """The log of one topic.

    Args:
        nid: this node.
        topic, known: the log; its name is "" where that is not known any more.
        is_begun: whether it was begun before, and nobody knows how it ended.
        broker: where it is, detained.
        keepers: who may have copies.
        call: calls an endpoint of a super node.
        begun: told the name of the log, before the first event is taken; it may raise what hinders that.
        date: returns the date, in seconds since 1970.

    Attributes:
        listed: what each super node said of the copies that it has of the topic's logs.
    """

    def __init__(
        self,
        nid: str,
        topic: str,
        known: str,
        broker: Restorable,
        *,
        keepers: Keepers,
        call: Call,
        begun: Callable[[str], None],
        is_begun: bool,
        date: Callable[[], float],
    ) -> None:
        self._nid = nid
        self._topic = topic
        self._known = known
        self._broker = broker
        self._keepers = keepers
        self._call = call
        self._begun = begun
        self._is_begun = is_begun
        self._date = date
        self.listed: dict[str, list[Listed]] = {}
        self._copies: dict[str, Listed] = {}
        self._liars: set[str] = set()
        self._told: dict[str, Sequence[Mapping[str, Any]]] = {}
        self._name = ""
        self._next = 1
        self._newest = self._taken = self._bytes = 0
        self._alone: dict[str, int] = {}
        self._is_contested = self._is_sure = False
        self._writing: asyncio.Future[Fault | None] | None = None

    async def run(self) -> Outcome:
        """Takes back what can be, and returns what was. The log stays detained."""
        await self.look()
        self._copies = log_of(self.listed, self._known)
        if not self._copies:
            return Outcome()
        self._name = next(iter(self._copies.values())).log
        if not self._is_needed():
            with suppress(TimeoutError):  # the copies tell it once more when they are opened
                async with asyncio.timeout(LEARN_SECONDS_MAX):
                    await self._learn()
            return Outcome()
        try:
            async with asyncio.timeout(TAKE_SECONDS_MAX):
                await self._learn()
                await self._take()
        except TimeoutError:
            self._is_contested = True
            log.warning("%s could not be taken back in %g s; what is missing stays away", self._topic, TAKE_SECONDS_MAX)
        except MicroError as error:
            self._is_contested = True
            log.warning("%s could not be taken back, and goes on without: %s", self._topic, error)
        if self._writing is not None:  # it is on its way to the disk, and will be there
            await self._writing
        return self._outcome()

    async def look(self) -> None:
        """Asks which copies there are, and takes nothing back."""
        try:
            async with asyncio.timeout(FIND_SECONDS_MAX):
                self.listed = await self._find()
        except TimeoutError:
            log.info("nobody says in time whether %s has copies; it goes on without", self._topic)

    def _is_needed(self) -> bool:
        """Says whether copies have more than is here, or how far they have it is not known any more."""
        last = self._broker.bounds(self._topic)[1]
        is_forgotten = self._is_begun or not self._known
        return is_forgotten or any(copy.last > last for copy in self._copies.values())

    async def release(self) -> None:
        """Releases the log, whose queues are as far as those say whose copies are a beginning of it; waits for that."""
        last, released = self._last(), _Told()
        cursors = [
            each
            for nid in sorted(self._told)
            if nid in self._copies and nid not in self._liars
            for each in said.cursors_from(self._told[nid], last).items()
        ]
        self._broker.release(self._topic, cursors, released.tell)
        fault = await released.heard
        if fault is not None:  # the log has them, and saves them with the next ones
            log.warning("how far queues of %s came is not saved yet: %s", self._topic, fault)

    def _last(self) -> int:
        return max(self._newest, self._broker.bounds(self._topic)[1])

    def _outcome(self) -> Outcome:
        honest = {nid: copy for nid, copy in self._copies.items() if nid not in self._liars}
        if not honest:
            return Outcome(is_whole=False, taken=self._taken)
        last = self._last()
        if self._taken:
            log.warning("%d events of %s were lost here, and taken back from its copies", self._taken, self._topic)
            for nid, count in self._alone.items():
                log.warning(
                    "%d of them by the word of %s alone: no other copy that could be asked has them", count, short(nid)
                )
        return Outcome(
            self._name,
            max(copy.generation for copy in honest.values()),
            tuple(nid for nid in sorted(honest, key=lambda nid: -honest[nid].last) if honest[nid].last <= last),
            not self._is_contested and all(copy.last <= last for copy in honest.values()),
            self._is_sure,
            self._taken,
        )

    # -- who has what -------------------------------------------------------------------------------------------------

    async def _find(self) -> dict[str, list[Listed]]:
        while (keepers := self._keepers()) is None:  # noqa: ASYNC110 - a map comes from more than one place
            await asyncio.sleep(PAUSE_SECONDS)
        found: dict[str, list[Listed]] = {}

        async def ask(nid: str) -> None:
            try:
                answer = await self._ask(nid, "Copy.List", said.LIST.encode({"topic": self._topic}))
                listed = [Listed(**copy) for copy in said.LISTED.decode(answer)["copies"]]
            except (MicroError, TimeoutError) as error:
                log.info("%s does not say which copies of %s it has: %s", short(nid), self._topic, error)
                return
            found[nid] = [each for each in listed if len(each.log) == LOG_DIGITS]

        tasks = [asyncio.get_running_loop().create_task(ask(nid)) for nid in keepers]
        if tasks:  # who is silent is not waited for by those who are not
            _, late = await asyncio.wait(tasks, timeout=FIND_SECONDS_MAX - 2 * PAUSE_SECONDS)
            for task in late:
                task.cancel()
        return {nid: found[nid] for nid in keepers if nid in found}

    async def _learn(self) -> None:
        """Asks how far queues came; nobody serves the copies any more, so they come no further."""
        body = said.DROP.encode({"topic": self._topic, "log": self._name})

        async def ask(nid: str) -> None:
            try:
                answer = await self._ask(nid, "Copy.Learn", body)
                self._told[nid] = said.LEARNED.decode(answer)["cursors"]
            except (MicroError, TimeoutError) as error:
                log.info("%s does not say how far queues of %s came: %s", short(nid), self._topic, error)

        await asyncio.gather(*(ask(nid) for nid in self._copies))

    # -- events -------------------------------------------------------------------------------------------------------

    async def _take(self) -> None:
        first, last = self._broker.bounds(self._topic)
        own: list[Mapping[str, Any]] = []
        if last:
            own = [said.event_fields(each) for each in self._broker.read(self._topic, last, count=1, size=1)]
            self._next = last if own and first <= last else last + 1
        else:
            longest = max(self._copies.values(), key=lambda copy: copy.last)
            self._next = longest.first
        while readers := self._readers():
            found = await self._read(readers, own)
            own = []
            events = self._checked(found.events)
            lost = [(number, self._own(event)) for number, event in events if number > last]
            await self._restore(lost)
            self._next += len(events)
            self._is_sure = self._is_sure or bool(events)
            self._is_contested = found.is_contested
            if alone := min(found.alone, len(lost)):
                self._alone[found.witness] = self._alone.get(found.witness, 0) + alone
            if found.is_contested:
                log.warning(
                    "copies of %s differ from event %d on, and no two say the same: nothing further is taken back; "
                    "`micro events copies` tells where they are",
                    self._topic,
                    self._next,
                )
            if found.is_contested or not (events or found.liars):
                return

    def _readers(self) -> list[str]:
        """Returns whose copies have the next event."""
        able = [
            nid
            for nid, copy in self._copies.items()
            if nid not in self._liars and copy.first <= self._next <= copy.last
        ]
        return sorted(able, key=lambda nid: -self._copies[nid].last)[:READERS_MAX]

    async def _read(self, readers: Sequence[str], own: Sequence[Mapping[str, Any]]) -> Agreed:
        """Reads the next events from all who have them; the newest that is here is to be what they say, too."""
        pieces: dict[str, Sequence[Mapping[str, Any]]] = {}
        body = said.READ.encode({"topic": self._topic, "log": self._name, "sequence": self._next})

        async def ask(nid: str) -> None:
            pieces[nid] = self._cut(await self._piece(nid, body), own)

        await asyncio.gather(*(ask(nid) for nid in readers))
        found = agreed(self._next, pieces, {nid: self._copies[nid].last for nid in readers})
        self._liars |= found.liars
        for nid in found.liars:
            log.warning("the copy of %s at %s is not what the others are, or here; not taken", self._topic, short(nid))
        return found

    def _cut(self, piece: Sequence[Mapping[str, Any]], own: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
        """Returns what of a piece follows without a gap and can be; nothing where it does not begin as the log ends."""
        if own and (not piece or dict(piece[0]) != dict(own[0])):
            return ()
        count = next((at for at, each in enumerate(piece) if each["sequence"] != self._next + at), len(piece))
        try:
            self._checked(piece[:count])
        except MicroError:
            return tuple(takewhile(self._can_be, piece[:count]))
        return piece[:count]

    def _can_be(self, fields: Mapping[str, Any]) -> bool:
        try:
            self._checked([fields])
        except MicroError as error:
            log.warning("%s is not taken back further: %s", self._topic, error)
            return False
        return True

    def _checked(self, fields: Sequence[Mapping[str, Any]]) -> list[Numbered]:
        name = copy_name(self._topic, self._nid, self._name)
        return said.events_from(name, fields, self._date(), AHEAD_SECONDS_MAX)

    async def _piece(self, nid: str, body: bytes) -> Sequence[Mapping[str, Any]]:
        try:
            return tuple(said.READ_PIECE.decode(await self._ask(nid, "Copy.Read", body))["events"])
        except (MicroError, TimeoutError) as error:
            log.info("%s does not give its copy of %s back: %s", short(nid), self._topic, error)
            return ()

    async def _ask(self, nid: str, endpoint: str, body: bytes) -> bytes:
        """Asks a super node, and asks again where it has heard too much at once."""
        while True:
            try:
                return await self._call(nid, endpoint, body, CALL_SECONDS)
            except TooManyRequests:
                await asyncio.sleep(PAUSE_SECONDS)

    def _own(self, event: StoredEvent) -> StoredEvent:
        return msgspec.structs.replace(event, topic=self._topic)

    async def _restore(self, events: Sequence[Numbered]) -> None:
        if not events:
            return
        self._bytes += sum(len(event.body) for _, event in events)
        if self._bytes > TAKEN_BYTES_MAX:
            raise TooManyRequests(f"{TAKEN_BYTES_MAX:,} bytes are taken back of one log, and no more")
        if not self._taken:
            self._begun(self._name)
        told = _Told()

        def done(last: int, fault: Fault | None) -> None:
            if fault is None:
                self._newest = last
                self._taken += len(events)
            told.tell(fault)

        self._writing = told.heard
        self._broker.restore(self._topic, events, done)
        fault = await asyncio.shield(told.heard)
        if fault is not None:
            raise fault
