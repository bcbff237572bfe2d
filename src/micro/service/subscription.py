"""A subscription as its user has it: events in order of arrival, each to be acknowledged where there is a queue."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from typing import TYPE_CHECKING, Any, Self

import msgspec

from micro.errors import Cancelled, Fault
from micro.mucp import headers as names
from micro.mucp.codec import JSON, content_type_of, decode_json
from micro.mucp.event import Delivered, Spread
from micro.mucp.exchange import Exchange
from micro.mucp.headers import Headers
from micro.network.link import Link
from micro.network.owner import Owner
from micro.service.cost import Cost, told_of

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["Event", "Subscription", "place_of", "settle"]

ACKNOWLEDGE_EVENTS = 128
"""Acknowledgements gather up to so many, or to the end of the loop's turn."""


class Event(msgspec.Struct, eq=False):
    """What was published on a topic.

    Attributes:
        topic: the topic's name.
        id: the publisher's id of the event, the same for every delivery of it.
        body: its bytes.
        content_type: what the bytes are.
        headers: all its headers.
        attempt: how often it was delivered to this queue, from 1.
    """

    _subscription: Subscription
    headers: Headers
    body: bytes
    _sequence: int
    _settled: bool = False

    @property
    def topic(self) -> str:
        return str(self.headers.get(names.TOPIC, ""))

    @property
    def id(self) -> str:
        return str(self.headers.get(names.ID, ""))

    @property
    def publisher(self) -> str:
        """The node, and after a slash the service, that published it."""
        return str(self.headers.get(names.CALLER, ""))

    @property
    def content_type(self) -> str:
        return content_type_of(self.headers.get(names.CONTENT_TYPE), self.body)

    @property
    def time(self) -> float:
        """When the topic's keeper stored it, in seconds since 1970; 0 where it was never stored."""
        return float(self.headers.get(names.TIMESTAMP, "0"))

    @property
    def attempt(self) -> int:
        return int(self.headers.get(names.ATTEMPT, "1"))

    @property
    def value(self) -> Any:
        """The decoded body where it is JSON, else its bytes.

        Raises:
            BadRequest: it says it is JSON and is not.
        """
        return decode_json(self.body) if self.content_type == JSON else self.body

    @property
    def settled(self) -> bool:
        """Whether it was acknowledged or given back."""
        return self._settled or not self._sequence

    async def ack(self) -> None:
        """Says that it is done with; it is not delivered to this queue again."""
        if not self.settled:
            self._settled = True
            self._subscription.acknowledge(self._sequence)

    async def nack(self, delay_seconds: float = 0.0) -> None:
        """Gives it back, to be delivered again after a time."""
        if not self.settled:
            self._settled = True
            self._subscription.give_back(self._sequence, delay_seconds)

    def __repr__(self) -> str:
        return f"Event(topic={self.topic!r}, id={self.id!r}, body={self.body[:60]!r})"


def place_of(event: Event) -> tuple[Subscription, int]:
    """Returns the subscription an event came over and its sequence there, by which it is acknowledged."""
    return event._subscription, event._sequence


def settle(event: Event) -> None:
    """Takes note that an event's keeper knows what became of it."""
    event._settled = True


class _Several:
    """Events that came together, and how far they were taken up."""

    __slots__ = ("bodies", "headers", "size")

    def __init__(self, spread: Spread) -> None:
        self.headers = spread.block.headers
        self.bodies: Iterator[bytes] = iter(spread.batch.bodies())
        self.size = spread.size


class Subscription(Owner):
    """Iterate it for events. With a queue each must be acknowledged, or it comes again; without, none can be.

    Attributes:
        waiting: why events of another node's log do not come yet, and what helps; "" where they may. The node goes on
            trying, and they come once that is otherwise.
    """

    __slots__ = (
        "_acknowledged",
        "_arrived",
        "_failure",
        "_in_force",
        "_incoming",
        "_on_waiting",
        "exchange",
        "link",
        "waiting",
    )

    def __init__(self, link: Link) -> None:
        self.link = link
        self.exchange = Exchange(0, 0, local=True)
        self._incoming: deque[Delivered | Spread | _Several] = deque()
        self._arrived: asyncio.Future[None] | None = None
        self._failure: Fault | None = None
        self._in_force: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._acknowledged: list[int] = []
        self._on_waiting: Callable[[str], None] = lambda why: None
        self.waiting = ""

    def delivered(self, event: Delivered) -> None:
        self._incoming.append(event)
        if self._arrived is not None:
            self._wake()

    def spread(self, event: Spread) -> None:
        self._incoming.append(event)
        if self._arrived is not None:
            self._wake()

    def noted(self, headers: Headers) -> None:
        if not self._in_force.done():
            self._in_force.set_result(None)
        if names.WAITING in headers:
            self.waiting = headers[names.WAITING]
            self._on_waiting(self.waiting)

    def on_waiting(self, told: Callable[[str], None]) -> None:
        """Has `told` called with each new value of `waiting`, and at once where there is one already."""
        self._on_waiting = told
        if self.waiting:
            told(self.waiting)

    def failed(self, fault: Fault, *, refused: bool) -> None:
        fault.refused = refused
        self._failure = fault
        if not self._in_force.done():
            self._in_force.set_exception(fault)
            self._in_force.exception()
        self._wake()

    def ended(self) -> None:
        self.failed(Cancelled("the topic's keeper ended the subscription"), refused=False)

    def cancelled(self) -> None:
        self.ended()

    def _wake(self) -> None:
        future, self._arrived = self._arrived, None
        if future is not None and not future.done():
            future.set_result(None)

    async def in_force(self) -> None:
        """Waits until the topic's keeper has taken the subscription.

        Raises:
            Fault: it refused.
        """
        await self._in_force

    def __aiter__(self) -> AsyncIterator[Event]:
        return self.events()

    async def events(self) -> AsyncIterator[Event]:
        """Yields events until the subscription ends.

        Raises:
            Fault: it ended for a reason; subscribe again to go on where the queue stands.
        """
        session, incoming = self.link.session, self._incoming
        first: Delivered | Spread | _Several | None = None
        several: _Several | None = None
        while True:
            while incoming:
                first = incoming[0]
                if type(first) is Delivered:
                    incoming.popleft()
                    session.consumed(self.exchange, first.size)
                    yield self._event(first)
                    continue
                several = self._several()
                headers = several.headers
                for body in several.bodies:
                    yield Event(self, headers, body, 0)
                if incoming and incoming[0] is several:  # else an iteration within this one has done so
                    incoming.popleft()
                    session.consumed(self.exchange, several.size)
            # What the link brought stays in no frame: the failure's traceback would hold that, and it the subscription,
            # in a circle into which the collector does not look.
            first = several = None
            self._settle()
            if self._failure is not None:
                raise self._failure
            self._arrived = asyncio.get_running_loop().create_future()
            await self._arrived

    def _several(self) -> _Several:
        """Returns the events that came together and are first in line; they stay there until all are taken up."""
        first = self._incoming[0]
        if isinstance(first, Spread):
            first = self._incoming[0] = _Several(first)
        assert isinstance(first, _Several)
        return first

    def _event(self, delivered: Delivered) -> Event:
        headers = delivered.block.headers
        if delivered.extra:
            headers = Headers(headers)
            headers.update(delivered.extra)
        return Event(self, headers, delivered.body, delivered.sequence)

    def acknowledge(self, sequence: int) -> None:
        """Books an acknowledgement, to be sent with others of this turn."""
        if not self._acknowledged:
            asyncio.get_running_loop().call_soon(self._settle)
        self._acknowledged.append(sequence)
        if len(self._acknowledged) >= ACKNOWLEDGE_EVENTS:
            self._settle()

    def tell(self, sequence: int, seconds: float, cost: Cost) -> None:
        """Says what handling an event took, which its keeper wants to know where the event's headers say so."""
        self.link.session.note(self.exchange.number, {names.COST: told_of(sequence, seconds, cost)})
        self.link.schedule()

    def give_back(self, sequence: int, delay_seconds: float) -> None:
        """Asks for an event again after a time."""
        self.link.session.want_again(self.exchange, sequence, max(0, min(int(delay_seconds * 1000), 2**32 - 1)))
        self.link.schedule()

    def _settle(self) -> None:
        if self._acknowledged:
            sequences, self._acknowledged = self._acknowledged, []
            self.link.session.acknowledge(self.exchange, sequences)
        if self.link.session.output:
            self.link.schedule()

    async def close(self) -> None:
        """Leaves; what was acknowledged counts, the rest goes to other members of the queue."""
        self._incoming.clear()  # else these and the subscription hold each other for ever
        self._settle()
        self.link.cancel(self.exchange.number)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
