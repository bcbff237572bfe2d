"""The openings through which the house touches the world: time, chance, disk and processes.

Pure.

Code above asks for one of these and never for the clock, the random generator, a file or a child process itself,
so that a simulated world can wire the same node with other ones. The network's port is
`micro.network.transport`. The real ones are in `micro.system`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import apsw

__all__ = ["Clock", "Disk", "Entropy", "Process", "Processes"]


class Clock(Protocol):
    """Two readings of time, in seconds."""

    def now(self) -> float:
        """Returns the wall clock: seconds since 1970 in UTC. It may jump; use it for dates only."""

    def monotonic(self) -> float:
        """Returns a clock that never goes back, from an arbitrary start. Use it for durations and deadlines."""


class Entropy(Protocol):
    """Chance."""

    def random_bytes(self, count: int) -> bytes:
        """Returns `count` bytes that nobody can guess."""


class Disk(Protocol):
    """Files and databases below the node's home."""

    def database(self, path: Path, *, read_only: bool = False) -> apsw.Connection:
        """Opens (and, unless `read_only`, creates) an SQLite database file."""

    def read(self, path: Path) -> bytes | None:
        """Returns a file's bytes, or None where there is no such file."""

    def write(self, path: Path, data: bytes, *, mode: int = 0o600) -> None:
        """Replaces a file's content durably and at once: a reader sees the old bytes or the new ones."""


class Process(Protocol):
    """A child process."""

    @property
    def pid(self) -> int:
        """The operating system's number of it."""

    async def wait(self) -> int:
        """Waits for the end and returns the exit code, negative for a signal."""

    async def read_line(self) -> bytes:
        """Returns the next line of output (standard output and error together), or b"" at the end."""

    def signal(self, number: int) -> None:
        """Sends a signal to the process and all it started; nothing happens if they are gone."""


class Processes(Protocol):
    """Starting children."""

    async def spawn(
        self, command: Sequence[str], *, directory: Path, environment: Mapping[str, str], line_bytes_max: int = 65_536
    ) -> Process:
        """Starts `command` in `directory` with exactly `environment`, in a process group of its own that dies with us."""
