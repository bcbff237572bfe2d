"""A subscriber without a queue: it gets what is published now, at most once, and is told what it missed.

Pure.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from micro.service.broker.broker import Limits, StoredEvent

__all__ = ["Listener"]


class Listener:
    """One such subscriber, and the few events that wait while it has no credit.

    Attributes:
        handle: what the broker knows it by.
        is_paused: whether it refused the last event and has not resumed since.
        is_muted: whether it is to have nothing.
        missed: how many events it has missed and was not told of.
    """

    __slots__ = ("_bytes", "_held", "handle", "is_muted", "is_paused", "missed")

    def __init__(self, handle: object) -> None:
        self.handle = handle
        self.is_muted = False
        self.is_paused = False
        self.missed = 0
        self._held: deque[tuple[int, StoredEvent]] = deque()
        self._bytes = 0

    @property
    def is_clear(self) -> bool:
        """Whether an event may be given to it directly."""
        return not (self._held or self.is_paused or self.missed)

    def hold(self, sequence: int, event: StoredEvent, limits: Limits) -> None:
        """Keeps an event for it; where there is no room the oldest one is missed."""
        self._held.append((sequence, event))
        self._bytes += len(event.body)
        while len(self._held) > limits.buffered_messages or (
            self._bytes > limits.buffered_bytes and len(self._held) > 1
        ):
            self.take()
            self.missed += 1

    def hold_all(self, events: Sequence[StoredEvent], limits: Limits) -> None:
        """Keeps ephemeral events for it; of more than there is ever room for only the newest are looked at."""
        late = events[-limits.buffered_messages :]
        self.missed += len(events) - len(late)
        for event in late:
            self.hold(0, event, limits)

    @property
    def is_ready(self) -> bool:
        """Whether there is something to give or to tell, and it may come."""
        return not self.is_paused and bool(self._held or self.missed)

    def take(self) -> tuple[int, StoredEvent] | None:
        """Returns the oldest event held, or None."""
        if not self._held:
            return None
        numbered = self._held.popleft()
        self._bytes -= len(numbered[1].body)
        return numbered

    def refuse(self, sequence: int, event: StoredEvent) -> None:
        """It has no credit: the event it was offered waits first in line."""
        self.is_paused = True
        self._held.appendleft((sequence, event))
        self._bytes += len(event.body)
