"""What lives of one service: its active generation, a newcomer where there is one, and those that are retired.

The active one is the service's keeper in the roster; the others are here. Who gets what is told to the reception and
the trial, and remembered in the lineage, always in the same step.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from micro.errors import NotFound
from micro.ports import Clock
from micro.runtime.evolution.decision import Standing, decide
from micro.runtime.evolution.evidence import Terms
from micro.runtime.instance import Reception
from micro.runtime.keeper import Keeper
from micro.runtime.lineage import Lineage, Member
from micro.runtime.roster import Roster
from micro.runtime.source.source import Revision
from micro.service.trial import WHOLE, Trials

__all__ = ["Announce", "Grounds", "Household", "Lifetimes"]

Announce = Callable[[dict[str, Any]], None]
"""Is told of everything that happens to a lineage: `{kind, service, generation, revision, weight, detail}`."""


@dataclass(frozen=True)
class Lifetimes:
    """How long what gets no traffic goes on.

    Attributes:
        seconds: a generation that is retired lives so long at most.
        idle_seconds: and so long where nobody asks for it.
        lapse_seconds: a trial that gets no calls ends after so long.
    """

    seconds: float = 86_400.0
    idle_seconds: float = 600.0
    lapse_seconds: float = 86_400.0


@dataclass(frozen=True)
class Grounds:
    """What all households of a node stand on.

    Attributes:
        roster: has the active generation of each.
        reception: shares traffic out.
        trials: the trials that are held now, by service.
        clock: the time.
        announce: is told what happens.
        lifetimes: how long those live that get nothing.
        terms: by what newcomers are judged.
    """

    roster: Roster
    reception: Reception
    trials: Trials
    clock: Clock
    announce: Announce
    lifetimes: Lifetimes
    terms: Terms


@dataclass
class _Old:
    """A generation that gets nothing any more, but from those who ask for it."""

    keeper: Keeper
    since: float
    activity: int | None = None
    quiet_since: float = 0.0
    leaving: asyncio.Task[None] | None = None


class Household:
    """One service.

    Attributes:
        lineage: all that is remembered of its generations.
        newcomer: the keeper of the one on trial.
        is_adopting: whether the newcomer is about to take its parent's place.
    """

    def __init__(self, lineage: Lineage, grounds: Grounds) -> None:
        self.lineage = lineage
        self.newcomer: Keeper | None = None
        self.is_adopting = False
        self._grounds = grounds
        self._parent_restarts = 0
        self._asked, self._asked_at = -1, 0.0
        self._old: dict[int, _Old] = {}

    @property
    def service(self) -> str:
        """Its name."""
        return self.lineage.service

    @property
    def waits(self) -> str:
        """What waits for the end of a trial, and what ends it, in words; empty where nothing does."""
        trial, waiting = self.lineage.on_trial, self.lineage.waiting
        if trial is None or not waiting or waiting == trial.revision:
            return ""
        short = Revision(waiting).short
        ends = f"`micro rollback {self.service}` ends it"
        return f"{short} waits until the trial of generation {trial.number} ends; {ends}"

    def keepers(self) -> Iterator[Keeper]:
        """Yields those beside the one in the roster."""
        if self.newcomer is not None:
            yield self.newcomer
        yield from (old.keeper for old in self._old.values())

    async def end(self) -> None:
        """Ends all of them."""
        for old in self._old.values():
            if old.leaving is not None:
                old.leaving.cancel()
        await asyncio.gather(*(keeper.end() for keeper in self.keepers()), return_exceptions=True)

    # -- a trial ----------------------------------------------------------------------------------------------------

    def begin(self, parent: Keeper, member: Member) -> None:
        """Shares calls out between a newcomer, which is there and gets nothing yet, and its parent."""
        before = self.lineage.get(member.parent)
        assert before is not None, "a newcomer has a parent"
        self._parent_restarts = parent.restarts - member.crashes[0]
        if self.newcomer is not None:
            self.newcomer.restarts += member.crashes[2]
        self._grounds.trials[self.service] = member.begin_trial(before)
        self._asked = -1
        self._weigh(member)
        self._grounds.reception.recall(self.service, member.parent)

    def judge(self) -> Standing | None:
        """Decides about the newcomer; returns how it stands where that has changed.

        One that is to have everything only stands so when it is `adopt`ed.
        """
        member = self.lineage.on_trial
        if member is None or self.newcomer is None or self.is_adopting:
            return None
        awaited = self.count()
        before = Standing(member.state, member.weight, member.stepped_at)  # type: ignore[arg-type]
        decision = decide(before, member.evidence(awaited), self._grounds.terms)
        member.because(*decision.reasons)
        standing = decision.standing
        if standing == before:
            return self._lapse(member) if self._has_lapsed() else None
        if standing.state == "zero":
            self.condemn(*decision.reasons)
        elif standing.state == "ramping":
            member.state, member.weight, member.stepped_at = standing.state, standing.weight, standing.stepped_at
            self._grounds.trials[self.service].weigh(standing.weight)
            self._weigh(member)
            self.tell("ramping", member, *decision.reasons)
        return standing

    def _has_lapsed(self) -> bool:
        """Whether the trial has had no calls for as long as it may."""
        trial, now = self._grounds.trials.get(self.service), self._grounds.clock.monotonic()
        if trial is None or trial.calls != self._asked:
            self._asked, self._asked_at = trial.calls if trial is not None else -1, now
        return now - self._asked_at >= self._grounds.lifetimes.lapse_seconds

    def _lapse(self, member: Member) -> Standing:
        """Ends a trial that nobody's calls decide: for the parent, unless the newcomer was found no worse before."""
        quiet = f"nobody called {self.service} for {self._grounds.lifetimes.lapse_seconds:g} s"
        if member.state == "ramping":
            member.because(f"{quiet}, and it had been shown to be no worse")
            return Standing("active", WHOLE)
        self.condemn(
            f"its trial has lapsed: {quiet}, so nothing was shown; "
            f"`micro rollback {self.service} {member.number}` gives it all calls while it lives"
        )
        return Standing("zero", 0)

    def count(self) -> int:
        """Takes over what was counted, and returns how many pairs await an answer."""
        trial, member = self._grounds.trials.get(self.service), self.lineage.on_trial
        parent = self._grounds.roster.get(self.service)
        before = self.lineage.get(member.parent) if member is not None else None
        if trial is None or member is None or before is None or parent is None or self.newcomer is None:
            return 0
        member.take(trial, before)
        member.crashes = [parent.restarts - self._parent_restarts, 0, self.newcomer.restarts]
        return trial.open

    def condemn(self, *reasons: str) -> None:
        """Gives the newcomer nothing from now on; its parent has everything again."""
        member = self.lineage.on_trial
        assert member is not None, "somebody is on trial"
        self.count()
        keeper, self.newcomer = self.newcomer, None
        self._grounds.trials.pop(self.service, None)
        member.state, member.weight = "zero", 0
        parent = self.lineage.get(member.parent)
        if parent is not None:
            parent.weight = WHOLE
        self._grounds.reception.weigh(self.service, member.number, 0)
        self._grounds.reception.weigh(self.service, member.parent, None)
        if keeper is not None:
            self._retire(member, keeper)
        self.tell("zero", member, *reasons)

    def adopt(self, *reasons: str) -> None:
        """Has the newcomer take its parent's place. Raises `EngineError` where that cannot be remembered."""
        member, child = self.lineage.on_trial, self.newcomer
        assert member is not None, "somebody is on trial"
        assert child is not None, "who is on trial is there"
        self.count()
        self._take_place(child, member)
        self.newcomer = None
        self.tell("active", member, *reasons)

    def restore(self, number: int) -> None:
        """Has one that is retired take its place again. Raises `NotFound` where it does not live any more."""
        member, old = self.lineage.get(number), self._old.get(number)
        if member is None or old is None or old.keeper.instance is None:
            told = ", ".join(str(known) for known in self.living())
            raise NotFound(f"generation {number or '?'} of {self.service} does not live any more; these do: {told}")
        self._take_place(old.keeper, member)
        del self._old[number]
        if old.leaving is not None:
            old.leaving.cancel()
        old.keeper.revive()
        self.tell("active", member, "its owner said so")

    def living(self) -> list[int]:
        """Returns the numbers of the generations that live."""
        active, trial = self.lineage.active, self.lineage.on_trial
        return sorted({member.number for member in (active, trial) if member is not None} | self._old.keys())

    @property
    def before(self) -> int:
        """The living generation before the active one, 0 where there is none."""
        active = self.lineage.active
        return max((number for number in self._old if active is None or number < active.number), default=0)

    def _take_place(self, after: Keeper, member: Member) -> None:
        """Has another generation be the active one, once that is remembered."""
        roster, reception = self._grounds.roster, self._grounds.reception
        before = roster.get(self.service)
        assert before is not None, "a service has an active generation"
        assert after.generation is not None, "who takes a place runs"
        roster.remember(after, after.generation)
        roster.remove(before)
        roster.add(after)
        self._grounds.trials.pop(self.service, None)
        was = self.lineage.active
        if was is not None:
            was.state, was.weight = "retired", 0
            was.because(f"generation {member.number} took its place")
            reception.weigh(self.service, was.number, 0)
            reception.recall(self.service, was.number)
            self._retire(was, before)
        member.state, member.weight = "active", WHOLE
        reception.weigh(self.service, member.number, None)

    def _weigh(self, member: Member) -> None:
        parent = self.lineage.get(member.parent)
        if parent is not None:
            parent.weight = WHOLE - member.weight
        self._grounds.reception.weigh(self.service, member.parent, WHOLE - member.weight)
        self._grounds.reception.weigh(self.service, member.number, member.weight)

    # -- old age ----------------------------------------------------------------------------------------------------

    def _retire(self, member: Member, keeper: Keeper) -> None:
        keeper.retire()
        now = self._grounds.clock.monotonic()
        self._old[member.number] = _Old(keeper, now, quiet_since=now)

    def age(self) -> None:
        """Has those leave whose time is over or whom nobody asks; forgets those that have ended."""
        now, lifetimes = self._grounds.clock.monotonic(), self._grounds.lifetimes
        for number, old in list(self._old.items()):
            instance = old.keeper.instance
            if instance is None:
                self._bury(number, old.keeper.reason)
                continue
            activity = self._grounds.reception.activity(instance.id)
            if activity is None or activity != old.activity:
                old.activity, old.quiet_since = activity, now
            is_over = now - old.since >= lifetimes.seconds or now - old.quiet_since >= lifetimes.idle_seconds
            if is_over and old.leaving is None:
                old.leaving = asyncio.ensure_future(old.keeper.leave())

    def _bury(self, number: int, reason: str) -> None:
        del self._old[number]
        self._grounds.reception.weigh(self.service, number, None)
        member = self.lineage.get(number)
        if member is not None:
            member.state = "ended"
            self.tell("ended", member, *member.reasons, reason)

    def tell(self, kind: str, member: Member, *reasons: str) -> None:
        """Says what happened to a generation, and why."""
        member.because(*(reason for reason in reasons if reason))
        said = {"kind": kind, "service": self.service, "generation": member.number, "revision": member.revision}
        self._grounds.announce({**said, "weight": member.weight, "detail": "; ".join(member.reasons)})
