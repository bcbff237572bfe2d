"""What the broker's machine asks its owner to do.

Pure.

Each action is to be done, and answered where it wants an answer, before the next one is taken.
"""

from __future__ import annotations

import msgspec

from micro.service.broker.broker import StoredEvent
from micro.service.broker.delivery import Delivery, Unfinished
from micro.service.broker.inbox import Inbox
from micro.service.broker.listener import Listener
from micro.service.broker.topic import Topic

__all__ = ["Action", "Bury", "Deliver", "Drop", "Missed", "Mourn", "Read", "Reread"]


class Deliver(msgspec.Struct, gc=False):
    """Give `event` to the member; answer with `Topics.refuse` if it has no credit."""

    handle: object
    sequence: int
    event: StoredEvent
    source: Listener | Inbox
    delivery: Delivery | None = None


class Missed(msgspec.Struct, gc=False):
    """Tell the member that it missed `count` events."""

    handle: object
    count: int


class Read(msgspec.Struct, gc=False):
    """Read at most `count` events and about `size` bytes after `sequence`; answer with `inbox.load`."""

    inbox: Inbox
    after: int
    count: int
    size: int


class Reread(msgspec.Struct, gc=False):
    """Read these events, about `size` bytes of them; answer with `inbox.recall`, also after a failure."""

    inbox: Inbox
    sequences: list[int]
    size: int


class Bury(msgspec.Struct, gc=False):
    """Write this event to the dead-letter topic; answer with `inbox.buried`."""

    inbox: Inbox
    entry: Unfinished


class Mourn(msgspec.Struct, gc=False):
    """Write to the dead-letter topic that `count` events expired before the queue had handled them."""

    inbox: Inbox
    count: int


class Drop(msgspec.Struct, frozen=True):
    """Shorten a topic's log; answer with `Topics.trimmed`.

    Away with what is older than the date `before`, and with what exceeds `messages` or `bytes` unless it stands at or
    after sequence `needed`.
    """

    topic: Topic
    before: float
    messages: int
    bytes: int
    needed: int


Action = Deliver | Missed | Read | Reread | Bury | Mourn
