"""The inbox: what one queue has had from a topic's log, and which of its members holds what.

Pure.

A log numbers its events 1, 2, 3 … without a gap; retention takes them away at the front. An inbox is a place in the
log, *handed out*, and the *unfinished* events before it:

    done, or expired | unfinished: in flight, put off, to be recalled | read ahead, with bodies | not read yet
                                                           handed out ^                         ^ position

What was handed out and is not unfinished is done, and never comes again. These two are saved, and both are bounded.

    an event is      it is held in               and goes on
    read ahead       _ahead, with its body       in flight (next); out of memory (the last member left)
    in flight        _flight, and by its member  done (acknowledge); again, put off or dying (negative, timeout, leave)
    put off          _delayed                    again (tick)
    again            _again, without its body    recalled (recall); expired (the log has it no longer)
    recalled         _recalled, with its body    in flight (next)
    dying            _dying                      done (buried); put off (not buried)
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from heapq import heappop, heappush
from itertools import takewhile

import msgspec

from micro.service.broker.broker import Limits, StoredEvent
from micro.service.broker.cursor import Cursor
from micro.service.broker.delivery import BUFFERED_EVENT_BYTES, BURIAL_PAUSE_SECONDS, Delivery, Numbered, Unfinished
from micro.service.broker.turns import Membership, Turns
from micro.service.cost import Handled

__all__ = ["Inbox"]


class Inbox:
    """One queue of one topic.

    Attributes:
        topic, queue: its names.
        turns: its members.
        away_since: when the last member left, on the clock of `tick`.
        tail: the newest event of the log, as far as is known.
        expired: events that left the log before they were handled, since `take_expired`.
        rewinds: how often it went back.
        is_changed: whether `cursor` would differ from the last one saved.
    """

    def __init__(self, topic: str, queue: str, limits: Limits, cursor: Cursor, *, now: float) -> None:
        self.topic = topic
        self.queue = queue
        self.turns = Turns()
        self.away_since = now
        self.tail = cursor.handed_out
        self.expired = 0
        self.rewinds = cursor.rewinds
        self.is_changed = False
        self._limits = limits
        self._position = cursor.handed_out
        self._unfinished: dict[int, Unfinished] = {}
        self._ahead: deque[Numbered] = deque()
        self._recalled: deque[Numbered] = deque()
        self._bytes = 0
        self._flight: dict[int, Unfinished] = {}
        self._again: deque[int] = deque()
        self._delayed: list[tuple[float, int]] = []
        self._dying: deque[int] = deque()
        self._beyond = set(cursor.beyond)
        for sequence, attempts, error in cursor.unfinished:
            self._reopen(sequence, attempts, error)

    # -- what is known of it ------------------------------------------------------------------------------------------

    @property
    def handed_out(self) -> int:
        """The newest event that was delivered; all before it were, too."""
        return self._ahead[0][0] - 1 if self._ahead else self._position

    @property
    def floor(self) -> int:
        """All events up to this one are done."""
        return min(min(self._unfinished) - 1, self.handed_out) if self._unfinished else self.handed_out

    @property
    def in_flight(self) -> int:
        """How many events wait for an acknowledgement."""
        return len(self._flight)

    @property
    def delayed(self) -> int:
        """How many events are put off."""
        return len(self._delayed)

    @property
    def waiting_again(self) -> int:
        """How many events wait to be read once more."""
        return len(self._again)

    @property
    def given_back(self) -> int:
        """How many events up to `handed_out` wait to be delivered once more, without those in flight or put off."""
        waiting = {*self._again, *(sequence for sequence, _ in self._recalled)} & self._unfinished.keys()
        return sum(sequence <= self.handed_out for sequence in waiting)

    @property
    def is_awake(self) -> bool:
        """Whether time may bring something to do."""
        return bool(self._flight or self._delayed or self._dying or self.turns)

    def cursor(self) -> Cursor:
        """Returns what has to be saved."""
        handed_out = self.handed_out
        self._beyond = {sequence for sequence in self._beyond if sequence > handed_out}
        unfinished = tuple(sorted((each.sequence, each.attempts, each.error) for each in self._unfinished.values()))
        return Cursor(handed_out, unfinished, tuple(sorted(self._beyond)), self.rewinds)

    # -- members ------------------------------------------------------------------------------------------------------

    def leave(self, member: Membership, now: float) -> None:
        """Removes a member; what it holds is delivered again at once, to others or when somebody comes."""
        if not self.turns.leave(member):
            return
        for sequence in sorted(member.held):
            entry = self._unfinished[sequence]
            self._release(entry)
            entry.error = "the subscriber went away"
            self._retry(entry)
        if not self.turns:
            self.away_since = now
            self._rest()

    def _rest(self) -> None:
        """Nobody is there: hold no event in memory."""
        self._put_back()
        self._again.extendleft(sequence for sequence, _ in reversed(self._recalled))
        self._recalled.clear()
        self._bytes = 0

    def resume(self, member: Membership) -> None:
        """The member has credit again."""
        if member in self.turns.members:
            member.is_paused = False
            self.turns.admit(member)

    # -- events coming in ---------------------------------------------------------------------------------------------

    def offer(self, sequence: int, event: StoredEvent) -> None:
        """A new event is in the log. It is taken from here if all before it were, else read from the log later."""
        self.tail = max(self.tail, sequence)
        if sequence == self._position + 1 and self.turns and self._has_room(self._ahead):
            self._position = sequence
            self._ahead.append((sequence, event))
            self._bytes += BUFFERED_EVENT_BYTES + len(event.body)

    def _has_room(self, held: deque[Numbered]) -> bool:
        return len(held) < self._limits.buffered_messages and self._bytes < self._limits.buffered_bytes

    @property
    def room_bytes(self) -> int:
        """How many bytes of events may be read from the log now."""
        return self._limits.buffered_bytes - self._bytes

    def wanted_after(self) -> int | None:
        """Returns the sequence after which the log is to be read for `load`, or None."""
        if not self.turns or self._position >= self.tail or self._is_full or self.room_bytes <= 0:
            return None
        return None if len(self._ahead) > self._limits.buffered_messages // 2 else self._position

    def load(self, events: Sequence[Numbered]) -> None:
        """Takes what the log holds after `wanted_after`; whatever is missing at its front has expired."""
        for sequence, event in events:
            if sequence > self._position:
                self._jump(sequence - 1)
                self._position = sequence
                if sequence not in self._unfinished and sequence not in self._beyond:  # as may be after `rewind`
                    self._ahead.append((sequence, event))
                    self._bytes += BUFFERED_EVENT_BYTES + len(event.body)
        if not events:
            self._jump(self.tail)

    def rewind(self, sequence: int) -> int:
        """Goes back to before an event, and returns how many come again; those that are unfinished come in any case."""
        start = self.handed_out
        if sequence > start:
            return 0
        beyond = sum(known > start for known in self._beyond)
        self.go_back(sequence, self.rewinds + 1)
        return start + 1 - sequence + beyond - sum(sequence <= known <= start for known in self._unfinished)

    def go_back(self, sequence: int, rewinds: int) -> None:
        """Goes back to before an event, if it has come so far, and now has gone back so often."""
        self._put_back()
        self._position, self.rewinds = min(self._position, sequence - 1), rewinds
        self._beyond.clear()
        self.is_changed = True

    def surpass(self, cursor: Cursor) -> None:
        """Comes as far as the queue came elsewhere, too: what is done there is not delivered here any more."""
        for sequence in cursor.done_of(self._unfinished):
            self.finish(sequence)
        start = self.handed_out
        self._put_back()
        for sequence, attempts, error in cursor.unfinished:
            if sequence > start and sequence not in self._beyond and sequence not in self._unfinished:
                self._reopen(sequence, attempts, error)
        self._position = max(start, cursor.handed_out)
        self._beyond.update(cursor.beyond)
        self.is_changed = True

    def _reopen(self, sequence: int, attempts: int, error: str) -> None:
        """Takes up an event that was handed out before, or elsewhere, and is not done."""
        self._retry(self._unfinished.setdefault(sequence, Unfinished(sequence, attempts, error)))

    def _put_back(self) -> None:
        """Leaves what was read ahead in the log, to be read anew."""
        self._position = self.handed_out
        self._bytes -= sum(BUFFERED_EVENT_BYTES + len(event.body) for _, event in self._ahead)
        self._ahead.clear()

    def _jump(self, position: int) -> None:
        if position > self._position:
            self.expired += position - self._position
            self._position = position
            self.is_changed = True

    def wanted_again(self) -> list[int]:
        """Returns the sequences to be read once more for `recall`, in order; it must be answered by that."""
        if not self.turns or not self._again or not self._has_room(self._recalled):
            return []
        count = min(len(self._again), self._limits.buffered_messages - len(self._recalled))
        wanted = [self._again.popleft() for _ in range(count)]
        return sorted(sequence for sequence in wanted if sequence in self._unfinished)

    def recall(self, wanted: Sequence[int], events: Sequence[Numbered], *, reached: int) -> None:
        """Takes what was found of `wanted`, of which those up to `reached` were looked for; what is missing expired."""
        found = dict(events)
        for sequence in wanted:
            if sequence in found:
                self._recalled.append((sequence, found[sequence]))
                self._bytes += BUFFERED_EVENT_BYTES + len(found[sequence].body)
            elif sequence > reached:
                self._again.append(sequence)
            else:
                self._expire(sequence)

    def _expire(self, sequence: int) -> None:
        if self._unfinished.pop(sequence, None) is not None:
            self.expired += 1
            self.is_changed = True

    def trimmed(self, first: int) -> None:
        """Everything before `first` has left the log. What is in memory or in flight is not lost by that."""
        if not self._ahead:
            self._jump(first - 1)
        if not self.turns:
            for sequence in [sequence for sequence in self._unfinished if sequence < first]:
                self._expire(sequence)

    def take_expired(self) -> int:
        """Returns how many events expired since the last call."""
        count, self.expired = self.expired, 0
        return count

    # -- events going out ---------------------------------------------------------------------------------------------

    @property
    def _is_full(self) -> bool:
        return len(self._unfinished) >= self._limits.unfinished

    def next(self, now: float) -> Delivery | None:
        """Returns the next event and the member that gets it, or None if there is no event, or no member with room."""
        recalled = self._recalled
        while recalled and recalled[0][0] not in self._unfinished:  # acknowledged late, while it waited here
            self._take(recalled)
        if not recalled and (not self._ahead or self._is_full):
            return None
        if (member := self.turns.take()) is None:
            return None
        sequence, event = self._take(recalled or self._ahead)
        entry = self._unfinished.setdefault(sequence, Unfinished(sequence))
        entry.hand_to(member, self.turns.half, now + self._limits.acknowledge_seconds)
        self._flight[sequence] = entry
        member.held.add(sequence)
        self.is_changed = True
        if entry.attempts > 1 or event.is_compared != (entry.half is not None):
            event = msgspec.structs.replace(event, attempt=entry.attempts, is_compared=entry.half is not None)
        return Delivery(member, sequence, event)

    def _take(self, held: deque[Numbered]) -> Numbered:
        self._bytes -= BUFFERED_EVENT_BYTES + len(held[0][1].body)
        return held.popleft()

    def refuse(self, delivery: Delivery) -> None:
        """Undoes `next`: the member has no credit. Nothing else may have been asked for in between."""
        entry = self._unfinished.get(delivery.sequence)
        if entry is None or entry.member is not delivery.member:
            return  # the member left while it was asked
        delivery.member.is_paused = True
        self.turns.give_back(entry.take_back())
        self._release(entry)
        entry.attempts -= 1
        held = self._recalled if entry.attempts else self._ahead
        if not entry.attempts:
            del self._unfinished[entry.sequence]
        held.appendleft((delivery.sequence, delivery.event))
        self._bytes += BUFFERED_EVENT_BYTES + len(delivery.event.body)

    def _release(self, entry: Unfinished, *, is_done: bool = False) -> None:
        if entry.half is not None:
            entry.tell(is_done=is_done)
        member, entry.member = entry.member, None
        if member is not None:
            del self._flight[entry.sequence]
            member.held.discard(entry.sequence)
            self.turns.admit(member)

    def holds(self, member: Membership, sequence: int) -> bool:
        """Says whether an event is this member's to end, as for `acknowledge`."""
        entry = self._unfinished.get(sequence)
        return entry is not None and entry.member in (member, None)

    def told(self, member: Membership, sequence: int, handled: Handled) -> None:
        """Takes note of what a member says that handling an event took, where it has that event."""
        if sequence in member.held:
            self._flight[sequence].handled = handled

    def acknowledge(self, member: Membership, sequence: int) -> bool:
        """Ends an event; returns False if it is not this member's to end.

        It is, while it is in flight to it, and also when it came late, as long as nobody else has the event now.
        """
        return self.holds(member, sequence) and self.finish(sequence)

    def finish(self, sequence: int) -> bool:
        """Ends an event, whoever has it; returns False if it was ended before."""
        entry = self._unfinished.get(sequence)
        if entry is not None:
            self._release(entry, is_done=True)
            self._end(sequence)
        return entry is not None

    def _end(self, sequence: int) -> None:
        """An event is done, and stays so if the queue has gone back to before it."""
        del self._unfinished[sequence]
        if sequence > self.handed_out:
            self._beyond.add(sequence)
        self.is_changed = True

    def negative(self, member: Membership, sequence: int, delay_seconds: float, error: str, now: float) -> bool:
        """Has an event delivered again after the delay; returns False if it is not in flight to this member."""
        entry = self._unfinished.get(sequence)
        if entry is None or entry.member is not member:
            return False
        self._release(entry)
        entry.blame(error)
        self._retry(entry, now + min(max(delay_seconds, 0.0), self._limits.delay_seconds), now)
        self.is_changed = True
        return True

    def _retry(self, entry: Unfinished, when: float = 0.0, now: float = 0.0) -> None:
        if entry.attempts >= self._limits.attempts:
            self._dying.append(entry.sequence)
        elif when > now:
            heappush(self._delayed, (when, entry.sequence))
        else:
            self._again.append(entry.sequence)

    def tick(self, now: float) -> None:
        """Brings back what was put off until now, and what was not acknowledged in time."""
        while self._delayed and self._delayed[0][0] <= now:
            _, sequence = heappop(self._delayed)
            if sequence in self._unfinished:
                self._retry(self._unfinished[sequence])
        for entry in list(takewhile(lambda entry: entry.deadline <= now, self._flight.values())):  # in their order
            self._release(entry)
            entry.error = f"no acknowledgement within {self._limits.acknowledge_seconds:g} s"
            self._retry(entry)

    # -- events that cannot be handled --------------------------------------------------------------------------------

    def dying(self) -> Unfinished | None:
        """Returns an event that had all its attempts: to be written to the dead-letter topic, then `buried`."""
        while self._dying:
            entry = self._unfinished.get(self._dying.popleft())
            if entry is not None:
                return entry
        return None

    def buried(self, sequence: int, *, now: float, is_buried: bool = True) -> None:
        """The event is in the dead-letter topic, and done; or it could not be written and is tried again later."""
        if sequence not in self._unfinished:
            return
        if is_buried:
            self._end(sequence)
        else:
            heappush(self._delayed, (now + BURIAL_PAUSE_SECONDS, sequence))
