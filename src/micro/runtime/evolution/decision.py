"""The decision: what a newcomer gets of the traffic, from what was counted, with the reasons in words.

Pure.

    state       what happens                                              next
    canary      at most the canary's weight                               ramping where no quality can be worse
    ramping     the weight doubles with every so many pairs further       active at all of it
    active      everything                                                -
    zero        nothing                                                   -

From canary and ramping a newcomer goes to zero as soon as one quality is shown worse. To be adopted it has to be shown
no worse in every quality that was counted (so each may be tested at the whole level: R. L. Berger, Multiparameter
hypothesis testing and acceptance sampling, Technometrics 24, 1982); to be put to zero one suffices, and the level is
divided among the four. In answers and crashes any difference is one for the worse; in speed and cost, where a newcomer
that gets few calls has a harder time, it has to be more than what is tolerated.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from micro.runtime.evolution.betting import WHOLE, strength
from micro.runtime.evolution.evidence import Evidence, Pairs, Terms
from micro.runtime.evolution.logarithm import BIT, log2_up

__all__ = ["Decision", "Finding", "Standing", "State", "decide", "newcomer"]

State = Literal["canary", "ramping", "active", "zero"]

QUALITIES = 4
ODDS_BITS_MAX = 30
"""Odds beyond a thousand million to one are told as that."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a newcomer has come.

    Attributes:
        state: see the table above.
        weight: what it gets of the traffic, in parts of `WHOLE`; its parent gets the rest.
        stepped_at: how many pairs were complete when the weight was last raised.
    """

    state: State
    weight: int
    stepped_at: int = 0


@dataclass(frozen=True, slots=True)
class Finding:
    """What one quality says.

    Attributes:
        quality: `answers`, `speed`, `cost` or `crashes`.
        pairs: what was counted.
        no_worse, worse: how strongly it speaks for either, as logarithms in `BIT`ths.
        is_no_worse, is_worse: whether that is enough.
    """

    quality: str
    pairs: Pairs
    no_worse: int
    worse: int
    is_no_worse: bool
    is_worse: bool


@dataclass(frozen=True, slots=True)
class Decision:
    """What is to be done.

    Attributes:
        standing: from now on.
        reasons: why, a sentence each, with the evidence.
    """

    standing: Standing
    reasons: tuple[str, ...]


def newcomer(terms: Terms) -> Standing:
    """Returns how one begins."""
    return Standing("canary", terms.canary_weight)


def decide(standing: Standing, evidence: Evidence, terms: Terms) -> Decision:
    """Decides about a newcomer; may be asked as often as one likes, see `micro.runtime.evolution.betting`."""
    if standing.state in ("active", "zero"):
        return Decision(standing, ())
    findings = _findings(evidence, terms)
    worse = [finding for finding in findings if finding.is_worse]
    if worse:
        return Decision(Standing("zero", 0), tuple(_worse(finding, terms) for finding in worse))
    compared = evidence.answers.compared
    if standing.state == "canary":
        if all(finding.is_no_worse for finding in findings):
            weight = min(2 * standing.weight, WHOLE)
            told = tuple(_no_worse(finding) for finding in findings if finding.quality != "crashes")
            return Decision(Standing("ramping", weight, compared), (*told, _gets(weight)))
        return Decision(standing, (_waits(findings, standing, terms),))
    if compared < standing.stepped_at + terms.step_pairs:
        left = standing.stepped_at + terms.step_pairs - compared
        return Decision(standing, (f"{_gets(standing.weight)}; twice as much after {left} more pairs",))
    weight = min(2 * standing.weight, WHOLE)
    if weight < WHOLE:
        return Decision(Standing("ramping", weight, compared), (_gets(weight),))
    return Decision(replace(standing, state="active", weight=WHOLE), (f"never shown worse in {_pairs(compared)}",))


def _findings(evidence: Evidence, terms: Terms) -> list[Finding]:
    counted = (
        ("answers", evidence.answers, terms.answers_tolerance),
        ("speed", evidence.speed, terms.speed_tolerance),
        ("cost", evidence.cost, terms.cost_tolerance),
    )
    # Only what is counted is judged, and answers always are: without calls nothing is shown.
    found = [_finding(*one, terms) for one in counted if one[1].compared or one[0] == "answers"]
    if evidence.crashes.compared:
        found.append(replace(_finding("crashes", evidence.crashes, 0, terms), is_no_worse=True))
    return found


def _finding(quality: str, pairs: Pairs, tolerance: int, terms: Terms) -> Finding:
    no_worse = strength(pairs.better, pairs.same, pairs.worse + pairs.open, tolerance)
    margin = 0 if quality in ("answers", "crashes") else tolerance
    worse = strength(pairs.worse, pairs.same, pairs.better + pairs.open, -margin)
    is_worse = worse >= log2_up(terms.level * QUALITIES)
    return Finding(quality, pairs, no_worse, worse, no_worse >= log2_up(terms.level), is_worse)


# -- in words ---------------------------------------------------------------------------------------------------------

_WORSE = {
    "answers": "fails or refuses more often than its parent: its call went worse {worse} times, and "
    "the parent's {better} times, in {pairs}",
    "speed": "is slower than its parent: clearly slower {worse} times, clearly faster {better} times, in {pairs}",
    "cost": "costs more than its parent: clearly more {worse} times, clearly less {better} times, in {pairs}",
    "crashes": "crashes more often than its parent: {worse} times, and the parent {better} times",
}
_NO_WORSE = {
    "answers": "fails and refuses no more often than its parent: its call went worse {worse} times, and "
    "the parent's {better} times, in {pairs}",
    "speed": "is no slower than its parent: clearly slower {worse} times, clearly faster {better} times, in {pairs}",
    "cost": "costs no more than its parent: clearly more {worse} times, clearly less {better} times, in {pairs}",
}


def _worse(finding: Finding, terms: Terms) -> str:
    return f"{_filled(_WORSE, finding)} ({_odds(finding.worse)}, and {terms.level * QUALITIES} : 1 suffices)"


def _no_worse(finding: Finding) -> str:
    return f"{_filled(_NO_WORSE, finding)} ({_odds(finding.no_worse)})"


def _filled(texts: dict[str, str], finding: Finding) -> str:
    pairs = finding.pairs
    return texts[finding.quality].format(worse=pairs.worse, better=pairs.better, pairs=_pairs(pairs.compared))


def _waits(findings: list[Finding], standing: Standing, terms: Terms) -> str:
    """Says what is still to be shown: the quality that has come the least far."""
    last = min((finding for finding in findings if not finding.is_no_worse), key=lambda finding: finding.no_worse)
    compared, shown = last.pairs.compared, _odds(max(0, last.no_worse))
    seen = f"{_pairs(compared)} {'says' if compared == 1 else 'say'} {shown} that it is no worse in its {last.quality}"
    return f"{_gets(standing.weight)} at most: {seen}, and {terms.level} : 1 is asked for"


def _gets(weight: int) -> str:
    percent, rest = divmod(weight * 100, WHOLE)
    return (
        f"it gets {percent}.{rest * 100 // WHOLE:02d} % of the calls" if rest else f"it gets {percent} % of the calls"
    )


def _pairs(count: int) -> str:
    return f"{count} pair of concurrent calls" if count == 1 else f"{count} pairs of concurrent calls"


def _odds(logarithm: int) -> str:
    return f"{1 << min(max(0, logarithm // BIT), ODDS_BITS_MAX)} : 1"
