"""Control groups: what the kernel lets a guest use, counted over all its processes together.

A node makes groups below its own one, where it may: as root, in a container, or in a unit of systemd with
`Delegate=yes`. In version 1 each kind of counting has a tree of its own; a guest enters one group in each. In version 2
there is one tree, in which a group that holds processes hands nothing to groups below it: the node then moves aside
into a group `node`, if it is alone. What it may not do is left out, and told.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import signal
from dataclasses import dataclass
from pathlib import Path

from micro.runtime.sandbox.sandbox import Bounds

__all__ = ["MEMORY", "Group", "Groups"]

MEMORY, PROCESSES, PROCESSORS = "memory", "processes", "processors"
KINDS = {MEMORY: "memory", PROCESSES: "pids", PROCESSORS: "cpu"}
"""What is counted, and the kernel's word for it."""

PERIOD_MICROSECONDS = 100_000
REMOVALS_MAX = 200
REMOVAL_SECONDS = 0.005
"""The kernel takes a moment to clear away the last process of a group."""

PREFIX = "micro-"

OLD_SECONDS = 600.0
"""So long before us an empty group of another node was made, if that is certainly not about to put a guest into it."""


@dataclass(frozen=True)
class Group:
    """The group of one guest: a folder for each tree."""

    folders: tuple[Path, ...]
    overrun: Path | None = None
    """A file that tells of processes that were killed for want of memory."""

    spares: bool = False
    """Whether the kernel spares the others then."""

    def overran(self) -> bool:
        """Whether the kernel killed one of its processes for want of memory."""
        if self.overrun is None:
            return False
        try:
            lines = self.overrun.read_text().splitlines()  # `oom_kill 1`
        except OSError:
            return False
        return any(line.startswith("oom_kill ") and line != "oom_kill 0" for line in lines)

    async def remove(self) -> None:
        """Ends whoever is still in the group, and takes it away."""
        for folder in self.folders:
            for _ in range(REMOVALS_MAX):
                _end(folder)
                with contextlib.suppress(FileNotFoundError):
                    try:
                        folder.rmdir()
                    except OSError:  # the last process is still being cleared away
                        await asyncio.sleep(REMOVAL_SECONDS)
                        continue
                break


class Groups:
    """The groups below that of this process, for one node."""

    def __init__(self, name: str, mounts: str | None = None, own: str | None = None) -> None:
        """Finds out where groups can be made; `name` tells them from those of other nodes.

        Args:
            mounts: what stands in `/proc/self/mounts`.
            own: what stands in `/proc/self/cgroup`.
        """
        self._name = f"{PREFIX}{name}"
        self._first: dict[str, Path] = {}
        self._second: Path | None = None
        try:
            mounts = Path("/proc/self/mounts").read_text() if mounts is None else mounts
            own = Path("/proc/self/cgroup").read_text() if own is None else own
        except OSError:  # no Linux
            return
        self._find(mounts, own)

    @property
    def counted(self) -> frozenset[str]:
        """What can be counted: `memory`, `processes`, `processors`."""
        second = set()
        if self._second is not None:
            enabled = _read(self._second / "cgroup.subtree_control").split()
            second = {kind for kind, word in KINDS.items() if word in enabled}
        return frozenset(self._first) | second

    def make(self, guest: str, bounds: Bounds) -> Group:
        """Makes the group of a guest.

        Raises:
            OSError: the kernel refuses it.
        """
        folders: list[Path] = []
        try:
            for kind, folder in self._first.items():
                folders.append(_made(_made(folder) / guest))
                _limit_first(kind, folders[-1], bounds)
            if self._second is not None:
                folders.append(_made(_offering(self._second) / guest))
                _limit_second(folders[-1], bounds)
        except OSError:
            _remove(folders)
            raise
        if MEMORY in self._first:
            return Group(tuple(folders), self._first[MEMORY] / guest / "memory.oom_control", spares=True)
        return Group(tuple(folders), self._second / guest / "memory.events" if self._second is not None else None)

    def guests(self) -> list[Path]:
        """Returns the folders of all guests' groups."""
        return [one for folder in (*self._first.values(), self._second) if folder for one in _below(folder)]

    def clear(self) -> None:
        """Ends what a node before this one with the same name left when it was killed; no guest may be running.

        Groups of other nodes that nobody is in are removed: one that still runs makes its own again.
        """
        for folder in self.guests():
            _end(folder)
        for base in (*self._first.values(), *([self._second] if self._second else [])):
            others = [other for other in base.parent.glob(f"{PREFIX}*") if other != base]
            old = [one for other in others for one in (*_below(other), other)]
            _remove([one for one in old if _changed(base) - _changed(one) >= OLD_SECONDS])

    def close(self) -> None:
        """Removes what this node made, and what one before it with the same name left when it was killed."""
        _remove([*self.guests(), *self._first.values(), *([self._second] if self._second else [])])

    def _find(self, mounts: str, own: str) -> None:
        places = dict(line.split(":", 2)[1:] for line in own.splitlines())
        for line in mounts.splitlines():
            _, place, system, options, *_ = line.split(" ")
            if system == "cgroup":
                for kind, word in KINDS.items():
                    if word in options.split(",") and word in {one for key in places for one in key.split(",")}:
                        self._try_first(kind, Path(place) / _own_place(places, word))
            elif system == "cgroup2" and "" in places:
                self._try_second(Path(place) / places[""].lstrip("/"))

    def _try_first(self, kind: str, above: Path) -> None:
        with contextlib.suppress(OSError):
            self._first[kind] = _made(above / self._name)

    def _try_second(self, above: Path) -> None:
        """Uses version 2 for what the kernel counts there, if groups below ours can be given it."""
        offered = set(_read(above / "cgroup.controllers").split()) & set(KINDS.values())
        if not offered:
            return
        with contextlib.suppress(OSError):
            if not offered <= set(_read(above / "cgroup.subtree_control").split()):
                self._step_aside(above)
                _write(above / "cgroup.subtree_control", " ".join(f"+{word}" for word in sorted(offered)))
            self._second = _offering(above / self._name)

    @staticmethod
    def _step_aside(above: Path) -> None:
        """Moves this process into a group of its own, if nobody else is in the one it stands in."""
        if _read(above / "cgroup.procs").split() == [str(os.getpid())]:
            _write(_made(above / "node") / "cgroup.procs", "0")


def _offering(folder: Path) -> Path:
    """Returns a group of the second generation, made if need be, that hands on to groups below it what it can count."""
    known = set(_read(_made(folder) / "cgroup.subtree_control").split())
    missing = set(_read(folder / "cgroup.controllers").split()) & set(KINDS.values()) - known
    if missing:
        _write(folder / "cgroup.subtree_control", " ".join(f"+{word}" for word in sorted(missing)))
    return folder


def _own_place(places: dict[str, str], word: str) -> str:
    return next(place for key, place in places.items() if word in key.split(",")).lstrip("/")


def _limit_first(kind: str, folder: Path, bounds: Bounds) -> None:
    if kind == MEMORY:
        _write(folder / "memory.limit_in_bytes", str(bounds.memory_bytes))
        with contextlib.suppress(OSError):  # a kernel that does not count swap
            _write(folder / "memory.memsw.limit_in_bytes", str(bounds.memory_bytes))
    elif kind == PROCESSES:
        _write(folder / "pids.max", str(bounds.processes))
    elif bounds.processors:
        _write(folder / "cpu.cfs_period_us", str(PERIOD_MICROSECONDS))
        _write(folder / "cpu.cfs_quota_us", str(int(bounds.processors * PERIOD_MICROSECONDS)))


def _limit_second(folder: Path, bounds: Bounds) -> None:
    there = set(_read(folder / "cgroup.controllers").split())
    if "memory" in there:
        _write(folder / "memory.max", str(bounds.memory_bytes))
        _write(folder / "memory.oom.group", "1")
        with contextlib.suppress(OSError):  # a kernel without swap
            _write(folder / "memory.swap.max", "0")
    if "pids" in there:
        _write(folder / "pids.max", str(bounds.processes))
    if "cpu" in there and bounds.processors:
        _write(folder / "cpu.max", f"{int(bounds.processors * PERIOD_MICROSECONDS)} {PERIOD_MICROSECONDS}")


def _end(folder: Path) -> None:
    for process in _read(folder / "cgroup.procs").split():
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(process), signal.SIGKILL)


def _made(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    return folder


def _read(file: Path) -> str:
    try:
        return file.read_text()
    except OSError:
        return ""


def _write(file: Path, text: str) -> None:
    descriptor = os.open(file, os.O_WRONLY)  # never makes one: outside of the kernel's trees there is none to write
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)


def _changed(folder: Path) -> float:
    try:
        return folder.stat().st_mtime
    except OSError:  # gone meanwhile
        return math.inf


def _below(folder: Path) -> list[Path]:
    try:
        return [entry for entry in folder.iterdir() if entry.is_dir()]
    except OSError:
        return []


def _remove(folders: list[Path]) -> None:
    for folder in folders:
        with contextlib.suppress(OSError):  # somebody is in it, or it is gone
            folder.rmdir()
