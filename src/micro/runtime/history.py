"""The last works of a runtime: what was run or updated, each step of it, and how it ended.

They outlive whoever looked on, and the node: `works.json` in its home, replaced when a work has ended. It is advice for
a person: what a crash loses is lost.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from micro.ports import Clock, Disk
from micro.runtime.generation import Progress
from micro.runtime.source.spec import SourceSpec

__all__ = ["DEEDS_MAX", "LINES_MAX", "Deed", "History"]

DEEDS_MAX = 20
"""So many works are remembered; the oldest gives way, under way or not."""

LINES_MAX = 100
"""So many steps of one work are remembered: the last ones, for the end says why it failed."""

LINE_CHARACTERS_MAX = 500
TAIL_LINES_MAX = 40

log = logging.getLogger("micro.runtime")


class Step(msgspec.Struct, frozen=True):
    """One step of a work; see `micro.runtime.generation.Progress`."""

    step: str
    detail: str
    tail: tuple[str, ...] = ()
    logged: bool = False


class Deed(msgspec.Struct):
    """One work.

    Attributes:
        number: which one it is since the home was made, from 1.
        service: whose it is: the name that was chosen or expected, and at the end the one it has.
        name: the one that was chosen, "" where its source names it.
        source: what was run, as a person would write it.
        began, ended: when, in seconds since 1970; `ended` is 0 while it is under way.
        failed: whether it ended badly.
        steps: what was told of it, oldest first.
    """

    number: int
    service: str
    name: str
    source: str
    began: float
    ended: float = 0.0
    failed: bool = False
    steps: list[Step] = []

    def take(self, progress: Progress, now: float) -> None:
        """Takes note of a step."""
        tail = tuple(line[:LINE_CHARACTERS_MAX] for line in progress.tail[-TAIL_LINES_MAX:])
        self.steps.append(Step(progress.step, progress.detail[:LINE_CHARACTERS_MAX], tail, progress.logged))
        del self.steps[:-LINES_MAX]
        self.service = progress.service or self.service
        if progress.done:
            self.ended, self.failed = now, progress.failed

    def to_dict(self) -> dict[str, Any]:
        """Returns it as `Runtime.Works` hands it out, the reason of one that failed beside its steps."""
        last = self.steps[-1] if self.failed and self.steps else None
        reason = last.detail if last is not None else ""
        logged = last.logged if last is not None else False
        return {**msgspec.to_builtins(self), "reason": reason, "logged": logged}


class History:
    """The last works, and their file.

    Args:
        disk, path: where they are kept.
        clock: tells when a step came.
    """

    def __init__(self, disk: Disk, path: Path, clock: Clock) -> None:
        self._disk = disk
        self._path = path
        self._clock = clock
        self._deeds: deque[Deed] = deque(self._read(), maxlen=DEEDS_MAX)
        self._number = max((deed.number for deed in self._deeds), default=0)

    def begin(self, service: str, source: SourceSpec) -> Deed:
        """Returns a new work, which is remembered from now on."""
        self._number += 1
        name = service if service != source.name else ""
        told = str(source)[:LINE_CHARACTERS_MAX]
        deed = Deed(self._number, service, name, told, round(self._clock.now(), 3))
        self._deeds.append(deed)
        return deed

    def take(self, deed: Deed, progress: Progress) -> None:
        """Takes note of a step of a work; the last one has all that have ended written down."""
        if not deed.ended:
            deed.take(progress, round(self._clock.now(), 3))
            if deed.ended:
                self._write()

    def last(self, limit: int) -> Iterator[Deed]:
        """Yields the last works, newest first."""
        for deed, _ in zip(reversed(self._deeds), range(max(0, limit)), strict=False):
            yield deed

    def _read(self) -> list[Deed]:
        try:
            return msgspec.json.decode(self._disk.read(self._path) or b"[]", type=list[Deed])[-DEEDS_MAX:]
        except (OSError, ValueError, RecursionError) as error:
            log.warning("%s cannot be read, so what was run before is not shown: %s", self._path.name, error)
            return []

    def _write(self) -> None:
        try:
            self._disk.write(self._path, msgspec.json.encode([deed for deed in self._deeds if deed.ended]))
        except OSError as error:
            log.warning("%s cannot be written: %s", self._path.name, error.strerror or error)
