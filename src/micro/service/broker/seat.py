"""One member's place at the embedded broker, as the member holds it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Protocol

from micro.errors import Fault
from micro.service.broker.broker import Output
from micro.service.broker.courier import Courier
from micro.service.broker.topic import Place
from micro.service.broker.topics import Topics
from micro.service.broker.turns import Part
from micro.service.cost import Handled

__all__ = ["Seat"]

Done = Callable[[Fault | None], None]


class Completes(Protocol):
    """What completes an event: the broker."""

    def complete(self, place: Place, sequence: int, publisher: str, outputs: Sequence[Output], done: Done) -> None:
        """See `micro.service.broker.broker.Subscription.complete`."""


class Seat:
    """One member's place, for `micro.service.broker.broker.Subscription`."""

    __slots__ = ("_broker", "_counters", "_courier", "_place", "_topics")

    def __init__(
        self, broker: Completes, topics: Topics, courier: Courier, counters: Counter[str], place: Place
    ) -> None:
        self._broker = broker
        self._topics = topics
        self._courier = courier
        self._counters = counters
        self._place = place

    def acknowledge(self, sequence: int) -> None:
        if self._topics.acknowledge(self._place, sequence):
            self._counters["acknowledged"] += 1
        self._courier.rouse()

    def told(self, sequence: int, handled: Handled) -> None:
        self._topics.told(self._place, sequence, handled)

    def complete(self, sequence: int, publisher: str, outputs: Sequence[Output], done: Done) -> None:
        self._broker.complete(self._place, sequence, publisher, outputs, done)

    def negative(self, sequence: int, delay_seconds: float = 0.0, error: str = "") -> None:
        if self._topics.negative(self._place, sequence, delay_seconds, error):
            self._counters["negative"] += 1
        self._courier.rouse()

    def resume(self) -> None:
        self._topics.resume(self._place)
        self._courier.rouse()

    def share(self, part: Part) -> None:
        self._topics.share(self._place, part)
        self._courier.rouse()

    def close(self) -> None:
        self._topics.leave(self._place)
        self._courier.rouse()
