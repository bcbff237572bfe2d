"""The part of an SQLite file system that is the same for every disk in memory: nothing to lock, no clock, no chance.

One connection has one database, so locks say nothing; the time and the random bytes that SQLite asks for are always the
same, or a world would not be decided by its seed.
"""

from __future__ import annotations

import itertools
import random
from typing import Any

import apsw

__all__ = ["SECTOR_BYTES", "MemoryFile", "MemoryFileSystem", "name_of"]

SECTOR_BYTES = 512
"""A power loss keeps a sector or loses it, and never half of one."""
JULIAN_DAY = 2_460_000.5
"""The time that SQLite is told."""

_numbers = itertools.count()


class MemoryFile:
    """What SQLite asks of any open file, where there is nobody to share it with."""

    def xSectorSize(self) -> int:  # noqa: N802 - SQLite's names
        return SECTOR_BYTES

    def xClose(self) -> None:  # noqa: N802
        pass

    def xLock(self, level: int) -> None:  # noqa: N802
        pass

    def xUnlock(self, level: int) -> None:  # noqa: N802
        pass

    def xCheckReservedLock(self) -> bool:  # noqa: N802
        return False

    def xDeviceCharacteristics(self) -> int:  # noqa: N802
        return 0

    def xFileControl(self, operation: int, pointer: int) -> bool:  # noqa: N802
        return False


class MemoryFileSystem(apsw.VFS):
    """What SQLite asks of any file system, where names are paths and nothing is by chance.

    Args:
        kind: how it is called, before its number.

    Attributes:
        title: the name under which connections open it.
    """

    def __init__(self, kind: str) -> None:
        self.title = f"{kind}-{next(_numbers)}"
        super().__init__(self.title, "")
        self._random = random.Random(0)

    def xFullPathname(self, name: str) -> str:  # noqa: N802
        return name

    def xRandomness(self, count: int) -> bytes:  # noqa: N802
        return self._random.randbytes(count)

    def xSleep(self, microseconds: int) -> int:  # noqa: N802
        return microseconds

    def xCurrentTime(self) -> float:  # noqa: N802
        return JULIAN_DAY


def name_of(name: Any) -> str:
    """Returns the name of a file that SQLite opens; a database comes with parameters, a log without."""
    return name.filename() if isinstance(name, apsw.URIFilename) else str(name)
