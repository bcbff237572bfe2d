"""How strongly pairs speak for something: a bet that one cannot expect to gain from while it is not so.

Pure.

A pair compares one call of each of two versions that came at the same time, which of the two went to which having been
decided by a fair coin. It is worth 1 where it speaks for the claim, -1 where it speaks against it, and 0 else. The
claim is that pairs are worth more than -tolerance on the whole. A better who does not believe it, begins with 1 and
stakes the same part of what he has on every pair, has after a pair worth d

    1 + stake * (d + tolerance) / (1 - tolerance)

times what he had. Where the claim is wrong this is 1 at most on average, whatever came before, so what he has is a
supermartingale, and by Ville's inequality (J. Ville, Étude critique de la notion de collectif, 1939) it reaches N
with a probability of 1/N at most *at any time whatever*: one may look after every pair, stop when one likes, and go on.
That is what `always valid` means (R. Johari, P. Koomen, L. Pekelis, D. Walsh, Always valid inference: continuous
monitoring of A/B tests, Operations Research 70, 2022; S. R. Howard, A. Ramdas, J. McAuliffe, J. Sekhon, Time-uniform,
nonparametric, nonasymptotic confidence sequences, Annals of Statistics 49, 2021). Betting on a bounded mean is from
I. Waudby-Smith and A. Ramdas, Estimating means of bounded random variables by betting, JRSS B 86, 2024.

Nobody knows the best stake before, so eight betters with an eighth each take one; the best of them alone is a lower
bound of what all have together. With fixed stakes it does not matter in which order pairs come: four counts are all.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from micro.runtime.evolution.logarithm import BIT, log2_down

__all__ = ["WHOLE", "strength"]

WHOLE = 10_000
"""All of something that is told in parts of ten thousand."""

STAKES = (1, 2, 4, 8, 16, 32, 48, 60)
"""What the betters stake of what they have, in 64ths; together they begin with 1, each with an eighth of it."""
STAKE_WHOLE = 64

SHARED = 3 * BIT
"""What it costs that each of the betters has but an eighth."""

assert 1 << SHARED // BIT == len(STAKES)


def strength(speaking_for: int, tied: int, speaking_against: int, tolerance: int) -> int:
    """Returns how strongly pairs speak for the claim, as a logarithm in `BIT`ths, rounded down.

    Where the claim is wrong, this is ever `log2(N)` or more with a probability of 1/N at most.

    Args:
        speaking_for, tied, speaking_against: how many pairs are worth 1, 0 and -1.
        tolerance: the claim is that they are worth more than this below 0, in parts of `WHOLE`, less than all of it;
            a negative one has them be worth so much above 0.
    """
    return (
        max(speaking_for * up + tied * level + speaking_against * down for up, level, down in _gains(tolerance))
        - SHARED
    )


@lru_cache(maxsize=64)
def _gains(tolerance: int) -> tuple[tuple[int, int, int], ...]:
    """Returns what each of the betters gains by a pair worth 1, 0 and -1, as logarithms."""
    return tuple(tuple(_gains_of(stake, tolerance)) for stake in STAKES)  # type: ignore[misc]


def _gains_of(stake: int, tolerance: int) -> Iterator[int]:
    kept = STAKE_WHOLE * (WHOLE - tolerance)
    for worth in (1, 0, -1):
        yield log2_down(kept + stake * (WHOLE * worth + tolerance), kept)
