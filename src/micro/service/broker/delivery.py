"""What a queue holds of events: those that are not done, one that is handed out now, and what is saved of it all.

Pure.
"""

from __future__ import annotations

import msgspec

from micro.service.broker.broker import StoredEvent
from micro.service.broker.turns import Membership

__all__ = ["Cursor", "Delivery", "Numbered", "Unfinished"]

Numbered = tuple[int, StoredEvent]


class Unfinished:
    """An event that was handed out and is not done."""

    __slots__ = ("attempts", "deadline", "error", "member", "sequence")

    def __init__(self, sequence: int, attempts: int = 0, error: str = "") -> None:
        self.sequence = sequence
        self.attempts = attempts
        self.error = error
        self.member: Membership | None = None
        self.deadline = 0.0


class Delivery(msgspec.Struct, gc=False):
    """Hand `event` to `member`; if it has no credit, answer with `Inbox.refuse`."""

    member: Membership
    sequence: int
    event: StoredEvent


class Cursor(msgspec.Struct, frozen=True):
    """What is saved of an inbox: all up to `handed_out` are done, but for `unfinished` (sequence, attempts, error).

    `beyond` are done, too, although they come after `handed_out`: the queue went back to before them.
    """

    handed_out: int
    unfinished: tuple[tuple[int, int, str], ...] = ()
    beyond: tuple[int, ...] = ()
