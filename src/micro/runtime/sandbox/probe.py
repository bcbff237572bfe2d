"""Finds out whether a sandbox holds on this machine, by a guest that tries to get out of it.

What a kernel permits depends on its version, its settings and on what the node runs in; nothing but trying tells.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from dataclasses import dataclass, replace
from pathlib import Path

from micro.errors import EngineError, MicroError
from micro.network.transport.transport import Sockets
from micro.ports import Disk, Entropy
from micro.runtime.command import run_command
from micro.runtime.sandbox import trial
from micro.runtime.sandbox.confinement import Confinement
from micro.runtime.sandbox.sandbox import MEGABYTE, Bounds, Policy

__all__ = ["ESSENTIAL", "Isolation", "Probe"]

ESSENTIAL = ("files", "source", "processes", "sockets", "network", "rights", "machine")
"""Without one of these it is no sandbox."""

FURTHER = ("calls", "forks", "open files")
BOUNDS = Bounds(memory_bytes=64 * MEGABYTE, processes=24, open_files=64, private_bytes=MEGABYTE)
SECONDS_MAX = 20.0
OUTPUT_BYTES_MAX = 10_000
NO_FURTHER = "memory"
"""Tried by a guest of its own, which may well not survive it."""


@dataclass(frozen=True)
class Isolation:
    """How guests are kept on a node, as it was found by trying.

    Attributes:
        sandbox: its name; `none` where guests run as their owner does.
        holds: what guests were refused.
        lacks: what they were not refused, or what could not be tried.
        counted: what control groups count over all processes of a guest: `memory`, `processes`, `processors`.
    """

    sandbox: str
    holds: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()
    counted: tuple[str, ...] = ()

    @property
    def leaks(self) -> tuple[str, ...]:
        """What makes it no sandbox."""
        return tuple(name for name in ESSENTIAL if name not in self.holds)

    def to_dict(self) -> dict[str, object]:
        """Returns it as a node tells it."""
        return {
            "sandbox": self.sandbox,
            "holds": list(self.holds),
            "lacks": list(self.lacks),
            "counted": list(self.counted),
        }


class Probe:
    """Tries sandboxes.

    Args:
        program: the interpreter that runs the guest.
        readable: what that needs.
        folder: a folder of the node's home in which to put what is to be kept from the guest.
    """

    def __init__(
        self, program: Path, readable: tuple[Path, ...], folder: Path, *, disk: Disk, entropy: Entropy, sockets: Sockets
    ) -> None:
        self._program = program
        self._readable = (*readable, Path(trial.__file__).parent)
        self._folder = folder
        self._disk = disk
        self._entropy = entropy
        self._sockets = sockets

    async def try_out(self, confinement: Confinement) -> Isolation:
        """Returns what holds.

        Raises:
            EngineError: no guest can be started in this sandbox; the message says why.
        """
        source, secret = self._folder / "source", self._folder / "secret"
        await asyncio.to_thread(self._disk.remove, self._folder)
        self._disk.make_folder(source)
        self._disk.make_folder(self._folder / "private")
        self._disk.create(source / "trial", b"to be read")
        self._disk.create(secret, self._entropy.random_bytes(16))
        async with contextlib.AsyncExitStack() as ending:  # whoever is stopped anywhere in this leaves nothing
            ending.push_async_callback(asyncio.to_thread, self._disk.remove, self._folder)
            ending.callback((await self._sockets.listen(f"unix:{self._folder / 's'}", asyncio.Protocol)).close)
            port = await self._sockets.listen("tcp:127.0.0.1:0", asyncio.Protocol)
            ending.callback(port.close)
            tried = {
                "files": str(secret),
                "source": str(source),
                "processes": self._ourselves(),
                "sockets": str(self._folder / "s"),
                "network": port.address.rpartition(":")[2],
                "rights": "",
                "machine": "",
                "calls": "",
                "forks": str(BOUNDS.processes),
                "open files": str(BOUNDS.open_files),
            }
            policy = Policy(readable=self._readable, private=self._folder / "private", bounds=BOUNDS)
            holds = await self._run(confinement, source, policy, tried)
            holds |= await self._run(confinement, source, policy, {NO_FURTHER: str(BOUNDS.memory_bytes)}, dies=True)
        names = (*ESSENTIAL, *FURTHER, NO_FURTHER)
        found = Isolation(confinement.sandbox.name, counted=tuple(sorted(confinement.groups.counted)))
        return replace(
            found,
            holds=tuple(name for name in names if name in holds),
            lacks=tuple(name for name in names if name not in holds),
        )

    async def _run(
        self, confinement: Confinement, source: Path, policy: Policy, tried: dict[str, str], *, dies: bool = False
    ) -> set[str]:
        try:
            finished = await run_command(
                confinement.processes(policy),
                (str(self._program), "-I", "-S", trial.__file__, json.dumps(tried)),
                directory=source,
                environment={"PATH": "/usr/bin:/bin"},
                seconds_max=SECONDS_MAX,
                output_bytes_max=OUTPUT_BYTES_MAX,
            )
        except MicroError as error:
            raise EngineError(f"{confinement.sandbox.name}: {error}") from error
        if dies and finished.code < 0:
            return set(tried)
        if finished.code:
            said = finished.errors.decode("utf-8", "replace").strip().splitlines()
            raise EngineError(f"{confinement.sandbox.name}: {said[-1] if said else f'it ended with {finished.code}'}")
        return set(json.loads(finished.output)) & set(tried)

    def _ourselves(self) -> str:
        """Returns the number of this process and when it began, in ticks since the machine did."""
        status = self._disk.read(Path("/proc/self/stat")) or b""
        return f"{os.getpid()} {status.rpartition(b')')[2].split()[19].decode()}"
