"""Who is told what happens to an exchange."""

from __future__ import annotations

import asyncio
from typing import Any

from micro.errors import Fault
from micro.mucp.event import Acknowledged, Credited, Delivered, Ended, Event, Noted, Received
from micro.mucp.headers import Headers

__all__ = ["Owner", "tell", "tell_failure"]


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

    def acknowledged(self, sequences: list[int], delay_milliseconds: int | None) -> None:
        """The subscriber is done with these sequences, or wants them again after the delay."""

    def credited(self, count: int) -> None:
        """More may be sent."""

    def ended(self) -> None:
        """The other side sends no more."""

    def cancelled(self) -> None:
        """The other side withdrew."""


def tell(owner: Owner, event: Event) -> None:
    """Tells the owner of a stream or subscription what came on it."""
    match event:
        case Received():
            owner.received(event.body)
        case Delivered():
            owner.delivered(event)
        case Credited():
            owner.credited(event.count)
        case Acknowledged():
            owner.acknowledged(event.sequences, event.delay_milliseconds)
        case Ended():
            owner.ended()
        case Noted():
            owner.noted(event.headers)


def tell_failure(owner: Any, fault: Fault, *, refused: bool) -> None:
    """Tells whoever waits, an `Owner`, a future or nobody, that it failed."""
    if isinstance(owner, asyncio.Future):
        if not owner.done():
            fault.refused = refused
            owner.set_exception(fault)
    elif owner is not None:
        owner.failed(fault, refused=refused)
