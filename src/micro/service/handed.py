"""What a subscriber here was handed of other nodes' logs: each event under a number of its own, and where it came from.

Pure.

A log is served by its node, by a copy while that is away, and by its node again; and links to each are lost. What the
subscriber had been handed by then it still has, which the place that serves the log now cannot know: it hands such an
event out once more, as a further attempt. Then, by what the subscriber did with it:

    still has it                               it is taken to be from the new place, and not handed over twice
    has acknowledged it                        the old place may not have heard that, or not counted it any more; the
                                               new one is told, and it is not handed over twice
    anything else                              it is handed over
    it comes as a first attempt                it is handed over: the queue was sent back, or is another one

Nothing of this makes up for an acknowledgement that is never given: an event comes to a subscriber at least once.
"""

from __future__ import annotations

from typing import Final, Protocol

import msgspec

from micro.service.broker.broker import StoredEvent
from micro.service.broker.directory import LogPlace

__all__ = ["HANDED_MAX", "REMOTE_FIRST", "SETTLED_SECONDS", "Handed", "Source"]

REMOTE_FIRST: Final = 1 << 62
"""Events from other nodes are numbered from here on, which no log of ours reaches."""

HANDED_MAX: Final = 1_024
"""So many of them may wait for one subscriber's acknowledgement, and of so many it is remembered that it was given."""

SETTLED_SECONDS: Final = 60.0
"""It is remembered for so long: a log whose node comes back goes on within that time."""

_Key = tuple[str, str, str]
"""The node whose log it is, the publisher and the id: what an event keeps wherever its log is served."""


class Source(Protocol):
    """Where events are from: `micro.service.upstream.Upstream`."""

    place: LogPlace

    def drain(self) -> None:
        """Hands over what waits there for room."""

    def acknowledge(self, sequence: int) -> None:
        """The event is done with."""

    def negative(self, sequence: int, delay_milliseconds: int) -> None:
        """The event is wanted again after the delay."""


class _Event(msgspec.Struct, gc=True):
    """One that the subscriber has; of no source where that has ended."""

    key: _Key
    source: Source | None
    sequence: int


class Handed:
    """The events of one subscriber."""

    def __init__(self) -> None:
        self._events: dict[int, _Event] = {}
        self._parted: dict[_Key, int] = {}
        self._settled: dict[_Key, float] = {}
        self._next = REMOTE_FIRST

    @property
    def next(self) -> int | None:
        """The number that the next event is to have, None while the subscriber has as many as it may."""
        return self._next if len(self._events) < HANDED_MAX else None

    def hand(self, source: Source, sequence: int, event: StoredEvent) -> None:
        """The subscriber was handed an event under the number `next`."""
        self._events[self._next] = _Event(_key(source, event), source, sequence)
        self._next += 1

    def knows(self, source: Source, sequence: int, event: StoredEvent, now: float) -> bool:
        """Says whether the subscriber has, or had, an event that comes once more, and goes on with it as above."""
        if event.attempt < 2:
            return False
        key = _key(source, event)
        number = self._parted.pop(key, None)
        if number is not None:
            had = self._events[number]
            had.source, had.sequence = source, sequence
            return True
        if now - self._settled.get(key, -SETTLED_SECONDS) >= SETTLED_SECONDS:
            return False
        source.acknowledge(sequence)
        return True

    def leave(self, source: Source) -> None:
        """A source has ended."""
        for number, event in self._events.items():
            if event.source is source:
                event.source = None
                self._parted[event.key] = number

    def holds(self, number: int) -> bool:
        """Says whether the subscriber has an event of a place that can be told what becomes of it.

        One whose place has ended is given up with the question: it comes again.
        """
        event = self._events.get(number)
        if event is not None and event.source is None:
            self._forget(number)
            return False
        return event is not None

    def acknowledge(self, number: int, now: float) -> Source | None:
        """Acknowledges an event where it came from; returns that place, if it is still there."""
        event = self._forget(number)
        if event is None:
            return None
        source = event.source
        if source is None or source.place.nid != source.place.origin:  # it may count nothing any more
            self._settle(event.key, now)
        if source is not None:
            source.acknowledge(event.sequence)
        return source

    def negative(self, number: int, delay_milliseconds: int) -> Source | None:
        """Gives an event back to where it came from; returns that place, if it is still there."""
        event = self._forget(number)
        if event is None or event.source is None:
            return None
        event.source.negative(event.sequence, delay_milliseconds)
        return event.source

    def _forget(self, number: int) -> _Event | None:
        event = self._events.pop(number, None)
        if event is not None and event.source is None and self._parted.get(event.key) == number:
            del self._parted[event.key]
        return event

    def _settle(self, key: _Key, now: float) -> None:
        self._settled.pop(key, None)  # so that they stand in the order of their times
        self._settled[key] = now
        while len(self._settled) > HANDED_MAX:
            del self._settled[next(iter(self._settled))]


def _key(source: Source, event: StoredEvent) -> _Key:
    return source.place.origin, event.publisher, event.id
