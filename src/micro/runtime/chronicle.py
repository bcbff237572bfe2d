"""Remembers the lineages of a node's services: `lineages.json` in its home, replaced as a whole."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import msgspec

from micro.errors import ConfigError
from micro.ports import Disk
from micro.runtime.lineage import Lineage

__all__ = ["Chronicle"]


class _Page(msgspec.Struct):
    version: int
    lineages: list[Lineage]


class Chronicle:
    """The file."""

    def __init__(self, disk: Disk, path: Path) -> None:
        self._disk = disk
        self._path = path
        self._written = b""

    def read(self) -> list[Lineage]:
        """Returns all lineages.

        Raises:
            ConfigError: the file is none of ours; the message says what to do with it.
        """
        data = self._disk.read(self._path)
        if data is None:
            return []
        try:
            return msgspec.json.decode(data, type=_Page).lineages
        except msgspec.MsgspecError as error:
            raise ConfigError(
                f"{self._path} cannot be read ({error}): move it away, and services begin with one generation each"
            ) from error

    def write(self, lineages: Iterable[Lineage]) -> bool:
        """Replaces all lineages, if they are others than before; returns whether the disk took them."""
        data = msgspec.json.encode(_Page(1, sorted(lineages, key=lambda lineage: lineage.service)))
        if data == self._written:
            return True
        try:
            self._disk.write(self._path, data)
        except OSError:
            return False  # what was counted since is told again with the next try
        self._written = data
        return True
