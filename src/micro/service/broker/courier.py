"""Does what the broker's machine asks for: hands events to members, reads them from the log, buries the dead."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, cast

from micro.errors import Fault
from micro.service.broker.actions import Action, Bury, Deliver, Missed, Mourn, Read, Reread
from micro.service.broker.broker import Ephemeral, Member, StoredEvent
from micro.service.broker.dead import dead_letter, expiry_notice, is_dead
from micro.service.broker.log import Log
from micro.service.broker.topic import Topic
from micro.service.broker.topics import Topics

if TYPE_CHECKING:
    from micro.ports import Clock

__all__ = ["Courier"]

ACTIONS_PER_TURN = 1_024
"""How many deliveries and reads are done before the loop may do something else."""

Record = Callable[[StoredEvent, Callable[[Fault | None], None]], None]


class Courier:
    """Carries out the actions of `topics`, one at a time.

    Args:
        topics: the machine.
        log: where events are read.
        clock: for the dates of dead letters.
        counters: what is counted.
        record: writes an event of the broker's own to its topic.
    """

    def __init__(self, topics: Topics, log: Log, clock: Clock, counters: Counter[str], record: Record) -> None:
        self._topics = topics
        self._log = log
        self._clock = clock
        self._counters = counters
        self._record = record
        self._loop: asyncio.AbstractEventLoop | None = None
        self._actions: Iterator[Action] | None = None
        self._is_busy = self._is_roused = False

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """From now on actions are carried out."""
        self._loop = loop

    def stop(self) -> None:
        """From now on nothing is delivered."""
        self._loop = None

    def rouse(self) -> None:
        """Has `work` called at the end of this turn of the loop, once for all that happens in it."""
        if not self._is_roused and self._loop is not None:
            self._is_roused = True
            self._loop.call_soon(self.work)

    def work(self) -> None:
        """Does what there is to do now, or a fair share of it."""
        self._is_roused = False
        if self._is_busy or self._loop is None:
            return
        self._is_busy = True
        try:
            for _ in range(ACTIONS_PER_TURN):
                if self._actions is None:
                    self._actions = self._topics.actions()
                action = next(self._actions, None)
                if action is None:
                    self._actions = None
                    return
                self._do(action)
        finally:
            self._is_busy = False
        self.rouse()

    def hand(self, member: Member, sequence: int, event: StoredEvent) -> bool:
        """Gives an event to a member; returns whether it took it. One that fails is treated as one that refuses."""
        try:
            return member.deliver(sequence, event)
        except Exception as error:  # noqa: BLE001 - one member's mistake is not another's
            self.report("a subscriber failed to take an event", error)
            return False

    def spread(self, topic: Topic, sequence: int, event: StoredEvent) -> None:
        """Gives a new event to every subscriber without a queue, or keeps it for those without credit."""
        for listener in topic.audience:
            if listener.is_muted:
                continue
            if not listener.is_clear:
                listener.hold(sequence, event, self._topics.limits)
            elif self.hand(cast(Member, listener.handle), sequence, event):
                self._counters["delivered"] += 1
            else:
                listener.refuse(sequence, event)

    def spread_all(self, topic: Topic, events: Ephemeral) -> None:
        """Does what `spread` does for events that nobody keeps, all at once."""
        count = events.batch.count
        for listener in topic.audience:
            if listener.is_muted:
                continue
            taken = 0
            if listener.is_clear:
                taken = self._hand_all(cast(Member, listener.handle), events)
                self._counters["delivered"] += taken
                listener.is_paused = taken < count
            if taken < count:
                listener.hold_all(events.events()[taken:], self._topics.limits)

    def _hand_all(self, member: Member, events: Ephemeral) -> int:
        try:
            return member.deliver_all(events)
        except Exception as error:  # noqa: BLE001 - one member's mistake is not another's
            self.report("a subscriber failed to take events", error)
            return 0

    def report(self, message: str, error: BaseException) -> None:
        """Tells the loop's exception handler."""
        if self._loop is not None:
            self._loop.call_exception_handler({"message": f"broker: {message}", "exception": error})

    def _do(self, action: Action) -> None:
        if isinstance(action, Deliver):
            self._deliver(action)
        elif isinstance(action, Missed):
            self._counters["missed"] += action.count
            cast(Member, action.handle).dropped(action.count)
        elif isinstance(action, Read):
            self._read(action)
        elif isinstance(action, Reread):
            self._reread(action)
        elif isinstance(action, Bury):
            self._bury(action)
        else:
            self._mourn(action)

    def _deliver(self, action: Deliver) -> None:
        if not self.hand(cast(Member, action.handle), action.sequence, action.event):
            self._topics.refuse(action)
            return
        self._counters["delivered"] += 1
        if action.event.attempt > 1:
            self._counters["redelivered"] += 1

    def _read(self, action: Read) -> None:
        inbox = action.inbox
        try:
            inbox.load(self._log.after(inbox.topic, action.after, count=action.count, size=action.size))
        except Fault as fault:  # the next tick asks again
            self.report("events could not be read", fault)

    def _reread(self, action: Reread) -> None:
        inbox = action.inbox
        try:
            events, reached = self._log.these(inbox.topic, action.sequences, size=action.size)
        except Fault as fault:  # the next tick asks again
            self.report("events could not be read", fault)
            events, reached = [], 0
        inbox.recall(action.sequences, events, reached=reached)

    def _bury(self, action: Bury) -> None:
        inbox, entry = action.inbox, action.entry
        if is_dead(inbox.topic):  # it stays in the log, for whoever looks
            self._counters["given_up"] += 1
            inbox.buried(entry.sequence, now=self._topics.now)
            return

        def done(fault: Fault | None) -> None:
            if fault is None:
                self._counters["dead"] += 1
            inbox.buried(entry.sequence, now=self._topics.now, is_buried=fault is None)

        try:
            found, _ = self._log.these(inbox.topic, [entry.sequence], size=1)
        except Fault as fault:
            done(fault)
            return
        for _, event in found:
            self._record(dead_letter(event, inbox.queue, entry, self._clock.now()), done)
        if not found:  # retention was faster
            inbox.buried(entry.sequence, now=self._topics.now)
            self._mourn(Mourn(inbox, 1))

    def _mourn(self, action: Mourn) -> None:
        inbox = action.inbox
        self._counters["expired"] += action.count
        if not is_dead(inbox.topic):
            notice = expiry_notice(inbox.topic, inbox.queue, action.count, inbox.floor + 1, self._clock.now())
            self._record(notice, partial(self._recorded, "a notice of expired events was not written"))

    def _recorded(self, message: str, fault: Fault | None) -> None:
        if fault is not None:
            self.report(message, fault)
