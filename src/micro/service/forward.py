"""Forwards: what the exchanges of one header block are handed to, once the links to their service are known."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from micro.errors import Fault, LinkClosed, TooManyRequests, Unavailable
from micro.mucp import headers as names
from micro.mucp.event import Opened
from micro.mucp.headers import Headers, encode
from micro.network.link import Link
from micro.service.cost import ASKED, read_cost
from micro.service.registry.instance import Instance
from micro.service.selector import Seat, Selector, is_failure
from micro.service.splice import Over, Passing, splice
from micro.service.trial import Half, Trial

__all__ = ["IDENTITY", "Divided", "Forward", "Hop", "Pinned", "divided", "gone"]

IDENTITY = (names.FROM_NODE, names.FROM_SERVICE, names.CALLER, names.ACCOUNT, names.SCOPES, names.TOKEN)
"""Headers that say who calls: whatever a caller writes there is replaced by what the node knows."""
UNSENT = Unavailable.code


class Hop:
    """One link that leads to an instance, with the bytes that an exchange begins with there."""

    __slots__ = ("_form", "_headers", "_prefix", "_timeout", "asking", "link")

    def __init__(self, link: Link, headers: Mapping[str, str]) -> None:
        self.link = link
        self._headers = headers
        self._form = self._timeout = -1
        self._prefix = b""
        self.asking: Hop | None = None

    def asks(self) -> Hop:
        """Returns the same hop, for exchanges whose cost is to be told."""
        if self.asking is None:
            self.asking = Hop(self.link, {**self._headers, names.COST: ASKED})
        return self.asking

    def prefix(self, event: Opened) -> bytes:
        """Returns how `event` begins on this link."""
        form, timeout = event.form, event.timeout_milliseconds
        if event.extra is not None:
            extra = encode({k: v for k, v in event.extra.items() if k not in IDENTITY})
            return self.link.session.begin(form, self._headers, timeout, extra)
        if timeout != self._timeout or form != self._form:
            self._prefix = self.link.session.begin(form, self._headers, timeout)
            self._form, self._timeout = form, timeout
        return self._prefix


class Forward:
    """Hands exchanges of one header block to the instances of a service, the less loaded of two drawn at random."""

    __slots__ = ("_asked", "_hops", "_instances", "_now", "_only", "_selector", "_service")

    def __init__(
        self, asked: tuple[str, str], hops: list[tuple[Instance, Hop]], selector: Selector, now: Callable[[], float]
    ) -> None:
        self._asked = asked
        self._service = asked[0]
        self._selector = selector
        self._now = now
        self._instances = [instance for instance, _ in hops]
        self._hops = {instance.key: hop for instance, hop in hops}
        self._only = hops[0][1] if len(hops) == 1 else None

    def __call__(self, link: Link, event: Opened, half: Half | None = None) -> None:
        seat: Seat | None = None
        over: Over | None = None
        hop = self._only
        try:
            if hop is None:
                seat = self._selector.pick(self._service, self._instances, self._now())
                hop = self._hops[seat.instance.key]
                over = partial(self._end, seat)
            if half is not None:
                over = partial(self._end_half, half, self._now(), over)
                hop = hop.asks()
            out = hop.link
            if out.closed is not None:
                raise LinkClosed(out.closed)
            if out.full and out.overloaded:
                raise TooManyRequests(f"{self._service} does not take requests as fast as they come; try again later")
            if event.exchange is not None:
                splice(link, event, out, hop.prefix(event), self._asked, None if half is None else over)
                return
            number, passing = event.number, link.facts.passing
            owner = Passing(link, number, passing, out, over, self._asked)
            owner.out_number = out.call(owner, hop.prefix(event), event.body)
            passing[number] = owner
            if seat is not None:
                seat.begin()
        except LinkClosed as closed:
            self._refuse(link, event, half, Unavailable(f"{self._service} just went away: {closed}"))
        except Fault as fault:
            self._refuse(link, event, half, fault)

    @staticmethod
    def _refuse(link: Link, event: Opened, half: Half | None, fault: Fault) -> None:
        if half is not None:
            half.end(fault.code, 0.0)
        link.fail(event.number, fault, refused=True)

    def _end(self, seat: Seat, code: int, headers: Headers | None = None, /) -> None:
        seat.end(not is_failure(code), self._now())

    def _end_half(
        self, half: Half, began: float, over: Over | None, code: int, headers: Headers | None = None, /
    ) -> None:
        seconds = self._now() - began
        half.end(code, seconds, read_cost(headers[names.COST], seconds) if headers and names.COST in headers else None)
        if over is not None:
            over(code)


class Pinned:
    """Hands exchanges to the generation that was asked for, and counts them: one that nobody asks for may end."""

    __slots__ = ("_forward", "_key", "_uses")

    def __init__(self, forward: Forward, key: tuple[str, int], uses: dict[tuple[str, int], int]) -> None:
        self._forward = forward
        self._key = key
        self._uses = uses

    def __call__(self, link: Link, event: Opened) -> None:
        self._uses[self._key] = self._uses.get(self._key, 0) + 1
        self._forward(link, event)


class Divided:
    """Hands exchanges of one header block to a newcomer or to its parent, as their trial says."""

    __slots__ = ("_asked", "_chance", "_newcomer", "_parent", "_trial")

    def __init__(
        self,
        trial: Trial,
        asked: tuple[str, str],
        newcomer: Forward | None,
        parent: Forward | None,
        chance: Callable[[], float],
    ) -> None:
        self._trial = trial
        self._asked = asked
        self._newcomer = newcomer
        self._parent = parent
        self._chance = chance

    def __call__(self, link: Link, event: Opened) -> None:
        assigned = self._trial.assign(self._asked[1], self._chance)
        half = assigned if isinstance(assigned, Half) else None
        is_newcomer = half.is_newcomer if half is not None else assigned is True
        to = self._newcomer if is_newcomer else self._parent
        if to is None:
            if half is not None:
                half.end(UNSENT, 0.0)
            half, to = None, self._parent  # nobody but its trial notices that a newcomer is not there
        if to is None:  # a newcomer alone does not get more than its share
            link.fail(event.number, gone(self._asked[0]), refused=True)
            return
        to(link, event, half)


def divided(
    trial: Trial,
    asked: tuple[str, str],
    hops: list[tuple[Instance, Hop]],
    selector: Selector,
    *,
    now: Callable[[], float],
    chance: Callable[[], float],
    is_pinned: bool,
) -> Forward | Divided:
    """Returns what exchanges are handed to while a newcomer is on trial.

    Args:
        trial: says which of them are the newcomer's.
        asked: the service and the endpoint.
        hops: the links that lead to instances.
        is_pinned: whether the caller asked for a version: if only one of the two is of that, it gets all.
    """
    newcomers = [hop for hop in hops if hop[0].generation == trial.newcomer]
    parents = [hop for hop in hops if hop[0].generation != trial.newcomer]
    if is_pinned and not (newcomers and parents):
        return Forward(asked, hops, selector, now)
    newcomer, parent = (Forward(asked, some, selector, now) if some else None for some in (newcomers, parents))
    return Divided(trial, asked, newcomer, parent, chance)


def gone(service: str) -> Unavailable:
    return Unavailable(f"{service} has no instance that answers now; try again", id=service)
