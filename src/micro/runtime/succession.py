"""Evolution: newcomers are built, tried beside their parents and decided about, for all services of a node."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from micro.errors import Conflict, EngineError, Fault, NotFound, SourceError, reason_of
from micro.runtime.chronicle import Chronicle
from micro.runtime.evolution.decision import newcomer
from micro.runtime.generation import Generation, StartFailed
from micro.runtime.household import Grounds, Household
from micro.runtime.keeper import Keeper
from micro.runtime.lineage import GENERATIONS_MAX, Lineage, Member
from micro.runtime.source.source import Report, Revision, silent
from micro.service.trial import WHOLE

__all__ = ["Succession"]

TICK_SECONDS = 1.0
"""So often newcomers are decided about."""

SAVE_SECONDS = 10.0
"""So often what was counted is written down, beside every decision."""

HOLD_SECONDS = 3_600.0
"""A canary about which nothing was decided for so long makes room for a newer revision."""


class Place(Protocol):
    """What a succession asks of the supervisor around it."""

    def keeper_beside(self, keeper: Keeper) -> Keeper:
        """Returns a keeper for another generation of the same service."""

    async def make(self, keeper: Keeper, revision: Revision, number: int, report: Report) -> Generation:
        """Builds a generation."""

    def advance(self, keeper: Keeper, generation: Generation) -> str:
        """Has a service be at a generation whose files it runs already; returns that in words."""

    def turn(self, name: str) -> contextlib.AbstractAsyncContextManager[None]:
        """Returns the turn of a service, in which nobody else changes it."""


class Succession:
    """The lineages of one node."""

    def __init__(self, place: Place, grounds: Grounds, chronicle: Chronicle) -> None:
        self._place = place
        self._grounds = grounds
        self._chronicle = chronicle
        self._houses: dict[str, Household] = {}
        self._resuming: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._watch: asyncio.Task[None] | None = None

    # -- life -------------------------------------------------------------------------------------------------------

    def restore(self) -> None:
        """Takes up the lineages of before; a newcomer that was on trial comes back when its parent has.

        Raises:
            ConfigError: what was remembered cannot be read.
        """
        for lineage in self._chronicle.read():
            if self._grounds.roster.get(lineage.service) is None:
                continue
            self._houses[lineage.service] = Household(lineage, self._grounds)
            for member in lineage.members:
                if member.state in ("retired", "zero"):
                    member.state = "ended"
            if lineage.on_trial is not None:
                self._resuming.add(lineage.service)
                self._begin_watch()

    async def close(self) -> None:
        """Stops everything beside the active generations; what was counted is remembered."""
        for house in self._houses.values():
            house.count()
        self._write_down()
        tasks = [task for task in (self._watch, *self._tasks) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(*(house.end() for house in self._houses.values()))

    async def forget(self, service: str) -> None:
        """Ends all that lives of a service but its active generation, and forgets its lineage."""
        house = self._houses.pop(service, None)
        if house is None:
            return
        self._resuming.discard(service)
        self._grounds.trials.pop(service, None)
        await house.end()
        for member in house.lineage.members:
            self._grounds.reception.weigh(service, member.number, None)
        self._write_down()

    def generations(self) -> list[Generation]:
        """Returns what lives beside the active generations, whose files are needed."""
        keepers = (keeper for house in self._houses.values() for keeper in house.keepers())
        return [keeper.generation for keeper in keepers if keeper.generation is not None]

    def next_number(self, service: str, before: int) -> int:
        """Returns the number of the next generation, where the active one has the number `before`."""
        house = self._houses.get(service)
        return max(before, house.lineage.newest if house is not None else 0) + 1

    # -- newcomers --------------------------------------------------------------------------------------------------

    async def offer(self, parent: Keeper, revision: Revision, report: Report) -> str:
        """Builds a revision, tries it and puts it on trial; returns what came of it, in words. Takes place in a turn.

        A revision that was there before, whatever became of it, is no newcomer; nor is one with the same files.

        Raises:
            SourceError, StartFailed, Fault: it cannot be built or does not answer; the lineage is as it was.
            Conflict: the service is not running, or has as many generations as there may be.
        """
        name, active = parent.name, parent.generation
        if active is None or parent.state != "running":
            raise Conflict(f"{name} is not running now, and a newcomer needs a parent; see micro status")
        house = self._house(parent, active)
        waits = self._why_not(house, revision)
        if waits:
            return waits
        now = self._grounds.clock.now()
        number = self.next_number(name, active.number)
        weight = newcomer(self._grounds.terms).weight
        member = Member(number, revision.id, revision.ref, active.number, "canary", weight, now)
        generation = await self._make(house, parent, member, report)
        if parent.has_files_of(generation):
            return self._advance(house, parent, generation)
        await self._settle(house, parent, member, generation, report)
        house.lineage.add(member)
        self._begin(house, parent, member)
        told = f"it gets {weight * 100 / WHOLE:g} % of the calls at most until it is shown to be no worse"
        house.tell("canary", member, told)
        self._write_down()
        return f"generation {number} of {name} is on trial beside generation {active.number}: {told}"

    def known(self, service: str, revision: Revision) -> str:
        """Returns what became of a revision that was there before, in words; "" where it was not."""
        house = self._houses.get(service)
        known = house.lineage.of_revision(revision.id) if house is not None else None
        if known is None:
            return ""
        why = f": {known.reasons[-1]}" if known.reasons else ""
        return f"{revision.short} is generation {known.number} already, {known.state}{why}"

    def _why_not(self, house: Household, revision: Revision) -> str:
        """Returns why a revision does not become a newcomer now, "" where it does."""
        lineage = house.lineage
        known = self.known(lineage.service, revision)
        trial, lineage.waiting = lineage.on_trial, ""
        if known:
            return known
        if trial is not None:
            if trial.state == "ramping" or self._grounds.clock.now() - trial.since < HOLD_SECONDS:
                lineage.waiting = revision.id
                return house.waits
            house.condemn(f"nothing was decided in time, and {revision.short} takes its place")
        living = 1 + len(list(house.keepers()))
        if living >= GENERATIONS_MAX:
            raise Conflict(
                f"{living} generations of {lineage.service} live, the most there may be: {revision.short} can begin "
                "when one has ended, as each does that nobody asks for"
            )
        return ""

    async def _make(self, house: Household, parent: Keeper, member: Member, report: Report) -> Generation:
        """Builds a newcomer."""
        try:
            return await self._place.make(parent, Revision(member.revision, member.ref), member.number, report)
        except Exception as error:
            _refuse(house, member, error)
            raise

    def _advance(self, house: Household, parent: Keeper, generation: Generation) -> str:
        """Has a service be at a revision whose files it runs already: nothing is started for it."""
        told = self._place.advance(parent, generation)
        active = house.lineage.active
        assert active is not None, "it runs"
        active.revision, active.ref = generation.revision, generation.ref
        self._write_down()
        return told

    async def _settle(
        self, house: Household, parent: Keeper, member: Member, generation: Generation, report: Report
    ) -> None:
        """Starts a newcomer, which gets nothing yet, and sees whether it answers."""
        name, reception = parent.name, self._grounds.reception
        keeper = self._place.keeper_beside(parent)
        try:
            reception.weigh(name, member.number, 0)
            registered = await keeper.begin(generation, report)
            assert keeper.instance is not None, "it has just begun"
            if registered != name:
                raise StartFailed(f"it registered as {registered}, and it is to be {name}", keeper.instance.id)
            report("waiting", "it has to answer")
            await reception.probe(keeper.instance.id)
        except BaseException as error:
            reception.weigh(name, member.number, None)
            await keeper.end()
            if isinstance(error, Exception):
                _refuse(house, member, error)
            raise
        keeper.keep()
        house.newcomer = keeper

    def _begin(self, house: Household, parent: Keeper, member: Member) -> None:
        house.begin(parent, member)
        self._begin_watch()

    # -- decisions --------------------------------------------------------------------------------------------------

    def _begin_watch(self) -> None:
        if self._watch is None or self._watch.done():
            self._watch = asyncio.ensure_future(self._look())

    async def _look(self) -> None:
        saved = self._grounds.clock.monotonic()
        while self._resuming or any(True for house in self._houses.values() for _ in house.keepers()):
            await asyncio.sleep(TICK_SECONDS)
            self.look()
            if self._grounds.clock.monotonic() - saved >= SAVE_SECONDS:
                saved = self._grounds.clock.monotonic()
                self._write_down()

    def look(self) -> None:
        """Decides about all newcomers, and looks after those that are retired."""
        for house in list(self._houses.values()):
            standing = house.judge()
            if standing is not None and standing.state == "active":
                house.is_adopting = True
                self._soon(lambda house=house: self._adopt(house))  # type: ignore[misc]
            elif standing is not None:
                self._write_down()
            house.age()
        for name in list(self._resuming):
            self._resume(name)

    async def _adopt(self, house: Household) -> None:
        try:
            async with self._place.turn(house.service):
                member = house.lineage.on_trial
                if member is not None and house.newcomer is not None:
                    house.adopt(*member.reasons)
                    self._write_down()
        except EngineError:
            pass  # the disk does not take it: it is decided anew with the next look
        finally:
            house.is_adopting = False

    # -- the owner's word -------------------------------------------------------------------------------------------

    def rollback(self, parent: Keeper, number: int | None) -> str:
        """Gives all the traffic to a generation that lives; returns what was done, in words. Takes place in a turn.

        Args:
            parent: the keeper in the roster.
            number: which one; without it the newcomer's parent, or else the one before the active.

        Raises:
            NotFound: that generation does not live.
            EngineError: it cannot be remembered, and nothing has changed.
        """
        house = self._houses.get(parent.name)
        active = house.lineage.active if house is not None else None
        if house is None or active is None:
            raise NotFound(f"{parent.name} has one generation only: there is nothing to go back to")
        trial = house.lineage.on_trial
        if number is None:
            number = active.number if trial is not None else house.before
        if trial is not None and number == trial.number and house.newcomer is not None:
            house.adopt("its owner said so")
        elif number == active.number:
            if trial is not None:
                house.condemn("its owner rolled back")
        else:
            if number not in house.living():
                house.restore(number)  # which says what lives
            if trial is not None:
                house.condemn("its owner rolled back")
            house.restore(number)
        self._write_down()
        return f"generation {number} of {parent.name} gets all calls"

    def moved(self, keeper: Keeper, generation: Generation) -> None:
        """Takes note that the owner has moved a service to another generation, past any trial."""
        house = self._houses.get(keeper.name)
        if house is None:
            return
        if house.lineage.on_trial is not None:
            house.condemn("its owner moved the service")
        active = house.lineage.active
        if active is not None:
            active.state, active.weight = "ended", 0
            active.because("its owner moved the service")
        now = self._grounds.clock.now()
        house.lineage.add(Member(generation.number, generation.revision, generation.ref, since=now))
        self._write_down()

    # -- what is known ----------------------------------------------------------------------------------------------

    def waits(self, service: str) -> str:
        """Returns which revision of a service waits for the end of a trial, in words; "" where none does."""
        house = self._houses.get(service)
        return house.waits if house is not None else ""

    def settled(self, service: str) -> None:
        """Takes note that a service is at what its source is: nothing newer waits."""
        house = self._houses.get(service)
        if house is not None:
            house.lineage.waiting = ""

    def status(self, keeper: Keeper) -> dict[str, Any]:
        """Returns the lineage of a service: `{service, active, waits, generations}`, as `Member.to_dict` says."""
        house, made = self._houses.get(keeper.name), keeper.generation
        if house is None:
            alone = [] if made is None else [Member(made.number, made.revision, made.ref, since=keeper.started)]
            return _told(keeper.name, made.number if made is not None else 0, alone, "")
        house.count()
        lineage, active = house.lineage, house.lineage.active
        return _told(keeper.name, active.number if active is not None else 0, lineage.members, house.waits)

    def _house(self, parent: Keeper, active: Generation) -> Household:
        house = self._houses.get(parent.name)
        if house is None:
            house = self._houses[parent.name] = Household(Lineage(parent.name), self._grounds)
        known = house.lineage.active
        if known is None or known.number != active.number:
            if known is not None:
                known.state, known.weight = "ended", 0
            house.lineage.add(Member(active.number, active.revision, active.ref, since=parent.started))
        return house

    def _resume(self, name: str) -> None:
        house, parent = self._houses.get(name), self._grounds.roster.get(name)
        if house is None or parent is None or house.lineage.on_trial is None:
            self._resuming.discard(name)
        elif parent.state == "running" and parent.generation is not None:
            self._resuming.discard(name)
            self._soon(lambda: self._bring_back(house))

    async def _bring_back(self, house: Household) -> None:
        """Brings a newcomer back that was on trial when the node stopped."""
        async with self._place.turn(house.service):
            parent, member = self._grounds.roster.get(house.service), house.lineage.on_trial
            if parent is None or parent.generation is None or member is None:
                return
            try:
                if parent.generation.number != member.parent:
                    raise Conflict(f"its parent is generation {parent.generation.number} by now")
                generation = await self._make(house, parent, member, silent)
                await self._settle(house, parent, member, generation, silent)
                self._begin(house, parent, member)
            except (EngineError, SourceError, StartFailed, Fault) as error:
                house.condemn(f"it did not come up again: {error}")
                member.state = "ended"
            self._write_down()

    def _write_down(self) -> None:
        self._chronicle.write(house.lineage for house in self._houses.values())

    def _soon(self, work: Callable[[], Awaitable[None]]) -> None:
        task: asyncio.Task[None] = asyncio.ensure_future(work())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _refuse(house: Household, member: Member, error: Exception) -> None:
    house.tell("refused", member, f"generation {member.number} does not begin: {reason_of(error)}")


def _told(service: str, active: int, members: list[Member], waits: str) -> dict[str, Any]:
    generations = [member.to_dict() for member in members]
    return {"service": service, "active": active, "waits": waits, "generations": generations}
