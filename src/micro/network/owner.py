"""Who is told what happens to an exchange."""

from __future__ import annotations

import asyncio
from typing import Any

from micro.errors import Fault
from micro.mucp.event import (
    Acknowledged,
    Cancelled,
    Credited,
    Delivered,
    Ended,
    Event,
    Failed,
    Noted,
    Refused,
    Spread,
)
from micro.mucp.exchange import Exchange
from micro.mucp.headers import Headers

__all__ = ["Owner", "is_told", "tell_failure"]


class Owner:
    """Whoever waits for an exchange; it overrides what can happen to it.

    A call may be owned by an `asyncio.Future` instead, which gets the `Replied` event or the fault.
    """

    __slots__ = ()

    def replied(self, body: bytes, headers: Headers | None) -> None:
        """The call was answered."""

    def failed(self, fault: Fault, *, refused: bool) -> None:
        """It ended with a fault; `refused` says that nothing was done, so that it may be sent again."""

    def noted(self, headers: Headers) -> None:
        """Headers came on the stream."""

    def received(self, body: bytes) -> None:
        """A message came on the stream."""

    def delivered(self, event: Delivered) -> None:
        """An event came on the subscription."""

    def spread(self, event: Spread) -> None:
        """Several events came on the subscription together."""

    def acknowledged(self, sequences: list[int], delay_milliseconds: int | None) -> None:
        """The subscriber is done with these sequences, or wants them again after the delay."""

    def credited(self, count: int) -> None:
        """More may be sent."""

    def ended(self) -> None:
        """The other side sends no more."""

    def cancelled(self) -> None:
        """The other side withdrew."""


def is_told(event: Event) -> bool:
    """Tells the owner of an exchange, if it has one, what happened to it; returns False for anything else."""
    match event:
        case Failed() | Refused():
            owner = event.owner if event.exchange is None else event.exchange.owner
            tell_failure(owner, event.fault, refused=isinstance(event, Refused))
        case (Delivered() | Spread() | Credited() | Acknowledged() | Ended() | Noted()) | Cancelled(
            exchange=Exchange()
        ):
            if event.exchange is not None and event.exchange.owner is not None:
                _tell(event.exchange.owner, event)
        case _:
            return False
    return True


def _tell(owner: Owner, event: Event) -> None:
    match event:
        case Delivered():
            owner.delivered(event)
        case Spread():
            owner.spread(event)
        case Credited():
            owner.credited(event.count)
        case Acknowledged():
            owner.acknowledged(event.sequences, event.delay_milliseconds)
        case Ended():
            owner.ended()
        case Noted():
            owner.noted(event.headers)
        case Cancelled():
            owner.cancelled()


def tell_failure(owner: Any, fault: Fault, *, refused: bool) -> None:
    """Tells whoever waits, an `Owner`, a future or nobody, that it failed."""
    if isinstance(owner, asyncio.Future):
        if not owner.done():
            fault.refused = refused
            owner.set_exception(fault)
    elif owner is not None:
        owner.failed(fault, refused=refused)
