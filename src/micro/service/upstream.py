"""A subscription at another node's log on behalf of a subscriber here.

The log's node keeps the cursor: its queue has members wherever they are, and each event goes to one of them. The node
of a member that is elsewhere passes events, credit and acknowledgements on, and keeps nothing: what the member has not
acknowledged when a link is lost is delivered again, to whichever member there is.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Protocol

from micro.errors import Cancelled, Fault
from micro.mucp import headers as names
from micro.mucp.event import Block, Delivered, Spread
from micro.mucp.headers import Headers
from micro.mucp.message import Form
from micro.network.link import Link
from micro.network.owner import Owner
from micro.service.broker.broker import EPHEMERAL_ID, StoredEvent
from micro.service.broker.directory import LogPlace, log_name

__all__ = ["Sink", "Upstream"]


COUNT_DIGITS_MAX = 9


class Sink(Protocol):
    """Who gets the events: the subscriber here."""

    topic: str

    def take(self, upstream: Upstream, sequence: int, event: StoredEvent) -> bool:
        """Takes an event, or returns False where there is no room now: `Upstream.drain` offers it again."""

    def dropped(self, count: int) -> None:
        """Tells a subscriber without a queue that it missed `count` events."""

    def joined(self, upstream: Upstream) -> None:
        """The log's node has taken the subscription."""

    def parted(self, upstream: Upstream, fault: Fault) -> None:
        """The upstream has ended, for this reason."""


class Upstream(Owner):
    """One subscription at another node.

    Args:
        sink: the subscriber here.
        link: the link to the node that is asked.
        place: that node, and the one whose log it is; where they are not the same, the log's copy is asked for.
        queue: the queue that the subscriber is a member of, or None.
        ours: the headers of an event that its keeper writes, and that are not the publisher's.

    Attributes:
        in_force: whether the log's node has taken the subscription.
    """

    __slots__ = ("_block", "_headers", "_held", "_ours", "_publisher", "_sink", "exchange", "in_force", "link", "place")

    def __init__(self, sink: Sink, link: Link, place: LogPlace, queue: str | None, ours: frozenset[str]) -> None:
        self._sink = sink
        self._ours = ours
        self._held: deque[tuple[int, StoredEvent, int]] = deque()
        self._block: Block | None = None
        self._headers: dict[str, str] = {}
        self._publisher = ""
        self.link = link
        self.place = place
        self.in_force = False
        name = sink.topic if place.nid == place.origin else log_name(sink.topic, place.origin)
        content = {names.TOPIC: name, names.QUEUE: queue} if queue else {names.TOPIC: name}
        self.exchange = link.open(Form.SUBSCRIBE, link.session.begin(Form.SUBSCRIBE, content, 0), b"", self)

    # -- what the log's node tells ----------------------------------------------------------------------------------

    def delivered(self, event: Delivered) -> None:
        extra = event.extra if event.extra is not None else Headers()
        if names.CALLER in extra:  # so many headers are in use on the link that these came with the event
            self._learn(None, Headers({**event.block.headers, **extra}))
        else:
            self._learn(event.block, event.block.headers)
        stored = self._stored(extra, event.body)
        self._held.append((event.sequence, stored, event.size))
        self.drain()

    def spread(self, event: Spread) -> None:
        self._learn(event.block, event.block.headers)
        bodies = event.batch.bodies()
        last = event.batch.count - 1
        nothing = Headers()
        for number, body in enumerate(bodies):
            self._held.append((0, self._stored(nothing, body), event.size if number == last else 0))
        self.drain()

    def noted(self, headers: Headers) -> None:
        if not self.in_force:
            self.in_force = True
            self._sink.joined(self)
        dropped = _count(headers.get(names.DROPPED, ""))
        if dropped:
            self._sink.dropped(dropped)

    def failed(self, fault: Fault, *, refused: bool) -> None:
        self._held.clear()
        self._sink.parted(self, fault)

    def ended(self) -> None:
        self.failed(Cancelled(f"the node {self.place.nid} ended the subscription"), refused=False)

    def cancelled(self) -> None:
        self.ended()

    def _learn(self, block: Block | None, headers: Headers) -> None:
        """Takes up what the headers of an event say; many events in a row are told with the same block."""
        if block is not None and block is self._block:
            return
        publisher = headers.get(names.CALLER, "")
        # A node speaks for its own services only: what came to it from elsewhere it passes on in its own name.
        origin = self.place.origin
        self._publisher = publisher if publisher.partition("/")[0] == origin else origin
        self._headers = {name: value for name, value in headers.items() if name not in self._ours}
        self._block = block

    def _stored(self, extra: Headers, body: bytes) -> StoredEvent:
        return StoredEvent(
            id=extra.get(names.ID, "") or EPHEMERAL_ID,
            topic=self._sink.topic,
            publisher=self._publisher,
            headers=self._headers,
            body=body,
            time=_seconds(extra.get(names.TIMESTAMP, "")),
            attempt=max(1, _count(extra.get(names.ATTEMPT, ""))),
        )

    # -- what the subscriber tells ----------------------------------------------------------------------------------

    def drain(self) -> None:
        """Hands over what has come, as far as there is room; only then the log's node gets its credit back."""
        while self._held:
            sequence, event, size = self._held[0]
            if not self._sink.take(self, sequence, event):
                return
            self._held.popleft()
            if size:
                self.link.session.consumed(self.exchange, size)
                self.link.schedule()

    def acknowledge(self, sequence: int) -> None:
        """The event is done with."""
        self._say(lambda: self.link.session.acknowledge(self.exchange, [sequence]))

    def negative(self, sequence: int, delay_milliseconds: int) -> None:
        """The event is wanted again after the delay."""
        self._say(lambda: self.link.session.want_again(self.exchange, sequence, delay_milliseconds))

    def _say(self, what: Callable[[], object]) -> None:
        if self.link.closed is None:
            what()
            self.link.schedule()

    def close(self) -> None:
        """Leaves; what is not acknowledged goes to other members."""
        self._held.clear()
        if self.link.closed is None:
            self.link.cancel(self.exchange.number)


def _count(text: str) -> int:
    """Returns a number that another node counted, 0 where it makes no sense."""
    return int(text) if text.isdecimal() and len(text) <= COUNT_DIGITS_MAX else 0


def _seconds(text: str) -> float:
    try:
        found = float(text)
    except ValueError:
        return 0.0
    return found if 0 <= found < 1e12 else 0.0
