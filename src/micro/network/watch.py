"""The watch over a link: now and then it looks whether the peer lives, and which calls are past their deadline."""

from __future__ import annotations

import asyncio
from dataclasses import astuple
from typing import Any

from micro.errors import Timeout
from micro.mucp.limits import Liveness
from micro.network.owner import tell_failure
from micro.network.vigil import CALL_TIMEOUT_SECONDS, Deadlines, Vigil

__all__ = ["Watch"]


class Watch:
    """Ends a link whose peer is dead, and calls that were not answered in time.

    Attributes:
        vigil: listens for silence; another one may take its place.
        heard: whether anything came since the last look; the link says so.
        keeps_deadlines: whether calls end after `CALL_TIMEOUT_SECONDS` here; not where they are only passed on.

    Args:
        link: a `micro.network.link.Link`, which stands on this.
        liveness: how long its peer may be silent.
    """

    __slots__ = ("_deadlines", "_link", "_loop", "_next", "heard", "keeps_deadlines", "vigil")

    def __init__(self, link: Any, liveness: Liveness) -> None:
        self._link = link
        self._loop = asyncio.get_running_loop()
        self._deadlines = Deadlines()
        self._next: asyncio.TimerHandle | None = None
        self.vigil = Vigil(liveness, self._loop.time())
        self.heard = False
        self.keeps_deadlines = True

    def begin(self) -> None:
        """Looks from now on."""
        self._next = self._loop.call_later(self.vigil.interval, self._look)

    def end(self) -> None:
        """Looks no more; deadlines of their own pass all the same."""
        if self._next is not None:
            self._next.cancel()

    def hasten(self, liveness: Liveness) -> None:
        """Allows the peer in no case more silence than this."""
        present, now = self.vigil.liveness, self._loop.time()
        self.vigil = Vigil(Liveness(*map(min, astuple(present), astuple(liveness))), now)

    def silent_seconds(self) -> float:
        """Returns for how long nothing has been heard, to an interval of the looks."""
        return 0.0 if self.heard else self._loop.time() - self.vigil.heard_at

    def expire(self, number: int, seconds: float) -> asyncio.TimerHandle:
        """Gives a call a deadline of its own; cancel the handle when the answer came."""
        self._deadlines.exempt(number)
        return self._loop.call_later(seconds, self._expire, number, seconds)

    def forget(self, number: int) -> None:
        """Takes note that a call with a deadline of its own is over."""
        self._deadlines.forget(number)

    # -- within -----------------------------------------------------------------------------------------------------

    def _look(self) -> None:
        now, link = self._loop.time(), self._link
        self.begin()
        if self.keeps_deadlines:
            self._sweep(now)
        heard, self.heard = self.heard, False
        session = link.session
        verdict, reason = self.vigil.look(now, heard=heard, greeted=session.peer is not None, busy=session.busy)
        if verdict == "end":
            link.abort(reason)
        elif verdict == "ask":
            session.ping()
            link.flush()

    def _sweep(self, now: float) -> None:
        session = self._link.session
        if not session.calls:
            self._deadlines.clear()
            return
        for number in self._deadlines.late(session.calls, session.reached, now):
            self._expire(number, CALL_TIMEOUT_SECONDS)

    def _expire(self, number: int, seconds: float) -> None:
        self._deadlines.forget(number)
        owner = self._link.session.cancel(number)
        if owner is not None:
            tell_failure(owner, Timeout(f"no answer within {seconds:.3g} s; the call was cancelled"), refused=False)
            self._link.schedule()
