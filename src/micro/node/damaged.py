"""Reads the small files of a home; one that is damaged is put aside before anything could be written over it.

A node starts without what such a file had, where that is safe: nothing comes out that was hidden, and nothing is open
that was closed. What to do is in the log, and `micro doctor` says it as long as a file lies aside.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

import msgspec

if TYPE_CHECKING:
    from micro.ports import Disk

__all__ = ["ASIDE", "ASIDE_MAX", "read_or_begin_anew"]

ASIDE: Final = ".damaged"
"""What is added to the name of a file that was put aside, and behind that a number where there are several."""

ASIDE_MAX: Final = 8
"""So many versions of one file are put aside; the last one gives way to a further one."""

Kept = TypeVar("Kept")

log = logging.getLogger("micro.node")


def read_or_begin_anew(disk: Disk, path: Path, kind: type[Kept], *, anew: str) -> Kept | None:
    """Returns what a JSON file holds, or None where there is none, or where it is damaged: then it is put aside.

    Args:
        disk, path: where it is.
        kind: what it holds.
        anew: how the node goes on without it, for the log.
    """
    data = disk.read(path)
    if data is None:
        return None
    try:
        return msgspec.json.decode(data, type=kind)
    except msgspec.MsgspecError as error:
        aside = _put_aside(disk, path, data)
        log.warning(
            "%s cannot be read (%s), so %s. It is kept as %s: to have it back, stop the node, mend that file, and put "
            "it in the place of %s",
            path.name,
            error,
            anew,
            aside,
            path.name,
        )
        return None


def _put_aside(disk: Disk, path: Path, data: bytes) -> Path:
    """Copies a file beside itself, unless that was done before; returns where it is."""
    aside = path
    for number in range(1, ASIDE_MAX + 1):
        aside = path.with_name(f"{path.name}{ASIDE}{f'-{number}' if number > 1 else ''}")
        there = disk.read(aside)
        if there == data:
            return aside
        if there is None:
            break
    disk.write(aside, data)
    return aside
