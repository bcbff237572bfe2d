"""A disk in memory that forgets, when its machine loses power, what was written and not synced.

What was synced is there afterwards. What was not may be there, or not, or in part (whole sectors), each write for
itself and so in any order. A file that was made may be missing until its folder is synced; SQLite's own file system
does that when it syncs a new log for the first time, and so does this one. A process that ends loses nothing: the
system has what it wrote.
"""

from __future__ import annotations

import contextlib
import errno
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import apsw

from micro.errors import EngineError
from micro.ports import Access, Entry
from micro.testing.loop import LIFE
from micro.testing.vfs import SECTOR_BYTES, MemoryFile, MemoryFileSystem, name_of

__all__ = ["MemoryDisk"]

SHARES_KEPT = (0.0, 0.5, 0.9, 1.0)
"""How many of a file's unsynced writes a power loss may leave."""
CHANGES_KEPT = 16_384
"""A file with more synced changes has them put together."""
TORN = 0.3
"""How often such a write is left in part."""


@dataclass(slots=True)
class _Content:
    """A file: what programs see, and what the disk has: a beginning, what was synced on top of it, and what was not.

    Changes are (offset, data); they are only put together when the power goes.
    """

    seen: bytearray = field(default_factory=bytearray)
    durable: bytes = b""
    synced: list[tuple[int, bytes | None]] = field(default_factory=list)
    pending: list[tuple[int, bytes | None]] = field(default_factory=list)
    is_synced: bool = False
    is_named: bool = False
    mode: int = 0o600

    def change(self, offset: int, data: bytes | None) -> None:
        """Writes at an offset, or cuts there where the data is None."""
        _apply(self.seen, offset, data)
        self.pending.append((offset, data))

    def sync(self) -> None:
        """Puts all of it on the disk."""
        self.synced += self.pending
        self.pending.clear()
        self.is_synced = True
        if len(self.synced) > CHANGES_KEPT:
            self.durable, self.synced = bytes(self._on_disk()), []

    def _on_disk(self) -> bytearray:
        found = bytearray(self.durable)
        for offset, data in self.synced:
            _apply(found, offset, data)
        return found

    def copy(self) -> _Content:
        """Returns the same file, which those who have this one open cannot reach."""
        lists = list(self.synced), list(self.pending)
        return _Content(bytearray(self.seen), self.durable, *lists, self.is_synced, self.is_named, self.mode)

    def survivor(self, chance: random.Random) -> _Content:
        """Returns what one power loss may leave."""
        found = self._on_disk()
        share = chance.choice(SHARES_KEPT)
        for offset, data in self.pending:
            if chance.random() < share:
                _apply(found, offset, _torn(data, chance))
        return _Content(found, bytes(found), is_synced=True, is_named=True, mode=self.mode)


def _apply(content: bytearray, offset: int, data: bytes | None) -> None:
    if data is None:
        del content[offset:]
        return
    if len(content) < offset:
        content.extend(bytes(offset - len(content)))
    content[offset : offset + len(data)] = data


def _torn(data: bytes | None, chance: random.Random) -> bytes | None:
    sectors = len(data) // SECTOR_BYTES if data is not None else 0
    if data is not None and sectors > 1 and chance.random() < TORN:
        return data[: SECTOR_BYTES * chance.randrange(1, sectors + 1)]
    return data


class MemoryDisk:
    """`micro.ports.Disk` of one simulated machine.

    Attributes:
        before_step: told of each write, cut, sync and removal of a database file before it is done; it may raise.
        steps: how many of these there were.
    """

    def __init__(self, chance: random.Random) -> None:
        self.before_step: Callable[[str, str], None] = lambda kind, name: None
        self.steps = 0
        self._chance = chance
        self._files: dict[str, _Content] = {}
        self._folders: dict[str, None] = {}
        self._locks: dict[str, None] = {}
        self._systems = [_FileSystem(self)]
        self._connections: list[apsw.Connection] = []

    # -- what happens to it -------------------------------------------------------------------------------------------

    def lose_power(self) -> None:
        """Forgets, as chance has it, what was not synced."""
        kept = {}
        for name, content in self._files.items():
            if content.is_named or self._chance.random() < 0.5:
                kept[name] = content.survivor(self._chance)
        self._files = kept
        self._start_over()

    def lose_process(self) -> None:
        """Lets go of what a program had open; all that it wrote is there."""
        self._files = {name: content.copy() for name, content in self._files.items()}
        self._start_over()

    def wipe(self) -> None:
        """Forgets everything: a new disk was put in."""
        self._files, self._folders = {}, {}
        self._start_over()

    def _start_over(self) -> None:
        """Whatever is open keeps what it had and reaches nothing here any more."""
        self._systems[-1].is_over = True
        self._systems.append(_FileSystem(self))
        self._locks.clear()

    def close(self) -> None:
        """Takes the file systems away again, and all that was opened on them: SQLite holds what holds it."""
        for system in self._systems:
            system.is_over = True
            system.unregister()
        for connection in self._connections:
            with contextlib.suppress(apsw.Error):
                connection.close(force=True)
        self._connections.clear()

    def step(self, kind: str, name: str) -> None:
        """Counts one step of SQLite's; refuses it to programs that are over."""
        try:
            self._check()
            self.steps += 1
            self.before_step(kind, name)
        except OSError as error:
            raise apsw.IOError(str(error)) from error

    @staticmethod
    def _check() -> None:
        life = LIFE.get()
        if life is not None and not life.alive:
            raise OSError(errno.EIO, f"{life.name} is over and writes no more")

    def sync(self, name: str, content: _Content) -> None:
        """Puts a file on the disk, and with the first sync of a log the names of all."""
        if not content.is_synced and name.endswith(("-wal", "-journal")):
            for each in self._files.values():
                each.is_named = True
        content.sync()

    # -- databases ----------------------------------------------------------------------------------------------------

    def database(self, path: Path, *, read_only: bool = False) -> apsw.Connection:
        self._check()
        try:
            connection = apsw.Connection(str(path), vfs=self._systems[-1].title)
        except apsw.Error as error:
            raise EngineError(f"cannot open the database {path.name}: {error}") from error
        self._connections.append(connection)
        connection.pragma("locking_mode", "exclusive")  # no memory is shared here, and a log needs it otherwise
        return connection

    # -- files --------------------------------------------------------------------------------------------------------

    def read(self, path: Path) -> bytes | None:
        content = self._files.get(str(path))
        return bytes(content.seen) if content is not None else None

    def write(self, path: Path, data: bytes, *, mode: int = 0o600) -> None:
        self._check()
        self._files[str(path)] = _Content(bytearray(data), bytes(data), is_synced=True, is_named=True, mode=mode)

    def create(self, path: Path, data: bytes, *, executable: bool = False) -> None:
        self._check()
        if str(path) in self._files:
            raise FileExistsError(errno.EEXIST, "File exists", str(path))
        self.file(str(path)).change(0, data)
        self._files[str(path)].mode = 0o500 if executable else 0o400

    def append(self, path: Path, data: bytes) -> int:
        self._check()
        content = self.file(str(path))
        content.change(len(content.seen), data)
        return len(content.seen)

    def read_part(self, path: Path, offset: int, count: int) -> bytes:
        content = self.read(path) or b""
        start = min(offset, len(content)) if offset >= 0 else max(0, len(content) + offset)
        return content[start : start + count]

    def file(self, name: str) -> _Content:
        """Returns a file, made where there is none."""
        return self._files.setdefault(name, _Content())

    def has(self, name: str) -> bool:
        """Says whether there is such a file."""
        return name in self._files

    def forget(self, name: str) -> None:
        """Removes a file."""
        self._files.pop(name, None)

    # -- folders ------------------------------------------------------------------------------------------------------

    def make_folder(self, path: Path) -> None:
        self._check()
        for each in (path, *path.parents):
            self._folders[str(each)] = None

    def access(self, path: Path) -> Access:
        if str(path) not in self._folders and str(path) not in self._files:
            raise FileNotFoundError(errno.ENOENT, "No such file or directory", str(path))
        return "private"

    def make_private(self, path: Path) -> None:
        """Everything here is."""

    def lock(self, path: Path) -> Callable[[], None] | None:
        self._check()
        name = str(path)
        if name in self._locks:
            return None
        self._locks[name] = None
        return lambda: self._locks.pop(name, None)

    def entries(self, path: Path) -> list[Entry]:
        within = f"{path}/"
        found: dict[str, Entry] = {}
        for name in (*self._folders, *self._files):
            if name.startswith(within) and name != within:
                first, _, rest = name.removeprefix(within).partition("/")
                content = self._files.get(name)
                if rest or content is None:
                    found[first] = Entry(first, "folder", size=0, modified=0.0, executable=False)
                else:
                    runs = bool(content.mode & 0o100)
                    found[first] = Entry(first, "file", size=len(content.seen), modified=0.0, executable=runs)
        return [found[name] for name in sorted(found)]

    def move(self, path: Path, target: Path) -> None:
        self._check()
        for old in [name for name in self._files if name == str(path) or name.startswith(f"{path}/")]:
            self._files[f"{target}{old.removeprefix(str(path))}"] = self._files.pop(old)
        for old in [name for name in self._folders if name == str(path) or name.startswith(f"{path}/")]:
            self._folders[f"{target}{old.removeprefix(str(path))}"] = self._folders.pop(old)

    def link(self, path: Path, target: Path) -> None:
        self._check()
        self._files[str(target)] = self._files[str(path)]

    def remove(self, path: Path) -> None:
        self._check()
        for known in (self._files, self._folders):
            for name in [name for name in known if name == str(path) or name.startswith(f"{path}/")]:
                del known[name]


class _File(MemoryFile):
    """What SQLite sees of one open file."""

    def __init__(self, system: _FileSystem, disk: MemoryDisk, name: str) -> None:
        self._system = system
        self._disk = disk
        self._name = name
        self._content = disk.file(name)

    def xRead(self, amount: int, offset: int) -> bytes:  # noqa: N802 - SQLite's names
        return bytes(self._content.seen[offset : offset + amount])

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        self._step("write")
        self._content.change(offset, bytes(data))

    def xTruncate(self, size: int) -> None:  # noqa: N802
        self._step("cut")
        self._content.change(size, None)

    def xSync(self, flags: int) -> None:  # noqa: N802
        self._step("sync")
        if not self._system.is_over:
            self._disk.sync(self._name, self._content)

    def _step(self, kind: str) -> None:
        if not self._system.is_over:
            self._disk.step(kind, self._name)

    def xFileSize(self) -> int:  # noqa: N802
        return len(self._content.seen)


class _FileSystem(MemoryFileSystem):
    """What SQLite sees of the disk."""

    def __init__(self, disk: MemoryDisk) -> None:
        super().__init__("world")
        self.is_over = False
        self._disk = disk

    def xOpen(self, name: Any, flags: Any) -> Any:  # noqa: N802 - SQLite's names
        return _File(self, self._disk, name_of(name))

    def xDelete(self, name: str, sync: bool) -> None:  # noqa: N802
        if not self.is_over:
            self._disk.step("remove", name)
            self._disk.forget(name)

    def xAccess(self, name: str, flags: int) -> bool:  # noqa: N802
        return self._disk.has(name)
