"""A program beside the node that stays loaded: it is spoken to over its input, and answers on its output.

It ends with its input, so that it outlives nobody who started it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Sequence
from typing import Final

from micro.errors import Unavailable

__all__ = ["Program"]

PASSED_ON: Final = ("HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "PATH", "PYTHONPATH", "TMPDIR")
"""Which variables it sees: no secret of the node's owner is among them."""

CHUNK_BYTES: Final = 65_536
DEATH_SECONDS_MAX: Final = 5.0


class Program:
    """One program that runs.

    Args:
        process: of it.
        name: what it is called where it fails.
    """

    def __init__(self, process: Process, name: str) -> None:
        self._process = process
        self._name = name

    @staticmethod
    async def start(command: Sequence[str], name: str) -> Program:
        """Starts a program.

        Raises:
            Unavailable: it cannot be started.
        """
        environment = {key: os.environ[key] for key in PASSED_ON if key in os.environ} | {"PYTHONUTF8": "1"}
        try:
            process = await asyncio.create_subprocess_exec(
                *command, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, env=environment, start_new_session=True
            )
        except OSError as error:
            raise Unavailable(f"{name} cannot be started: {error}", id="voice") from error
        return Program(process, name)

    @property
    def runs(self) -> bool:
        """Whether it is there."""
        return self._process.returncode is None

    async def write(self, data: bytes, *, last: bool = False) -> None:
        """Writes to its input, and ends that where nothing follows.

        Raises:
            Unavailable: it is gone.
        """
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(data)
            await self._process.stdin.drain()
            if last:
                self._process.stdin.close()
        except OSError as error:
            raise self._gone() from error

    async def read(self, count: int) -> bytes:
        """Returns exactly `count` bytes of its output; raises as `write`."""
        assert self._process.stdout is not None
        try:
            return await self._process.stdout.readexactly(count)
        except (asyncio.IncompleteReadError, OSError) as error:
            raise self._gone() from error

    async def read_all(self, bytes_max: int) -> bytes:
        """Returns its output up to the end.

        Raises:
            Unavailable: it is longer than `bytes_max`, or the program failed.
        """
        assert self._process.stdout is not None
        found = bytearray()
        while part := await self._process.stdout.read(CHUNK_BYTES):
            found += part
            if len(found) > bytes_max:
                raise Unavailable(f"{self._name} answered more than {bytes_max} bytes", id="voice")
        if await self._process.wait() != 0:
            raise self._gone()
        return bytes(found)

    def _gone(self) -> Unavailable:
        return Unavailable(f"{self._name} ended before it had answered; try it by itself to see why", id="voice")

    async def end(self) -> None:
        """Ends it."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        if self._process.stdin is not None:
            self._process.stdin.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DEATH_SECONDS_MAX):
                await self._process.communicate()
