"""Moves services to what their sources have become: what is found is handed on here, a few services at a time.

A service *evolves* if its owner said so, or said nothing and its source may move: a repository without a pinned commit.
A new revision that does not come up leaves the service as it was; it is tried again after ever longer waits, a few
times, and then left alone until its source has another one, or its owner says `micro update`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from typing import Any

from micro.errors import MicroError
from micro.ports import Clock
from micro.runtime.generation import Change, Progress
from micro.runtime.keeper import Keeper
from micro.runtime.logs import Logs
from micro.runtime.source.lookout import Lookout, place_of
from micro.runtime.source.notice import Notice
from micro.runtime.source.pace import Sighting
from micro.runtime.source.source import Revision
from micro.runtime.source.spec import SourceSpec

__all__ = ["Renewal", "may_evolve"]

MOVES_MAX = 2
"""So many services are built and moved at the same time because their sources changed."""

TRIES_MAX = 5
"""So often a revision is tried that does not come up."""

RETRY_SECONDS = 60.0
"""How long to wait after the first try; four times as long after each further one."""

RETRY_GROWTH = 4.0

Move = Callable[[str, Revision], AsyncIterator[Progress]]
"""Moves a service of that name to a revision, and yields how far it has come."""


def may_evolve(spec: SourceSpec) -> bool:
    """Whether a source evolves where nobody says whether it shall: a branch, a tag or a repository's own choice."""
    return spec.kind == "git" and not spec.is_commit


@dataclass
class _Try:
    revision: str
    count: int = 0
    next: float = 0.0
    reason: str = ""
    offered: bool = False


class Renewal:
    """All that follows when the source of a service is looked at."""

    def __init__(
        self,
        lookout: Callable[[Callable[[SourceSpec, Revision], None]], Lookout],
        services: Callable[[], Iterable[Keeper]],
        move: Move,
        logs: Logs,
        *,
        clock: Clock,
        changed: Callable[[Change], None],
    ) -> None:
        """Makes its own `lookout`, which tells it what was seen; `services` are those of the node."""
        self.lookout = lookout(self._seen)
        self._services = services
        self._move = move
        self._logs = logs
        self._clock = clock
        self._changed = changed
        self._room = asyncio.Semaphore(MOVES_MAX)
        self._moving: dict[str, asyncio.Task[None]] = {}
        self._tries: dict[str, _Try] = {}
        self._follows = False
        self.on_follow: Callable[[], None] = lambda: None
        """Called once, when the first source is followed."""
        self.on_settled: Callable[[str], None] = lambda name: None
        """Is told of a service that is at what its source is."""

    def refresh(self) -> None:
        """Watches the sources of the services that evolve now, and no others."""
        evolving = {keeper.name: keeper.spec for keeper in self._services() if keeper.evolves}
        self.lookout.watch(evolving.values())
        for name in [name for name in self._tries if name not in evolving]:
            del self._tries[name]
        if evolving and not self._follows:
            self._follows = True
            self.on_follow()

    def hint(self, notice: Notice) -> int:
        """Looks sooner at what somebody says has changed, and returns how many sources that are."""
        if not notice.service:
            return self.lookout.hint(notice)
        specs = [keeper.spec for keeper in self._services() if keeper.name == notice.service and keeper.evolves]
        return sum(self.lookout.hint(Notice.of(spec)) for spec in specs)

    def status(self, keeper: Keeper) -> dict[str, Any]:
        """Returns how it stands with the source of a service: `{evolves, newest, looked, look_seconds, trouble}`.

        What that was when it last answered; when it was last looked at, in seconds since 1970; in how many seconds it
        is again; and why it did not answer, or the service is not at what it answered.
        """
        look = self.lookout.state(keeper.spec) if keeper.evolves else None
        sighting = look.sighting if look is not None else Sighting()
        tried = self._tries.get(keeper.name)
        return {
            "evolves": keeper.evolves,
            "newest": sighting.revision,
            "looked": sighting.looked,
            "look_seconds": round(look.seconds, 1) if look is not None else 0.0,
            "trouble": sighting.trouble or (tried.reason if tried else ""),
        }

    def settled(self, name: str) -> None:
        """Takes note that a service is at what its source is, whoever moved it, or its source back."""
        self._tries.pop(name, None)
        self.on_settled(name)

    async def close(self) -> None:
        """Stops looking and moving."""
        for task in self._moving.values():
            task.cancel()
        if self._moving:
            await asyncio.wait(self._moving.values())
        await self.lookout.close()

    def _seen(self, place: SourceSpec, revision: Revision) -> None:
        for keeper in self._services():
            if keeper.evolves and place_of(keeper.spec) == place and self._is_due(keeper, revision):
                task = asyncio.ensure_future(self._renew(keeper.name, revision))
                self._moving[keeper.name] = task
                task.add_done_callback(lambda done, name=keeper.name: self._moving.pop(name, None))  # type: ignore[misc]

    def _is_due(self, keeper: Keeper, revision: Revision) -> bool:
        if keeper.revision == revision.id:
            self.settled(keeper.name)
        if keeper.revision in {"", revision.id} or keeper.name in self._moving:
            return False
        if keeper.state == "starting":  # nothing can be tried beside it yet; the next look finds the same
            return False
        tried = self._tries.get(keeper.name)
        if tried is None or tried.revision != revision.id:
            self._tries[keeper.name] = _Try(revision.id)
            return True
        return tried.count < TRIES_MAX and self._clock.monotonic() >= tried.next

    async def _renew(self, name: str, revision: Revision) -> None:
        tried = self._tries.get(name)
        if tried is not None and not tried.offered:  # one on trial is offered with every look, and is known
            detail = f"its source is at {revision.short} now"
            self._logs.note(name, detail)
            self._changed(Change("found", name, detail=detail))
        async with self._room:
            reason = await self._moved(name, revision)
        if reason and name in self._tries:
            self._failed(name, self._tries[name], reason)
        elif tried is not None:
            tried.offered = True

    async def _moved(self, name: str, revision: Revision) -> str:
        """Moves a service; returns why that did not succeed, or an empty text."""
        reason = ""
        try:
            async for progress in self._move(name, revision):
                reason = progress.detail if progress.failed else ""
        except MicroError as error:
            reason = str(error)
        return reason

    def _failed(self, name: str, tried: _Try, reason: str) -> None:
        tried.count += 1
        wait = RETRY_SECONDS * RETRY_GROWTH ** (tried.count - 1)
        tried.next = self._clock.monotonic() + wait
        then = f"it is tried again in {wait:g} s at the earliest"
        if tried.count >= TRIES_MAX:
            then = f"it was tried {TRIES_MAX} times, and is left until its source has another revision"
        tried.reason = f"{reason}; {then}"
        self._logs.note(name, tried.reason)
        self._changed(Change("trouble", name, detail=tried.reason))
