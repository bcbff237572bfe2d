"""The kit's other half: it is the node, and a client does what it is told.

What a client is told, and how it says what came of it, stands in `docs/reference/mucp.md`.
"""

from __future__ import annotations

import asyncio
import json
import struct
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, Final

from micro.doors.conformance.carrier import Carrier, listening
from micro.doors.conformance.check import Check, Differs, Outcome, expect
from micro.doors.conformance.exercises import EXERCISES, Exercise
from micro.doors.conformance.peer import Gone, Open, Peer
from micro.doors.conformance.wire import Kind
from micro.errors import Timeout

__all__ = ["SERVICE", "tried"]

SERVICE: Final = "conformance"
CLIENT_SECONDS_MAX: Final = 300.0


async def _greet(peer: Peer) -> None:
    await peer.greet(colour="green")
    versions = peer.said.get("versions")
    expect(isinstance(versions, list) and 1 in versions, f"versions {versions}")


GREETS: Final = Check("client-greets", "hello", "HELLO comes first, and offers version 1", _greet)


@dataclass
class Course:
    """What came of the exercises so far."""

    has_begun: bool = False
    outcomes: list[Outcome] = field(default_factory=list)
    done: asyncio.Event = field(default_factory=asyncio.Event)


async def tried(address: str, told: Any) -> AsyncIterator[Outcome]:
    """Waits for a client at an address, has it do the exercises, and yields what came of each.

    Args:
        address: where to listen; port 0 is any.
        told: called with the address under which that is.

    Raises:
        BadRequest: the address has no possible form.
        Unavailable: it cannot be listened on.
        Timeout: no client came, or it took too long.
    """
    course = Course()

    async def serve(carrier: Carrier) -> None:
        if course.has_begun:
            await carrier.close()
            return
        course.has_begun = True
        peer = Peer(carrier, dialed=False)
        try:
            await _all(peer, course.outcomes)
        finally:
            course.done.set()
            await peer.close()

    async with listening(address, serve) as where:
        told(where)
        try:
            async with asyncio.timeout(CLIENT_SECONDS_MAX):
                await course.done.wait()
        except TimeoutError:
            raise Timeout(
                f"no client was done within {CLIENT_SECONDS_MAX:g} s; start one, or look why it hangs"
            ) from None
    for outcome in course.outcomes:
        yield outcome


async def _all(peer: Peer, outcomes: list[Outcome]) -> None:
    try:
        await _greet(peer)
        outcomes.append(Outcome(GREETS, "passed"))
        first = await _next(peer)
        for exercise in EXERCISES:
            outcome, first = await _one(peer, first, exercise)
            outcomes.append(outcome)
        await peer.say(Kind.END, first.exchange, b'{"task":null}')
    except Differs as differs:
        left = EXERCISES[max(0, len(outcomes) - 1) :] if outcomes else (GREETS, *EXERCISES)
        outcomes += [Outcome(each, "failed", str(differs)) for each in left]


async def _one(peer: Peer, asked: Open, exercise: Exercise) -> tuple[Outcome, Open]:
    """Gives a task, plays its other side, and returns what came of it and the next `Kit.Next`."""
    await peer.say(Kind.END, asked.exchange, json.dumps({"task": exercise.task}).encode())
    seen, wanted = "", None  # the task is answered before its other side is played
    try:
        wanted = await exercise.run(peer)
    except Gone:
        raise
    except (Differs, ValueError, KeyError, struct.error) as error:
        seen = str(error)
    after = await _next(peer)
    did = json.loads(after.body).get("did")
    if not seen and did != wanted:
        seen = f"it says that there came {json.dumps(did)[:200]}, it was {json.dumps(wanted)[:200]}"
    return Outcome(exercise, "failed" if seen else "passed", seen), after


async def _next(peer: Peer) -> Open:
    """Returns the next `Kit.Next`; what else is still asked is refused."""
    while True:
        came = await peer.opened()
        if came.headers.get("micro-service") == SERVICE and came.headers.get("micro-endpoint") == "Kit.Next":
            return came
        if came.exchange:
            await peer.fail(Kind.REFUSED, came.exchange, 404, "only Kit.Next is answered now")
