"""The seam for what confines a guest: what it may see and use, and a command that starts it so.

Pure.

A sandbox turns a command into another one that runs it confined. It starts nothing itself: `confinement` does, and
`probe` finds out whether it holds what it promises on this machine.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pathlib import Path

    from micro.ports import Handed

__all__ = ["CHANNEL", "DIRECT", "MEGABYTE", "Bounds", "Policy", "Sandbox", "Wrapped"]

MEGABYTE = 1_048_576

DIRECT = "@direct"
"""As the value of a variable, and as a word of a command: the number of the socket of `Policy.direct`."""

CHANNEL = "@channel"
"""As a word of a command: the number of the channel by which it is handed sockets later."""


@dataclass(frozen=True)
class Bounds:
    """How much a guest may use, all its processes together where the kernel can count so.

    Attributes:
        memory_bytes: memory, what lies in its private folder included.
        processes: processes and threads.
        open_files: files and sockets of one process.
        file_bytes: size of one file.
        private_bytes: what its private folder holds.
        processors: processors that it may keep busy, such as 0.5; 0 is all, in equal parts with other guests.
        processor_seconds: time on a processor of one process, None for services, which shall go on.
    """

    memory_bytes: int = 1024 * MEGABYTE
    processes: int = 256
    open_files: int = 1024
    file_bytes: int = 256 * MEGABYTE
    private_bytes: int = 256 * MEGABYTE
    processors: float = 0.0
    processor_seconds: int | None = None


@dataclass(frozen=True)
class Policy:
    """What one guest may see and use; everything else is not there for it.

    Attributes:
        readable: folders and files that it sees where they are, and cannot change.
        writable: folders that it sees where they are, and may write into.
        sockets: Unix sockets that it may connect to.
        network: whether it may use the machine's network.
        private: a folder of its own on this machine, empty; a sandbox that makes one itself does without.
        direct: where a socket shall listen that it is handed, open already.
        channel: whether it is handed more of them later, where the sandbox hands sockets.
        bounds: how much it may use.
    """

    readable: tuple[Path, ...] = ()
    writable: tuple[Path, ...] = ()
    sockets: tuple[Path, ...] = ()
    network: bool = False
    private: Path | None = None
    direct: Path | None = None
    channel: bool = False
    bounds: Bounds = field(default_factory=Bounds)


@dataclass(frozen=True)
class Wrapped:
    """A command that runs another one confined.

    Attributes:
        command: its words.
        environment: its own variables; those of the guest are handed to it in a way that cannot touch it.
        handed: what it finds open, as `Processes.spawn` takes it.
        proxies: how many processes stand before that of the guest, as `Processes.spawn` takes it.
    """

    command: tuple[str, ...]
    environment: Mapping[str, str]
    handed: Mapping[str, Handed]
    proxies: int


class Sandbox(Protocol):
    """One way to confine."""

    @property
    def name(self) -> str:
        """What it is called in settings and in what a node says of itself."""

    @property
    def confines(self) -> bool:
        """Whether it keeps anything from a guest."""

    @property
    def hands_sockets(self) -> bool:
        """Whether a guest can be handed a socket that listens."""

    def wrap(
        self, command: Sequence[str], directory: Path, environment: Mapping[str, str], policy: Policy, *, counted: bool
    ) -> Wrapped:
        """Returns how `command` is started under `policy`.

        Args:
            command: the guest's program and its arguments.
            directory: where it stands; readable.
            environment: all the variables it gets.
            counted: whether control groups count its memory and its processes already.
        """
