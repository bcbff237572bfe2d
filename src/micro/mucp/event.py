"""What a session reports: one class for each thing that can happen on a link.

Pure.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from micro.errors import Fault
from micro.mucp.batch import Batch
from micro.mucp.exchange import Exchange
from micro.mucp.headers import Headers
from micro.mucp.limits import EXCHANGES_MAX, MESSAGE_BYTES_MAX, MESSAGE_BYTES_MIN

__all__ = [
    "Acknowledged",
    "Block",
    "Broken",
    "Cancelled",
    "Credited",
    "Delivered",
    "Ended",
    "Event",
    "Failed",
    "GoneAway",
    "Greeted",
    "Hello",
    "Noted",
    "Opened",
    "Published",
    "Received",
    "Refused",
    "Replied",
    "Spread",
]


VERSIONS_MAX = 64


class Hello(msgspec.Struct, frozen=True):
    """The first words of a side; fields that are not known here are ignored.

    Attributes:
        versions: the protocol versions it speaks.
        agent: the program, for people.
        message_bytes: the largest message it takes.
        exchanges: how many exchanges the other side may have open.
        token: proof of a right, where the pipe alone does not prove it.
        service: the service whose instance this is, if it is one.
        instance: the instance's id.
        ticket: where a node can be reached.
        purpose: why a node opens the link: "" to be a neighbour, `visit` to ask something.
    """

    versions: Annotated[list[int], Meta(max_length=VERSIONS_MAX)]
    agent: str = ""
    message_bytes: Annotated[int, Meta(ge=MESSAGE_BYTES_MIN, le=MESSAGE_BYTES_MAX)] = 1_048_576
    exchanges: Annotated[int, Meta(ge=0, le=EXCHANGES_MAX)] = 256
    token: str = ""
    service: str = ""
    instance: str = ""
    ticket: str = ""
    purpose: str = ""


class Block:
    """Headers that the peer defined once and refers to by number.

    `route` is a place for whoever serves the link to keep what the headers lead to.
    """

    __slots__ = ("headers", "number", "route")

    def __init__(self, number: int, headers: Headers) -> None:
        self.number = number
        self.headers = headers
        self.route: Any = None


class Event(msgspec.Struct, gc=False):
    """The root of what a session reports."""


class Greeted(Event):
    """The peer's HELLO came and a version was agreed."""

    hello: Hello


class Opened(Event):
    """The peer opened an exchange.

    For a call `exchange` is None and `number` answers it; a stream or subscription has an `Exchange`. `number` 0 wants
    no answer. `timeout_milliseconds` 0 means no deadline. `extra` are headers of this exchange alone; where they say
    what leads to a service or topic, `block` says it too, and is of this exchange alone.
    """

    number: int
    form: int
    block: Block
    timeout_milliseconds: int
    extra: Headers | None
    body: bytes
    exchange: Exchange | None


class Published(Event):
    """The peer publishes several events under the headers of one block, and wants no answer."""

    block: Block
    batch: Batch


class Replied(Event):
    """A call of ours was answered; `owner` is what was given to `Session.call`."""

    owner: Any
    body: bytes
    headers: Headers | None


class Failed(Event):
    """An exchange ended with a fault: a call of ours (`owner` as in `Replied`), or a stream (`exchange`)."""

    owner: Any
    fault: Fault
    exchange: Exchange | None = None


class Refused(Event):
    """An exchange of ours was refused before anything was done, so it may be sent again elsewhere; else as `Failed`."""

    owner: Any
    fault: Fault
    exchange: Exchange | None = None


class Noted(Event):
    """Headers came on a stream or subscription; on a subscription the first ones say that it is in force."""

    exchange: Exchange
    headers: Headers


class Received(Event):
    """A message came on a stream."""

    exchange: Exchange
    body: bytes


class Delivered(Event):
    """An event of a topic came on a subscription; `sequence` is acknowledged where the subscription has a queue.

    `size` is what it took of the window, to be given to `Session.consumed`.
    """

    exchange: Exchange
    block: Block
    sequence: int
    extra: Headers | None
    body: bytes
    size: int


class Spread(Event):
    """Several events of a topic came together, with nothing to acknowledge; `size` as in `Delivered`."""

    exchange: Exchange
    block: Block
    batch: Batch
    size: int


class Acknowledged(Event):
    """The subscriber is done with these sequences; with `delay_milliseconds` set it wants them again after that."""

    exchange: Exchange
    sequences: list[int]
    delay_milliseconds: int | None


class Ended(Event):
    """The peer sends no more on a stream; where it answers the stream, the exchange is over."""

    exchange: Exchange


class Credited(Event):
    """More may be sent on a stream."""

    exchange: Exchange
    count: int


class Cancelled(Event):
    """The peer withdrew: from a call of its own (`exchange` None) or from a stream."""

    number: int
    exchange: Exchange | None


class GoneAway(Event):
    """The peer takes no new exchanges; open ones go on. The code is that of the fault which says why."""

    reason: str
    code: int = 503


class Broken(Event):
    """The link cannot go on; nothing follows. The reason names whose mistake it was."""

    reason: str
