"""What is noted of a call or stream that came in over HTTP, told once when it has ended."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Self

import msgspec

from micro.doors.api.call import Note, Noted
from micro.doors.api.content import Said
from micro.doors.api.target import Target
from micro.errors import Cancelled, Fault
from micro.trust.policy import Caller

__all__ = ["DOOR", "Entry"]

DOOR = "mucp"


class Entry(msgspec.Struct, eq=False):
    """One call or stream that is under way; a struct, since one is made for every call.

    Attributes:
        note: told when it has ended.
        caller: who asked.
        target: what.
        content_type, body: with what.
        clock: the loop's. To ask which loop runs asks the system each time, so whoever makes many of these asks once.
        began: when, by that clock.
        answer_bytes: how many came back by now.
        is_noted: whether it was told.
    """

    note: Note
    caller: Caller
    target: Target
    content_type: str
    body: bytes
    clock: Callable[[], float]
    began: float
    answer_bytes: int = 0
    is_noted: bool = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        withdrawn = Cancelled("the client went away") if error is not None else None
        self.ended(error if isinstance(error, Fault) else withdrawn)

    def ended(self, fault: Fault | None, answer_bytes: int = 0) -> None:
        """Has it noted, the first time that it is told."""
        if not self.is_noted:
            self.is_noted = True
            seconds = self.clock() - self.began
            said = Said(self.content_type, self.body)
            self.note(Noted(self.caller, self.target, said, seconds, fault, self.answer_bytes + answer_bytes, DOOR))
