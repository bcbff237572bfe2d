"""Remembers when sources were last looked at, so that a node that starts again does not ask all of them at once.

The file `sources.json` in the node's home. It is written now and then: what is lost with a crash are a few looks, which
are made again.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

import msgspec

from micro.ports import Disk
from micro.runtime.source.pace import Sighting

__all__ = ["Sightings"]

log = logging.getLogger("micro.runtime")


class Sightings:
    """The file."""

    def __init__(self, disk: Disk, path: Path) -> None:
        self._disk = disk
        self._path = path

    def read(self) -> dict[str, Sighting]:
        """Returns what is remembered of each source; nothing where the file is none of ours, for it is only advice."""
        try:
            return msgspec.json.decode(self._disk.read(self._path) or b"{}", type=dict[str, Sighting])
        except (OSError, ValueError, RecursionError) as error:
            log.warning("%s cannot be read, so every source is looked at anew: %s", self._path.name, error)
            return {}

    def write(self, sightings: Mapping[str, Sighting]) -> None:
        """Replaces what is remembered; blocks. A disk that does not take it is told to the log alone."""
        try:
            self._disk.write(self._path, msgspec.json.encode(dict(sorted(sightings.items()))))
        except OSError as error:
            log.warning("%s cannot be written: %s", self._path.name, error.strerror or error)
