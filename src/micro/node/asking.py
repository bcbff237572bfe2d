"""What a node asks an instance by itself: whether it answers, and to send back callers that skip the node."""

from __future__ import annotations

import asyncio

import msgspec

from micro.errors import Fault, LinkClosed, NotFound, Timeout, Unavailable
from micro.mucp import headers as names
from micro.network.link import Link
from micro.service.once import call_once

__all__ = ["probe", "send_back"]

ANSWER_SECONDS_MAX = 10.0
"""How long an instance may take to say that it is there."""


class _Recalled(msgspec.Struct):
    """What an instance says of callers that skip the node: how many there are that were sent away just now."""

    recalled: int = 0


async def send_back(link: Link, service: str) -> int:
    """Returns how many callers were there; none where it cannot send them back, or is gone."""
    try:
        async with asyncio.timeout(ANSWER_SECONDS_MAX):
            answer = await call_once(link, service, "Debug.Recall", {}, headers={names.CALLER: "owner"})
        return msgspec.json.decode(answer, type=_Recalled).recalled
    except (Fault, LinkClosed, TimeoutError, msgspec.MsgspecError):
        return 0


async def probe(link: Link, service: str) -> None:
    """Sees whether an instance answers.

    Raises:
        Fault: it does not; code 408 where it says nothing.
    """
    try:
        async with asyncio.timeout(ANSWER_SECONDS_MAX):
            await call_once(link, service, "Debug.Health", {})
    except TimeoutError:
        raise Timeout(f"it has registered and does not answer within {ANSWER_SECONDS_MAX:g} s") from None
    except LinkClosed as closed:
        raise Unavailable(f"it has registered and is gone again: {closed}") from closed
    except NotFound:
        """It answers, and has no such endpoint."""
