"""Starts commands confined: the sandbox shuts them in, limits and control groups count what they use.

A confined command is a `Process` like any other, so whoever runs commands through `Processes` confines them by taking
those of a `Confinement`: services do, and so do builds.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from micro.errors import EngineError
from micro.ports import NOTHING, Entropy, Handed, Limits, Process, Processes
from micro.runtime.sandbox.groups import MEMORY, PROCESSES, Group, Groups
from micro.runtime.sandbox.sandbox import Bounds, Policy, Sandbox

__all__ = ["ConfinedProcess", "ConfinedProcesses", "Confinement"]

WATCH_SECONDS = 0.03
"""How often a guest is looked at whose kernel ends only one of its processes for want of memory."""

SIGNAL_CODES = range(129, 193)
"""Exit codes by which a sandbox says that its guest was ended by a signal."""


class Confinement:
    """One sandbox at work on this machine.

    Args:
        processes: starts children.
        sandbox: confines them.
        groups: counts what they use.
        entropy: names their groups.
    """

    def __init__(self, processes: Processes, sandbox: Sandbox, groups: Groups, entropy: Entropy) -> None:
        self.sandbox = sandbox
        self.groups = groups
        self._processes = processes
        self._entropy = entropy

    def processes(self, policy: Policy) -> ConfinedProcesses:
        """Returns what starts commands under `policy`."""
        return ConfinedProcesses(self, policy)

    def limits(self, bounds: Bounds, asked: Limits | None) -> Limits:
        """Returns what the kernel lets each process use, where no control group counts it."""
        asked = asked or Limits()
        counted = MEMORY in self.groups.counted
        return replace(
            asked,
            data_bytes=None if counted else bounds.memory_bytes,
            file_bytes=_least(asked.file_bytes, bounds.file_bytes),
            processor_seconds=_least(asked.processor_seconds, bounds.processor_seconds),
            open_files=bounds.open_files,
            dumps=False,
        )

    async def start(
        self,
        command: Sequence[str],
        directory: Path,
        environment: Mapping[str, str],
        policy: Policy,
        *,
        line_bytes_max: int,
        data: bytes,
        errors_apart: bool,
        limits: Limits | None,
    ) -> ConfinedProcess:
        """Starts a command under `policy`; see `Processes.spawn`."""
        counted = PROCESSES in self.groups.counted
        wrapped = self.sandbox.wrap(command, directory, environment, policy, counted=counted)
        try:
            group = self.groups.make(self._entropy.random_bytes(8).hex(), policy.bounds)
        except OSError as error:
            raise EngineError(f"cannot count what {command[0]!r} uses: {error}") from error
        try:
            process = await self._processes.spawn(
                wrapped.command,
                directory=Path("/") if wrapped.proxies else directory,
                environment=wrapped.environment,
                line_bytes_max=line_bytes_max,
                data=data,
                errors_apart=errors_apart,
                limits=replace(self.limits(policy.bounds, limits), groups=group.folders),
                handed=wrapped.handed,
                proxies=wrapped.proxies,
            )
        except BaseException:
            await group.remove()
            raise
        return ConfinedProcess(process, group, proxied=wrapped.proxies > 0)


class ConfinedProcesses:
    """`micro.ports.Processes` under one policy."""

    def __init__(self, confinement: Confinement, policy: Policy) -> None:
        self._confinement = confinement
        self._policy = policy

    async def spawn(
        self,
        command: Sequence[str],
        *,
        directory: Path,
        environment: Mapping[str, str],
        line_bytes_max: int = 65_536,
        data: bytes = b"",
        errors_apart: bool = False,
        limits: Limits | None = None,
        handed: Mapping[str, Handed] = NOTHING,
        proxies: int = 0,
    ) -> Process:
        if handed or proxies:
            raise EngineError("a confined command is handed what its policy says, and nothing else")
        return await self._confinement.start(
            command,
            directory,
            environment,
            self._policy,
            line_bytes_max=line_bytes_max,
            data=data,
            errors_apart=errors_apart,
            limits=limits,
        )


class ConfinedProcess:
    """`micro.ports.Process` in a sandbox; when it has ended, so has all that it started."""

    def __init__(self, process: Process, group: Group, *, proxied: bool) -> None:
        self._process = process
        self._group = group
        self._proxied = proxied
        self._overran = False
        self._ending = asyncio.ensure_future(self._end())
        self._watching = asyncio.ensure_future(self._watch()) if group.spares else None

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def overran(self) -> bool:
        return self._overran

    async def wait(self) -> int:
        return await asyncio.shield(self._ending)

    async def read(self, count: int, *, errors: bool = False) -> bytes:
        return await self._process.read(count, errors=errors)

    async def read_line(self) -> bytes:
        return await self._process.read_line()

    def close(self) -> None:
        self._process.close()

    def signal(self, number: int) -> None:
        self._process.signal(number)

    def hand(self, name: str, path: Path) -> None:
        self._process.hand(name, path)

    async def _end(self) -> int:
        code = await self._process.wait()
        if self._watching is not None:
            self._watching.cancel()
        self._overran = self._group.overran()
        await self._group.remove()
        return 128 - code if self._proxied and code in SIGNAL_CODES else code

    async def _watch(self) -> None:
        """Ends a guest that lost a process for want of memory: half of it is of no use to anybody."""
        with contextlib.suppress(asyncio.CancelledError):
            while not self._group.overran():  # noqa: ASYNC110 - the kernel tells nobody
                await asyncio.sleep(WATCH_SECONDS)
            self._process.signal(signal.SIGKILL)


def _least(*bounds: int | None) -> int | None:
    return min((bound for bound in bounds if bound is not None), default=None)
