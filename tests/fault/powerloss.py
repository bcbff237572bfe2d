"""A disk that forgets: an SQLite file system in memory that records every write, so that power can fail after each.

What was written and not synced may be there after a power loss, or not, or in part (whole sectors), each write for
itself, so in any order. What was synced is there. A file that was made may be missing, and one that was deleted may be
back, until the folder is synced; SQLite's own file system does that when it syncs a new log or journal for the first
time (`UNIXFILE_DIRSYNC`), and so does this one.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import apsw

from micro.errors import EngineError
from micro.ports import Entry
from micro.system import SystemDisk
from micro.testing.vfs import SECTOR_BYTES, MemoryFile, MemoryFileSystem, name_of


@dataclass(frozen=True)
class Step:
    """One thing the disk was told: `kind` is create, write, truncate, sync or delete."""

    kind: str
    name: str
    offset: int = 0
    data: bytes = b""


def apply(content: bytearray, step: Step) -> None:
    """Does a write or a truncation."""
    if step.kind == "truncate":
        del content[step.offset :]
        return
    if len(content) < step.offset:
        content.extend(bytes(step.offset - len(content)))
    content[step.offset : step.offset + len(step.data)] = step.data


class _File(MemoryFile):
    """What SQLite sees of one open file."""

    def __init__(self, disk: ForgetfulDisk, name: str) -> None:
        self._disk = disk
        self._name = name
        if name not in disk.files:
            disk.record(Step("create", name))
        self._content = disk.files.setdefault(name, bytearray())

    def xRead(self, amount: int, offset: int) -> bytes:  # noqa: N802 - SQLite's names
        return bytes(self._content[offset : offset + amount])

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        step = Step("write", self._name, offset, bytes(data))
        self._disk.record(step)
        apply(self._content, step)

    def xTruncate(self, size: int) -> None:  # noqa: N802
        step = Step("truncate", self._name, size)
        self._disk.record(step)
        apply(self._content, step)

    def xSync(self, flags: int) -> None:  # noqa: N802
        self._disk.record(Step("sync", self._name))

    def xFileSize(self) -> int:  # noqa: N802
        return len(self._content)


class _FileSystem(MemoryFileSystem):
    """What SQLite sees of the disk."""

    def __init__(self, disk: ForgetfulDisk) -> None:
        super().__init__("forgetful")
        self._disk = disk

    def xOpen(self, name: Any, flags: Any) -> Any:  # noqa: N802
        return _File(self._disk, name_of(name))

    def xDelete(self, name: str, sync: bool) -> None:  # noqa: N802
        self._disk.record(Step("delete", name, int(sync)))
        self._disk.files.pop(name, None)

    def xAccess(self, name: str, flags: int) -> bool:  # noqa: N802
        return name in self._disk.files


class ForgetfulDisk(SystemDisk):
    """`micro.ports.Disk` for databases in memory.

    Attributes:
        files: what every file holds now, synced or not.
        tape: all that was written since the beginning.
        fails: asked before each step; True makes it fail with an input/output error, and leave nothing behind.
    """

    def __init__(self, files: dict[str, bytes] | None = None) -> None:
        self.files = {name: bytearray(content) for name, content in (files or {}).items()}
        self.tape: list[Step] = []
        self.fails: Callable[[Step], bool] = lambda step: False
        self._system = _FileSystem(self)

    def record(self, step: Step) -> None:
        if self.fails(step):
            raise apsw.IOError("injected")
        self.tape.append(step)

    def database(self, path: Path, *, read_only: bool = False) -> apsw.Connection:
        try:
            connection = apsw.Connection(str(path), vfs=self._system.title)
        except apsw.Error as error:
            raise EngineError(f"cannot open the database {path.name}: {error}") from error
        connection.pragma("locking_mode", "exclusive")  # no memory is shared here, and a log needs it otherwise
        return connection

    def entries(self, path: Path) -> list[Entry]:
        return []

    def remove(self) -> None:
        """Takes the file system away again."""
        self._system.unregister()


@dataclass
class _Content:
    durable: bytearray = field(default_factory=bytearray)
    pending: list[Step] = field(default_factory=list)
    is_synced: bool = False
    is_named: bool = False


@dataclass
class _Folder:
    """What the disk holds for certain, and what it may hold."""

    contents: dict[str, _Content] = field(default_factory=dict)
    ghosts: dict[str, _Content] = field(default_factory=dict)

    def take(self, step: Step) -> None:
        content = self.contents.setdefault(step.name, _Content())
        if step.kind == "sync":
            for pending in content.pending:
                apply(content.durable, pending)
            content.pending.clear()
            if not content.is_synced and step.name.endswith(("-wal", "-journal")):
                self._sync()
            content.is_synced = True
        elif step.kind == "delete":
            self.ghosts[step.name] = self.contents.pop(step.name)
            if step.offset or not self.ghosts[step.name].is_named:
                del self.ghosts[step.name]
        elif step.kind != "create":
            content.pending.append(step)

    def _sync(self) -> None:
        self.ghosts.clear()
        for content in self.contents.values():
            content.is_named = True

    def survivors(self, chance: random.Random) -> dict[str, bytes]:
        """Returns the files as one power loss may leave them."""
        files = {}
        for name, content in self.contents.items():
            if content.is_named or chance.random() < 0.5:
                files[name] = _survivor(content, chance)
        for name, ghost in self.ghosts.items():
            if name not in files and chance.random() < 0.5:
                files[name] = _survivor(ghost, chance)
        return files


def power_losses(tape: list[Step], seeds: int) -> Iterator[tuple[int, dict[str, bytes]]]:
    """Yields, before every step and after the last, what a power loss leaves, once a seed: (steps done, files)."""
    folder = _Folder()
    for done in range(len(tape) + 1):
        for seed in range(seeds):
            yield done, folder.survivors(random.Random(done * 1_000 + seed))
        if done < len(tape):
            folder.take(tape[done])


def _survivor(content: _Content, chance: random.Random) -> bytes:
    found = bytearray(content.durable)
    share = chance.choice((0.0, 0.5, 0.9, 1.0))
    for step in content.pending:
        if chance.random() < share:
            apply(found, _torn(step, chance))
    return bytes(found)


def _torn(step: Step, chance: random.Random) -> Step:
    sectors = len(step.data) // SECTOR_BYTES
    if step.kind == "write" and sectors > 1 and chance.random() < 0.3:
        return Step("write", step.name, step.offset, step.data[: SECTOR_BYTES * chance.randrange(1, sectors + 1)])
    return step
