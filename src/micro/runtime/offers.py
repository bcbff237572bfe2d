"""What is offered to services: a newer revision, to be tried, or an older generation, to go back to; one at a time."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

from micro.runtime.feed import Feed
from micro.runtime.generation import Generation, Progress
from micro.runtime.grants import check_needs
from micro.runtime.keeper import Keeper
from micro.runtime.roster import Roster
from micro.runtime.source.source import Report, Revision
from micro.runtime.succession import Place, Succession
from micro.runtime.turns import Turns
from micro.runtime.works import Works
from micro.runtime.workshop import Workshop

__all__ = ["Offers"]


class Offers(Place):
    """The offers to the services of one node.

    Attributes:
        succession: what comes of them.
    """

    def __init__(
        self,
        roster: Roster,
        workshop: Workshop,
        turns: Turns,
        works: Works,
        beside: Callable[[Keeper], Keeper],
        succession: Callable[[Place], Succession],
    ) -> None:
        """Offers what `workshop` makes to what is in `roster`; `beside` makes a keeper like another."""
        self._roster = roster
        self._workshop = workshop
        self._turns = turns
        self._works = works
        self._beside = beside
        self.succession = succession(self)
        self.on_settled: Callable[[str], None] = lambda name: None
        """Is told of a service that is at a revision whose files it ran already."""

    async def offer(self, name: str, revision: Revision | None = None) -> AsyncIterator[Progress]:
        """Tries a revision of a service's source beside what runs, and yields how far that has come.

        Args:
            name: the service.
            revision: the revision; the newest of its source, unless given.

        Raises:
            NotFound: no such service runs here.
        """
        spec = self._roster.find(name).spec
        async for progress in self._works.look_on(lambda feed: self._offer(name, revision, feed), name, source=spec):
            yield progress

    async def rollback(self, name: str, number: int | None = None) -> str:
        """Gives all the traffic of a service to a generation that lives; returns what was done, in words.

        Args:
            name: the service.
            number: which one; without it the newcomer's parent, or else the one before the active.

        Raises:
            NotFound: no such service runs here, or no such generation.
            EngineError: it cannot be remembered, and nothing has changed.
        """
        self._roster.find(name)
        async with self._turns.take(name):
            return self.succession.rollback(self._roster.find(name), number)

    def status(self, name: str) -> dict[str, Any]:
        """Returns the generations of a service, as `Succession.status` says. Raises `NotFound` where there is none."""
        return self.succession.status(self._roster.find(name))

    async def _offer(self, name: str, revision: Revision | None, feed: Feed) -> None:
        async with self._turns.take(name):
            keeper = self._roster.find(name)

            def report(step: str, detail: str) -> None:
                feed.put(Progress(step, detail))

            if revision is None:
                report("fetching", f"looking for the newest {keeper.spec}")
                revision = await self._workshop.newest(keeper.spec)
            told = f"{name} runs {revision.short} already"
            if not keeper.is_at(revision.id):
                told = await self.succession.offer(keeper, revision, report)
            feed.put(Progress("done", told, done=True, service=name))

    # -- what the succession asks -----------------------------------------------------------------------------------

    def keeper_beside(self, keeper: Keeper) -> Keeper:
        return self._beside(keeper)

    async def make(self, keeper: Keeper, revision: Revision, number: int, report: Report) -> Generation:
        made = await self._workshop.make(keeper.spec, revision, number, report, keeper.engine)
        check_needs(made.needs, keeper.allowed, str(keeper.spec))
        return made

    def advance(self, keeper: Keeper, generation: Generation) -> str:
        assert keeper.generation is not None, "it runs"
        same = replace(generation, number=keeper.generation.number)
        self._roster.remember(keeper, same)
        keeper.generation = same
        self.on_settled(keeper.name)
        return f"{keeper.name} runs the files of {Revision(same.revision).short} already"

    def turn(self, name: str) -> contextlib.AbstractAsyncContextManager[None]:
        return self._turns.take(name)
