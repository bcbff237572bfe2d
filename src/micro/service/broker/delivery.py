"""What a queue holds of events: those that are not done, and one that is handed out now.

Pure.
"""

from __future__ import annotations

import re

import msgspec

from micro.service.broker.broker import StoredEvent
from micro.service.broker.turns import Membership
from micro.service.cost import Handled
from micro.service.trial import Half

__all__ = [
    "BUFFERED_EVENT_BYTES",
    "BURIAL_PAUSE_SECONDS",
    "ERROR_CHARACTERS_MAX",
    "SEQUENCE_BITS",
    "Delivery",
    "Numbered",
    "Unfinished",
]

BURIAL_PAUSE_SECONDS = 1.0
"""How long a dead letter that could not be written waits for the next try."""

BUFFERED_EVENT_BYTES = 256
"""What an event in memory is reckoned to cost beside its body."""

ERROR_CHARACTERS_MAX = 200
"""What is kept of the reason why a delivery failed."""

SEQUENCE_BITS = 40
"""A sequence has so many bits. A row's key is the topic's number and, in its low bits, the sequence; so the events of
a topic lie together, in order."""

UNHANDLED = 500
"""By this code an event that has to be delivered again is compared with others, while generations are."""

NOTHING_TOLD = Handled(0.0, None)
"""Of an event whose member did not say what handling it took."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")

Numbered = tuple[int, StoredEvent]


class Unfinished:
    """An event that was handed out and is not done."""

    __slots__ = ("attempts", "deadline", "error", "half", "handled", "member", "sequence")

    def __init__(self, sequence: int, attempts: int = 0, error: str = "") -> None:
        self.sequence = sequence
        self.attempts = attempts
        self.error = error
        self.half: Half | None = None
        self.handled = NOTHING_TOLD
        self.member: Membership | None = None
        self.deadline = 0.0

    def hand_to(self, member: Membership, half: Half | None, deadline: float) -> None:
        """It is in flight to a member, which has to be done with it by then."""
        self.attempts += 1
        self.member, self.half, self.deadline = member, half, deadline
        self.handled = NOTHING_TOLD

    def tell(self, *, is_done: bool) -> None:
        """Says how it went, if it is compared with another."""
        if self.half is not None:
            self.half.end(0 if is_done else UNHANDLED, *self.handled)

    def take_back(self) -> Half | None:
        """Returns how it is compared, which is so no more: it was not taken."""
        half, self.half = self.half, None
        return half

    def blame(self, error: str) -> None:
        """Takes note of why its delivery failed."""
        self.error = _CONTROL.sub(" ", error)[:ERROR_CHARACTERS_MAX]


class Delivery(msgspec.Struct, gc=False):
    """Hand `event` to `member`; if it has no credit, answer with `Inbox.refuse`."""

    member: Membership
    sequence: int
    event: StoredEvent
