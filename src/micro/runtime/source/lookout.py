"""Looks at the sources of a node's services for what is new: each as rarely as will do, a few at a time.

A source is watched once however many services come from it, and asked one cheap question at a look. `pace` says when;
a hint brings a look forward.

    watch ──> waiting ──(due, or a hint counts)──> looking ──(answer, or none)──> told, and waiting again
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, field, replace

from micro.errors import reason_of
from micro.ports import Clock, Entropy
from micro.runtime.source.notice import Notice
from micro.runtime.source.pace import (
    HINTED_LOOKS_MAX,
    HINTED_LOOKS_TOTAL_MAX,
    HintRate,
    Pace,
    Sighting,
    answered,
    failed,
)
from micro.runtime.source.sightings import Sightings
from micro.runtime.source.source import Revision
from micro.runtime.source.spec import SourceSpec

__all__ = ["Look", "Lookout", "place_of"]

LOOKS_MAX = 4
"""So many sources are looked at at the same time; with more due, each has its turn later."""

SAVE_SECONDS = 60.0
"""What was seen is written down so long after it was, with all that was seen meanwhile."""


@dataclass
class _Watched:
    spec: SourceSpec
    due: float
    sighting: Sighting = field(default_factory=Sighting)
    rate: HintRate = field(default_factory=lambda: HintRate(HINTED_LOOKS_MAX))
    looking: bool = False
    again: float | None = None


@dataclass(frozen=True)
class Look:
    """How it stands with a source that is watched: what was seen, and in how many seconds it is looked at again."""

    sighting: Sighting
    seconds: float


def place_of(spec: SourceSpec) -> SourceSpec:
    """Returns what is asked for a spec: of a repository all sub-paths are one question, of a folder each is its own."""
    return replace(spec, subpath="") if spec.kind == "git" else spec


class Lookout:
    """Whoever looks.

    Args:
        newest: asks a source what it names now.
        seen: told after every look that had an answer; must not wait.
        sightings: where what was seen is remembered.
    """

    def __init__(
        self,
        newest: Callable[[SourceSpec], Awaitable[Revision]],
        seen: Callable[[SourceSpec, Revision], None],
        sightings: Sightings,
        *,
        clock: Clock,
        entropy: Entropy,
        pace: Pace,
    ) -> None:
        self._newest = newest
        self._seen = seen
        self._sightings = sightings
        self._clock = clock
        self._entropy = entropy
        self._pace = pace
        self._total = HintRate(HINTED_LOOKS_TOTAL_MAX)
        self._watched: dict[SourceSpec, _Watched] = {}
        self._remembered: dict[str, Sighting] | None = None
        self._looks: set[asyncio.Task[None]] = set()
        self._wake = asyncio.Event()
        self._keeping: asyncio.Task[None] | None = None
        self._save_at = 0.0

    def watch(self, specs: Collection[SourceSpec]) -> None:
        """Has exactly these sources watched from now on."""
        wanted = dict.fromkeys(place_of(spec) for spec in specs)
        for place in [place for place in self._watched if place not in wanted]:
            del self._watched[place]
            self._changed()
        for place in [place for place in wanted if place not in self._watched]:
            sighting = self._known(place)
            left = self._pace.left(sighting, self._clock.now(), self._chance())
            self._watched[place] = _Watched(place, self._clock.monotonic() + left, sighting)
        if self._watched and self._keeping is None:
            self._keeping = asyncio.ensure_future(self._keep())
        self._wake.set()

    def looked(self, spec: SourceSpec, revision: Revision) -> None:
        """Takes note that somebody else asked a source, and what it said."""
        watched = self._watched.get(place_of(spec))
        if watched is not None:
            self._note(watched, answered(watched.sighting, revision.id, self._clock.now()))

    def hint(self, notice: Notice) -> int:
        """Looks sooner at what somebody says has changed, and returns how many sources that are.

        At once, unless so many hints came lately that it has to wait (see `pace`).
        """
        about = [watched for watched in self._watched.values() if notice.is_about(watched.spec)]
        return sum(self._bring_forward(watched) for watched in about)

    def state(self, spec: SourceSpec) -> Look | None:
        """Returns how it stands with a source, or None where it is not watched."""
        watched = self._watched.get(place_of(spec))
        if watched is None:
            return None
        return Look(watched.sighting, max(0.0, watched.due - self._clock.monotonic()))

    async def close(self) -> None:
        """Stops looking, and writes down what was seen."""
        tasks = [task for task in (self._keeping, *self._looks) if task is not None]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        if self._save_at:
            await self._save()

    # ------------------------------------------------------------------------------------------------ looking

    async def _keep(self) -> None:
        while True:
            now = self._clock.monotonic()
            if self._save_at and self._save_at <= now:
                await self._save()
            waiting = sorted((one for one in self._watched.values() if not one.looking), key=lambda one: one.due)
            due = [one for one in waiting if one.due <= now]
            room = LOOKS_MAX - len(self._looks)
            for watched in due[:room]:
                self._begin(watched)
            later = [one.due for one in waiting[len(due) : len(due) + 1]] if len(due) <= room else []
            later += [self._save_at] if self._save_at else []
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, min(later) - now) if later else None):
                    await self._wake.wait()
            self._wake.clear()

    def _begin(self, watched: _Watched) -> None:
        watched.looking = True
        task = asyncio.ensure_future(self._look(watched))
        self._looks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._looks.discard(task)
        self._wake.set()

    async def _look(self, watched: _Watched) -> None:
        try:
            revision = await self._newest(watched.spec)
        except Exception as error:  # noqa: BLE001 - whatever it was, the source is looked at again
            detail = reason_of(error)
            self._note(watched, failed(watched.sighting, detail, self._clock.now()))
            return
        finally:
            watched.looking = False
        self._note(watched, answered(watched.sighting, revision.id, self._clock.now()))
        if self._watched.get(watched.spec) is watched:
            self._seen(watched.spec, revision)

    def _note(self, watched: _Watched, sighting: Sighting) -> None:
        watched.sighting = sighting
        watched.due = self._clock.monotonic() + self._pace.wait(sighting, self._chance())
        if watched.again is not None:
            watched.due, watched.again = min(watched.due, watched.again), None
        self._changed()
        self._wake.set()

    def _bring_forward(self, watched: _Watched) -> bool:
        now = self._clock.monotonic()
        free = max(watched.rate.free(now), self._total.free(now))
        planned = watched.again if watched.looking else watched.due
        if planned is not None and free >= planned:
            return False
        watched.rate.take(free)
        self._total.take(free)
        if watched.looking:  # what it is answered now may be from before the change
            watched.again = free
        else:
            watched.due = free
        self._wake.set()
        return True

    # ------------------------------------------------------------------------------------------------ memory

    def _known(self, place: SourceSpec) -> Sighting:
        if self._remembered is None:
            self._remembered = self._sightings.read()
        return self._remembered.get(_name(place), Sighting())

    def _changed(self) -> None:
        self._save_at = self._save_at or self._clock.monotonic() + SAVE_SECONDS

    async def _save(self) -> None:
        self._save_at = 0.0
        found = {_name(place): watched.sighting for place, watched in self._watched.items()}
        self._remembered = found
        await asyncio.to_thread(self._sightings.write, found)

    def _chance(self) -> float:
        return int.from_bytes(self._entropy.random_bytes(4), "big") / 2**32


def _name(place: SourceSpec) -> str:
    """Returns a source as text that any file takes: a path may hold bytes that are none."""
    return str(place).encode(errors="backslashreplace").decode()
