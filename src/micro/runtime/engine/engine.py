"""The seam for what a service runs in.

An engine starts what a plan of its kind describes, and hands back an instance. Whether that is a process, a sandboxed
one or a guest of a WebAssembly worker is its own affair.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

__all__ = ["Engine", "EngineInstance", "Launch", "Output"]

Output = Callable[[str, str], Awaitable[None]]
"""Is given each line that an instance writes: the stream (`out` or `err`) and the text. It may take its time."""


@dataclass(frozen=True)
class Launch:
    """All that an engine needs to start an instance.

    Attributes:
        command: a program and its arguments.
        directory: the tree it stands in, only to be read.
        environment: all the variables it gets.
        readable: what else it reads: its interpreter, its packages.
        network: whether it may use the machine's network.
        door: the socket at which it reaches its node.
        private: a folder of its own, empty.
    """

    command: tuple[str, ...]
    directory: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    readable: tuple[Path, ...] = ()
    network: bool = False
    door: Path | None = None
    private: Path | None = None


class EngineInstance(Protocol):
    """Something that runs."""

    @property
    def pid(self) -> int:
        """The number of the process that it is, or is in."""

    @property
    def cause(self) -> str:
        """Why it ended, as `for it did this`, where its engine knows more than the exit code says; "" otherwise."""

    async def wait(self) -> int:
        """Waits for its end and returns the exit code, negative for a signal; any number may wait."""

    def signal(self, number: int) -> None:
        """Sends a signal to all of it; nothing happens if it is gone."""

    async def stop(self, grace_seconds: float) -> int:
        """Asks it to end, makes it end when `grace_seconds` are over, and returns the exit code."""


class Engine(Protocol):
    """Starts instances of one kind of plan."""

    async def start(self, launch: Launch, output: Output) -> EngineInstance:
        """Starts an instance.

        Raises:
            EngineError: it cannot be started; the message says why.
        """
