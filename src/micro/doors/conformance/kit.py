"""All checks of the kit, and how they are run: a few at a time, each on links of its own."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Final

from micro.doors.conformance.bench import Bench
from micro.doors.conformance.carrier import dial
from micro.doors.conformance.check import Check, Differs, Outcome, Skipped
from micro.doors.conformance.eventing import EVENTING
from micro.doors.conformance.flowing import FLOWING
from micro.doors.conformance.greeting import GREETING, vector_checks
from micro.doors.conformance.passing import PASSING
from micro.doors.conformance.spelling import SPELLING, Spelling
from micro.doors.conformance.streaming import STREAMING
from micro.errors import Unavailable

__all__ = ["checks_for", "run"]

AT_ONCE_MAX: Final = 8
"""So many checks are under way: one that waits for what does not come should not hold up the others."""

CHECK_SECONDS_MAX: Final = 60.0


def checks_for(address: str) -> tuple[Check, ...]:
    """Returns the checks that fit an address: of the http spelling for `http:`, of links for any other."""
    if address.startswith("http:"):
        return (*SPELLING, *FLOWING)
    return (*GREETING, *PASSING, *STREAMING, *EVENTING, *vector_checks())


async def run(
    address: str, *, token: str, new_name: Callable[[], str], checks: Sequence[Check] | None = None
) -> AsyncIterator[Outcome]:
    """Makes the checks, and yields what came of each in the order of the list.

    Raises:
        BadRequest: the address has no possible form.
        Unavailable: nobody answers there.
    """
    if address.startswith("http:"):
        async with Spelling(address, token, new_name) as spelling:
            await spelling.connection()
    else:
        await (await dial(address)).close()
    chosen = checks_for(address) if checks is None else checks
    room = asyncio.Semaphore(AT_ONCE_MAX)

    async def one(check: Check) -> Outcome:
        async with room:
            return await _made(check, address, token, new_name)

    tasks = [asyncio.get_running_loop().create_task(one(check)) for check in chosen]
    try:
        for task in tasks:
            yield await task
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _made(check: Check, address: str, token: str, new_name: Callable[[], str]) -> Outcome:
    kind = Spelling if address.startswith("http:") else Bench
    try:
        async with asyncio.timeout(CHECK_SECONDS_MAX), kind(address, token, new_name) as bench:
            await check.run(bench)
    except Differs as differs:
        return Outcome(check, "failed", str(differs))
    except Unavailable as gone:
        return Outcome(check, "failed", gone.detail)
    except (ValueError, KeyError, struct.error) as error:
        return Outcome(check, "failed", f"what came cannot be read: {type(error).__name__}: {error}")
    except Skipped as skipped:
        return Outcome(check, "skipped", str(skipped))
    except TimeoutError:
        return Outcome(check, "failed", f"it took more than {CHECK_SECONDS_MAX:g} s")
    return Outcome(check, "passed")
