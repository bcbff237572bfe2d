"""The kit as the node of a service: a program registers `kit` over a link, and is called as a node would call it.

What such a service offers stands in `docs/reference/mucp.md`.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import struct
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final

from micro.doors.conformance.carrier import Carrier, listening
from micro.doors.conformance.check import Check, Differs, Outcome, Skipped
from micro.doors.conformance.hosting import Host
from micro.doors.conformance.serving import ARRIVING, SERVING
from micro.errors import EngineError, Timeout

__all__ = ["checks", "tried"]

SERVICE_SECONDS_MAX: Final = 60.0
"""How long a service may take until it makes its link."""

CHECK_SECONDS_MAX: Final = 60.0
END_SECONDS: Final = 5.0


def checks() -> tuple[Check, ...]:
    """Returns the checks of a service, in their order: the first are of how it comes."""
    return (*ARRIVING, *SERVING)


async def tried(
    address: str, told: Callable[[str], object], *, command: Sequence[str] = (), token: str = ""
) -> AsyncIterator[Outcome]:
    """Waits for a service at an address, makes the checks, and yields what came of each.

    Args:
        address: where to listen; port 0 is any.
        told: called with the address under which that is.
        command: starts the service, told what a node tells one; empty where somebody else does.
        token: what its HELLO is to show, "" where anything will do.

    Raises:
        BadRequest: the address has no possible form.
        Unavailable: it cannot be listened on.
        EngineError: the command cannot be started, or ends before it has made a link.
        Timeout: no service came.
    """
    host, over = Host(token), asyncio.Event()

    async def serve(carrier: Carrier) -> None:
        await host.take(carrier)
        await over.wait()

    async with AsyncExitStack() as ending:
        where = await ending.enter_async_context(listening(address, serve))
        ending.push_async_callback(host.close)
        ending.callback(over.set)
        told(where)
        await _arrived(host, await ending.enter_async_context(_started(command, where, token)), where)
        async for outcome in _made(host):
            yield outcome


async def _arrived(host: Host, process: asyncio.subprocess.Process | None, where: str) -> None:
    """Waits for the first link; raises as `tried` where none comes."""
    waits: set[asyncio.Future[Any]] = {asyncio.ensure_future(host.arrived.wait())}
    if process is not None:
        waits.add(asyncio.ensure_future(process.wait()))
    try:
        await asyncio.wait(waits, timeout=SERVICE_SECONDS_MAX, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
    if host.arrived.is_set():
        return
    if process is not None and process.returncode is not None:
        raise EngineError(f"the service ended with code {process.returncode} before it made a link to MICRO_ADDRESS")
    raise Timeout(f"no service came within {SERVICE_SECONDS_MAX:g} s; next: start one with MICRO_ADDRESS={where}")


async def _made(host: Host) -> AsyncIterator[Outcome]:
    """Makes the checks in turn; where it did not come as a service does, the others are not tried."""
    missing = ""
    for check in checks():
        outcome = Outcome(check, "failed", f"not tried: {missing}") if missing else await _one(check, host)
        yield outcome
        if outcome.state == "failed" and check in ARRIVING and not missing:
            missing = f"{check.name} failed"


async def _one(check: Check, host: Host) -> Outcome:
    try:
        async with asyncio.timeout(CHECK_SECONDS_MAX):
            await check.run(host)
    except Skipped as skipped:
        return Outcome(check, "skipped", str(skipped))
    except Differs as differs:
        return Outcome(check, "failed", str(differs))
    except (ValueError, KeyError, TypeError, struct.error) as error:
        return Outcome(check, "failed", f"what came cannot be read: {type(error).__name__}: {error}")
    except TimeoutError:
        return Outcome(check, "failed", f"it took more than {CHECK_SECONDS_MAX:g} s")
    return Outcome(check, "passed")


@asynccontextmanager
async def _started(command: Sequence[str], where: str, token: str) -> AsyncIterator[asyncio.subprocess.Process | None]:
    """Runs the command meanwhile, told what a node tells its services."""
    if not command:
        yield None
        return
    told = {"MICRO_ADDRESS": where, "MICRO_TOKEN": token, "MICRO_INSTANCE": "kit-1"}
    try:
        process = await asyncio.create_subprocess_exec(*command, env={**os.environ, **told})
    except OSError as error:
        raise EngineError(f"{command[0]!r} cannot be started: {error}; next: name a program that is there") from error
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            async with asyncio.timeout(END_SECONDS):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
