"""What a fetched tree may hold: a stranger chose every name in it, and none of them is believed.

Pure.

Only regular files reach the disk. A link inside the tree that leads to one of its files becomes a copy of it.
Everything else is refused as a whole, with the path and the rule, because a tree with a hole in it is not what its
author published.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NoReturn

from micro.errors import SourceError

__all__ = ["Bounds", "TreeEntry", "check_entries", "check_sizes", "link_target", "read_listing"]

FILE_MODES = frozenset({"100644", "100664", "100755"})
LINK_MODE = "120000"
MODULE_MODE = "160000"

LINKS_DEEP_MAX = 8
"""How many links may lead to each other before the file."""

LINK_BYTES_MAX = 4096
"""A longer link leads nowhere on any system."""

SHOWN_CHARACTERS_MAX = 120
"""How much of a path an error shows."""

HFS_IGNORED = {*range(0x200C, 0x2010), *range(0x202A, 0x202F), *range(0x206A, 0x2070), 0xFEFF}
"""Code points that the Macintosh file system does not see in a name."""

GIT_LIKE = re.compile(r"(\.git|git~\d+)")
GIT_FILE_LIKE = re.compile(r"\.git|(git|gitmod|gitatt|gitign|gi7eba|gi7d29)~")
DEVICES = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9\u00b9\u00b2\u00b3])")


@dataclass(frozen=True)
class Bounds:
    """How much a source may be.

    Attributes:
        files: number of files.
        tree_bytes: all files together.
        file_bytes: any one file.
        path_bytes: a path from the tree's root.
        depth: folders above a file.
        transfer_bytes: what the network or the other repository may hand over for it.
    """

    files: int = 20_000
    tree_bytes: int = 100_000_000
    file_bytes: int = 20_000_000
    path_bytes: int = 512
    depth: int = 40
    transfer_bytes: int = 200_000_000

    @property
    def listing_bytes(self) -> int:
        """What `git ls-tree` may print: one file more than allowed is enough to know."""
        return (self.files + 1) * 640


@dataclass(frozen=True)
class TreeEntry:
    """One line of a tree: git's mode, the object's name, and the path from the root as bytes."""

    mode: str
    oid: str
    path: bytes

    @property
    def is_link(self) -> bool:
        """Whether it is a symbolic link."""
        return self.mode == LINK_MODE

    @property
    def executable(self) -> bool:
        """Whether it may be run."""
        return self.mode == "100755"


def read_listing(data: bytes, bounds: Bounds) -> list[TreeEntry]:
    """Reads what `git ls-tree -r -z` printed.

    Raises:
        SourceError: there are too many files, or a line is none of git's.
    """
    lines = data.split(b"\0")
    if len(lines) - 1 > bounds.files:
        raise SourceError(f"refused: more than {bounds.files} files; name a sub-path that holds only the service")
    entries: list[TreeEntry] = []
    for line in lines[:-1]:
        head, tab, path = line.partition(b"\t")
        words = head.decode("ascii", "replace").split(" ")
        if not tab or len(words) != 3 or not re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", words[2]):
            raise SourceError("refused: git listed a tree in a form that is not its own")
        entries.append(TreeEntry(words[0], words[2], path))
    return entries


def check_entries(entries: Iterable[TreeEntry], bounds: Bounds) -> None:
    """Raises `SourceError` for the first entry that breaks a rule."""
    seen: dict[str, bytes] = {}
    folders: dict[str, bytes] = {}
    for entry in entries:
        fault = _mode_fault(entry) or _path_fault(entry, bounds)
        if fault:
            _refuse(entry.path, fault)
        key = _folded(entry.path.decode())
        for other in (seen.get(key), folders.get(key)):
            if other is not None:
                _refuse(
                    entry.path, f"it is the same name as {_shown(other)} on systems that ignore case or accents' form"
                )
        seen[key] = entry.path
        while "/" in key:
            key = key.rpartition("/")[0]
            if key in seen:
                _refuse(entry.path, f"{_shown(seen[key])} is a file and a folder at once")
            folders[key] = entry.path


def check_sizes(entries: Iterable[TreeEntry], sizes: Mapping[str, int], bounds: Bounds) -> None:
    """Raises `SourceError` where a file, or all files together, are larger than allowed.

    Args:
        sizes: bytes of each object; one that is absent was held back by the other side for its size.
    """
    total = 0
    for entry in entries:
        size = sizes.get(entry.oid)
        if size is None or size > bounds.file_bytes:
            _refuse(entry.path, f"the file is larger than {bounds.file_bytes // 1_000_000} MB")
        if entry.is_link and size > LINK_BYTES_MAX:
            _refuse(entry.path, f"a link of {size} bytes leads nowhere")
        total += size
        if total > bounds.tree_bytes:
            _refuse(entry.path, f"with it the files are larger than {bounds.tree_bytes // 1_000_000} MB together")


def link_target(path: bytes, entries: Mapping[bytes, TreeEntry], contents: Mapping[str, bytes]) -> TreeEntry:
    """Returns the file of the tree to which the link at `path` leads, through other links if need be.

    Args:
        entries: every entry of the tree by its path.
        contents: where each link points, by object name.

    Raises:
        SourceError: it leads out of the tree, to a folder, in a circle, or to nothing.
    """
    place = path
    for _ in range(LINKS_DEEP_MAX):
        target = contents[entries[place].oid]
        if target.startswith(b"/") or b"\\" in target or b"\0" in target or b":" in target[:3]:
            _refuse(path, f"the link leads out of the source, to {_shown(target)}")
        steps = place.split(b"/")[:-1]
        for step in target.split(b"/"):
            if step == b"..":
                if not steps:
                    _refuse(path, f"the link leads out of the source, to {_shown(target)}")
                steps.pop()
            elif step not in {b"", b"."}:
                steps.append(step)
        place = b"/".join(steps)
        found = entries.get(place)
        if found is None:
            _refuse(path, f"the link leads to no file of the source: {_shown(target)}")
        if not found.is_link:
            return found
    return _refuse(path, f"the link leads through more than {LINKS_DEEP_MAX} others")


def _mode_fault(entry: TreeEntry) -> str:
    if entry.mode == MODULE_MODE:
        return "it is a submodule, and submodules are not fetched"
    if entry.mode not in FILE_MODES and not entry.is_link:
        return f"its mode {entry.mode} is that of no regular file"
    if entry.is_link and any(_is_git_like(step) for step in entry.path.decode("utf-8", "replace").split("/")):
        return "git's own files may not be links"
    return ""


def _path_fault(entry: TreeEntry, bounds: Bounds) -> str:
    if len(entry.path) > bounds.path_bytes:
        return f"its path is longer than {bounds.path_bytes} bytes"
    try:
        text = entry.path.decode()
    except UnicodeDecodeError:
        return "its name is not UTF-8"
    if text.startswith("/"):
        return "its path is absolute"
    steps = text.split("/")
    if len(steps) > bounds.depth:
        return f"it lies deeper than {bounds.depth} folders"
    return next((fault for fault in map(_step_fault, steps) if fault), "")


def _step_fault(step: str) -> str:
    if step in {"", ".", ".."}:
        return f"a part of its path is {step!r}, which is no name"
    if "\\" in step:
        return "a backslash divides folders on some systems"
    if any(unicodedata.category(character) in {"Cc", "Cs"} for character in step):
        return "its name holds control characters"
    if len(step.encode()) > 255:
        return "a name in its path is longer than 255 bytes"
    if _is_git_like(step, whole=True):
        return "it passes for git's own folder on some systems"
    if DEVICES.fullmatch(step.partition(".")[0].rstrip(" ").lower()):
        return "it is the name of a device on some systems"
    return ""


def _is_git_like(step: str, *, whole: bool = False) -> bool:
    """Whether some file system takes `step` for `.git`, or (unless `whole`) for a file whose name begins so."""
    seen = "".join(character for character in step if ord(character) not in HFS_IGNORED)
    seen = unicodedata.normalize("NFKC", seen).casefold().partition(":")[0].rstrip(". ")
    return bool(GIT_LIKE.fullmatch(seen) if whole else GIT_FILE_LIKE.match(seen))


def _folded(path: str) -> str:
    return unicodedata.normalize("NFC", path).casefold()


def _shown(path: bytes) -> str:
    text = path.decode("utf-8", "backslashreplace")
    return repr(text if len(text) <= SHOWN_CHARACTERS_MAX else text[:SHOWN_CHARACTERS_MAX] + "…")


def _refuse(path: bytes, rule: str) -> NoReturn:
    raise SourceError(f"refused: {_shown(path)}: {rule}")
