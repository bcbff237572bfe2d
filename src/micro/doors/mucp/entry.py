"""What is noted of a call or stream that came in over HTTP, told once when it has ended."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self

from micro.doors.api.call import Note, Noted
from micro.doors.api.content import Said
from micro.doors.api.target import Target
from micro.errors import Cancelled, Fault
from micro.trust.policy import Caller

__all__ = ["DOOR", "Entry"]

DOOR = "mucp"


class Entry:
    """One call or stream that is under way.

    Attributes:
        answer_bytes: how many came back by now.
    """

    __slots__ = ("_began", "_caller", "_note", "_said", "_target", "answer_bytes")

    def __init__(self, note: Note, caller: Caller, target: Target, said: Said) -> None:
        self.answer_bytes = 0
        self._note: Note | None = note
        self._caller = caller
        self._target = target
        self._said = said
        self._began = asyncio.get_running_loop().time()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        withdrawn = Cancelled("the client went away") if error is not None else None
        self.ended(error if isinstance(error, Fault) else withdrawn)

    def ended(self, fault: Fault | None, answer_bytes: int = 0) -> None:
        """Has it noted, the first time that it is told."""
        note, self._note = self._note, None
        if note is not None:
            seconds = asyncio.get_running_loop().time() - self._began
            count = self.answer_bytes + answer_bytes
            note(Noted(self._caller, self._target, self._said, seconds, fault, count, DOOR))
