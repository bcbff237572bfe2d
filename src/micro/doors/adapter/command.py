"""Speaks for a program that reads its standard input and answers on its standard output: a process for each call."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from micro.doors.adapter.answer import BODY_BYTES_MAX
from micro.doors.adapter.ending import told_end
from micro.doors.adapter.program import Program, child_environment
from micro.errors import EngineError, InternalError, Timeout, TooLarge
from micro.ports import Processes
from micro.runtime.command import CommandOverran, run_command

__all__ = ["CommandProgram"]

RUNNING_MAX = 16
"""How many calls run at once; more wait."""

CALL_SECONDS = 30.0
CALL_SECONDS_MAX = 300.0
DETAIL_CHARACTERS_MAX = 300


class CommandProgram:
    """One program that is run once for each call."""

    def __init__(self, program: Program, processes: Processes, environment: Mapping[str, str]) -> None:
        self._program = program
        self._processes = processes
        self._environment = child_environment(program, environment)
        self._slots = asyncio.Semaphore(RUNNING_MAX)

    async def run(self, data: bytes, seconds: float | None) -> bytes:
        """Returns what the program answers to `data`.

        Raises:
            Timeout: it took longer than the caller waits.
            TooLarge: it answered more than a message holds.
            InternalError: it failed; the detail holds the last of what it complained.
        """
        allowed = min(CALL_SECONDS_MAX, CALL_SECONDS if seconds is None else max(0.001, seconds))
        try:
            async with self._slots, asyncio.timeout(allowed):
                done = await run_command(
                    self._processes,
                    self._program.command,
                    directory=self._program.directory,
                    environment=self._environment,
                    seconds_max=allowed,
                    output_bytes_max=BODY_BYTES_MAX,
                    data=data,
                )
        except TimeoutError as error:
            raise Timeout(f"the program did not end within {allowed:.3g} s") from error
        except CommandOverran as error:
            kind = TooLarge if "printed more" in str(error) else Timeout
            raise kind(str(error)) from error
        except EngineError as error:
            raise InternalError(str(error)) from error
        if done.code:
            complaint = done.errors.decode("utf-8", "replace").strip()[-DETAIL_CHARACTERS_MAX:]
            raise InternalError(f"the program {told_end(done.code)}: {complaint or 'it did not say why'}")
        return done.output
