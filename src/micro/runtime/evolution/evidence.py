"""What was counted of a newcomer and its parent, and by which terms it is judged.

Pure.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from micro.runtime.evolution.betting import WHOLE

__all__ = ["Evidence", "Pairs", "Terms"]


@dataclass(frozen=True, slots=True)
class Pairs:
    """Pairs of concurrent calls, one of the newcomer and one of its parent, compared in one quality.

    Attributes:
        better, same, worse: how the newcomer's call compared.
        open: pairs that have begun, of which an answer is still awaited. They count against whatever is claimed, so
            that a version whose failures take long gains nothing by that.
    """

    better: int = 0
    same: int = 0
    worse: int = 0
    open: int = 0

    @property
    def compared(self) -> int:
        """How many pairs are complete."""
        return self.better + self.same + self.worse


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that was counted since the newcomer came.

    Attributes:
        answers: of which call of a pair was answered, which was refused as its caller's mistake, and which failed.
        speed: of which was answered clearly sooner; a call that failed is slower than any that did not.
        cost: of which cost clearly less; nothing where nobody counts costs.
        crashes: how often an instance ended by itself: where it was the parent's it speaks for the newcomer, as each
            has one that runs all the while.
    """

    answers: Pairs = field(default_factory=Pairs)
    speed: Pairs = field(default_factory=Pairs)
    cost: Pairs = field(default_factory=Pairs)
    crashes: Pairs = field(default_factory=Pairs)


@dataclass(frozen=True, slots=True)
class Terms:
    """By what a newcomer is judged.

    Attributes:
        level: it is wrongly found to be no worse, and wrongly to be worse, once in so many times at most.
        answers_tolerance: it is no worse while it fails where its parent answers less than so much more often than the
            other way round, in parts of `WHOLE` of all pairs.
        speed_tolerance, cost_tolerance: the same, for being clearly slower or dearer.
        canary_weight: what a newcomer gets at most before it is found to be no worse, in parts of `WHOLE`.
        step_pairs: so many pairs further its weight is doubled.
    """

    level: int = 100
    answers_tolerance: int = 200
    speed_tolerance: int = 2_000
    cost_tolerance: int = 2_000
    canary_weight: int = 500
    step_pairs: int = 40

    def __post_init__(self) -> None:
        assert self.level > 1, "a level of 1 means that everything may be adopted"
        assert 0 < self.canary_weight < WHOLE, "a canary gets a part"
        assert self.step_pairs > 0, "a ramp has steps"
        for tolerance in (self.answers_tolerance, self.speed_tolerance, self.cost_tolerance):
            assert 0 <= tolerance < WHOLE, "a tolerance is a part"
