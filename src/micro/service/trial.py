"""A trial: which calls of a service a newcomer gets beside its parent, and how both did, compared call by call.

Pure.

Calls are compared in pairs. Two calls of one endpoint that come one after the other are a pair; a fair coin says which
of them the newcomer gets, so that whatever else is different between two moments, loads or callers, speaks for neither.
A pair begins only when the newcomer would not get more than its share by it, so at every moment since the weight was
set it has had at most that part of the calls. All other calls are the parent's, and are not compared.

A call that cannot be sent to the newcomer, because it is not there or has no such endpoint, counts as failed; its
caller notices nothing, for the parent gets it.
"""

from __future__ import annotations

from collections.abc import Callable

from micro.errors import is_callers
from micro.service.cost import Cost

__all__ = ["Counts", "Half", "Share", "Tally", "Trial", "Trials", "part_of"]

WHOLE = 10_000
"""All of the calls, in the unit of weights."""

PAIRS_OPEN_MAX = 1_024
"""So many pairs await an answer at once; while that is so, no other begins."""

ENDPOINTS_MAX = 256
"""So many endpoints have a pair that awaits its second call; of further ones the oldest is given up, whatever its first
call came to."""

BEGIN_CHANCE = 0.5
"""How likely a pair begins where one may: not with every twentieth call, lest a caller's rhythm decides which."""

BEHIND = 8
"""A newcomer of whose share, between a quarter and a half, pairs alone do not make enough gets calls beside them."""

SECOND_MICROSECONDS = 1_000_000
SLACK_MICROSECONDS = 10_000
"""Who took less than twice as long, or was later by less than this, was not clearly slower: a process that gets a
twentieth of the calls is woken for each of them, which costs milliseconds on a busy machine and says nothing of it."""

ANSWERED, REJECTED, FAILED = range(3)
"""How a call went, the better the lower. A fault that is its caller's is no failure of who was asked, and yet less than
an answer: callers make their mistakes with both alike, but a newcomer may call mistaken what its parent answers."""

BUCKETS = 40
"""Times are counted by their binary logarithm in microseconds; the last bucket is of more than six days."""


def _outcome(code: int) -> int:
    """Returns how a call went that ended with the code of a fault, or with 0."""
    return ANSWERED if not code else REJECTED if is_callers(code) else FAILED


class Counts:
    """How pairs compared in one quality: the newcomer's call was the better one, the same, or the worse one."""

    __slots__ = ("better", "same", "worse")

    def __init__(self, better: int = 0, same: int = 0, worse: int = 0) -> None:
        self.better = better
        self.same = same
        self.worse = worse

    def add(self, newcomer_is_worse: bool, parent_is_worse: bool) -> None:
        """Counts a pair of which at most one was worse."""
        if newcomer_is_worse:
            self.worse += 1
        elif parent_is_worse:
            self.better += 1
        else:
            self.same += 1

    def listed(self) -> list[int]:
        """Returns better, same and worse."""
        return [self.better, self.same, self.worse]


class Tally:
    """What one generation did of what came by the node.

    Attributes:
        calls: how many.
        failed: those that it failed at.
        rejected: those that ended with a fault of their caller's.
        buckets: how many took how long.
    """

    __slots__ = ("buckets", "calls", "failed", "rejected")

    def __init__(self, calls: int = 0, failed: int = 0, rejected: int = 0, buckets: list[int] | None = None) -> None:
        self.calls = calls
        self.failed = failed
        self.rejected = rejected
        self.buckets = buckets or [0] * BUCKETS

    def add(self, code: int, microseconds: int) -> None:
        """Counts a call that ended with the code of a fault, or with 0."""
        self.calls += 1
        outcome = _outcome(code)
        if outcome == FAILED:
            self.failed += 1
        elif outcome == REJECTED:
            self.rejected += 1
        self.buckets[min(microseconds.bit_length(), BUCKETS - 1)] += 1

    def quantile_microseconds(self, parts: int) -> int:
        """Returns a time that so many parts in ten thousand of the calls were below, a power of two; 0 of no calls."""
        wanted, seen = self.calls * parts, 0
        for bucket, count in enumerate(self.buckets):
            seen += count * WHOLE
            if count and seen >= wanted:
                return 1 << bucket
        return 0


class Half:
    """One call of a pair. `end` it, once."""

    __slots__ = ("_other", "_trial", "cost", "is_newcomer", "microseconds", "outcome")

    def __init__(self, trial: Trial, is_newcomer: bool) -> None:
        self.is_newcomer = is_newcomer
        self.outcome = ANSWERED
        self.microseconds = -1
        self.cost: Cost | None = None
        self._trial = trial
        self._other: Half | None = None

    def partner(self) -> Half:
        """Returns the other half, which is of the other generation."""
        other = Half(self._trial, not self.is_newcomer)
        other._other = self
        self._other = other
        return other

    def end(self, code: int, seconds: float, cost: Cost | None = None) -> None:
        """Notes how the call ended: 0 or the code of its fault, how long it took, and what it says it cost."""
        if self.microseconds >= 0:
            return
        self.cost = cost
        self.outcome = _outcome(code)
        self.microseconds = max(0, int(seconds * SECOND_MICROSECONDS))
        trial = self._trial
        (trial.newcomer_tally if self.is_newcomer else trial.parent_tally).add(code, self.microseconds)
        other = self._other
        if other is not None and other.microseconds >= 0:
            trial.compare(*(self, other) if self.is_newcomer else (other, self))

    def is_slower(self, other: Half) -> bool:
        """Whether this call was clearly slower than another; one that went worse is slower than any that did not."""
        if self.outcome or other.outcome:
            return self.outcome > other.outcome
        return self.microseconds > max(2 * other.microseconds, other.microseconds + SLACK_MICROSECONDS)


class Trial:
    """One newcomer beside its parent.

    Attributes:
        newcomer: the generation on trial.
        weight: what it gets at most, in parts of `WHOLE`.
        calls: how many calls came since the weight was set.
        taken: how many of them are the newcomer's, those included that it gets as the second of a pair.
        open: pairs that have begun and are not complete.
        answers, speed, cost: how pairs compared; in cost only those of which both told theirs in the same unit.
        newcomer_tally, parent_tally: what both did in compared calls.
    """

    __slots__ = (
        "_pairs",
        "_waiting",
        "answers",
        "calls",
        "cost",
        "newcomer",
        "newcomer_tally",
        "open",
        "parent_tally",
        "speed",
        "taken",
        "weight",
    )

    def __init__(self, newcomer: int, weight: int) -> None:
        self.newcomer = newcomer
        self.open = 0
        self.answers = Counts()
        self.speed = Counts()
        self.cost = Counts()
        self.newcomer_tally = Tally()
        self.parent_tally = Tally()
        self._waiting: dict[str, Half] = {}
        self.weigh(weight)

    def weigh(self, weight: int) -> None:
        """Sets what the newcomer gets; what it had before does not count."""
        self.weight = weight
        self.calls = 0
        self.taken = len(self._waiting)
        self._pairs = 0

    def assign(self, endpoint: str, chance: Callable[[], float]) -> Half | bool:
        """Says who gets a call: a half of a pair, or whether it is the newcomer, where the call is not compared.

        Args:
            endpoint: the calls of a pair are of the same.
            chance: returns a number from 0 up to (not including) 1.
        """
        self.calls = calls = self.calls + 1
        waiting = self._waiting.pop(endpoint, None)
        if waiting is not None:
            self.open += 1
            return waiting.partner()
        weight = self.weight
        if (self.taken + 1) * WHOLE > weight * calls:
            return False
        fewer = min(weight, WHOLE - weight)
        is_room = self.open + len(self._waiting) < PAIRS_OPEN_MAX
        if is_room and (self._pairs + 1) * WHOLE <= fewer * calls and chance() < BEGIN_CHANCE:
            self.taken += 1
            self._pairs += 1
            if len(self._waiting) >= ENDPOINTS_MAX:
                del self._waiting[next(iter(self._waiting))]
            half = self._waiting[endpoint] = Half(self, chance() < 0.5)
            return half
        if 4 * weight < WHOLE or (2 * weight <= WHOLE and (self.taken + BEHIND) * WHOLE > weight * calls):
            return False
        self.taken += 1
        return True

    def compare(self, newcomer: Half, parent: Half) -> None:
        """Counts a complete pair; one of which both went amiss alike says nothing, however many there are."""
        self.open -= 1
        if newcomer.outcome and newcomer.outcome == parent.outcome:
            return
        self.answers.add(newcomer.outcome > parent.outcome, parent.outcome > newcomer.outcome)
        self.speed.add(newcomer.is_slower(parent), parent.is_slower(newcomer))
        its, before = newcomer.cost, parent.cost
        if its is not None and before is not None and its.unit == before.unit:
            self.cost.add(its.is_dearer(before), before.is_dearer(its))


class Share:
    """A newcomer's part of the events of one queue, compared with its parent's like calls of one endpoint.

    Args:
        trial: its trial.
        queue: names the queue.
        chance: returns a number from 0 up to (not including) 1.
    """

    __slots__ = ("_chance", "_queue", "trial")

    def __init__(self, trial: Trial, queue: str, chance: Callable[[], float]) -> None:
        self.trial = trial
        self._queue = queue
        self._chance = chance

    def assign(self) -> Half | bool:
        """Says who gets the next event, as `Trial.assign` does."""
        return self.trial.assign(self._queue, self._chance)


Trials = dict[str, Trial]
"""The trials of a node, by service."""


def part_of(
    member: tuple[str, int, int | None], trials: Trials, queue: str, chance: Callable[[], float]
) -> Share | bool:
    """Returns which events of a queue a member is to have: all that come to its turn, none, or a newcomer's part.

    Args:
        member: its service, its generation, and that generation's weight, None where it has none of its own.
        trials: the trials of the node.
        queue: names the queue.
        chance: returns a number from 0 up to (not including) 1.
    """
    service, generation, weight = member
    if weight is None:
        return True
    trial = trials.get(service)
    if weight and trial is not None and trial.newcomer == generation:
        return Share(trial, queue, chance)
    return weight > 0
