"""Passing exchanges on from one link to another: numbers are rewritten, bodies never read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import msgspec

from micro.errors import Cancelled, Fault, LinkClosed, TooManyRequests
from micro.mucp.event import Opened
from micro.mucp.exchange import Exchange
from micro.mucp.headers import Headers
from micro.network.link import Link
from micro.network.owner import Owner

__all__ = ["Passing", "Splice", "judge", "splice"]

NOWHERE = ("", "")


class Over(Protocol):
    """Told how an exchange ended: 0, or the code of the fault, and the headers of its answer, if it had any."""

    def __call__(self, code: int, headers: Headers | None = None, /) -> None: ...


class Passing(msgspec.Struct, Owner, eq=False):
    """A call that came in on one link and went out on another; a struct, since one is made for every call.

    Attributes:
        link: where it came in.
        number: its number there.
        passing: the calls of that link which are under way.
        out: where it went out.
        over: told how it ended: 0, or the code of the fault.
        asked: the service and the endpoint, which a rule may be about.
        out_number: its number there.
    """

    link: Link
    number: int
    passing: dict[int, Passing]
    out: Link
    over: Over | None = None
    asked: tuple[str, str] = NOWHERE
    out_number: int = 0

    def replied(self, body: bytes, headers: Headers | None) -> None:
        self.passing.pop(self.number, None)
        if self.over is not None:
            self.over(0, headers)
        link = self.link
        if link.closed is not None:
            return
        try:
            if headers:
                link.session.note(self.number, headers)
            link.reply(self.number, body)
        except Fault as fault:  # larger than this caller takes
            link.fail(self.number, fault)

    def failed(self, fault: Fault, *, refused: bool) -> None:
        self.passing.pop(self.number, None)
        if self.over is not None:
            self.over(fault.code)
        if self.link.closed is None:
            self.link.fail(self.number, fault, refused=refused)

    def withdraw(self) -> None:
        """The caller no longer waits: neither shall the callee work."""
        if self.over is not None:
            self.over(Cancelled.code)
        self.out.cancel(self.out_number)

    def revoke(self, fault: Fault) -> None:
        """Ends it, because the caller may no longer have it."""
        self.passing.pop(self.number, None)
        self.withdraw()
        self.link.fail(self.number, fault)


class Splice(Owner):
    """One half of a stream that is passed on: what its link hears, the other's says."""

    __slots__ = ("asked", "exchange", "link", "other")

    def __init__(self, link: Link, exchange: Exchange, asked: tuple[str, str]) -> None:
        self.link = link
        self.exchange = exchange
        self.asked = asked
        self.other: Splice = self

    def received(self, body: bytes) -> None:
        other = self.other
        if other._open():
            if other.link.full and other.link.overloaded:
                self._fail_both(TooManyRequests("the other side does not take messages as fast as they come"))
                return
            try:
                other.link.session.send(other.exchange, body)
            except Fault as fault:  # larger than the other side takes
                self._fail_both(fault)
            other.link.schedule()

    def credited(self, count: int) -> None:
        other = self.other
        if other._open():
            other.link.session.grant(other.exchange, count)
            other.link.schedule()

    def noted(self, headers: Headers) -> None:
        other = self.other
        if other._open():
            other.link.session.note(other.exchange.number, headers)
            other.link.schedule()

    def ended(self) -> None:
        other = self.other
        if other._open():
            other.link.session.end(other.exchange)
            other.link.schedule()

    def failed(self, fault: Fault, *, refused: bool) -> None:
        other = self.other
        if other._open():
            if other.exchange.local:
                other.link.cancel(other.exchange.number)
            else:
                other.link.fail(other.exchange.number, fault, refused=refused)

    def cancelled(self) -> None:
        self.failed(Cancelled("the caller withdrew"), refused=False)

    def revoke(self, fault: Fault) -> None:
        """Ends it, because the caller may no longer have it; this is the caller's half."""
        self.link.fail(self.exchange.number, fault)
        self.cancelled()

    def _open(self) -> bool:
        return self.link.closed is None and self.exchange.number in self.link.session.exchanges

    def _fail_both(self, fault: Fault) -> None:
        for half in (self, self.other):
            if half._open():
                half.link.fail(half.exchange.number, fault)


class _Callers(Splice):
    """The caller's half of a stream of which it matters how it went."""

    __slots__ = ("over",)
    over: Over

    def failed(self, fault: Fault, *, refused: bool) -> None:
        self.over(Cancelled.code)  # the caller or its link is gone, before anything came
        Splice.failed(self, fault, refused=refused)


class _Callees(Splice):
    """The other half: it went well once the callee has said something, or has come to the end."""

    __slots__ = ("over",)
    over: Over

    def received(self, body: bytes) -> None:
        self.over(0)
        Splice.received(self, body)

    def ended(self) -> None:
        self.over(0)
        Splice.ended(self)

    def failed(self, fault: Fault, *, refused: bool) -> None:
        self.over(fault.code)
        Splice.failed(self, fault, refused=refused)


def splice(
    link: Link, event: Opened, out: Link, prefix: bytes, asked: tuple[str, str], over: Over | None = None
) -> None:
    """Joins a stream that was opened on `link` to a new one on `out`; `asked` is the service and the endpoint.

    Args:
        over: told how it went: 0, or the code of a fault. What it is told after the first time counts for nothing.

    Raises:
        LinkClosed, TooLarge: nothing was sent.
    """
    if event.exchange is None:
        raise LinkClosed("only streams can be spliced")
    here: Splice
    there: Splice
    if over is None:
        here, there = Splice(link, event.exchange, asked), Splice(out, event.exchange, asked)
    else:
        here, there = _Callers(link, event.exchange, asked), _Callees(out, event.exchange, asked)
        here.over = there.over = over
    here.other, there.other = there, here
    event.exchange.owner = here
    there.exchange = out.open(event.form, prefix, event.body, there)


def judge(link: Link, refusal: Callable[[str, str], Fault | None]) -> None:
    """Ends those exchanges of a link which `refusal`, asked with service and endpoint, has a fault for."""
    said: dict[tuple[str, str], Fault | None] = {}
    streams = [each.owner for each in link.session.exchanges.values() if not each.local]
    for owner in [*link.facts.passing.values(), *(owner for owner in streams if isinstance(owner, Splice))]:
        if owner.asked not in said:
            said[owner.asked] = refusal(*owner.asked)
        fault = said[owner.asked]
        if fault is not None:
            owner.revoke(fault)
