"""When silence on a link is asked about, and when it is death; and which calls are past their deadline.

Pure.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Literal

from micro.mucp.limits import NUMBER_MAX, Liveness

__all__ = ["CALL_TIMEOUT_SECONDS", "HANDSHAKE_SECONDS", "SWEEP_SECONDS", "Deadlines", "Vigil"]

CALL_TIMEOUT_SECONDS = 30.0
"""The deadline of a call that names none. It is kept by marks, not by a timer a call."""

SWEEP_SECONDS = 0.25
"""How often a link looks for calls past their deadline, at least."""

HANDSHAKE_SECONDS = 5.0
"""How long a peer may take for its HELLO."""

STALL_INTERVALS = 3
"""A tick that is so many intervals late means that this side stood still, and says nothing about the peer."""

EARLY_INTERVALS = 0.5
"""A look is so much too early where timers are inexact, so that none has to wait for the next."""


class Vigil:
    """Listens for silence.

    Silence alone means nothing, since a peer may have had nothing to say; silence after a question does.

    Attributes:
        interval: how often to look, in seconds.
        liveness: how long the peer may be silent.
        heard_at: when something was heard last, as far as looks tell.
    """

    __slots__ = ("_asked_at", "_began", "_ticked_at", "heard_at", "interval", "liveness")

    def __init__(self, liveness: Liveness, now: float) -> None:
        self.interval = min(SWEEP_SECONDS, liveness.ping_seconds / 2)
        self.liveness = liveness
        self._began = self.heard_at = self._ticked_at = now
        self._asked_at: float | None = None

    def look(self, now: float, *, heard: bool, greeted: bool, busy: bool) -> tuple[Literal["wait", "ask", "end"], str]:
        """Says what to do: wait, ask for a sign of life, or end the link, and why.

        Args:
            now: a clock that never goes back.
            heard: whether anything came since the last look.
            greeted: whether the peer's HELLO came.
            busy: whether an exchange is open, so that silence matters.
        """
        stalled = now - self._ticked_at > STALL_INTERVALS * self.interval
        self._ticked_at = now
        if heard or stalled:
            self.heard_at = now
            self._asked_at = None
        if not greeted:
            late = now - self._began > HANDSHAKE_SECONDS
            return ("end", f"no HELLO within {HANDSHAKE_SECONDS:g} s") if late else ("wait", "")
        liveness, early = self.liveness, EARLY_INTERVALS * self.interval
        dead = liveness.dead_seconds if busy else liveness.idle_dead_seconds
        ask = liveness.ping_seconds if busy else liveness.idle_ping_seconds
        silence = now - self.heard_at
        if self._asked_at is None:
            if silence < ask - self.interval - early:
                return "wait", ""
            self._asked_at = now
            return "ask", ""
        if now - self._asked_at < dead - ask - early:
            return "wait", ""
        return "end", f"the peer was silent for {silence * 1000:.0f} ms"


class Deadlines:
    """Finds calls that are older than `CALL_TIMEOUT_SECONDS`, at no cost for a call that is answered.

    Numbers rise, and begin again after the last, so a mark of the number reached at a time tells which calls were open
    then.
    """

    __slots__ = ("_exempt", "_marks")

    def __init__(self) -> None:
        self._marks: deque[tuple[float, int]] = deque()
        self._exempt: set[int] = set()

    def exempt(self, number: int) -> None:
        """Leaves a call alone: it has a deadline of its own."""
        self._exempt.add(number)

    def forget(self, number: int) -> None:
        """Takes note that an exempt call is over."""
        self._exempt.discard(number)

    def late(self, calls: Iterable[int], reached: int, now: float) -> list[int]:
        """Returns the numbers of calls past the deadline.

        Args:
            calls: the numbers of open calls, in the order they were opened.
            reached: the number that the next call will get.
            now: a clock that never goes back.
        """
        self._marks.append((now, reached))
        late: dict[int, None] = {}
        while self._marks and self._marks[0][0] <= now - CALL_TIMEOUT_SECONDS:
            _, limit = self._marks.popleft()
            for number in calls:
                if (limit - number - 1) & NUMBER_MAX > NUMBER_MAX // 2:
                    break  # opened after the mark
                if number not in self._exempt:
                    late[number] = None
        return list(late)

    def clear(self) -> None:
        """Forgets the marks, because no call is open."""
        self._marks.clear()
