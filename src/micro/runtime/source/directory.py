"""A folder on this machine as a source: it runs where it is, and nothing is written into it."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path

from micro.errors import SourceError
from micro.ports import Disk, Entry
from micro.runtime.source.source import Report, Revision, Tree
from micro.runtime.source.spec import SourceSpec
from micro.runtime.source.trees import tree_hash, walk

__all__ = ["DirectorySource"]

PASSED_OVER = frozenset({"__pycache__", "node_modules", "venv"})
"""Folders that hold what can be made again; those whose name begins with a dot are passed over too."""

HASHED_BYTES_MAX = 1_000_000
"""A larger file counts with its size and time instead of its content."""


class DirectorySource:
    """`Source` for working trees: a revision is the hash of what the folder holds now, as far as `walk` goes."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk

    async def newest(self, spec: SourceSpec) -> Revision:
        """Returns what the folder holds now."""
        folder = Path(spec.location) / spec.subpath
        if not folder.is_absolute():
            raise SourceError(
                f"{spec.location!r} is no git address, and no whole path of a folder: write for instance "
                "github.com/ann/greeter or /srv/greeter"
            )
        names = await asyncio.to_thread(self._names, folder)
        if not names:
            raise SourceError(f"{folder} is no folder, or there is nothing in it: name one that holds a service")
        if {"HEAD", "objects", "refs"} <= names:
            raise SourceError(f"{folder} is a git repository without working tree: add a version, as in {folder}@HEAD")
        return Revision(f"content-{await asyncio.to_thread(self._hash, folder)}")

    async def fetch(self, spec: SourceSpec, revision: Revision, report: Report) -> Tree:
        """Returns the folder itself; it may hold something newer than `revision` by now."""
        folder = Path(spec.location) / spec.subpath
        content = await asyncio.to_thread(self._hash, folder)
        return Tree(folder, Revision(f"content-{content}"), content)

    def _names(self, folder: Path) -> set[str]:
        try:
            return {entry.name for entry in self._disk.entries(folder)}
        except NotADirectoryError as error:
            raise SourceError(f"{folder} is a file: name the folder that holds the service") from error
        except OSError as error:
            raise SourceError(f"cannot look into {folder}: {error.strerror or error}") from error

    def _hash(self, folder: Path) -> str:
        files = []
        try:
            for path, entry in walk(self._disk, folder, _is_passed_over):
                if entry.kind == "file" and entry.size <= HASHED_BYTES_MAX:
                    content = hashlib.sha256(self._disk.read(folder / path) or b"").hexdigest()
                else:
                    content = f"{entry.kind} {entry.size} {entry.modified}"
                files.append((str(path), entry.executable, content))
        except OSError as error:
            raise SourceError(f"cannot read {folder}: {error}") from error
        return tree_hash(files)


def _is_passed_over(entry: Entry) -> bool:
    return entry.kind == "other" or entry.name.startswith(".") or entry.name in PASSED_OVER
