"""Publishers that wait until their events are copied: in the order of the log, and no longer than they may.

Pure.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from heapq import heappop, heappush
from typing import Final

import msgspec

from micro.errors import Fault, TooLarge, TooManyRequests, Unavailable
from micro.service.copies.messages import EVENT_BYTES_MAX

__all__ = ["COPIED_SECONDS", "WAITING_MAX", "Waiting", "patience_seconds"]

COPIED_SECONDS: Final = 15.0
"""A publisher that says nothing else waits so long for the copies of its event."""

TIMEOUT_SHARE: Final = 0.8
"""Of the time that a publisher waits so much is used: it is to hear the reason, and not just that time is up."""

WAITING_MAX: Final = 20_000
"""So many publishers of one log wait at once; more are refused before their events are kept."""

Done = Callable[[Fault | None], None]


def patience_seconds(timeout_milliseconds: int) -> float:
    """Returns how long a publisher waits that said so, 0 where it did not."""
    share = TIMEOUT_SHARE * timeout_milliseconds / 1000
    return min(COPIED_SECONDS, share) if timeout_milliseconds else COPIED_SECONDS


class _Publisher(msgspec.Struct, gc=True):
    """One that waits: up to which event the log has to be safe, and who is to be told. `done` is None once it was."""

    target: int
    done: Done | None


class Waiting:
    """The publishers of one log whose events are on this node's disk, and not on as many others as are wanted.

    Attributes:
        late: the newest event of which a publisher was told that it is not copied, 0 where none was.
    """

    def __init__(self, topic: str) -> None:
        self._topic = topic
        self._publishers: deque[_Publisher] = deque()
        self._deadlines: list[tuple[float, int, _Publisher]] = []
        self._count = 0
        self.late = 0

    def __len__(self) -> int:
        return len(self._publishers)

    def check(self, size: int) -> None:
        """Raises the reason why an event with a body of `size` bytes is not to be taken now, if there is one."""
        if size > EVENT_BYTES_MAX:
            raise TooLarge(
                f"body: {size:,} bytes exceed the limit of {EVENT_BYTES_MAX:,} on {self._topic}, of which copies are "
                "kept; publish a reference to it"
            )
        if len(self._publishers) >= WAITING_MAX:
            raise TooManyRequests(f"{WAITING_MAX:,} events of {self._topic} wait to be copied already; try again later")

    def add(self, target: int, timeout_milliseconds: int, done: Done, now: float) -> None:
        """Has a publisher told once the log is safe up to `target`, or that it is not in time.

        Args:
            target: an event; not smaller than that of any before.
            timeout_milliseconds: how long the publisher waits, 0 where it does not say.
            done: called once.
            now: a clock that never goes back, in seconds.
        """
        seconds = patience_seconds(timeout_milliseconds)
        publisher = _Publisher(target, done)
        self._publishers.append(publisher)
        self._count += 1
        heappush(self._deadlines, (now + seconds, self._count, publisher))

    def settle(self, safe: int) -> None:
        """The log is safe up to an event."""
        publishers = self._publishers
        while publishers and (publishers[0].done is None or publishers[0].target <= safe):
            self._tell(publishers.popleft(), None)
        if not publishers:
            self._deadlines.clear()

    def tick(self, now: float, why: str) -> None:
        """Tells those whose time is over that their events are kept here and not copied, and why not."""
        while self._deadlines and self._deadlines[0][0] <= now:
            self._fail(heappop(self._deadlines)[2], why)
        self.settle(0)

    def fail(self, why: str) -> None:
        """Tells all that their events are kept here and not copied."""
        for publisher in tuple(self._publishers):
            self._fail(publisher, why)
        self.settle(0)

    def _fail(self, publisher: _Publisher, why: str) -> None:
        detail = (
            f"the event is kept here, and not yet copied: {why}; it is copied as soon as that can be. Publish it again "
            "with the same id to learn when it is: that is no second event"
        )
        if publisher.done is not None:
            self.late = max(self.late, publisher.target)
        self._tell(publisher, Unavailable(detail))

    @staticmethod
    def _tell(publisher: _Publisher, fault: Fault | None) -> None:
        done, publisher.done = publisher.done, None
        if done is not None:
            done(fault)
