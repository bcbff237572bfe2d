"""Runs a command that may not be trusted to end, to be brief or to be small."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from micro.errors import EngineError
from micro.ports import Limits, Process, Processes

__all__ = ["CommandOverran", "Finished", "run_command"]

READ_BYTES = 65_536
ERROR_BYTES_MAX = 16_384
"""How much of standard error is kept: its end, where programs say why they failed."""

DRAIN_SECONDS_MAX = 2.0
"""How long output may stay open after the end of the command, held by something it left behind."""

DEATH_SECONDS_MAX = 5.0
"""How long to wait for the system to clear away a command that was killed."""


class CommandOverran(EngineError):
    """The command was killed, for it took longer or said more than it may."""


@dataclass(frozen=True)
class Finished:
    """How a command ended: its exit code (negative for a signal), what it said, and the end of its complaints."""

    code: int
    output: bytes
    errors: bytes


async def run_command(
    processes: Processes,
    command: Sequence[str],
    *,
    directory: Path,
    environment: Mapping[str, str],
    seconds_max: float,
    output_bytes_max: int,
    data: bytes = b"",
    limits: Limits | None = None,
    on_output: Callable[[bytes], None] | None = None,
    on_errors: Callable[[bytes], None] | None = None,
) -> Finished:
    """Runs a command to its end.

    Args:
        data: what it finds on its standard input.
        limits: what the kernel lets each of its processes use.
        on_output: is given the output as it comes, beside the one who gets all of it in the end.
        on_errors: the same for standard error.

    Raises:
        CommandOverran: it exceeded `seconds_max` or `output_bytes_max`, and is dead.
        EngineError: it cannot be started.
    """
    process = await processes.spawn(
        command, directory=directory, environment=environment, data=data, errors_apart=True, limits=limits
    )
    try:
        async with asyncio.timeout(seconds_max):
            return await _finish(process, command[0], output_bytes_max, on_output, on_errors)
    except TimeoutError:
        raise CommandOverran(f"{command[0]} took longer than {seconds_max:g} seconds") from None
    finally:
        process.signal(signal.SIGKILL)
        process.close()
        await asyncio.wait([asyncio.ensure_future(process.wait())], timeout=DEATH_SECONDS_MAX)


async def _finish(
    process: Process,
    name: str,
    output_bytes_max: int,
    on_output: Callable[[bytes], None] | None,
    on_errors: Callable[[bytes], None] | None,
) -> Finished:
    output, errors = bytearray(), bytearray()

    def keep_output(part: bytes) -> None:
        output.extend(part)
        if len(output) > output_bytes_max:
            raise CommandOverran(f"{name} printed more than {output_bytes_max} bytes")
        if on_output:
            on_output(part)

    def keep_errors(part: bytes) -> None:
        errors.extend(part)
        del errors[:-ERROR_BYTES_MAX]
        if on_errors:
            on_errors(part)

    tasks = [
        asyncio.ensure_future(_pump(process, keep_output, errors=False)),
        asyncio.ensure_future(_pump(process, keep_errors, errors=True)),
    ]
    ending = asyncio.ensure_future(process.wait())
    pumps = asyncio.gather(*tasks)
    pumps.add_done_callback(_heard)
    try:
        await _first(ending, pumps)
        if not pumps.done():
            await _first(pumps, seconds_max=DRAIN_SECONDS_MAX)
        if pumps.done():
            pumps.result()
        return Finished(await ending, bytes(output), bytes(errors))
    finally:
        for task in (*tasks, ending):
            task.cancel()


def _heard(pumps: asyncio.Future[Any]) -> None:
    """Takes what became of reading, so that nobody is told of it where the whole command was given up."""
    if not pumps.cancelled():
        pumps.exception()


async def _first(*waited: asyncio.Future[Any], seconds_max: float | None = None) -> None:
    await asyncio.wait(waited, timeout=seconds_max, return_when=asyncio.FIRST_COMPLETED)


async def _pump(process: Process, keep: Callable[[bytes], None], *, errors: bool) -> None:
    while part := await process.read(READ_BYTES, errors=errors):
        keep(part)
