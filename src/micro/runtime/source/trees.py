"""Keeps fetched trees under the hash of their content: a revision is fetched once, and damage is noticed."""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections import deque
from collections.abc import Callable, Collection, Iterator
from pathlib import Path, PurePosixPath

from micro.ports import Disk, Entropy, Entry

__all__ = ["Draft", "Trees", "tree_hash", "walk"]

DRAFT_PREFIX = ".new-"
KEYS_FOLDER = "revisions"
PASSED_OVER = frozenset({"__pycache__"})
"""Folders that interpreters leave behind: no part of a tree."""

TREES_MAX = 64
"""How many trees are kept that no service uses."""

TREES_BYTES_MAX = 1_000_000_000
"""How large they may be together."""

KEYS_MAX = 10_000
"""How many revisions are remembered to be one of the trees."""

RECENT_MAX = 16
"""So many trees that were asked for last are kept in any case: a service may be about to be made of one."""

FILES_MAX = 50_000
"""How many files of a folder are looked at; a fetched tree has fewer."""


def walk(disk: Disk, folder: Path, passed_over: Callable[[Entry], bool]) -> Iterator[tuple[PurePosixPath, Entry]]:
    """Yields every file and link below `folder` with its path from there, in a fixed order, up to `FILES_MAX`."""
    waiting = [PurePosixPath()]
    count = 0
    while waiting:
        place = waiting.pop()
        for entry in disk.entries(folder / place):
            if passed_over(entry):
                continue
            if entry.kind == "folder":
                waiting.append(place / entry.name)
                continue
            yield place / entry.name, entry
            count += 1
            if count >= FILES_MAX:
                return


def tree_hash(files: Collection[tuple[str, bool, str]]) -> str:
    """Returns the name of a tree: SHA-256 over its files' paths, modes and SHA-256s, as 64 hexadecimal digits."""
    total = hashlib.sha256(b"micro-tree-v1\0")
    for path, executable, content in sorted(files):
        total.update(f"{path}\0{'x' if executable else '-'}\0{content}\n".encode())
    return total.hexdigest()


class Trees:
    """The folder `sources/` of a node's home."""

    def __init__(self, disk: Disk, entropy: Entropy, folder: Path) -> None:
        self._disk = disk
        self._entropy = entropy
        self._recent: deque[str] = deque(maxlen=RECENT_MAX)
        self.folder = folder

    def draft(self) -> Draft:
        """Begins a new tree."""
        place = self.folder / f"{DRAFT_PREFIX}{self._entropy.random_bytes(8).hex()}"
        self._disk.make_folder(place / "tree")
        return Draft(self._disk, self.folder, place)

    def find(self, key: str) -> str | None:
        """Returns the hash of the tree filed under `key` if it is here and unharmed; reads all of it."""
        filed = self._disk.read(self._key_path(key))
        name = (filed or b"").decode("ascii", "replace").strip()
        if not re.fullmatch(r"[0-9a-f]{64}", name) or not self.is_whole(name):
            return None
        with contextlib.suppress(OSError):  # a full disk takes nothing, and what is on it is there
            self.remember(key, name)  # once more, so that it counts as young
        return name

    def is_whole(self, name: str) -> bool:
        """Whether the tree of that hash is here with every byte in place."""
        place = self.folder / name
        files = []
        for path, entry in walk(self._disk, place, lambda entry: entry.name in PASSED_OVER):
            if entry.kind != "file":
                return False
            content = hashlib.sha256(self._disk.read(place / path) or b"").hexdigest()
            files.append((str(path), entry.executable, content))
        return bool(files) and tree_hash(files) == name

    def remember(self, key: str, name: str) -> None:
        """Files the tree of hash `name` under `key`, which may be any text."""
        self._disk.make_folder(self.folder / KEYS_FOLDER)
        self._disk.write(self._key_path(key), name.encode())
        self._recent.append(name)

    def clear(self) -> None:
        """Removes what a crash left half done; nobody may be drafting."""
        for entry in self._disk.entries(self.folder):
            if entry.name.startswith(DRAFT_PREFIX):
                self._disk.remove(self.folder / entry.name)

    def sweep(self, used: Collection[str]) -> None:
        """Removes the oldest trees that are not in `used`, beyond `TREES_MAX` and `TREES_BYTES_MAX`, and old keys."""
        names, spared = re.compile(r"[0-9a-f]{64}"), {*used, *self._recent}
        found = [entry for entry in self._disk.entries(self.folder) if names.fullmatch(entry.name)]
        idle = [entry for entry in found if entry.name not in spared]
        total = 0
        for kept, entry in enumerate(sorted(idle, key=lambda entry: entry.modified, reverse=True)):
            total += self._size(entry.name)
            if kept >= TREES_MAX or total > TREES_BYTES_MAX:
                self._disk.remove(self.folder / entry.name)
        keys = sorted(self._disk.entries(self.folder / KEYS_FOLDER), key=lambda entry: entry.modified)
        for entry in keys[: max(0, len(keys) - KEYS_MAX)]:
            self._disk.remove(self.folder / KEYS_FOLDER / entry.name)

    def _size(self, name: str) -> int:
        return sum(entry.size for _, entry in walk(self._disk, self.folder / name, lambda entry: False))

    def _key_path(self, key: str) -> Path:
        return self.folder / KEYS_FOLDER / hashlib.sha256(key.encode()).hexdigest()


class Draft:
    """A tree that is being written; `finish` or `discard` it."""

    def __init__(self, disk: Disk, home: Path, folder: Path) -> None:
        self._disk = disk
        self._home = home
        self._files: list[tuple[str, bool, str]] = []
        self._folders = {PurePosixPath()}
        self.folder = folder

    def add(self, path: str, data: bytes, *, executable: bool) -> None:
        """Writes a file. `path` has passed `rules.check_entries`: it leads down, and no file stands in its way."""
        place = PurePosixPath(path)
        if place.parent not in self._folders:
            self._disk.make_folder(self.folder / "tree" / place.parent)
            self._folders.add(place.parent)
        self._disk.create(self.folder / "tree" / place, data, executable=executable)
        self._files.append((path, executable, hashlib.sha256(data).hexdigest()))

    def finish(self) -> str:
        """Puts the tree in its place and returns its hash; an equal tree that was there is replaced."""
        name = tree_hash(self._files)
        target = self._home / name
        self._disk.remove(target)
        self._disk.move(self.folder / "tree", target)
        self.discard()
        return name

    def discard(self) -> None:
        """Removes what was written."""
        self._disk.remove(self.folder)
