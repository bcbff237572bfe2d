"""The generations of one service, as they are remembered: who came from whom, what each gets, how it did, and why.

Pure.

    state      gets                 and ends
    canary     its weight           at zero, or ramping
    ramping    its weight           at zero, or active
    active     all of the rest      retired, when a newcomer or its owner's word takes its place
    retired    who asks for it      ended: idle for long, at the end of its lifetime, or by itself
    zero       who asks for it      the same
    ended      nothing              -
"""

from __future__ import annotations

from dataclasses import replace

import msgspec
from msgspec import field

from micro.runtime.evolution.evidence import Evidence, Pairs
from micro.service.trial import Counts, Tally, Trial

__all__ = ["GENERATIONS_MAX", "Lineage", "Member"]

GENERATIONS_MAX = 8
"""So many generations of a service live side by side."""

MEMBERS_MAX = 24
"""So many are remembered, living or not; those that ended first are forgotten first."""

REASONS_MAX = 8
QUANTILES = {"median_microseconds": 5_000, "slowest_microseconds": 9_500}
"""The times by which so many in ten thousand of the calls were answered."""

ON_TRIAL = ("canary", "ramping")


class Member(msgspec.Struct):
    """One generation.

    Attributes:
        number: its number.
        revision, ref: what it was built from.
        parent: the generation it is, or was, compared with; 0 where there was none.
        state: see the table above.
        weight: what it gets of the traffic, in parts of ten thousand.
        since: when it came, in seconds since 1970.
        stepped_at: how many pairs were complete when its weight was last raised.
        reasons: why it is where it is, a sentence each, the newest last.
        answers, speed, cost: how pairs with its parent compared: better, same, worse.
        crashes: the same of ends: the parent's, none, its own.
        calls, failed, rejected, buckets: of the calls that were compared; see `micro.service.trial.Tally`.
    """

    number: int
    revision: str
    ref: str = ""
    parent: int = 0
    state: str = "active"
    weight: int = 10_000
    since: float = 0.0
    stepped_at: int = 0
    reasons: list[str] = []
    answers: list[int] = field(default_factory=lambda: [0, 0, 0])
    speed: list[int] = field(default_factory=lambda: [0, 0, 0])
    cost: list[int] = field(default_factory=lambda: [0, 0, 0])
    crashes: list[int] = field(default_factory=lambda: [0, 0, 0])
    calls: int = 0
    failed: int = 0
    rejected: int = 0
    buckets: list[int] = []

    @property
    def is_on_trial(self) -> bool:
        """Whether it is compared with its parent."""
        return self.state in ON_TRIAL

    def because(self, *reasons: str) -> None:
        """Says why it is where it is now."""
        self.reasons = list(reasons)[-REASONS_MAX:]

    def begin_trial(self, parent: Member) -> Trial:
        """Returns its trial, which goes on from what was counted before."""
        trial = Trial(self.number, self.weight)
        trial.answers, trial.speed, trial.cost = Counts(*self.answers), Counts(*self.speed), Counts(*self.cost)
        trial.newcomer_tally, trial.parent_tally = self._tally(), parent._tally()
        return trial

    def take(self, trial: Trial, parent: Member) -> None:
        """Takes over what a trial has counted so far, for its parent too."""
        self.answers, self.speed, self.cost = trial.answers.listed(), trial.speed.listed(), trial.cost.listed()
        for member, tally in ((self, trial.newcomer_tally), (parent, trial.parent_tally)):
            member.calls, member.failed, member.rejected = tally.calls, tally.failed, tally.rejected
            member.buckets = list(tally.buckets)

    def _tally(self) -> Tally:
        return Tally(self.calls, self.failed, self.rejected, list(self.buckets))

    def evidence(self, awaited: int) -> Evidence:
        """Returns what was counted, where so many pairs await an answer."""
        answers, speed, cost, crashes = (
            Pairs(*counts) for counts in (self.answers, self.speed, self.cost, self.crashes)
        )
        answers, speed = replace(answers, open=awaited), replace(speed, open=awaited)
        return Evidence(answers=answers, speed=speed, cost=cost, crashes=crashes)

    def to_dict(self) -> dict[str, object]:
        """Returns it as the endpoints hand it out."""
        tally = self._tally()
        found: dict[str, object] = {
            "generation": self.number,
            "revision": self.revision,
            "state": self.state,
            "weight": self.weight,
            "since": self.since,
            "parent": self.parent,
            "calls": self.calls,
            "failed": self.failed,
            "rejected": self.rejected,
        }
        found |= {name: tally.quantile_microseconds(parts) for name, parts in QUANTILES.items()}
        for name, counts in (
            ("answers", self.answers),
            ("speed", self.speed),
            ("cost", self.cost),
            ("crashes", self.crashes),
        ):
            found[name] = dict(zip(("better", "same", "worse"), counts, strict=True))
        return {**found, "reasons": self.reasons}


class Lineage(msgspec.Struct):
    """The generations of one service, oldest first.

    Attributes:
        service: its name.
        members: the generations.
        waiting: the revision that is to be tried after the one on trial; empty where none is.
    """

    service: str
    members: list[Member] = []
    waiting: str = ""

    def get(self, number: int) -> Member | None:
        """Returns a generation, or None."""
        return next((member for member in self.members if member.number == number), None)

    def of_revision(self, revision: str) -> Member | None:
        """Returns the newest generation of a revision, or None."""
        return next((member for member in reversed(self.members) if member.revision == revision), None)

    @property
    def on_trial(self) -> Member | None:
        """The newcomer, if there is one."""
        return next((member for member in self.members if member.is_on_trial), None)

    @property
    def active(self) -> Member | None:
        """The one that gets what no newcomer gets."""
        return next((member for member in reversed(self.members) if member.state == "active"), None)

    @property
    def newest(self) -> int:
        """The highest number there was, 0 where there was none."""
        return max((member.number for member in self.members), default=0)

    def add(self, member: Member) -> None:
        """Takes a generation in; one of that number, and the first that ended, where there are too many, go."""
        others = [known for known in self.members if known.number != member.number]
        while len(others) >= MEMBERS_MAX:
            others.remove(next((known for known in others if known.state == "ended"), others[0]))
        self.members = sorted([*others, member], key=lambda known: known.number)
