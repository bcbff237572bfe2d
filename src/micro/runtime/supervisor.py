"""All services of a node by name: run, updated and killed, one change of each at a time, and remembered."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from typing import Any

from micro.errors import BadRequest, Conflict, EngineError, InternalError, SourceError, Unavailable
from micro.ports import Clock, Entropy
from micro.runtime.feed import Feed
from micro.runtime.generation import Badge, Change, Generation, Progress, StartFailed, Wish
from micro.runtime.grants import check_grants, check_needs
from micro.runtime.inspection import Inspection
from micro.runtime.instance import Launcher
from micro.runtime.keeper import DRAIN_SECONDS_MAX, Keeper
from micro.runtime.logs import LogLine
from micro.runtime.manifest import check_engine, check_environment, is_service_name
from micro.runtime.memory import Remembered
from micro.runtime.naming import Naming
from micro.runtime.offers import Offers
from micro.runtime.renewal import Renewal, may_evolve
from micro.runtime.roster import Roster
from micro.runtime.source.lookout import Lookout
from micro.runtime.source.source import Report, Revision, silent
from micro.runtime.source.spec import SourceSpec, parse
from micro.runtime.succession import Place, Succession
from micro.runtime.turns import Turns
from micro.runtime.workbench import BuildFailed
from micro.runtime.works import Works
from micro.runtime.workshop import Workshop

__all__ = ["Supervisor"]


class Supervisor:
    """The services of one node; `micro.runtime.runtime.open_supervisor` makes one for a home.

    Attributes:
        works, logs: what is done for them, and what they write.
        renewal: has them follow their sources.
        offers: newer revisions, to be tried beside what runs, and older generations, to go back to.
    """

    def __init__(
        self,
        workshop: Workshop,
        launcher: Launcher,
        works: Works,
        roster: Roster,
        lookout: Callable[[Callable[[SourceSpec, Revision], None]], Lookout],
        succession: Callable[[Place], Succession],
        *,
        clock: Clock,
        entropy: Entropy,
        evolve: bool = True,
        trial: bool = True,
        changed: Callable[[Change], None] = lambda change: None,
        drain_seconds_max: float = DRAIN_SECONDS_MAX,
    ) -> None:
        self.works = works
        self.logs = works.logs
        self._workshop = workshop
        self._launcher = launcher
        self._roster = roster
        self._clock = clock
        self._entropy = entropy
        self._changed = changed
        self._drain_seconds_max = drain_seconds_max
        self._turns = Turns()
        self._naming = Naming(roster, self._turns, launcher, works.logs)
        self._evolve = evolve
        self._trial = trial
        self.renewal = Renewal(lookout, lambda: self._roster, self._follow, works.logs, clock=clock, changed=changed)
        self.inspection = Inspection(workshop, works, roster)
        self.offers = Offers(roster, workshop, self._turns, works, self._beside, succession)
        self.offers.on_settled, self.renewal.on_settled = self.renewal.settled, self.offers.succession.settled
        self._closing = False

    def restore(self) -> None:
        """Starts what ran before, in the background; a service that does not come up is tried again and again.

        Raises:
            ConfigError: what was remembered cannot be read.
        """
        self._workshop.clear()
        self._launcher.clear()
        for service in self._roster.recall():
            keeper = self._keeper(
                service.name,
                parse(service.source),
                Wish(service.name, service.environment, frozenset(service.allowed), service.evolve, service.engine),
                named=service.named,
                revision=service.revision,
            )
            self._roster.add(keeper)
            keeper.resume(lambda name=service.name: self._remake(name))  # type: ignore[misc]
        self.renewal.refresh()
        self.offers.succession.restore()

    async def close(self) -> None:
        """Stops everything; what ran is remembered, and starts with the node again."""
        self._closing = True
        await self.renewal.close()
        await self.works.close()
        await self.offers.succession.close()
        await asyncio.gather(*(keeper.end() for keeper in self._roster), return_exceptions=True)
        await self.logs.close()

    def badge(self, token: str) -> Badge | None:
        """Returns the badge of the live instance whose token this is."""
        return self._launcher.badge(token)

    async def run(
        self,
        source: str,
        name: str | None = None,
        environment: Mapping[str, str] | None = None,
        evolve: bool | None = None,
        allow: Collection[str] = (),
        engine: str | None = None,
    ) -> AsyncIterator[Progress]:
        """Runs a service from its source, and yields how far it has come; the last line is `done` or `failed`.

        The work goes on when nobody looks on any more. What runs already from the same source is updated, unless it has
        a name that was chosen for it and this run names none.

        Args:
            source: as `micro.runtime.source.spec.parse` takes it; a path is absolute.
            name: what the service is called, else what its author says, else what it registers as.
            environment: variables for its process.
            evolve: whether it moves by itself when its source changes; where nobody says, a repository without a
                pinned commit does.
            allow: what it may beyond its own, as `micro.runtime.grants` names it; what was allowed before stays.
            engine: what shall run it, `process` or `wasm`, where its author does not say.

        Raises:
            BadRequest: the source, the name, a variable or what is allowed cannot be understood, or a pinned commit is
                to evolve.
            Conflict: another service of that name runs, or the source runs under a name that was chosen for it.
        """
        try:
            spec = parse(source)
            given = check_environment(environment or {}, "environment")
            wish = Wish(name, given, check_grants(allow), evolve, check_engine(engine, "engine"))
        except SourceError as error:
            raise BadRequest(str(error)) from error
        if name is not None and not is_service_name(name):
            raise BadRequest(f"{name!r} is no name for a service: lower-case words joined by dashes, as say-hello")
        if evolve and spec.is_commit:
            raise BadRequest(f"{spec} is pinned to a commit, which never changes: name a branch, or do not evolve it")
        work = self.works.look_on(lambda feed: self._run(spec, wish, feed), name or spec.name, source=spec)
        async for progress in work:
            yield progress

    async def update(self, name: str) -> AsyncIterator[Progress]:
        """Moves a service to the newest revision of its source without a failed call, and yields how far it has come.

        Raises:
            NotFound: no such service runs here.
        """
        spec = self._roster.find(name).spec
        async for progress in self.works.look_on(lambda feed: self._update(name, feed), name, source=spec):
            yield progress

    async def kill(self, name: str) -> None:
        """Stops a service and forgets it; its log stays. Runs and updates that are under way or wait are given up.

        It goes on to the end when nobody looks on any more.

        Raises:
            NotFound: no such service runs here.
            InternalError: it is stopped, and could not be forgotten: kill it again when the disk has room.
        """
        if not self._turns.taken(name) and self._roster.remembered(name) is None:
            self._roster.find(name)
        self._turns.interrupt(name)
        await self.works.see_through(self._kill(name))

    def status(self) -> list[dict[str, Any]]:
        """Returns every service, as a dictionary each.

        `{name, source, ref, revision, generation, state, pid, restarts, started, reason}`: `state` is `starting`,
        `running`, `waiting` (for its next start, and `reason` says why) or `stopping`; `started` is in seconds since
        1970, and 0 before the first start; `pid` is 0 while there is no process. What `Renewal.status` says follows,
        and `waits`: which newer revision waits for the end of a trial, in words.
        """
        waits = self.offers.succession.waits
        return self._roster.status(lambda keeper: {**self.renewal.status(keeper), "waits": waits(keeper.name)})

    async def tail(self, name: str, lines: int = 100) -> list[LogLine]:
        """Returns the last lines of a service's log, oldest first; those of a killed one are still there.

        Raises:
            NotFound: no such service runs here, and none has left a log.
        """
        found = await self.logs.tail(name, lines) if is_service_name(name) else []
        if not found:
            self._roster.find(name)
        return found

    async def follow(self, name: str, lines: int = 10) -> AsyncIterator[LogLine]:
        """Yields the last lines of a service's log, and then each one as it comes.

        Raises:
            NotFound: no such service runs here.
        """
        self._roster.find(name)
        async for entry in self.logs.follow(name, lines):
            yield entry

    # ------------------------------------------------------------------------------------------------ the works

    async def _run(self, spec: SourceSpec, wish: Wish, feed: Feed) -> None:
        while True:
            running = self._roster.same(spec, wish.name)
            key = running.name if running else wish.name or spec.name
            if self._turns.taken(key):
                feed.put(Progress("waiting", f"{key} is being run or changed already; this goes on when that is done"))
            async with self._turns.take(key):
                running = self._roster.same(spec, wish.name)
                if running is not None and running.name != key:
                    continue  # while we waited it came up, under a name of its own
                if running is not None:
                    self._check_meant(running, spec, wish.name)
                    feed.put(Progress("fetching", f"{running.name} runs already from {spec}, so it is updated"))
                    if wish.evolve not in {None, running.evolves}:
                        self._roster.evolve(running, evolves=bool(wish.evolve))
                        self.renewal.refresh()
                    return await self._renew(running, feed, wish)
                return await self._start(key, spec, wish, feed)

    @staticmethod
    def _check_meant(running: Keeper, spec: SourceSpec, name: str | None) -> None:
        """Raises `Conflict` where a source is run without a name and runs already under one that its owner chose."""
        made = running.generation
        if name is None and running.named and made is not None and running.name != made.name:
            raise Conflict(
                f"{spec} runs already, as {running.name}: micro update {running.name} moves that to its newest "
                f"revision, and micro run with another --name runs it once more"
            )

    async def _kill(self, name: str) -> None:
        async with self._turns.take(name, firm=True):
            keeper = self._roster.get(name)
            await self.offers.succession.forget(name)
            if keeper is not None:
                await keeper.end()
                self._roster.remove(keeper)
                self.renewal.refresh()
            try:
                self._roster.forget(name)
            except EngineError as error:
                detail = f"{name} is stopped, but the node will start it again with itself: {error}"
                raise InternalError(f"{detail}; make room, then micro kill {name} again") from error

    async def _update(self, name: str, feed: Feed) -> None:
        async with self._turns.take(name):
            await self._renew(self._roster.find(name), feed, Wish())

    def _follow(self, name: str, revision: Revision) -> AsyncIterator[Progress]:
        """Moves a service to what its source was seen to be, or tries that beside it, unless it is there by then."""
        if self._trial:
            return self.offers.offer(name, revision)

        async def work(feed: Feed) -> None:
            async with self._turns.take(name):
                await self._renew(self._roster.find(name), feed, Wish(), revision)

        return self.works.look_on(work, name, source=self._roster.find(name).spec)

    async def _start(self, key: str, spec: SourceSpec, wish: Wish, feed: Feed) -> None:
        if self._closing:
            raise Unavailable("this node is stopping: start it again with micro server")
        self._roster.check_free(key, spec)
        report: Report = feed.report
        report("fetching", f"looking for {spec}")
        revision = await self._workshop.newest(spec)
        generation = await self._workshop.make(spec, revision, 1, report, wish.engine)
        check_needs(generation.needs, wish.allowed, str(spec))
        chosen = wish.name or generation.name
        keeper = self._keeper(chosen or key, spec, wish, named=bool(chosen))
        async with contextlib.AsyncExitStack() as turns:
            await self._naming.file(keeper, keeper.name, key, turns)
            try:
                registered = await keeper.begin(generation, report)
                if registered != keeper.name:
                    await self._naming.rename(keeper, registered, key, turns)
                self._promise(keeper, generation)
            except BaseException:
                self._roster.remove(keeper)
                await keeper.end()
                raise
            keeper.keep()
            self.renewal.refresh()
            self.renewal.lookout.looked(spec, revision)
            feed.put(Progress("done", f"{keeper.name} runs at {revision.short}", done=True, service=keeper.name))
        await self._sweep()

    async def _renew(self, keeper: Keeper, feed: Feed, wish: Wish, revision: Revision | None = None) -> None:
        """Moves a service to a revision, else the newest, unless it is there already."""
        report: Report = feed.report
        if revision is None:
            report("fetching", f"looking for the newest {keeper.spec}")
            revision = await self._workshop.newest(keeper.spec)
            self.renewal.lookout.looked(keeper.spec, revision)
        kept = keeper.environment, keeper.allowed, keeper.engine
        wanted = dict(wish.environment) or keeper.environment, keeper.allowed | wish.allowed
        given = (*wanted, wish.engine or keeper.engine)
        changed = given != kept
        if keeper.is_at(revision.id) and not changed:
            detail = f"{keeper.name} runs the newest revision already, {revision.short}"
            feed.put(Progress("done", detail, done=True, service=keeper.name))
            return
        before = self._roster.remembered(keeper.name)
        number = self.offers.succession.next_number(keeper.name, before.generation if before else 0)
        try:
            generation = await self._workshop.make(keeper.spec, revision, number, report, given[2])
            check_needs(generation.needs, given[1], str(keeper.spec))
        except SourceError as error:
            tail, log = getattr(error, "tail", ()), getattr(error, "log", None)
            raise BuildFailed(f"{error}; {self._serving(before)}", tail, log) from error
        if keeper.has_files_of(generation) and not changed:
            detail = self.offers.advance(keeper, generation)
            feed.put(Progress("done", detail, done=True, service=keeper.name))
            await self._sweep()
            return
        keeper.environment, keeper.allowed, keeper.engine = given
        try:
            idle = await keeper.replace(generation, report, lambda: self._promise(keeper, generation))
        except (StartFailed, EngineError) as error:
            keeper.environment, keeper.allowed, keeper.engine = kept
            serving = self._serving(before)
            if isinstance(error, EngineError):
                raise EngineError(f"{error}; {serving}") from error
            raise StartFailed(f"generation {number} did not start: {error}; {serving}", error.instance) from error
        self.offers.succession.moved(keeper, generation)
        left = "" if idle else f"; what was open for longer than {self._drain_seconds_max:g} s goes on where it began"
        detail = f"{keeper.name} moved to {revision.short}, generation {number}{left}"
        self.renewal.settled(keeper.name)
        feed.put(Progress("done", detail, done=True, service=keeper.name))
        await self._sweep()

    @staticmethod
    def _serving(before: Remembered | None) -> str:
        """Returns what goes on where a change did not come about."""
        return f"generation {before.generation} goes on" if before else "nothing has changed"

    async def _remake(self, name: str) -> Generation:
        """Makes again what a service ran when the node stopped; of a working tree, what is there now."""
        before = self._roster.remembered(name)
        assert before is not None
        spec = parse(before.source)
        revision = Revision(before.revision, before.ref)
        if spec.kind == "directory":
            revision = await self._workshop.newest(spec)
        number = before.generation + (revision.id != before.revision)
        generation = await self._workshop.make(spec, revision, number, silent, before.engine)
        if number != before.generation:
            self._roster.remember(self._roster.find(name), generation)
        return generation

    def _promise(self, keeper: Keeper, generation: Generation) -> None:
        """Remembers what has come up, before it serves: what would be gone with the node is not called running."""
        try:
            self._roster.remember(keeper, generation)
        except EngineError as error:
            detail = f"{keeper.name} came up and was stopped again, because it could not be remembered: {error}"
            raise EngineError(f"{detail}; make room and try again") from error

    def _keeper(self, name: str, spec: SourceSpec, wish: Wish, *, named: bool, revision: str = "") -> Keeper:
        return Keeper(
            name,
            spec,
            self._launcher,
            self.logs,
            named=named,
            environment=wish.environment,
            allowed=wish.allowed,
            evolves=self._evolve and may_evolve(spec) if wish.evolve is None else wish.evolve,
            engine=wish.engine,
            revision=revision,
            clock=self._clock,
            entropy=self._entropy,
            changed=self._changed,
            drain_seconds_max=self._drain_seconds_max,
        )

    def _beside(self, keeper: Keeper) -> Keeper:
        wish = Wish(keeper.name, keeper.environment, keeper.allowed, keeper.evolves, keeper.engine)
        return self._keeper(keeper.name, keeper.spec, wish, named=keeper.named)

    async def _sweep(self) -> None:
        used = [keeper.generation for keeper in self._roster if keeper.generation]
        used += [generation for keeper in self._roster for generation in keeper.lingering.generations()]
        used += self.offers.succession.generations()
        with contextlib.suppress(OSError):
            await asyncio.to_thread(self._workshop.sweep, used)
