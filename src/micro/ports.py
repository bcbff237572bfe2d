"""The openings through which the house touches the world: time, chance, disk and processes.

Pure.

Code above asks for one of these and never for the clock, the random generator, a file or a child process itself,
so that a simulated world can wire the same node with other ones. The network's port is
`micro.network.transport`. The real ones are in `micro.system`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

if TYPE_CHECKING:
    from pathlib import Path

    import apsw

__all__ = ["NOTHING", "Access", "Clock", "Disk", "Entropy", "Entry", "Handed", "Limits", "Post", "Process", "Processes"]

Access = Literal["private", "open", "foreign"]
"""Who may look into a folder: only we, others as well, or it belongs to another user."""


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


@dataclass(frozen=True)
class Entry:
    """One name in a folder.

    Attributes:
        name: the name itself, without its folder.
        kind: what it is; a link is never followed.
        size: bytes of a file, 0 for anything else.
        modified: when its content last changed, in seconds since 1970.
        executable: whether its owner may run it.
    """

    name: str
    kind: Literal["file", "folder", "link", "other"]
    size: int
    modified: float
    executable: bool


class Disk(Protocol):
    """Files and databases below the node's home. Every method blocks, and raises OSError as the system does."""

    def database(self, path: Path, *, read_only: bool = False) -> apsw.Connection:
        """Opens (and, unless `read_only`, creates) an SQLite database file."""

    def read(self, path: Path) -> bytes | None:
        """Returns a file's bytes, or None where there is no such file."""

    def write(self, path: Path, data: bytes, *, mode: int = 0o600) -> None:
        """Replaces a file's content durably and at once: a reader sees the old bytes or the new ones."""

    def make_folder(self, path: Path) -> None:
        """Creates a folder of the owner's alone, and those above it; an existing one is left as it is."""

    def access(self, path: Path) -> Access:
        """Says who may look into a folder or a file that is there."""

    def make_private(self, path: Path) -> None:
        """Closes a folder of ours to everybody else."""

    def lock(self, path: Path) -> Callable[[], None] | None:
        """Takes a file, made where needed, for this process alone.

        Returns what gives it back; the end of the process does so, too. None where another process has it.
        """

    def entries(self, path: Path) -> list[Entry]:
        """Returns what a folder holds, sorted by name; nothing where there is no such folder."""

    def create(self, path: Path, data: bytes, *, executable: bool = False) -> None:
        """Writes a file that must not exist yet, to be read only; follows no link; not durable by itself."""

    def append(self, path: Path, data: bytes) -> int:
        """Adds to a file, creating it where needed, and returns its size in bytes; not durable by itself."""

    def read_part(self, path: Path, offset: int, count: int) -> bytes:
        """Returns up to `count` bytes from `offset` on (from the end, if negative); nothing where there is no file."""

    def move(self, path: Path, target: Path) -> None:
        """Renames a file or folder at once; a file takes the place of one already there."""

    def link(self, path: Path, target: Path) -> None:
        """Gives a file or a socket another name, at which it stays when the first one is removed."""

    def remove(self, path: Path) -> None:
        """Removes a file, a link (not what it leads to), or a folder with all it holds, if there is one."""


@dataclass(frozen=True)
class Limits:
    """What the kernel lets a child use, each process of it by itself; None is no limit.

    Attributes:
        memory_bytes: address space.
        file_bytes: size of any one file it writes.
        processor_seconds: time on a processor.
        data_bytes: memory that is its own and can be written; what is only reserved does not count.
        open_files: numbers of files and sockets.
        groups: folders of control groups that it enters, with all that it starts.
        dumps: whether the kernel may write down its memory when it crashes.
    """

    memory_bytes: int | None = None
    file_bytes: int | None = None
    processor_seconds: int | None = None
    data_bytes: int | None = None
    open_files: int | None = None
    groups: tuple[Path, ...] = ()
    dumps: bool = True


Handed: TypeAlias = "bytes | Path | None"
"""What a child finds open: bytes to read, a Unix socket that listens at a path and is made for it, or (None) a channel
by which it is handed such sockets later, see `Process.hand`."""

NOTHING: Mapping[str, Handed] = {}
"""Nothing is handed over."""


class Process(Protocol):
    """A child process."""

    @property
    def pid(self) -> int:
        """The operating system's number of it; before it is there, that of its first proxy."""

    @property
    def overran(self) -> bool:
        """Whether it has ended because it, or what it started, used too much memory; False where nobody counts."""

    async def wait(self) -> int:
        """Waits for the end and returns the exit code, negative for a signal."""

    async def read(self, count: int, *, errors: bool = False) -> bytes:
        """Returns the next 1 to `count` bytes of output (of standard error, if that is kept apart), or b"" at the end.

        The end may come later than that of the process: what it started may hold its output open.
        """

    async def read_line(self) -> bytes:
        """Returns the next line of output (standard output and error together), or b"" at the end."""

    def close(self) -> None:
        """Lets go of its output: nobody reads it any more."""

    def signal(self, number: int) -> None:
        """Sends a signal to the process and all it started; nothing happens if they are gone."""

    def hand(self, name: str, path: Path) -> None:
        """Makes a Unix socket that listens at a path, and hands it over the channel in a message that says `name`.

        Raises:
            EngineError: the child has no channel, or does not take what it is handed.
        """


class Processes(Protocol):
    """Starting children."""

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
        """Starts `command` in `directory` with exactly `environment`, in a process group of its own that dies with us.

        Args:
            line_bytes_max: how long a line `read_line` hands on; output is held back beyond twice as much.
            data: what the child finds on its standard input, which is closed after it.
            errors_apart: whether standard error is a stream of its own instead of part of the output.
            limits: what the kernel lets it use.
            handed: what it finds open. A word of the command that is such a name becomes the number it is open as.
            proxies: how many processes that only wait for the next one stand before the real one, as those of a sandbox
                do. They are passed over: a signal that asks goes to what they started, one that kills takes all.

        Raises:
            EngineError: the command cannot be started.
        """


class Post(Protocol):
    """Posts to a web server that the owner named in a setting."""

    async def __call__(
        self, url: str, body: bytes, headers: Mapping[str, str], *, bytes_max: int, seconds_max: float
    ) -> tuple[int, bytes]:
        """Returns the status and the body of the answer; nothing is followed to another place.

        Raises:
            Unavailable: it is not reached, says nothing for `seconds_max`, or says more than `bytes_max`.
        """
