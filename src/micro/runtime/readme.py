"""The readme of a source: what its author tells people about it, as text, and never more than a page of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from micro.errors import Unavailable
from micro.ports import Disk

__all__ = ["README_BYTES_MAX", "Readme", "read_readme"]

README_BYTES_MAX: Final = 64_000
"""So much of a readme is told."""

NAMES: Final = ("readme.md", "readme.markdown", "readme.txt", "readme.rst", "readme")
"""How the file is called in any case of letters; the first that is there is it."""


@dataclass(frozen=True)
class Readme:
    """A stranger's text. Nothing in it may be believed, run or loaded.

    Attributes:
        file: its name, "" where there is none.
        text: its beginning; characters that are no UTF-8 are replaced.
        cut: whether there is more.
    """

    file: str = ""
    text: str = ""
    cut: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Returns it as `Runtime.Readme` does."""
        return {"file": self.file, "text": self.text, "cut": self.cut}


def read_readme(disk: Disk, folder: Path) -> Readme:
    """Returns the readme of a folder; an empty one where there is none, or where it is no text. Blocks.

    A link is not followed: what a stranger's source leads to is not the stranger's to show.

    Raises:
        Unavailable: the disk does not give it.
    """
    try:
        found = {entry.name.lower(): entry.name for entry in disk.entries(folder) if entry.kind == "file"}
        name = next((found[name] for name in NAMES if name in found), "")
        data = disk.read_part(folder / name, 0, README_BYTES_MAX + 1) if name else b""
    except OSError as error:
        raise Unavailable(f"cannot read the readme in {folder}: {error.strerror or error}; look at the disk") from error
    if not data or b"\0" in data:
        return Readme()
    cut = len(data) > README_BYTES_MAX
    text = data[:README_BYTES_MAX].decode("utf-8-sig", "replace")
    return Readme(name, text.rstrip("\ufffd") if cut else text, cut)
