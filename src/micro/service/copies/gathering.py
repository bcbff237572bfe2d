"""One subscription at the copies of a topic: whosever logs they are, as many as are served here to the subscriber."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from micro.errors import Fault, Forbidden
from micro.service.broker.broker import Member, Output, StoredEvent, Subscription
from micro.service.broker.copied import CopyBroker
from micro.service.broker.turns import Part
from micro.service.cost import Handled

__all__ = ["Gathering"]

UNFINISHED_MAX: Final = 1_024
"""So many events wait for one subscriber's acknowledgement."""


class _Part(Member):
    """The member of a gathering at one copy."""

    __slots__ = ("_gathering", "subscription")

    def __init__(self, gathering: Gathering) -> None:
        self._gathering = gathering
        self.subscription: Subscription | None = None

    def deliver(self, sequence: int, event: StoredEvent) -> bool:
        return self._gathering.deliver(self, sequence, event)

    def dropped(self, count: int) -> None:
        self._gathering.member.dropped(count)


class Gathering(Subscription):
    """A member at several logs, whose events it is given under numbers of their own.

    Args:
        broker: where the logs are.
        queue: the queue of which it is a member at each, or None.
        member: who gets the events.

    Attributes:
        is_closed: whether the member has left.
    """

    def __init__(self, broker: CopyBroker, queue: str | None, member: Member) -> None:
        self.member = member
        self._broker = broker
        self._queue = queue
        self._parts: dict[str, _Part] = {}
        self._unfinished: dict[int, tuple[_Part, int]] = {}
        self._next = 1
        self.is_closed = False

    def gather(self, names: Sequence[str]) -> None:
        """Subscribes to these logs, and to no others any more.

        Raises:
            Fault: one has as many subscribers as it may; those before it are subscribed to.
        """
        for name in [name for name in self._parts if name not in names]:
            self._leave(self._parts.pop(name))
        for name in names:
            if name not in self._parts:
                part = _Part(self)
                part.subscription = self._broker.subscribe(name, self._queue, part)
                self._parts[name] = part

    def deliver(self, part: _Part, sequence: int, event: StoredEvent) -> bool:
        """Hands an event of one of the logs on, or returns False where there is no room now."""
        number = self._next if sequence else 0
        if len(self._unfinished) >= UNFINISHED_MAX or not self.member.deliver(number, event):
            return False
        if sequence:
            self._unfinished[number] = (part, sequence)
            self._next += 1
        return True

    def acknowledge(self, sequence: int) -> None:
        part, number = self._unfinished.pop(sequence, (None, 0))
        if part is not None and part.subscription is not None:
            part.subscription.acknowledge(number)
            self.resume()

    def share(self, part: Part) -> None:
        """Who gathers is another node, which is of no generation."""

    def told(self, sequence: int, handled: Handled) -> None:
        """Nor is what it takes compared."""

    def negative(self, sequence: int, delay_seconds: float = 0.0, error: str = "") -> None:
        part, number = self._unfinished.pop(sequence, (None, 0))
        if part is not None and part.subscription is not None:
            part.subscription.negative(number, delay_seconds, error)
            self.resume()

    def complete(
        self, sequence: int, publisher: str, outputs: Sequence[Output], done: Callable[[Fault | None], None]
    ) -> None:
        done(Forbidden("what follows from a copy's event is published where the subscriber is"))

    def resume(self) -> None:
        for part in self._parts.values():
            if part.subscription is not None:
                part.subscription.resume()

    def close(self) -> None:
        self.is_closed = True
        for part in self._parts.values():
            self._leave(part)
        self._parts.clear()

    def _leave(self, part: _Part) -> None:
        for number in [number for number, (known, _) in self._unfinished.items() if known is part]:
            del self._unfinished[number]
        if part.subscription is not None:
            part.subscription.close()
